package dev.switchboard.systemtest.realtime;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A table of random columns, key and replica identity under random policies, one that it refers to, and one of memberships that its policies
 * read: what happens to them, and queries of the data API about them. All of it follows from the random numbers. Owned by one thread.
 */
final class RandomTable {
    private static final int ROWS = 15;
    private static final int TEAMS = 3;

    /** A type and its values: few, so that they meet. */
    private record Kind(String type, int values, boolean ordered, boolean exact, IntFunction<String> value) {}

    private record Column(String name, Kind kind) {}

    private static final List<Kind> KINDS = List.of(
            new Kind("int", 8, true, true, Integer::toString),
            new Kind("bigint", 6, true, true, i -> Long.toString(9_007_199_254_740_993L * i)),
            new Kind("numeric", 6, true, true, i -> i + ".50"),
            new Kind("double precision", 5, true, false, i -> i + ".25"),
            new Kind(
                    "text",
                    5,
                    true,
                    false,
                    i -> List.of("open", "Open", "", "it's, \"odd\"", "ümlaut").get(i)),
            new Kind("boolean", 2, true, false, i -> Boolean.toString(i == 0)),
            new Kind("timestamptz", 5, true, false, i -> "2026-03-29T0" + i + ":30:00.5+02:00"),
            new Kind("date", 4, true, false, i -> "2026-02-2" + (5 + i)),
            new Kind("uuid", 4, true, false, i -> new UUID(0, i).toString()),
            new Kind(
                    "text[]",
                    4,
                    false,
                    false,
                    i -> List.of("{}", "{a}", "{a,b}", "{b,\"c d\"}").get(i)),
            new Kind("jsonb", 3, false, false, i -> "{\"level\": " + i + "}"));

    private static final List<Kind> KEYS = List.of(
            new Kind("int", ROWS, true, true, Integer::toString),
            new Kind("uuid", ROWS, true, false, i -> new UUID(7, i * 31L % ROWS).toString()),
            new Kind("text", ROWS, true, false, i -> "k " + (char) ('a' + i)));

    private final Random random;
    private final List<UUID> readers;
    private final String row;
    private final String team;
    private final String member;
    private final Kind id;
    private final boolean twoKeys;
    private final List<Column> columns = new ArrayList<>();

    RandomTable(Random random, String name, List<UUID> readers) {
        this.random = random;
        this.readers = readers;
        row = name + "_row";
        team = name + "_team";
        member = name + "_member";
        id = any(KEYS);
        twoKeys = random.nextInt(4) == 0;
        for (int i = 0; i <= random.nextInt(4); i++) {
            columns.add(new Column("c" + i, any(KINDS)));
        }
    }

    String name() {
        return row;
    }

    /** What tells rows apart. */
    List<String> key() {
        return twoKeys ? List.of("id", "part") : List.of("id");
    }

    List<String> create() {
        String more = columns.stream()
                .map(column -> ", " + column.name + " " + column.kind.type)
                .collect(Collectors.joining());
        var statements = new ArrayList<String>(List.of(
                "create table " + team + " (id int primary key, name text)",
                "create table " + member + " (user_id uuid, team int, role text, primary key (user_id, team))",
                "create table " + row + " (id " + id.type + ", part int, team int references " + team + ", owner uuid"
                        + more + ", primary key (" + String.join(", ", key()) + "))",
                "alter table " + member + " replica identity full",
                "alter table " + row + " enable row level security",
                "create policy p on " + row + " for select using (" + condition() + ")",
                "insert into " + team + " values (0, 'north'), (1, 'south'), (2, 'east')",
                "grant select on " + row + ", " + team + ", " + member + " to authenticated",
                "alter publication supabase_realtime add table " + row + ", " + team,
                "alter publication switchboard_dependencies add table " + member));
        Stream.of(row, team)
                .filter(_ -> random.nextBoolean())
                .forEach(table -> statements.add("alter table " + table + " replica identity full"));
        if (random.nextInt(3) == 0) {
            statements.add("alter table " + team + " enable row level security");
            statements.add("create policy p on " + team + " for select using ("
                    + any(List.of("id <> 1", "id in (" + ownTeams("") + ")")) + ")");
        }
        for (int i = 0; i < 6; i++) {
            statements.add(membership());
        }
        for (int i = 0; i < ROWS; i++) {
            statements.add(put());
        }
        return statements;
    }

    List<String> drop() {
        return List.of("drop table " + row + ", " + team + ", " + member);
    }

    /** Statements of one transaction. */
    List<String> changes() {
        if (random.nextInt(10) == 0) {
            return List.of(policy());
        }
        return IntStream.rangeClosed(0, random.nextInt(3))
                .mapToObj(_ -> change())
                .toList();
    }

    private String change() {
        return switch (random.nextInt(12)) {
            case 0, 1 -> membership();
            case 2 -> "update " + team + " set name = 'n" + random.nextInt(9) + "' where id = " + random.nextInt(TEAMS);
            case 3 -> "delete from " + row + " where " + one();
            case 4 -> "update " + row + " set team = " + someTeam() + " where " + one();
            case 5 -> {
                Column column = any(columns);
                yield "update " + row + " set " + column.name + " = " + literal(column.kind) + " where " + one();
            }
            case 6 -> random.nextInt(4) == 0 ? "truncate " + row : "update " + row + " set owner = " + someone();
            case 7 -> {
                String other = literalOf(id, random.nextInt(ROWS));
                yield "update " + row + " set id = " + other + " where " + one() + " and not exists (select from " + row
                        + " where id = " + other + ")";
            }
            default -> put();
        };
    }

    private String policy() {
        return "alter policy p on " + row + " using (" + condition() + ")";
    }

    private String membership() {
        String user = any(readers).toString();
        int of = random.nextInt(TEAMS);
        String role = random.nextBoolean() ? "agent" : "guest";
        return switch (random.nextInt(5)) {
            case 0, 1 -> "delete from " + member + " where user_id = '" + user + "' and team = " + of;
            case 2 -> "update " + member + " set role = '" + role + "' where user_id = '" + user + "'";
            default ->
                "insert into " + member + " values ('" + user + "', " + of + ", '" + role + "') on conflict do nothing";
        };
    }

    private String put() {
        String names = columns.stream().map(Column::name).collect(Collectors.joining(", "));
        String values = columns.stream().map(column -> literal(column.kind)).collect(Collectors.joining(", "));
        String again = Stream.concat(
                        Stream.of("team", "owner"), columns.stream().map(Column::name))
                .map(column -> column + " = excluded." + column)
                .collect(Collectors.joining(", "));
        return "insert into " + row + " (id, part, team, owner, " + names + ") values ("
                + literalOf(id, random.nextInt(ROWS)) + ", " + random.nextInt(2) + ", " + someTeam() + ", " + someone()
                + ", " + values + ") on conflict (" + String.join(", ", key()) + ") do update set " + again;
    }

    private String one() {
        return "id = " + literalOf(id, random.nextInt(ROWS));
    }

    private String someTeam() {
        return random.nextInt(6) == 0 ? "null" : Integer.toString(random.nextInt(TEAMS));
    }

    private String someone() {
        return random.nextInt(3) == 0 ? "null" : "'" + any(readers) + "'";
    }

    private String literal(Kind kind) {
        return random.nextInt(6) == 0 ? "null" : literalOf(kind, random.nextInt(kind.values));
    }

    private static String literalOf(Kind kind, int value) {
        return "'" + kind.value.apply(value).replace("'", "''") + "'::" + kind.type;
    }

    /** What a policy says of a row. */
    private String condition() {
        return switch (random.nextInt(6)) {
            case 0 -> "(" + leaf() + ") and (" + leaf() + ")";
            case 1, 2 -> "(" + leaf() + ") or (" + leaf() + ")";
            default -> leaf();
        };
    }

    private String leaf() {
        Column column = any(columns);
        return switch (random.nextInt(9)) {
            case 0 -> "true";
            case 1 -> "owner = auth.uid()";
            case 2 -> "team in (" + ownTeams("") + ")";
            case 3 -> "team in (" + ownTeams(" and m.role <> 'guest'") + ")";
            case 4 ->
                "not exists (select from " + member
                        + " m where m.user_id = auth.uid() and m.role = 'guest' and m.team = " + row + ".team)";
            case 5 -> "(select count(*) from " + member + " m where m.team = " + row + ".team) > 1";
            case 6 -> column.name + " is not null and owner is not null";
            default ->
                column.name
                        + (column.kind.ordered ? any(List.of(" = ", " > ", " <> ")) : " = ")
                        + literalOf(column.kind, random.nextInt(column.kind.values));
        };
    }

    private String ownTeams(String also) {
        return "select m.team from " + member + " m where m.user_id = auth.uid()" + also;
    }

    /** A query of rows, with their key among what is selected. */
    String query() {
        var query = new StringBuilder("select=" + selection() + "&order=" + order());
        for (int i = random.nextInt(3); i > 0; i--) {
            query.append('&').append(filter());
        }
        if (random.nextBoolean()) {
            query.append("&limit=")
                    .append(1 + random.nextInt(6))
                    .append("&offset=")
                    .append(random.nextInt(3));
        }
        return query.toString();
    }

    private String selection() {
        if (random.nextInt(4) == 0) {
            return "*";
        }
        var chosen = new ArrayList<>(key());
        columns.stream().filter(_ -> random.nextBoolean()).map(Column::name).forEach(chosen::add);
        if (random.nextBoolean()) {
            chosen.add("of:" + team + any(List.of("(name)", "(*)", "!inner(name)")));
        }
        return String.join(",", chosen);
    }

    private String order() {
        var by = new ArrayList<String>();
        columns.stream()
                .filter(column -> column.kind.ordered && random.nextInt(3) == 0)
                .map(column -> column.name + any(List.of("", ".desc", ".desc.nullslast", ".nullsfirst")))
                .forEach(by::add);
        Collections.shuffle(by, random);
        String direction = any(List.of("", ".desc"));
        key().forEach(name -> by.add(name + direction));
        return String.join(",", by);
    }

    private String filter() {
        if (random.nextInt(4) == 0) {
            return "or=(" + comparison('.') + "," + comparison('.') + ")";
        }
        return comparison('=');
    }

    private String comparison(char between) {
        if (random.nextInt(4) == 0) {
            return any(List.of("team@eq.1", "owner@not.is.null", "team@in.(0,2)", "owner@eq." + any(readers)))
                    .replace('@', between);
        }
        Column column = any(columns);
        String value = quoted(column.kind.value.apply(random.nextInt(column.kind.values)), between == '.');
        if (!column.kind.ordered) {
            return column.name + between + any(List.of("is.null", "not.is.null"));
        }
        if (column.kind.type.equals("boolean")) {
            return column.name + between + any(List.of("is.true", "not.is.true", "eq." + value));
        }
        return column.name + between + any(List.of("eq.", "neq.", "gte.", "lt.", "not.gt.")) + value;
    }

    /** A value as the grammar has it, in a tree between quotes. */
    private static String quoted(String value, boolean inTree) {
        String text = inTree ? "\"" + value.replace("\\", "\\\\").replace("\"", "\\\"") + "\"" : value;
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    /** A query of sums and counts, by what it groups by: {@link #groupedBy}. */
    String aggregate(List<String> groupedBy) {
        var selected = new ArrayList<>(groupedBy);
        selected.add("count()");
        columns.stream()
                .filter(column -> column.kind.exact)
                .map(column ->
                        "of_" + column.name + ":" + column.name + any(List.of(".sum()", ".avg()", ".min()", ".max()")))
                .forEach(selected::add);
        String filter = random.nextBoolean() ? "&" + filter() : "";
        return "select=" + String.join(",", selected) + filter
                + (groupedBy.isEmpty() ? "" : "&order=" + String.join(",", groupedBy));
    }

    /** At most two columns. */
    List<String> groupedBy() {
        var names = new ArrayList<>(List.of("team", "owner"));
        columns.stream().filter(column -> column.kind.ordered).map(Column::name).forEach(names::add);
        Collections.shuffle(names, random);
        return List.copyOf(names.subList(0, random.nextInt(3)));
    }

    private <T> T any(List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }
}

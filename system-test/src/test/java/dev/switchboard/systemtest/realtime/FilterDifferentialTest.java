package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Random tables, rows and filters, through the WAL to a subscriber: a change must arrive for exactly those filters that
 * PostgreSQL finds true of the row. The generator makes each filter twice, in the wire's syntax and as SQL.
 */
class FilterDifferentialTest {
    private static final int ROUNDS = Integer.getInteger("rounds", 5);
    private static final int FILTERS = 60;
    private static final int ROWS = 100;
    private static final int COLUMNS = 8;

    /** A type with values to choose from. */
    private record Type(String sql, String cast, boolean ordered, boolean text, List<String> values) {
        static Type of(String sql, String... values) {
            return new Type(sql, sql, true, false, List.of(values));
        }

        static Type text(String sql, String cast) {
            return new Type(sql, cast, true, true, TEXTS);
        }
    }

    private static final List<String> TEXTS = List.of(
            "", "a", "A", "b", "ab", "aB", "é", "z", "a,b", "q\"q", "(x)", "back\\slash", " blank ", "😀", "10", "9");

    private static final List<Type> TYPES = List.of(
            Type.of("int2", "-1", "0", "7", "32767"),
            Type.of("int4", "-5", "0", "10", "9", "2147483647"),
            Type.of("int8", "-9223372036854775808", "0", "10", "9"),
            Type.of("numeric", "NaN", "Infinity", "-Infinity", "1.0", "1.00", "0.1", "-3", "10", "9"),
            Type.of("float4", "NaN", "Infinity", "-Infinity", "0", "-0", "0.1", "1e30"),
            Type.of("float8", "NaN", "Infinity", "-Infinity", "0", "-0", "0.1", "1e300", "-2.5"),
            Type.of("bool", "t", "f"),
            Type.of(
                    "uuid",
                    "00000000-0000-0000-0000-000000000001",
                    "A0000000-0000-0000-0000-00000000000F",
                    "f0000000-0000-0000-0000-000000000001"),
            Type.text("text", "text"),
            Type.text("text collate \"C\"", "text collate \"C\""),
            Type.text("varchar(20) collate \"POSIX\"", "varchar collate \"POSIX\""),
            Type.text("char(12)", "bpchar"),
            Type.text("name", "name"),
            Type.of(
                    "timestamptz",
                    "infinity",
                    "-infinity",
                    "0044-03-15 01:02:03 BC",
                    "12345-06-07 08:09:10.5",
                    "2025-11-03 09:32:55.123456+02",
                    "2025-11-03 07:32:55.123456+00"),
            Type.of("timestamp", "infinity", "0044-03-15 01:02:03 BC", "2025-11-03 09:32:55", "2025-11-03 09:32:55.5"),
            Type.of("date", "infinity", "-infinity", "0044-03-15 BC", "20000-01-01", "2025-11-03", "2025-11-04"),
            Type.of("time", "00:00:00", "09:30:00", "09:30:00.25", "24:00:00"),
            Type.of("feeling", "sad", "so so", "happy"),
            new Type("positive", "int4", true, false, List.of("1", "2", "10", "9")),
            Type.of("int4[]", "{}", "{1,2}", "{1,10}", "{NULL}"),
            Type.of("jsonb", "null", "1", "1.0", "{\"a\": 1}", "[1, 2]"),
            Type.of("interval", "1 hour", "60 minutes", "1 day", "-2 mons"),
            Type.of("inet", "10.0.0.1", "10.0.0.0/8", "::1"),
            Type.of("bytea", "\\x00ff", "\\x", "\\xff"),
            Type.of("oid", "1", "4294967295"),
            new Type("text collate indifferent", "text collate indifferent", true, false, List.of("a", "A", "b", "é")),
            new Type("\"char\"", "\"char\"", true, false, List.of("a", "b", "A")));

    private record Column(String name, Type type) {}

    private record Filter(String wire, String sql) {}

    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        server.database().useHandle(handle -> {
            handle.execute("create type feeling as enum ('sad', 'happy')");
            handle.execute("alter type feeling add value 'so so' before 'happy'");
            handle.execute("create domain positive as int check (value > 0)");
            handle.execute("create collation indifferent"
                    + " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
        });
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void F4_filtersDecideAsPostgresDoes() throws SQLException {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("FilterDifferentialTest: -Dseed=" + seed);
        var random = new Random(seed);
        int comparisons = 0;
        int matches = 0;
        for (int round = 0; round < ROUNDS; round++) {
            List<Column> columns = IntStream.range(0, COLUMNS)
                    .mapToObj(i ->
                            new Column(i == 3 ? "odd \"näme, " + i : "c" + i, TYPES.get(random.nextInt(TYPES.size()))))
                    .toList();
            List<Filter> filters = IntStream.range(0, FILTERS)
                    .mapToObj(_ -> filters(random, columns, 1 + random.nextInt(2), 2))
                    .toList();
            Counts counts = compare("filtered_" + round, columns, filters, random);
            comparisons += counts.comparisons();
            matches += counts.matches();
        }
        System.out.printf(
                "FilterDifferentialTest: %d comparisons, %d true (%d %%)%n",
                comparisons, matches, 100L * matches / comparisons);
        assertThat(matches).isBetween(comparisons / 20, comparisons * 19 / 20);
    }

    private record Counts(int comparisons, int matches) {}

    private Counts compare(String table, List<Column> columns, List<Filter> filters, Random random)
            throws SQLException {
        create(table, columns);
        try (PhoenixClient client = server.connect()) {
            ObjectNode[] bindings = filters.stream()
                    .map(filter -> PhoenixClient.binding("*", "public", table, filter.wire()))
                    .toArray(ObjectNode[]::new);
            JsonNode reply = client.join("realtime:filters", server.serviceKey(), bindings);
            assertThat(reply.get("status").asString()).as("%s", reply).isEqualTo("ok");
            assertThat(client.messages().stream().map(Object::toString).filter(text -> text.contains("\"error\"")))
                    .isEmpty();
            var numbers = new HashMap<Integer, Integer>();
            JsonNode echoes = reply.at("/response/postgres_changes");
            for (int i = 0; i < filters.size(); i++) {
                numbers.put(echoes.get(i).get("id").asInt(), i);
            }
            client.joined("realtime:all", server.serviceKey(), PhoenixClient.binding("*", "public", table, null));

            insert(table, columns, random);
            Map<Integer, Set<Integer>> expected = expected(table, filters);
            server.database().useHandle(handle -> handle.execute("delete from " + table));

            Map<Integer, Set<Integer>> inserted = new HashMap<>();
            Map<Integer, Set<Integer>> deleted = new HashMap<>();
            awaitAll(client);
            for (String text : client.changeTexts()) {
                JsonNode message = PhoenixClient.JSON.readTree(text);
                if (message.get(2).asString().equals("realtime:filters")) {
                    JsonNode data = message.at("/4/data");
                    boolean insert = data.get("type").asString().equals("INSERT");
                    int row =
                            data.get(insert ? "record" : "old_record").get("id").asInt();
                    Set<Integer> matched = new TreeSet<>();
                    message.at("/4/ids").forEach(id -> matched.add(numbers.get(id.asInt())));
                    (insert ? inserted : deleted).put(row, matched);
                }
            }
            List<String> differences = new ArrayList<>();
            expected.forEach((row, matching) -> {
                differ(filters, row, "INSERT", matching, inserted.getOrDefault(row, Set.of()), differences);
                differ(filters, row, "DELETE", matching, deleted.getOrDefault(row, Set.of()), differences);
            });
            assertThat(differences).as("%s", columns).isEmpty();
            return new Counts(
                    2 * ROWS * filters.size(),
                    2 * expected.values().stream().mapToInt(Set::size).sum());
        }
    }

    private static void awaitAll(PhoenixClient client) {
        org.awaitility.Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> client.changeTexts().stream()
                                .filter(text -> text.startsWith("[null,null,\"realtime:all\""))
                                .count()
                        == 2 * ROWS);
    }

    private static void differ(
            List<Filter> filters,
            int row,
            String event,
            Set<Integer> wanted,
            Set<Integer> got,
            List<String> differences) {
        var different = new HashSet<>(wanted);
        different.addAll(got);
        different.removeIf(number -> wanted.contains(number) == got.contains(number));
        different.forEach(number -> differences.add(event + " of row " + row + ": "
                + (wanted.contains(number) ? "missed by " : "wrongly found by ") + filters.get(number)));
    }

    private static void create(String table, List<Column> columns) throws SQLException {
        String definitions = columns.stream()
                .map(column -> quote(column.name()) + " " + column.type().sql())
                .collect(Collectors.joining(", "));
        server.database().useHandle(handle -> {
            execute(
                    handle.getConnection().createStatement(),
                    "create table " + table + " (id int primary key, " + definitions + ")");
            handle.execute("alter table " + table + " replica identity full");
            handle.execute("alter publication supabase_realtime add table " + table);
        });
    }

    private static void insert(String table, List<Column> columns, Random random) throws SQLException {
        server.database().useHandle(handle -> {
            handle.execute("set timezone = 'UTC'");
            try (Statement statement = handle.getConnection().createStatement()) {
                for (int id = 0; id < ROWS; id++) {
                    String values = columns.stream()
                            .map(column -> random.nextInt(8) == 0
                                    ? "null"
                                    : literal(one(random, column.type().values())))
                            .collect(Collectors.joining(", "));
                    execute(statement, "insert into " + table + " values (" + id + ", " + values + ")");
                }
            }
        });
    }

    /** Plain JDBC: Jdbi would read backslashes, question marks and colons of its own. */
    private static void execute(Statement statement, String sql) throws SQLException {
        statement.setEscapeProcessing(false);
        statement.execute(sql);
    }

    /** Which filters PostgreSQL finds true, by row. */
    private static Map<Integer, Set<Integer>> expected(String table, List<Filter> filters) throws SQLException {
        return server.database().withHandle(handle -> {
            var expected = new HashMap<Integer, Set<Integer>>();
            handle.execute("set timezone = 'UTC'"); // as the server reads values that name no zone
            String conditions = filters.stream()
                    .map(filter -> "(" + filter.sql() + ") is true")
                    .collect(Collectors.joining(", "));
            try (Statement statement = handle.getConnection().createStatement();
                    ResultSet rows = statement.executeQuery("select id, " + conditions + " from " + table)) {
                while (rows.next()) {
                    var matching = new TreeSet<Integer>();
                    for (int i = 0; i < filters.size(); i++) {
                        if (rows.getBoolean(i + 2)) {
                            matching.add(i);
                        }
                    }
                    expected.put(rows.getInt(1), matching);
                }
            }
            return expected;
        });
    }

    private static Filter filters(Random random, List<Column> columns, int count, int depth) {
        List<Filter> parts = IntStream.range(0, count)
                .mapToObj(_ -> part(random, columns, depth))
                .toList();
        return new Filter(
                join(parts, ",", Filter::wire),
                parts.size() == 1
                        ? parts.getFirst().sql()
                        : join(parts, ") and (", Filter::sql).transform(sql -> "(" + sql + ")"));
    }

    private static String join(List<Filter> parts, String separator, java.util.function.Function<Filter, String> side) {
        return parts.stream().map(side).collect(Collectors.joining(separator));
    }

    private static Filter part(Random random, List<Column> columns, int depth) {
        if (depth == 0 || random.nextInt(4) > 0) {
            return condition(random, one(random, columns));
        }
        List<Filter> parts = IntStream.range(0, 2 + random.nextInt(2))
                .mapToObj(_ -> part(random, columns, depth - 1))
                .toList();
        boolean or = random.nextInt(3) > 0;
        boolean not = random.nextInt(3) == 0;
        String wire = (not ? "not." : "") + (or ? "or(" : "and(") + join(parts, ",", Filter::wire) + ")";
        String sql = "((" + join(parts, or ? ") or (" : ") and (", Filter::sql) + "))";
        return new Filter(wire, not ? "not " + sql : sql);
    }

    private static Filter condition(Random random, Column column) {
        String name = column.name().startsWith("odd") ? quoted(column.name()) : column.name();
        String sqlName = quote(column.name());
        boolean not = random.nextInt(4) == 0;
        Filter plain = plain(random, column.type(), sqlName);
        return new Filter(
                name + "=" + (not ? "not." : "") + plain.wire(), not ? "not (" + plain.sql() + ")" : plain.sql());
    }

    private static Filter plain(Random random, Type type, String name) {
        int kind = random.nextInt(type.text() ? 14 : 10);
        String value = one(random, type.values());
        String cast = "::" + type.cast();
        return switch (kind) {
            case 0, 1 -> new Filter("eq." + written(value), name + " = " + literal(value) + cast);
            case 2 -> new Filter("neq." + written(value), name + " <> " + literal(value) + cast);
            case 3 -> new Filter("lt." + written(value), name + " < " + literal(value) + cast);
            case 4 -> new Filter("lte." + written(value), name + " <= " + literal(value) + cast);
            case 5 -> new Filter("gt." + written(value), name + " > " + literal(value) + cast);
            case 6 -> new Filter("gte." + written(value), name + " >= " + literal(value) + cast);
            case 7 -> in(random, type, name, cast);
            case 8 -> new Filter("isdistinct." + written(value), name + " is distinct from " + literal(value) + cast);
            case 9 -> is(random, type, name);
            case 10 -> pattern("like", "like", name, likePattern(random, value));
            case 11 -> pattern("ilike", "ilike", name, likePattern(random, value));
            case 12 -> pattern("match", "~", name, one(random, List.of("^a", "b+$", "[0-9]", "a|B", "é", "^.$")));
            default -> pattern("imatch", "~*", name, one(random, List.of("^a", "b+$", "É", "^.$")));
        };
    }

    private static Filter in(Random random, Type type, String name, String cast) {
        List<String> values = IntStream.range(0, random.nextInt(4))
                .mapToObj(_ -> one(random, type.values()))
                .toList();
        String wire =
                values.stream().map(FilterDifferentialTest::written).collect(Collectors.joining(",", "in.(", ")"));
        String sql = values.isEmpty()
                ? "false"
                : values.stream()
                        .map(value -> literal(value) + cast)
                        .collect(Collectors.joining(", ", name + " in (", ")"));
        return new Filter(wire, sql);
    }

    private static Filter is(Random random, Type type, String name) {
        String word = type.sql().equals("bool") ? one(random, List.of("null", "true", "false", "unknown")) : "null";
        return new Filter("is." + word, name + " is " + word);
    }

    private static Filter pattern(String word, String operator, String name, String pattern) {
        return new Filter(word + "." + quoted(pattern), name + " " + operator + " " + literal(pattern));
    }

    private static String likePattern(Random random, String value) {
        String escaped = value.replace("\\", "\\\\");
        return switch (random.nextInt(5)) {
            case 0 -> "%" + escaped;
            case 1 -> escaped + "%";
            case 2 -> "%" + escaped + "%";
            case 3 -> "_%";
            default ->
                value.isEmpty()
                        ? ""
                        : "_" + value.substring(value.offsetByCodePoints(0, 1)).replace("\\", "\\\\");
        };
    }

    /** As a filter holds a value: quoted where it must be, and now and then where it need not. */
    private static String written(String value) {
        boolean plain = value.chars().noneMatch(c -> ",()\"\\".indexOf(c) >= 0) && value.equals(value.strip());
        return plain && value.length() % 3 != 0 ? value : quoted(value);
    }

    private static String quoted(String value) {
        return "\"" + value.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    private static String literal(String value) {
        return "'" + value.replace("'", "''") + "'";
    }

    private static String quote(String identifier) {
        return "\"" + identifier.replace("\"", "\"\"") + "\"";
    }

    private static <T> T one(Random random, List<T> values) {
        return values.get(random.nextInt(values.size()));
    }
}

package dev.switchboard.systemtest.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.DataSchema;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Q20: random schemas, rows, policies and requests. The same random question is written twice, as a URL and as plain SQL with
 * correlated subqueries instead of lateral joins and literals instead of parameters; PostgreSQL answers the second under the same
 * role and claims, and decides whether both answers are equal.
 */
class DataDifferentialTest {
    private static final int SCHEMAS = 20;
    private static final int REQUESTS = 60;
    /** In the long profile: 20,000 requests. */
    private static final int MANY_SCHEMAS = 200;

    private static final int MANY_REQUESTS = 100;
    private static final List<String> USERS = List.of(
            "11111111-1111-4111-8111-111111111111",
            "22222222-2222-4222-8222-222222222222",
            "33333333-3333-4333-8333-333333333333");
    private static final List<String> TEXTS =
            List.of("red", "Green", "blue", "", "a,b", "x(y)", "it's", "q\"q", "back\\slash", "%", "null", "é");
    private static final List<String> POLICIES = List.of(
            "true",
            "owner = auth.uid()",
            "owner = (select auth.uid())",
            "a > 3",
            "a between 2 and 8 or owner is null",
            "b <> 'red'",
            "flag is not true",
            "(auth.jwt() ->> 'level')::int > a",
            "b = any (array['red', 'blue', auth.jwt() ->> 'color'])",
            "id in (select m.id from public.members m where m.owner = auth.uid())",
            "a % 2 = 0 and doc ->> 's' <> 'x'"); // none that raises: whether it sees a row that the answer does
    // without, is the planner's

    private final Random random;
    private final long seed = new Random().nextLong();
    private int aliases;

    DataDifferentialTest() {
        random = new Random(seed);
    }

    /**
     * What leads from a table to another.
     *
     * @param junction the table between, or null
     * @param embedded how a request names it, without an alias
     * @param function that gives the rows of one row, or null
     */
    private record Link(
            String from,
            String fromColumn,
            String to,
            String toColumn,
            boolean toOne,
            String junction,
            String embedded,
            String function) {
        static Link key(String from, String fromColumn, String to, String toColumn, boolean toOne, String hint) {
            return new Link(from, fromColumn, to, toColumn, toOne, null, to + "!" + hint, null);
        }
    }

    /**
     * A function that can be called.
     *
     * @param url  of a call without a query string
     * @param sql  of the same call in a FROM clause
     * @param table whose rows it gives, or null for values
     */
    private record Call(String url, String sql, String table, boolean set) {}

    private record Identity(String role, String claims, String token) {}

    /** The same thing in both languages. */
    private record Both(String url, String sql) {}

    private final List<Link> links = new ArrayList<>();
    private final List<String> tables = new ArrayList<>();
    private final List<Call> calls = new ArrayList<>();
    private final List<String> views = new ArrayList<>();

    @Test
    void Q20_theAnswerIsWhatTheSameQuestionGivesInSql() throws SQLException {
        compare(SCHEMAS, REQUESTS);
    }

    @Test
    @Tag("long")
    void Q20_twentyThousandAnswersAreWhatTheSameQuestionGivesInSql() throws SQLException {
        compare(MANY_SCHEMAS, MANY_REQUESTS);
    }

    private void compare(int schemas, int requests) throws SQLException {
        System.out.println("DataDifferentialTest seed " + seed);
        var settings = DataSchema.settings("public");
        int compared = 0;
        int raised = 0;
        int rows = 0;
        try (TestServer server = TestServer.with().data(settings).start();
                Http http = new Http(server)) {
            for (int i = 0; i < schemas; i++) {
                server.database().useHandle(this::createSchema);
                // of a table that it does not know the server looks at the schema anew: names that were there before
                // mean others now
                assertThat(http.get("/rest/v1/none_of_that_name").status()).isEqualTo(404);
                for (int j = 0; j < requests; j++) {
                    Identity identity = identity(server);
                    Answer answer = switch (random.nextInt(10)) {
                        case 0, 1 -> compareWrite(server, http, identity);
                        case 2 -> compareCall(server, http, identity);
                        default -> compareRead(server, http, identity);
                    };
                    compared++;
                    raised += answer.raised() ? 1 : 0;
                    rows += answer.rows();
                }
            }
        }
        System.out.println(
                "DataDifferentialTest compared " + compared + ", of which raised " + raised + ", rows " + rows);
        assertThat(rows).isGreaterThan(compared);
        assertThat(raised).isLessThan(compared / 3);
    }

    private record Answer(boolean raised, int rows) {}

    // Schemas

    private void createSchema(Handle handle) {
        tables.forEach(table -> handle.execute("drop table if exists public." + table + " cascade"));
        tables.clear();
        links.clear();
        calls.clear();
        views.clear();
        handle.execute("drop schema if exists hidden cascade");
        handle.execute("create schema hidden");
        handle.execute("create table if not exists public.members (id int, owner uuid)");
        handle.execute("truncate public.members");
        handle.execute("grant select on public.members to anon, authenticated, service_role");
        int count = 3 + random.nextInt(3);
        for (int i = 0; i < count; i++) {
            String table = "t" + i;
            var columns = new StringBuilder(
                    "id int primary key, a int, b text, n numeric, flag boolean, day date, doc jsonb, tags text[], owner uuid");
            for (int parent = 0; parent < i; parent++) {
                if (random.nextInt(2) == 0) {
                    boolean unique = random.nextInt(4) == 0;
                    columns.append(", t%d_id int %s constraint %s_t%d references public.t%d"
                            .formatted(parent, unique ? "unique" : "", table, parent, parent));
                    String hint = table + "_t" + parent;
                    links.add(Link.key(table, "t" + parent + "_id", "t" + parent, "id", true, hint));
                    links.add(Link.key("t" + parent, "id", table, "t" + parent + "_id", unique, hint));
                }
            }
            if (random.nextInt(3) == 0) {
                columns.append(", up_id int constraint %s_up references public.%s".formatted(table, table));
                links.add(new Link(table, "up_id", table, "id", true, null, "up_id", null));
                links.add(new Link(table, "id", table, "up_id", false, null, table + "!up_id", null));
            }
            handle.execute("create table public." + table + " (" + columns + ")");
            tables.add(table);
        }
        if (random.nextBoolean()) {
            handle.execute(
                    "create table public.link (t0_id int references public.t0, t1_id int references public.t1, primary key (t0_id, t1_id))");
            tables.add("link");
            links.add(new Link("t0", "t0_id", "t1", "t1_id", false, "link", "t1!link", null));
            links.add(new Link("t1", "t1_id", "t0", "t0_id", false, "link", "t0!link", null));
        }
        for (String table : tables) {
            if (!table.equals("link")) {
                insertRows(handle, table);
            }
        }
        if (tables.contains("link")) {
            handle.execute(
                    "insert into public.link select x.id, y.id from public.t0 x, public.t1 y where (x.id * 7 + y.id * 3) % 4 = 0");
        }
        for (String table : tables) {
            protect(handle, table);
        }
        computed(handle);
        hidden(handle);
        functions(handle);
    }

    /** Relationships that functions make: to many, and to one by ROWS 1. */
    private void computed(Handle handle) {
        for (int i = random.nextInt(3); i > 0; i--) {
            String from = pick(List.of("t0", "t1", "t2"));
            String to = pick(List.of("t0", "t1", "t2"));
            boolean one = random.nextBoolean();
            String name = "of" + i + from;
            String body = one
                    ? "select * from public." + to + " where id = $1.a"
                    : "select * from public." + to + " where a = $1.a";
            handle.execute("drop function if exists public." + name);
            handle.execute("create function public." + name + "(public." + from + ") returns setof public." + to
                    + (one ? " rows 1" : "") + " language sql stable as '" + body + "'");
            links.add(new Link(from, null, to, null, one, null, name, "public." + name));
        }
    }

    /** Views of tables in a schema that is not shown, between which there is a key. */
    private void hidden(Handle handle) {
        if (random.nextInt(3) == 0) {
            return;
        }
        handle.execute("create table hidden.v0 as select * from public.t0");
        handle.execute("alter table hidden.v0 add primary key (id)");
        handle.execute(
                "create table hidden.v1 as select t.*, (select min(id) from hidden.v0 where id >= t.id % 5) as v0_id from public.t1 t");
        handle.execute("alter table hidden.v1 add primary key (id), add foreign key (v0_id) references hidden.v0");
        for (String view : List.of("v0", "v1")) {
            handle.execute("drop view if exists public." + view);
            handle.execute("create view public." + view + " as select * from hidden." + view);
            handle.execute(
                    "grant select, insert, update, delete on public." + view + " to anon, authenticated, service_role");
            views.add(view);
        }
        links.add(new Link("v1", "v0_id", "v0", "id", true, null, "v0", null));
        links.add(new Link("v0", "id", "v1", "v0_id", false, null, "v1", null));
    }

    /** Functions that give rows, values and one row, by every way of calling. */
    private void functions(Handle handle) {
        handle.execute(
                "drop function if exists public.rows_by(int), public.one_row(int), public.words(text[]), public.twice(int), public.numbers(int)");
        handle.execute(
                "create function public.rows_by(low int default 2) returns setof public.t0 language sql stable as"
                        + " 'select * from public.t0 where a >= low'");
        handle.execute("create function public.one_row(wanted int) returns public.t0 language sql stable as"
                + " 'select * from public.t0 where id = wanted'");
        handle.execute("create function public.words(variadic list text[]) returns text language sql immutable as"
                + " 'select array_to_string(list, chr(43))'");
        handle.execute("create function public.twice(n int) returns int language sql immutable as 'select n * 2'");
        handle.execute("create function public.numbers(n int) returns setof int language sql immutable as"
                + " 'select generate_series(1, n)'");
        int n = random.nextInt(8);
        calls.add(new Call("rows_by?low=" + n, "public.rows_by(" + n + ")", "t0", true));
        calls.add(new Call("rows_by", "public.rows_by()", "t0", true));
        calls.add(new Call("words?list=a&list=b%2Cc&list=" + n, "public.words('a', 'b,c', '" + n + "')", null, false));
        calls.add(new Call("twice?n=" + n, "public.twice(" + n + ")", null, false));
        calls.add(new Call("numbers?n=" + n, "public.numbers(" + n + ")", null, true));
        calls.add(new Call("one_row?wanted=1", "public.one_row(1)", "t0", false));
    }

    private void insertRows(Handle handle, String table) {
        int count = random.nextInt(14);
        List<String> parents = links.stream()
                .filter(link -> link.from().equals(table)
                        && link.junction() == null
                        && link.fromColumn().endsWith("_id")
                        && !link.fromColumn().equals("up_id"))
                .map(Link::fromColumn)
                .toList();
        for (int id = 1; id <= count; id++) {
            var names = new ArrayList<>(List.of("id", "a", "b", "n", "flag", "day", "doc", "tags", "owner"));
            var values = new ArrayList<>(List.of(
                    Integer.toString(id),
                    maybe(Integer.toString(random.nextInt(10))),
                    maybe(quote(pick(TEXTS))),
                    maybe(random.nextInt(1000) / 10.0 + ""),
                    maybe(random.nextBoolean() + ""),
                    maybe("date '2026-01-01' + " + random.nextInt(30)),
                    maybe("'{\"k\": " + random.nextInt(4) + ", \"s\": \"" + "xyz".charAt(random.nextInt(3))
                            + "\"}'::jsonb"),
                    maybe("array['" + "pqr".charAt(random.nextInt(3)) + "','z']"),
                    maybe(quote(pick(USERS)) + "::uuid")));
            for (String parent : parents) {
                names.add(parent);
                values.add(maybe("(select id from public." + parent.replace("_id", "") + " order by hashint4(id + " + id
                        + ") limit 1)"));
            }
            handle.execute("insert into public." + table + " (" + String.join(",", names) + ") values ("
                    + String.join(",", values) + ") on conflict do nothing");
        }
        if (links.stream().anyMatch(link -> link.from().equals(table) && "up_id".equals(link.fromColumn()))) {
            handle.execute("update public." + table + " t set up_id = (select max(id) from public." + table
                    + " u where u.id < t.id and u.id % 3 <> 0)");
        }
        handle.execute("insert into public.members select id, owner from public." + table + " where a > 4");
    }

    private String maybe(String value) {
        return random.nextInt(6) == 0 ? "null" : value;
    }

    private void protect(Handle handle, String table) {
        handle.execute("grant select, insert, update, delete on public." + table + " to authenticated, service_role");
        if (random.nextInt(4) > 0) {
            handle.execute("grant select on public." + table + " to anon");
        }
        if (table.equals("link") || random.nextInt(4) == 0) {
            return;
        }
        handle.execute("alter table public." + table + " enable row level security");
        int count = random.nextInt(3);
        for (int i = 0; i <= count; i++) {
            String policy = pick(POLICIES);
            boolean restrictive = i > 0 && random.nextInt(3) == 0;
            handle.execute("create policy p" + i + " on public." + table + (restrictive ? " as restrictive" : "")
                    + " for " + pick(List.of("select", "all", "all")) + " to "
                    + pick(List.of("public", "authenticated")) + " using (" + policy + ")");
        }
    }

    private Identity identity(TestServer server) {
        String role = pick(List.of("anon", "authenticated", "authenticated", "authenticated", "service_role"));
        Map<String, Object> claims = role.equals("authenticated")
                ? Map.of("sub", pick(USERS), "level", random.nextInt(9), "color", pick(TEXTS))
                : Map.of();
        ObjectNode json = JsonMapper.shared().createObjectNode().put("role", role);
        claims.forEach((name, value) -> json.put(name, value.toString()));
        return new Identity(role, json.toString(), server.token(role, claims));
    }

    // Requests

    private Answer compareRead(TestServer server, Http http, Identity identity) {
        aliases = 0;
        var readable = new ArrayList<>(
                tables.stream().filter(name -> !name.equals("link")).toList());
        readable.addAll(views);
        String table = pick(readable);
        Resource resource = resource(table, "x", 0);
        var parameters = new ArrayList<String>();
        parameters.add("select=" + encode(resource.select()));
        parameters.addAll(resource.parameters());
        String sql = "select coalesce(json_agg(r), '[]') from (" + resource.sql() + ") r";
        Http.Answer answer = http.get(
                "/rest/v1/" + table + "?" + String.join("&", parameters),
                "Authorization",
                "Bearer " + identity.token());
        return judge(server, identity, answer, sql, String.join("&", parameters) + " on " + table);
    }

    /**
     * What one resource contributes.
     *
     * @param sql of its rows
     */
    private record Resource(String select, List<String> parameters, String sql, String exists) {}

    private Resource resource(String table, String path, int depth) {
        String alias = "q" + aliases++;
        var select = new ArrayList<String>();
        var outputs = new ArrayList<String>();
        select.add("id");
        outputs.add(alias + ".id");
        for (int i = random.nextInt(4); i > 0; i--) {
            Both column = column(alias, i);
            select.add(column.url());
            outputs.add(column.sql());
        }
        var parameters = new ArrayList<String>();
        var where = new ArrayList<String>();
        String prefix = depth == 0 ? "" : path + ".";
        for (int i = random.nextInt(3); i > 0; i--) {
            if (random.nextInt(3) == 0) {
                Both tree = tree(alias, 0);
                parameters.add(prefix + tree.url());
                where.add(tree.sql());
            } else {
                Both condition = condition(alias, false);
                parameters.add(encode(prefix) + condition.url());
                where.add(condition.sql());
            }
        }
        List<Link> possible =
                links.stream().filter(link -> link.from().equals(table)).toList();
        for (int i = depth < 2 && !possible.isEmpty() ? random.nextInt(3) : 0; i > 0; i--) {
            embed(
                    possible.get(random.nextInt(possible.size())),
                    alias,
                    prefix,
                    depth,
                    select,
                    outputs,
                    parameters,
                    where);
        }
        String column = pick(List.of("a", "b", "n", "day"));
        String direction = pick(List.of("asc", "desc"));
        String nulls = pick(List.of("", ".nullsfirst", ".nullslast"));
        parameters.add(prefix + "order=" + column + "." + direction + nulls + ",id.asc");
        String order = " order by " + alias + "." + column + " " + direction + nulls.replace(".nulls", " nulls ") + ", "
                + alias + ".id asc";
        String range = "";
        if (random.nextInt(3) == 0) {
            int limit = random.nextInt(6);
            int offset = random.nextInt(3);
            parameters.add(prefix + "limit=" + limit);
            parameters.add(prefix + "offset=" + offset);
            range = " limit " + limit + " offset " + offset;
        }
        String from = " from public." + table + " " + alias + " where true"
                + where.stream().map(part -> " and " + part).collect(Collectors.joining());
        // JOIN stands for what ties it to the resource above
        return new Resource(
                String.join(",", select),
                parameters,
                "select " + String.join(", ", outputs) + from + "/*JOIN " + alias + "*/" + order + range,
                "select 1" + from + "/*JOIN " + alias + "*/" + order + range);
    }

    private void embed(
            Link link,
            String parent,
            String prefix,
            int depth,
            List<String> select,
            List<String> outputs,
            List<String> parameters,
            List<String> where) {
        String label = "e" + aliases;
        boolean inner = random.nextInt(3) == 0;
        Resource child = resource(link.to(), prefix + label, depth + 1);
        String alias = outermost(child.sql());
        if (link.function() != null) {
            // the same rows, from the function; a function with nothing to give gives a row of nulls
            String from = link.function() + "(" + parent + ") " + alias;
            child = new Resource(
                    child.select(),
                    child.parameters(),
                    child.sql().replace("public." + link.to() + " " + alias + " ", from + " "),
                    child.exists().replace("public." + link.to() + " " + alias + " ", from + " "));
        }
        String join = link.function() != null
                ? (link.toOne() ? " and not (" + alias + " is null)" : "")
                : link.junction() == null
                        ? " and " + alias + "." + link.toColumn() + " = " + parent + "." + link.fromColumn()
                        : " and exists (select 1 from public." + link.junction() + " l where l." + link.fromColumn()
                                + " = " + parent + ".id and l." + link.toColumn() + " = " + alias + ".id)";
        String rows = child.sql().replace("/*JOIN " + alias + "*/", join);
        String exists = child.exists().replace("/*JOIN " + alias + "*/", join);
        select.add(label + ":" + link.embedded() + (inner ? "!inner" : "") + "(" + child.select() + ")");
        outputs.add((link.toOne()
                        ? "(select row_to_json(s) from (" + rows + ") s)"
                        : "(select coalesce(json_agg(s), '[]') from (" + rows + ") s)")
                + " as " + label);
        parameters.addAll(child.parameters());
        if (inner) {
            where.add("exists (" + exists + ")");
        }
    }

    /** A function: rows as a resource, with conditions, order and range, or values. */
    private Answer compareCall(TestServer server, Http http, Identity identity) {
        aliases = 0;
        Call call = pick(calls);
        String path = "/rest/v1/rpc/" + call.url();
        if (call.table() == null) {
            Http.Answer answer = http.get(path, "Authorization", "Bearer " + identity.token());
            String sql = call.set()
                    ? "select coalesce(json_agg(v), '[]') from " + call.sql() + " v"
                    : "select to_json(" + call.sql() + ")";
            return judge(server, identity, answer, sql, path);
        }
        Resource resource = resource(call.table(), "x", 0);
        var parameters = new ArrayList<String>();
        parameters.add("select=" + encode(resource.select()));
        parameters.addAll(resource.parameters());
        String rows =
                resource.sql().replaceFirst(" from public\\." + call.table() + " q0 ", " from " + call.sql() + " q0 ");
        String sql = call.set()
                ? "select coalesce(json_agg(r), '[]') from (" + rows + ") r"
                : "select coalesce((json_agg(r) -> 0)::text, 'null')::json from (" + rows + ") r";
        String url = path + (path.contains("?") ? "&" : "?") + String.join("&", parameters);
        Http.Answer answer = http.get(url, "Authorization", "Bearer " + identity.token());
        return judge(server, identity, answer, sql, url);
    }

    /** The alias of the resource itself: the JOIN that is not within parentheses. */
    private static String outermost(String sql) {
        int depth = 0;
        for (int i = 0; i < sql.length(); i++) {
            char c = sql.charAt(i);
            if (c == '\'') {
                i = sql.indexOf('\'', i + 1);
            } else if (c == '(') {
                depth++;
            } else if (c == ')') {
                depth--;
            } else if (depth == 0 && sql.startsWith("/*JOIN ", i)) {
                return sql.substring(i + 7, sql.indexOf("*/", i));
            }
        }
        throw new IllegalStateException(sql);
    }

    private Both column(String alias, int number) {
        String name = "c" + number;
        return switch (random.nextInt(6)) {
            case 0 -> new Both(name + ":a::text", alias + ".a::text as " + name);
            case 1 -> new Both(name + ":doc->k", alias + ".doc -> 'k' as " + name);
            case 2 -> new Both(name + ":doc->>s", alias + ".doc ->> 's' as " + name);
            case 3 -> new Both(name + ":tags->0", "to_jsonb(" + alias + ".tags) -> 0 as " + name);
            default -> {
                String column = pick(List.of("a", "b", "n", "flag", "day", "doc", "tags", "owner"));
                yield new Both(name + ":" + column, alias + "." + column + " as " + name);
            }
        };
    }

    private Both tree(String alias, int depth) {
        boolean or = random.nextBoolean();
        boolean not = random.nextInt(4) == 0;
        var urls = new ArrayList<String>();
        var sqls = new ArrayList<String>();
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
            Both member = depth < 2 && random.nextInt(4) == 0 ? tree(alias, depth + 1) : condition(alias, true);
            urls.add(
                    depth >= 0 && member.url().startsWith("tree=")
                            ? member.url().substring(5)
                            : member.url());
            sqls.add(member.sql());
        }
        String word = (not ? "not." : "") + (or ? "or" : "and");
        String inner = "(" + String.join(",", urls) + ")";
        String sql = (not ? "not " : "") + "(" + String.join(or ? " or " : " and ", sqls) + ")";
        return depth == 0 ? new Both(word + "=" + encode(inner), sql) : new Both("tree=" + word + inner, sql);
    }

    /** @param inTree whether it is written for a place within and(...) or or(...), not yet encoded */
    private Both condition(String alias, boolean inTree) {
        boolean not = random.nextInt(4) == 0;
        String text = pick(TEXTS);
        int number = random.nextInt(10);
        String quoted = "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
        String bare = inTree ? quoted : text;
        Both plain = switch (random.nextInt(14)) {
            case 0 -> new Both("a|" + "eq." + number, "a = " + number);
            case 1 -> new Both("a|gt." + number, "a > " + number);
            case 2 -> new Both("n|lte." + number + "0.5", "n <= " + number + "0.5");
            case 3 -> new Both("b|eq." + bare, "b = " + quote(text));
            case 4 -> new Both("b|neq." + bare, "b <> " + quote(text));
            case 5 -> new Both("b|like.*e*", "b like '%e%'");
            case 6 -> new Both("b|ilike.R*", "b ilike 'R%'");
            case 7 -> new Both("b|in.(" + quoted + ",red)", "b in (" + quote(text) + ", 'red')");
            case 8 -> new Both("flag|is.true", "flag is true");
            case 9 -> new Both("owner|is.null", "owner is null");
            case 10 -> new Both("tags|cs.{z}", "tags @> '{z}'");
            case 11 -> new Both("doc->>k|eq." + number % 4, "doc ->> 'k' = '" + number % 4 + "'");
            case 12 -> new Both("a|isdistinct." + number, "a is distinct from " + number);
            default -> new Both("day|gte.2026-01-" + (10 + number), "day >= '2026-01-" + (10 + number) + "'");
        };
        String[] parts = plain.url().split("\\|", 2);
        String sql = "(" + (not ? "not (" : "(") + alias + "." + plain.sql() + "))";
        String operation = (not ? "not." : "") + parts[1];
        return inTree
                ? new Both(parts[0] + "." + operation, sql)
                : new Both(encode(parts[0]) + "=" + encode(operation), sql);
    }

    /** An update or a delete that is rolled back; what it returns is compared. */
    private Answer compareWrite(TestServer server, Http http, Identity identity) {
        aliases = 0;
        String table = pick(tables.stream().filter(name -> !name.equals("link")).toList());
        Both condition = condition("q", false);
        boolean deletes = random.nextInt(3) == 0;
        int number = random.nextInt(10);
        String url = "/rest/v1/" + table + "?select=id,a,b&order=id.asc&" + condition.url();
        String prefer = "return=representation, tx=rollback";
        Http.Answer answer = deletes
                ? http.send("DELETE", url, null, "Authorization", "Bearer " + identity.token(), "Prefer", prefer)
                : http.send(
                        "PATCH",
                        url,
                        "{\"a\":" + number + ",\"b\":\"new\"}",
                        "Authorization",
                        "Bearer " + identity.token(),
                        "Prefer",
                        prefer,
                        "Content-Type",
                        "application/json");
        String statement = deletes
                ? "delete from public." + table + " q where " + condition.sql() + " returning id, a, b"
                : "update public." + table + " q set a = " + number + ", b = 'new' where " + condition.sql()
                        + " returning id, a, b";
        return judge(
                server,
                identity,
                answer,
                "with w as (" + statement + ") select coalesce(json_agg(w order by id), '[]') from w",
                statement);
    }

    private Answer judge(TestServer server, Identity identity, Http.Answer answer, String sql, String what) {
        return server.database().withHandle(handle -> {
            handle.begin();
            try {
                handle.createQuery(
                                "select set_config('role', :role, true), set_config('request.jwt.claims', :claims, true),"
                                        + " set_config('TimeZone', 'UTC', true)")
                        .bind("role", identity.role())
                        .bind("claims", identity.claims())
                        .map((row, _) -> row.getString(1))
                        .list();
                String expected;
                try (var statement = handle.getConnection().createStatement();
                        var row = statement.executeQuery(sql)) {
                    row.next();
                    expected = row.getString(1);
                } catch (SQLException raised) {
                    assertThat(answer.code())
                            .as("%s%n%s%n%s", what, sql, answer.body())
                            .isEqualTo(raised.getSQLState());
                    return new Answer(true, 0);
                }
                assertThat(answer.status())
                        .as("%s%n%s%n%s", what, sql, answer.body())
                        .isEqualTo(200);
                assertThat(answer.json())
                        .as("%s as %s%n%s%nseed %d", what, identity.claims(), sql, seed)
                        .isEqualTo(JsonMapper.shared().readTree(expected));
                return new Answer(false, answer.json().size());
            } finally {
                handle.rollback();
            }
        });
    }

    private <T> T pick(List<T> list) {
        return list.get(random.nextInt(list.size()));
    }

    private static String quote(String text) {
        return "'" + text.replace("'", "''") + "'";
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}

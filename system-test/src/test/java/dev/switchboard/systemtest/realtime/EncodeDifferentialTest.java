package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/**
 * Random values of every type, through the WAL to a subscriber: what arrives must be, as jsonb, what PostgreSQL's own
 * to_jsonb makes of the value. The JVM runs under another time zone than UTC.
 */
class EncodeDifferentialTest {
    private static final int VALUES = 450;
    private static final String TEXT =
            "(select string_agg((array['a','é','\"','\\','{','}',',',' ',E'\\n',E'\\t',E'\\x01','€','😀','NULL','''','null'])[1+floor(random()*16)::int], '')"
                    + " from generate_series(0, i % 7))";
    private static final String WORD =
            "(array['plain','a b','','q\"q','back\\slash','NULL','{}','x,y'])[1+floor(random()*8)::int]";
    private static final String MOMENT =
            "(case i % 20 when 0 then 'infinity' when 1 then '-infinity' when 2 then '0044-03-15 01:02:03 BC'"
                    + " when 3 then '12345-06-07 08:09:10.5' else (timestamp '1900-01-01' + random() * interval '80000 days')::text end)";
    private static final String JSON =
            "(array['null','true','12.50','1e3','\"te\\\"xt\"','{\"a\": [1, {\"b\": null}], \"a b\": \"\\u00e9\"}','[]','{}','[\"x\", 2, false]'])[1+floor(random()*9)::int]";

    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** Types by SQL name, each with an expression of the row number i. */
    private static Map<String, String> types() {
        var types = new LinkedHashMap<String, String>();
        types.put("bool", "random() < 0.5");
        types.put("int2", "(random() * 65535 - 32768)::int");
        types.put("int4", "(random() * 4294967295 - 2147483648)::bigint");
        types.put("int8", "(array[9223372036854775807, -9223372036854775808, 0, 42])[1+floor(random()*4)::int]");
        types.put(
                "float4",
                "(case i % 9 when 0 then 'NaN' when 1 then 'Infinity' when 2 then '-Infinity' when 3 then '-0' else ((random() - 0.5) * power(10, i % 60 - 30))::text end)::float4");
        types.put(
                "float8",
                "(case i % 9 when 0 then 'NaN' when 1 then 'Infinity' when 2 then '-Infinity' when 3 then '-0' else ((random() - 0.5) * power(10, i % 600 - 300))::text end)::float8");
        types.put(
                "numeric",
                "(case i % 9 when 0 then 'NaN' when 1 then 'Infinity' when 2 then '-Infinity' else round((random() * power(10, i % 30))::numeric, i % 12)::text end)::numeric");
        types.put("numeric(20,5)", "(random() * 1e10)::numeric");
        types.put("money", "(random() * 100000)::numeric::money");
        types.put("oid", "i::oid");
        types.put("text", TEXT);
        types.put("varchar(40)", TEXT);
        types.put("char(12)", "left(" + WORD + ", 12)");
        types.put("\"char\"", "'x'::\"char\"");
        types.put("name", WORD);
        types.put("uuid", "gen_random_uuid()");
        types.put("bytea", "decode(md5(random()::text), 'hex')");
        types.put(
                "date",
                "(case i % 12 when 0 then 'infinity' when 1 then '-infinity' when 2 then '0044-03-15 BC' when 3 then '20000-01-01' else (date '1900-01-01' + i * 100)::text end)::date");
        types.put("time", "(time '00:00' + random() * interval '24 hours')");
        types.put("timetz", "((time '00:00' + random() * interval '24 hours')::text || '+05:30')::timetz");
        types.put("timestamp", MOMENT + "::timestamp");
        types.put("timestamptz", MOMENT + "::timestamptz");
        types.put("interval", "(random() * 1000) * interval '1 hour 3 seconds' - interval '1 mon'");
        types.put("json", JSON + "::json");
        types.put("jsonb", JSON + "::jsonb");
        types.put("inet", "('10.0.' || i % 256 || '.7/24')::inet");
        types.put("cidr", "('10.' || i % 256 || '.0.0/16')::cidr");
        types.put("macaddr", "'08:00:2b:01:02:03'::macaddr");
        types.put("bit varying(10)", "(i % 512)::bit(9)::varbit");
        types.put("point", "point(random(), i)");
        types.put("xml", "('<a b=\"' || i || '\">x</a>')::xml");
        types.put("tsvector", "to_tsvector('simple', 'call ' || i || ' it''s')");
        types.put("int4range", "int4range(i, i + 10)");
        types.put("int4multirange", "int4multirange(int4range(i, i + 10), int4range(i + 20, null))");
        types.put("mood", "(array['sad','so so','happy \"x\"'])[1+i%3]::mood");
        types.put("positive", "i + 1");
        types.put("bool[]", "array[random() < 0.5, null]");
        types.put(
                "int4[]",
                "case i % 5 when 0 then '{}'::int4[] when 1 then '[3:4]={1,NULL}'::int4[] when 2 then '{{1,2},{3,4}}'::int4[] else array[i, null, -i] end");
        types.put("numeric[]", "array['NaN'::numeric, random()::numeric, null]");
        types.put("text[]", "array[" + TEXT + ", null, " + WORD + ", 'null']");
        types.put("uuid[]", "array[gen_random_uuid()]");
        types.put("timestamptz[]", "array[" + MOMENT + "::timestamptz, null]");
        types.put("json[]", "array[" + JSON + "::json, null]");
        types.put("jsonb[]", "array[" + JSON + "::jsonb, null]");
        types.put("box[]", "array[box(point(i, 2), point(3, 4)), null]");
        types.put("mood[]", "array['sad', null, 'happy \"x\"']::mood[]");
        types.put("pair", "row(case when i % 3 > 0 then i end, " + TEXT + ", null)::pair");
        types.put("pair[]", "array[row(i, " + WORD + ", array[1, null])::pair, null]");
        types.put(
                "nested",
                "row(row(i, " + TEXT + ", '{}')::pair, " + MOMENT + "::timestamptz, " + JSON + "::jsonb)::nested");
        types.put("named_pair", "row(i, " + WORD + ", '{{1,2},{3,4}}')::pair");
        types.put("short_list", "array[i, null]");
        types.put("int2vector", "(case i % 3 when 0 then '' else i || ' 7' end)::int2vector");
        types.put("oidvector", "(i || ' 23')::oidvector");
        types.put("line", "line(point(i, 1), point(0, 3))");
        types.put("lseg", "lseg(point(i, 1), point(0, 3))");
        types.put("path", "path(polygon(4, circle(point(i, 1), 2)))");
        types.put("polygon", "polygon(4, circle(point(i, 1), 2))");
        types.put("circle", "circle(point(i, random()), 2)");
        types.put("macaddr8", "'08:00:2b:01:02:03:04:05'::macaddr8");
        types.put("bit(9)", "(i % 512)::bit(9)");
        types.put("tsquery", "'call & !it''s'::tsquery");
        types.put("pg_lsn", "('0/' || to_hex(i))::pg_lsn");
        types.put("jsonpath", "'$.a[*] ? (@ > 1)'::jsonpath");
        types.put("xid", "i::text::xid");
        types.put("xid8", "i::text::xid8");
        types.put("tid", "'(1,2)'::tid");
        types.put("pg_snapshot", "pg_current_snapshot()");
        types.put("regtype", "'int4'::regtype");
        types.put("daterange", "daterange(date '2020-01-01' + i, null)");
        types.put("numrange", "numrange(i, i + 0.5, '[]')");
        types.put("tstzrange", "tstzrange(timestamptz '2020-01-01' + i * interval '1 hour', 'infinity')");
        types.put("datemultirange", "datemultirange(daterange(date '2020-01-01', date '2020-01-01' + 1 + i))");
        types.put("int4range[]", "array[int4range(1, 2 + i), 'empty', null]");
        types.put("float8[]", "array['NaN'::float8, '-Infinity', random(), -0.0]");
        types.put("bytea[]", "array[decode(md5(i::text), 'hex'), null]");
        types.put("interval[]", "array[i * interval '1 hour', null]");
        types.put("date[]", "array['infinity'::date, '0044-03-15 BC', null]");
        types.put("inet[]", "array[('10.0.0.' || i % 256)::inet]");
        types.put("xml[]", "array[('<a>' || i || '</a>')::xml]");
        types.put("\"größe \"\"x\"\"\"", "row(i)::\"größe \"\"x\"\"\"");
        return types;
    }

    @Test
    void E1_everyValueArrivesAsToJsonbWritesIt() throws SQLException {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("EncodeDifferentialTest: -Dseed=" + seed);
        List<String> columns = new ArrayList<>();
        List<String> expressions = new ArrayList<>();
        types().forEach((type, expression) -> {
            columns.add("c" + columns.size() + " " + type);
            expressions.add("case when i % 11 = 10 then null else " + expression + " end");
        });
        try (PhoenixClient client = server.connect()) {
            server.database().useHandle(handle -> create(handle, columns));
            client.joined(
                    "realtime:encode",
                    server.serviceKey(),
                    PhoenixClient.binding("*", "public", "encode_subject", null));

            server.database().useHandle(handle -> insert(handle, seed, expressions));
            List<JsonNode> changes = client.awaitChanges(VALUES, Duration.ofSeconds(60));

            List<String> differences = compare(client.changeTexts(), columns);
            assertThat(differences).isEmpty();
            assertThat(changes).hasSize(VALUES);
            System.out.printf(
                    "EncodeDifferentialTest: %d values of %d types compared%n",
                    VALUES * columns.size(), columns.size());
        }
    }

    @Test
    void E2_aColumnOfAnUnsupportedTypeMakesTheSubscriptionSaySo() {
        server.database().useHandle(handle -> {
            handle.execute("create type temperature as (celsius float8)");
            handle.execute("create function temperature_json(temperature) returns json language sql immutable"
                    + " return to_json(($1).celsius)");
            handle.execute("create cast (temperature as json) with function temperature_json(temperature)");
            handle.execute("create table with_cast (id int primary key, outside temperature)");
            handle.execute("alter publication supabase_realtime add table with_cast");
        });
        try (PhoenixClient client = server.connect()) {

            JsonNode reply = client.join(
                    "realtime:pairs", server.serviceKey(), PhoenixClient.binding("*", "public", "with_cast", null));

            assertThat(reply.at("/response/reason").asString())
                    .contains("column \"outside\" of public.with_cast has type temperature, which cannot be sent");
        }
    }

    private static void create(Handle handle, List<String> columns) {
        handle.execute("create type mood as enum ('sad', 'so so', 'happy \"x\"')");
        handle.execute("create domain positive as int check (value > 0)");
        handle.execute("create type pair as (a int, \"b c\" text, d int[])");
        handle.execute("create type nested as (p pair, at timestamptz, j jsonb)");
        handle.execute("create domain named_pair as pair");
        handle.execute("create domain short_list as int[] check (cardinality(value) < 5)");
        handle.execute("create type \"größe \"\"x\"\"\" as (\"ü\" int)");
        handle.execute("create table encode_subject (id int primary key, " + String.join(", ", columns) + ")");
        handle.execute("alter publication supabase_realtime add table encode_subject");
    }

    private static void insert(Handle handle, long seed, List<String> expressions) {
        handle.execute("select setseed(" + new Random(seed).nextDouble() + ")");
        String columns = String.join(", ", expressions);
        // plain JDBC: Jdbi would read backslashes and question marks of its own
        try (Statement statement = handle.getConnection().createStatement()) {
            for (int id = 0; id < VALUES; id++) {
                statement.execute("insert into encode_subject select i, " + columns + " from (select " + id
                        + " as i) as row_number");
            }
        } catch (SQLException failed) {
            throw new IllegalStateException(failed);
        }
    }

    /** Asked in PostgreSQL with the frame as it came, so that no number passes through a double on the way. */
    private static List<String> compare(List<String> frames, List<String> columns) throws SQLException {
        return server.database().withHandle(handle -> {
            handle.execute("set timezone = 'UTC'");
            String checks = String.join(
                    " union all ",
                    IntStream.range(0, columns.size())
                            .mapToObj(column -> "select 'c" + column + "', record -> 'c" + column
                                    + "', coalesce(to_jsonb(s.c" + column + "), 'null') from s, ours")
                            .toList());
            var differences = new ArrayList<String>();
            try (PreparedStatement check = handle.getConnection()
                    .prepareStatement("with ours as (select ?::jsonb -> 4 -> 'data' -> 'record' as record),"
                            + " s as (select e.* from encode_subject e, ours where e.id = (record ->> 'id')::int),"
                            + " pairs(name, ours, theirs) as (" + checks + ")"
                            + " select name || ' ' || coalesce(ours::text, 'nothing') || ' <> ' || theirs from pairs"
                            + " where ours is distinct from theirs")) {
                for (String frame : frames) {
                    check.setString(1, frame);
                    try (ResultSet rows = check.executeQuery()) {
                        while (rows.next()) {
                            differences.add(rows.getString(1));
                        }
                    }
                }
            }
            return differences;
        });
    }
}

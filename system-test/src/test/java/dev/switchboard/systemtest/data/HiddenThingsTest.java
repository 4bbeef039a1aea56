package dev.switchboard.systemtest.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.DataSchema;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What the data API tells of what somebody may not see, or lets them do to it without meaning to. */
class HiddenThingsTest {
    private static final long SEED = Long.getLong("seed", new Random().nextLong());
    private static final int COUNTS = 150;

    private static TestServer server;
    private static Http http;

    @BeforeAll
    static void start() throws SQLException {
        server = TestServer.start();
        DataSchema.create(server.database());
        server.script("""
                create table public.hidden_things (id int primary key, owner uuid, kind text, number int, parent_id int);
                alter table hidden_things enable row level security;
                create table public.open_things (id int primary key, kind text, number int);
                create table public.parents (id int primary key, name text);
                alter table hidden_things add foreign key (parent_id) references parents;
                create view hidden_view with (security_invoker = true) as select * from hidden_things;
                insert into parents select i, 'parent ' || i from generate_series(1, 20) i;
                insert into open_things select i, 'kind' || i % 7, i % 13 from generate_series(1, 3000) i;
                create function number_of(hidden_things) returns int language sql stable as 'select $1.number';
                grant execute on function number_of to authenticated;
                create table public.half_seen (id int primary key, name text, secret_salary int);
                revoke all on half_seen from anon, authenticated;
                grant select (id, name) on half_seen to anon;
                create function secret_report() returns int language sql as 'select 1';
                revoke execute on function secret_report() from public, anon, authenticated;
                create table public.films (id int primary key, title text, director_id int);
                create table public.directors (id int primary key, name text);
                alter table films add foreign key (director_id) references directors;
                insert into directors values (1, 'John'), (2, 'Jane');
                insert into films values (1, 'A', 1), (2, 'B', 2), (3, 'C', 2);
                revoke all on api_keys, calls from anon;
                analyze;
                """);
        http = new Http(server);
        await().until(() -> http.get("/rest/v1/films?select=id,directors(name)").status() == 200);
    }

    @AfterAll
    static void stop() {
        http.close();
        server.close();
    }

    private static String bearer(UUID user) {
        return "Bearer " + server.userToken(user);
    }

    // Counts

    private static long total(Http.Answer answer) {
        String range = answer.header("Content-Range");
        assertThat(answer.status()).as(answer.body()).isBetween(200, 206);
        return Long.parseLong(range.substring(range.indexOf('/') + 1));
    }

    @Test
    void KF37_aPlannedCountOfHiddenRowsIsTheExactOne() {
        UUID owner = UUID.randomUUID();
        policies("owner = auth.uid()", owner, 5000);
        for (String preference : List.of("planned", "estimated", "exact")) {
            String[] headers = {"Prefer", "count=" + preference, "Authorization", bearer(UUID.randomUUID())};
            assertThat(total(http.send("HEAD", "/rest/v1/hidden_things", null, headers)))
                    .isZero();
            assertThat(total(http.send("HEAD", "/rest/v1/hidden_things?kind=eq.kind1", null, headers)))
                    .isZero();
            assertThat(total(http.send("HEAD", "/rest/v1/hidden_view?limit=1", null, headers)))
                    .isZero();
            assertThat(total(http.send("HEAD", "/rest/v1/parents?select=id,hidden_things!inner(id)", null, headers)))
                    .isZero();
        }
    }

    @Test
    void KF37_aTableWithoutPoliciesMayBeEstimated() {
        String[] headers = {"Prefer", "count=planned"};

        long planned = total(http.send("HEAD", "/rest/v1/open_things?number=gt.3", null, headers));

        assertThat(planned).isBetween(1500L, 2600L);
    }

    @Test
    void KF37_noCountDiffersFromTheExactOneUnderThePolicies() {
        var random = new Random(SEED);
        System.out.println("HiddenThingsTest: -Dseed=" + SEED);
        for (int round = 0; round < COUNTS / 15; round++) {
            UUID owner = UUID.randomUUID();
            String policy = List.of(
                            "owner = auth.uid()",
                            "owner = (select auth.uid())",
                            "number > " + random.nextInt(12),
                            "owner = auth.uid() or kind = 'kind" + random.nextInt(7) + "'",
                            "exists (select from parents p where p.id = parent_id and p.id > 10)",
                            "false",
                            "true")
                    .get(random.nextInt(7));
            policies(policy, owner, 200 + random.nextInt(4000));
            for (int i = 0; i < 15; i++) {
                compareCounts(random, owner);
            }
        }
    }

    private static void compareCounts(Random random, UUID owner) {
        UUID user = random.nextBoolean() ? owner : UUID.randomUUID();
        String role = random.nextInt(5) == 0 ? "anon" : "authenticated";
        String from = random.nextInt(3) == 0 ? "hidden_view" : "hidden_things";
        var filters = new ArrayList<String>();
        var conditions = new ArrayList<String>();
        for (int i = random.nextInt(3); i > 0; i--) {
            int number = random.nextInt(13);
            switch (random.nextInt(from.equals("hidden_things") ? 5 : 4)) {
                case 0 -> add(filters, conditions, "number=lte." + number, "number <= " + number);
                case 1 -> add(filters, conditions, "kind=eq.kind" + number, "kind = 'kind" + number + "'");
                case 2 ->
                    add(filters, conditions, "number=in.(1,2," + number + ")", "number in (1, 2, " + number + ")");
                case 3 ->
                    add(
                            filters,
                            conditions,
                            "or=(id.lt.100,number.eq." + number + ")",
                            "(id < 100 or number = " + number + ")");
                default -> add(filters, conditions, "number_of=gt." + number, "number > " + number);
            }
        }
        if (random.nextInt(3) == 0) {
            filters.add("limit=" + random.nextInt(5));
        }
        String query = filters.isEmpty() ? "" : "?" + String.join("&", filters);
        String preference = List.of("planned", "estimated", "exact").get(random.nextInt(3));
        String token = "Bearer " + server.token(role, Map.of("sub", user.toString()));

        long told = total(http.send(
                "HEAD", "/rest/v1/" + from + query, null, "Prefer", "count=" + preference, "Authorization", token));

        String where = conditions.isEmpty() ? "" : " where " + String.join(" and ", conditions);
        long exact = server.database().inTransaction(handle -> {
            handle.execute(
                    "select set_config('role', ?, true), set_config('request.jwt.claims', ?, true)",
                    role,
                    "{\"sub\":\"" + user + "\",\"role\":\"" + role + "\"}");
            return handle.createQuery("select count(*) from " + from + where)
                    .mapTo(Long.class)
                    .one();
        });
        assertThat(told).as(from + query + " by " + preference + " as " + role).isEqualTo(exact);
    }

    private static void add(List<String> filters, List<String> conditions, String filter, String condition) {
        filters.add(filter);
        conditions.add(condition);
    }

    private static void policies(String using, UUID owner, int rows) {
        server.script("""
                drop policy if exists p on hidden_things;
                create policy p on hidden_things for select to authenticated using (%s);
                truncate hidden_things;
                insert into hidden_things select i, case when i %% 3 = 0 then '%s'::uuid end, 'kind' || i %% 7, i %% 13, 1 + i %% 20
                  from generate_series(1, %d) i;
                analyze hidden_things;
                """.formatted(using, owner, rows));
    }

    // Hints

    @Test
    void KF18_hintsNameNothingThatTheRoleMayNotUse() {
        assertThat(http.get("/rest/v1/secret").body()).doesNotContain("secrets");
        assertThat(http.get("/rest/v1/keys").body()).doesNotContain("api_keys");
        assertThat(http.get("/rest/v1/secret", "Authorization", "Bearer " + server.serviceKey())
                        .body())
                .contains("public.secrets");
        assertThat(http.get("/rest/v1/parent").body()).contains("Perhaps you meant the table 'public.parents'");
    }

    @Test
    void KF18_functionsAndEmbedsAndColumnsThatTheRoleMayNotUseAreNotNamed() {
        assertThat(hint(http.post("/rest/v1/rpc/secret_reports", "{}"))).doesNotContain("secret_report");
        assertThat(hint(http.post("/rest/v1/rpc/secret_report", "{\"a\":1}"))).doesNotContain("secret_report");
        assertThat(http.get("/rest/v1/half_seen?select=secret_salar").body()).doesNotContain("secret_salary");
        assertThat(http.get("/rest/v1/tags?select=nam").body()).contains("tags.name");
    }

    @Test
    void KF45_theDescriptionNamesNoColumnThatTheRoleMayNotUse() {
        String anonymous = http.get("/rest/v1/")
                .json()
                .at("/definitions/half_seen/properties")
                .toString();
        String service = http.get("/rest/v1/", "Authorization", "Bearer " + server.serviceKey())
                .json()
                .at("/definitions/tags/properties")
                .toString();

        assertThat(anonymous).contains("\"name\"").doesNotContain("secret_salary");
        assertThat(service).contains("\"id\"", "\"name\"");
    }

    private static String hint(Http.Answer answer) {
        return answer.json().path("hint").asString("");
    }

    @Test
    void KF18_aJoinNamesNoColumnThatTheRoleMayNotRead() {
        server.script("alter publication supabase_realtime add table half_seen");
        try (PhoenixClient client = server.connect()) {
            var binding = PhoenixClient.binding("*", "public", "half_seen", "nothing=eq.1");

            String reply =
                    client.join("realtime:half", server.anonKey(), binding).toString();

            assertThat(reply).contains("does not exist", "name").doesNotContain("secret_salary");
            String selected = client.join(
                            "realtime:half",
                            server.anonKey(),
                            PhoenixClient.select(PhoenixClient.binding("*", "public", "half_seen", null), "nothing"))
                    .toString();
            assertThat(selected).contains("does not exist", "name").doesNotContain("secret_salary");
        }
    }

    // Writes

    @Test
    void KF19_aConditionOnAnEmbeddedResourceWritesNothing() {
        String service = "Bearer " + server.serviceKey();
        for (String query : List.of(
                "directors.name=eq.John&select=id,directors(name)",
                "select=id,d:directors!inner(name)&d.name=eq.John",
                "select=id,directors(name)&directors.or=(name.eq.John,name.is.null)",
                "select=id,directors(name)&id=gt.0&directors.name=eq.John")) {
            Http.Answer deleted = http.send(
                    "DELETE",
                    "/rest/v1/films?" + query,
                    null,
                    "Authorization",
                    service,
                    "Prefer",
                    "return=representation");
            Http.Answer patched = http.send(
                    "PATCH",
                    "/rest/v1/films?" + query,
                    "{\"title\":\"gone\"}",
                    "Authorization",
                    service,
                    "Content-Type",
                    "application/json",
                    "Prefer",
                    "return=representation");

            assertThat(deleted.status()).as(deleted.body()).isEqualTo(400);
            assertThat(deleted.code()).isEqualTo("SWB003");
            assertThat(deleted.json().path("hint").asString()).contains("!inner");
            assertThat(patched.code()).isEqualTo("SWB003");
        }
        assertThat(http.get("/rest/v1/films?title=in.(A,B,C)&select=id").json()).hasSize(3);
        assertThat(http.send(
                                "PATCH",
                                "/rest/v1/films?id=eq.1&select=id,directors(name)",
                                "{\"title\":\"A\"}",
                                "Authorization",
                                service,
                                "Content-Type",
                                "application/json",
                                "Prefer",
                                "return=representation")
                        .body())
                .isEqualTo("[{\"id\":1,\"directors\":{\"name\":\"John\"}}]");
    }

    // Large answers

    /** There and back again: each way to the many multiplies. */
    private static String nested(int levels) {
        String select = "id,body";
        for (int level = 1; level < levels; level++) {
            select = "id,body,trunks(id,twigs(" + select + "))";
        }
        return "/rest/v1/trunks?select=id,twigs(" + select + ")";
    }

    /** Bytes of memory that backends of the data API have now. */
    private static long backendBytes() {
        return server
                .database()
                .withHandle(handle -> handle.createQuery(
                                "select pid from pg_stat_activity where application_name = 'switchboard-data'")
                        .mapTo(Long.class)
                        .list())
                .stream()
                .mapToLong(HiddenThingsTest::peakBytes)
                .max()
                .orElse(0);
    }

    private static long peakBytes(long pid) {
        try {
            return Files.readAllLines(Path.of("/proc", Long.toString(pid), "status")).stream()
                    .filter(line -> line.startsWith("VmHWM:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                    .findFirst()
                    .orElse(0);
        } catch (IOException gone) {
            return 0;
        }
    }

    @Test
    void KF41_anAnswerThatGrowsTooLargeIsCutOffWhileItIsBuilt() {
        server.script("""
                create table public.trunks (id int primary key);
                create table public.twigs (id int primary key, trunk_id int references trunks, body text);
                insert into trunks select i from generate_series(1, 5) i;
                insert into twigs select i, 1 + i % 5, repeat(md5(i::text), 30) from generate_series(1, 2000) i;
                create index on twigs (trunk_id);
                """);
        await().until(() ->
                http.get("/rest/v1/trunks?select=id,twigs(id)&limit=1").status() == 200);

        for (int levels = 2; levels <= 5; levels++) {
            Http.Answer answer = http.get(nested(levels));
            assertThat(answer.code())
                    .as(levels + " levels: "
                            + answer.body()
                                    .substring(0, Math.min(300, answer.body().length())))
                    .isEqualTo("SWB001");
        }
        assertThat(backendBytes()).as("of the largest backend").isLessThan(800L << 20);
        assertThat(http.get(nested(1)).status()).isEqualTo(200);
        assertThat(http.get("/rest/v1/twigs?select=id,body").json()).hasSize(2000);
    }

    // PostgreSQL's log

    private static String log() {
        try {
            return Files.readString(server.directory().resolve(Path.of("postgres", "postgres.log")));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    @Test
    void KF36_whatAnybodyWithoutATokenMayNotReadLeavesNoTraceInPostgresLog() {
        String labels = IntStream.range(0, 990).mapToObj(i -> "l" + i + ":id").collect(Collectors.joining(","));
        int before = log().length();

        assertThat(http.get("/rest/v1/calls?select=" + labels).status()).isEqualTo(401);
        assertThat(http.get("/rest/v1/open_things?select=" + labels + ",nothing::int")
                        .status())
                .isEqualTo(400);
        assertThat(http.get("/rest/v1/open_things?number=eq.nonsense").status()).isEqualTo(400);
        assertThat(http.get("/rest/v1/parents?select=id,hidden_things(id)&hidden_things.owner=eq.7")
                        .status())
                .isEqualTo(400);
        assertThat(http.post("/rest/v1/rpc/secret_report", "{}").status()).isEqualTo(401);

        assertThat(log().substring(before)).isEmpty();
    }

    @Test
    void KF32_whatClientsDoEveryDayLogsNoErrorInPostgres() {
        int before = log().length();

        assertThat(http.get("/rest/v1/tags?id=eq.99", "Accept", "application/vnd.pgrst.object+json")
                        .status())
                .isEqualTo(406);
        assertThat(http.send(
                                "PATCH",
                                "/rest/v1/films?id=gt.0",
                                "{\"title\":\"x\"}",
                                "Authorization",
                                "Bearer " + server.serviceKey(),
                                "Prefer",
                                "handling=strict,max-affected=1")
                        .status())
                .isEqualTo(400);
        try (PhoenixClient client = server.connect()) {
            assertThat(client.join("realtime:x", server.anonKey(), PhoenixClient.binding("*", "public", "calls", null))
                            .get("status")
                            .asString())
                    .isEqualTo("error");
            assertThat(client.join(
                                    "realtime:y",
                                    server.userToken(UUID.randomUUID()),
                                    PhoenixClient.binding("*", "public", "calls", "id=eq.7"))
                            .get("status")
                            .asString())
                    .isEqualTo("error");
        }
        for (int i = 0; i < 2; i++) {
            http.post("/auth/v1/signup", "{\"email\":\"twice@example.com\",\"password\":\"long enough\"}");
        }
        http.post("/auth/v1/token?grant_type=password", "{\"email\":\"nobody@example.com\",\"password\":\"wrong\"}");
        String token = bearer(UUID.randomUUID());
        http.post("/api/calls/" + UUID.randomUUID() + "/claim", "", "Authorization", token);

        assertThat(log().substring(before)).isEmpty();
    }
}

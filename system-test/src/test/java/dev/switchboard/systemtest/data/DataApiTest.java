package dev.switchboard.systemtest.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.data.DataSettings;
import dev.switchboard.systemtest.harness.DataSchema;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The data API over plain HTTP: statuses, headers and bounds that clients' libraries hide. */
class DataApiTest {
    private static TestServer server;
    private static Http http;

    @BeforeAll
    static void start() throws SQLException {
        server = TestServer.with()
                .data(DataSettings.of(List.of("public", "personal"))
                        .with(new DataSettings.Limits(1000, 100_000, Duration.ofSeconds(2), 6)))
                .start();
        DataSchema.create(server.database());
        http = new Http(server);
    }

    @AfterAll
    static void stop() {
        http.close();
        server.close();
    }

    private static Http.Answer get(String path, String... headers) {
        return http.get("/rest/v1" + path, headers);
    }

    @Test
    void Q10_statusAndContentRangeSayWhatPartOfHowMuch() {
        assertThat(get("/tags").header("Content-Range")).isEqualTo("0-2/*");
        assertThat(get("/tags").header("Content-Type")).isEqualTo("application/json; charset=utf-8");
        assertThat(get("/tags?id=eq.99").header("Content-Range")).isEqualTo("*/*");
        Http.Answer part = get("/tags?limit=2", "Prefer", "count=exact");
        assertThat(part.status()).isEqualTo(206);
        assertThat(part.header("Content-Range")).isEqualTo("0-1/3");
        assertThat(part.header("Preference-Applied")).isEqualTo("count=exact");
        assertThat(get("/tags?limit=0", "Prefer", "count=exact").header("Content-Range"))
                .isEqualTo("*/3");
        Http.Answer beyond = get("/tags?offset=9", "Prefer", "count=exact");
        assertThat(beyond.status()).isEqualTo(416);
        assertThat(beyond.json().path("details").asString())
                .isEqualTo("An offset of 9 was requested, but there are only 3 rows.");
        assertThat(get("/tags", "Range", "1-1", "Range-Unit", "items").header("Content-Range"))
                .isEqualTo("1-1/*");
        assertThat(http.send("HEAD", "/rest/v1/tags", null, "Prefer", "count=exact")
                        .header("Content-Range"))
                .isEqualTo("0-2/3");
    }

    @Test
    void Q11_writesSayWhatTheyDid() {
        String json = "Content-Type";
        Http.Answer created = http.post("/rest/v1/defaults", "{\"id\":1000}", json, "application/json");
        assertThat(created.status()).isEqualTo(201);
        assertThat(created.body()).isEmpty();
        assertThat(created.header("Content-Range")).isEqualTo("*/*");
        Http.Answer located = http.post(
                "/rest/v1/defaults", "{\"id\":1001}", json, "application/json", "Prefer", "return=headers-only");
        assertThat(located.header("Location")).isEqualTo("/defaults?id=eq.1001");
        Http.Answer updated = http.send(
                "PATCH",
                "/rest/v1/defaults?id=gte.1000",
                "{\"a\":5}",
                json,
                "application/json",
                "Prefer",
                "count=exact");
        assertThat(updated.status()).isEqualTo(204);
        assertThat(updated.header("Content-Range")).isEqualTo("0-1/2");
        Http.Answer put = http.send(
                "PUT",
                "/rest/v1/defaults?id=eq.1000",
                "{\"id\":1000,\"a\":9}",
                json,
                "application/json",
                "Prefer",
                "return=representation");
        assertThat(put.status()).isEqualTo(200);
        assertThat(put.json().get(0).path("a").asInt()).isEqualTo(9);
        assertThat(http.send("PUT", "/rest/v1/defaults?a=eq.1", "{\"id\":1}", json, "application/json")
                        .code())
                .isEqualTo("PGRST105");
        Http.Answer merged = http.post(
                "/rest/v1/defaults",
                "[{\"id\":1000,\"a\":1}]",
                json,
                "application/json",
                "Prefer",
                "resolution=merge-duplicates");
        assertThat(merged.status()).isEqualTo(200);
        Http.Answer deleted = http.send("DELETE", "/rest/v1/defaults?id=gte.1000", null, "Prefer", "count=exact");
        assertThat(deleted.status()).isEqualTo(204);
        assertThat(deleted.header("Content-Range")).isEqualTo("*/2");
        assertThat(http.post("/rest/v1/tags", "id,name\n50,csv\n51,\"with, comma\"\n", json, "text/csv")
                        .status())
                .isEqualTo(201);
        assertThat(get("/tags?id=eq.51").json().get(0).path("name").asString()).isEqualTo("with, comma");
        assertThat(http.send("DELETE", "/rest/v1/tags?id=gte.50", null).status())
                .isEqualTo(204);
        assertThat(http.post("/rest/v1/tags", "[{\"id\":1},{\"name\":\"x\"}]", json, "application/json")
                        .code())
                .isEqualTo("PGRST102");
        assertThat(http.post("/rest/v1/tags", "{", json, "application/json").code())
                .isEqualTo("PGRST102");
        assertThat(http.post("/rest/v1/tags", "[]", json, "application/json").status())
                .isEqualTo(201);
    }

    @Test
    void Q12_tokensAreCheckedAndRolesApplied() {
        String expired =
                server.server().tokens().issue("anon", Map.of(), Instant.now().minusSeconds(7200), Duration.ofHours(1));
        String unknownRole = server.token("nobody_at_all", Map.of());
        assertThat(get("/tags", "Authorization", "Bearer " + expired).code()).isEqualTo("PGRST303");
        assertThat(get("/tags", "Authorization", "Bearer nonsense").code()).isEqualTo("PGRST301");
        assertThat(get("/tags", "Authorization", "Bearer nonsense").header("WWW-Authenticate"))
                .isEqualTo("Bearer");
        assertThat(get("/tags", "Authorization", "Bearer " + unknownRole).status())
                .isBetween(401, 403);
        assertThat(get("/tags", "Authorization", "Bearer " + server.token("none", Map.of()))
                        .status())
                .isEqualTo(401);
        assertThat(get("/tags", "apikey", server.anonKey(), "Authorization", "Bearer sb_publishable_x")
                        .status())
                .isEqualTo(200);
        assertThat(get("/notes").status()).isEqualTo(401);
        assertThat(get("/notes", "Authorization", "Bearer " + server.serviceKey())
                        .json()
                        .size())
                .isEqualTo(2);
    }

    @Test
    void Q13_aSchemaThatChangesFailsNoRequest() throws Exception {
        var stop = new AtomicBoolean();
        var failures = new ArrayList<String>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var readers = new ArrayList<Future<?>>();
            for (int i = 0; i < 4; i++) {
                readers.add(threads.submit(() -> {
                    while (!stop.get()) {
                        Http.Answer answer = get("/sites?select=*,cities(name)&limit=3");
                        if (answer.status() != 200) {
                            synchronized (failures) {
                                failures.add(answer.body());
                            }
                        }
                    }
                }));
            }
            try {
                for (int i = 0; i < 20; i++) {
                    String name = "fresh_" + i;
                    server.database().useHandle(handle -> {
                        handle.execute("create table public." + name
                                + " (id int primary key, site_id int references public.sites)");
                        handle.execute("grant select on public." + name + " to anon");
                        handle.execute("alter table public.sites add column extra_" + name + " int");
                    });
                    // at once, without a moment for anybody to be told
                    assertThat(get("/" + name + "?select=id,sites(name)").status())
                            .isEqualTo(200);
                    assertThat(get("/sites?select=extra_" + name + "&limit=1").status())
                            .isEqualTo(200);
                    server.database().useHandle(handle -> {
                        handle.execute("alter table public.sites drop column extra_" + name);
                        handle.execute("drop table public." + name);
                    });
                    assertThat(get("/sites?limit=1").status()).isEqualTo(200);
                }
            } finally {
                stop.set(true);
            }
            for (Future<?> reader : readers) {
                reader.get();
            }
        }

        assertThat(failures).isEmpty();
    }

    @Test
    void Q14_timeAndSizeOfAnAnswerAreBounded() {
        Http.Answer slow = http.post("/rest/v1/rpc/slow", "{\"seconds\":30}", "Content-Type", "application/json");
        assertThat(slow.status()).isEqualTo(500);
        assertThat(slow.code()).isEqualTo("57014");
        Http.Answer large = get("/rpc/pairs?n=100000&limit=1000");
        assertThat(large.status()).isEqualTo(200);
        server.database()
                .useHandle(handle ->
                        handle.execute("insert into public.countries values (500, repeat('x', 200000), 'XX')"));
        Http.Answer refused = get("/countries?id=eq.500");
        server.database().useHandle(handle -> handle.execute("delete from public.countries where id = 500"));
        assertThat(refused.code()).isEqualTo("SWB001");
        assertThat(refused.status()).isEqualTo(400);
        assertThat(get("/rpc/pairs?n=5000").json().size()).isEqualTo(1000);
        server.database().useHandle(handle -> handle.execute("alter role anon set statement_timeout = '300ms'"));
        server.database().useHandle(handle -> handle.execute("notify pgrst, 'reload config'"));
        await().atMost(Duration.ofSeconds(10)).untilAsserted(() -> {
            long start = System.nanoTime();
            assertThat(http.post("/rest/v1/rpc/slow", "{\"seconds\":30}", "Content-Type", "application/json")
                            .code())
                    .isEqualTo("57014");
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofMillis(1500));
        });
        server.database().useHandle(handle -> handle.execute("alter role anon reset statement_timeout"));
        server.database().useHandle(handle -> handle.execute("notify pgrst, 'reload config'"));
    }

    @Test
    void Q15_aStatementWhoseClientIsGoneIsCancelled() throws IOException {
        // the statement's own time must not be what ends it
        server.database().useHandle(handle -> handle.execute("alter role service_role set statement_timeout = '60s'"));
        server.database().useHandle(handle -> handle.execute("notify pgrst, 'reload config'"));
        await().atMost(Duration.ofSeconds(10)).until(() -> {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
                socket.getOutputStream()
                        .write(
                                ("POST /rest/v1/rpc/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer "
                                                + server.serviceKey()
                                                + "\r\nContent-Length: 14\r\n\r\n{\"seconds\":50}")
                                        .getBytes(StandardCharsets.US_ASCII));
                await().atMost(Duration.ofSeconds(5)).until(() -> sleeping() == 1);
            }
            await().atMost(Duration.ofSeconds(5)).until(() -> sleeping() == 0);
            return true;
        });
        server.database().useHandle(handle -> handle.execute("alter role service_role reset statement_timeout"));
    }

    private static int sleeping() {
        return server.database()
                .withHandle(handle -> handle.createQuery(
                                "select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
                        .mapTo(Integer.class)
                        .one());
    }

    @Test
    void Q16_theRootDescribesWhatTheRoleMayUse() {
        Http.Answer anon = get("/", "Accept", "application/openapi+json");
        assertThat(anon.status()).isEqualTo(200);
        assertThat(anon.json().path("swagger").asString()).isEqualTo("2.0");
        assertThat(anon.json().path("definitions").has("sites")).isTrue();
        assertThat(anon.json().path("definitions").has("secrets")).isFalse();
        assertThat(anon.json().path("paths").has("/rpc/add")).isTrue();
        assertThat(get("/", "Authorization", "Bearer " + server.serviceKey())
                        .json()
                        .path("definitions")
                        .has("notes"))
                .isTrue();
        assertThat(get("/", "Accept-Profile", "personal")
                        .json()
                        .path("definitions")
                        .has("diary"))
                .isTrue();
    }

    @Test
    void Q16_theDescriptionIsThereAsOpenApi31Too() {
        for (String accept : List.of(
                "application/openapi+json;version=3.1",
                "application/vnd.oai.openapi+json",
                "application/openapi+json; version=\"3.1\", application/json")) {
            Http.Answer answer = get("/", "Accept", accept);
            assertThat(answer.header("Content-Type")).startsWith("application/vnd.oai.openapi+json;version=3.1");
            assertThat(answer.json().path("openapi").asString()).isEqualTo("3.1.0");
            assertThat(answer.json()
                            .at("/components/schemas/sites/properties/id/type")
                            .asString())
                    .isEqualTo("integer");
            assertThat(answer.json()
                            .at("/paths/~1sites/post/requestBody/content/application~1json/schema/$ref")
                            .asString())
                    .isEqualTo("#/components/schemas/sites");
            assertThat(answer.json().at("/paths/~1rpc~1add/post").isMissingNode())
                    .isFalse();
            assertThat(answer.body()).doesNotContain("#/definitions/").doesNotContain("\"secrets\"");
        }
        assertThat(get("/", "Accept", "*/*").json().path("swagger").asString()).isEqualTo("2.0");
        assertThat(get("/", "Accept", "text/csv").status()).isEqualTo(406);
    }

    @Test
    void Q17_mistakesAreTheClientsAndNeverAServersError() {
        List<String> paths = List.of(
                "/sites?select=id,,name",
                "/sites?select=()",
                "/sites?id=eq",
                "/sites?id=5",
                "/sites?or=(id.eq.1",
                "/sites?or=()",
                "/sites?order=id.sideways",
                "/sites?limit=many",
                "/sites?limit=-1",
                "/sites?name=fts(nosuchlanguage).x",
                "/sites?search=fts.%26%26",
                "/sites?select=id&search=wfts." + "-".repeat(400),
                "/sites?id=in.(a,b)",
                "/sites?id=like.5",
                "/sites?name=match.(",
                "/sites?opened=eq.tomorrowish",
                "/sites?select=value.sum()",
                "/sites?select=id::int[",
                "/readings?select=value.sum()",
                "/sites?select=...readings(value,...x(y))",
                "/nowhere/at/all",
                "/rpc/",
                "/sites?%00=eq.1",
                "/sites?id=eq.%00",
                "/sites?labels=cs.[99999999999999999999'null,",
                "/rpc/add?a=x",
                "/rpc/fail?state=12345&message=x");
        for (String path : paths) {
            Http.Answer answer = get(path.replace(">", "%3E")
                    .replace("[", "%5B")
                    .replace("'", "%27")
                    .replace("(", "%28"));
            assertThat(answer.status()).as("%s: %s", path, answer.body()).isBetween(400, 499);
            assertThat(answer.json().has("hint")
                            && answer.json().has("details")
                            && answer.json().has("message"))
                    .isTrue();
        }
        assertThat(http.post(
                                "/rest/v1/tags?on_conflict=id",
                                "[{\"id\":1,\"name\":\"x\"},{\"id\":1,\"name\":\"y\"}]",
                                "Content-Type",
                                "application/json",
                                "Prefer",
                                "resolution=merge-duplicates")
                        .status())
                .isEqualTo(400);
        assertThat(http.send("BREW", "/rest/v1/sites", null).status()).isEqualTo(405);
        assertThat(get("/readings?select=value.sum()").code()).isEqualTo("PGRST123");
        assertThat(get("/sites", "Accept", "image/png").code()).isEqualTo("PGRST107");
        assertThat(get("/sites", "Accept", "application/vnd.pgrst.plan+json").code())
                .isEqualTo("PGRST107");
        assertThat(get("/sites", "Prefer", "handling=strict, foo=bar").code()).isEqualTo("PGRST122");
    }

    @Test
    void Q18_rollbackIsOnlyDoneWhereTheSettingsAllowIt() {
        Http.Answer answer = http.post(
                "/rest/v1/tags",
                "{\"id\":90,\"name\":\"kept\"}",
                "Content-Type",
                "application/json",
                "Prefer",
                "tx=rollback");

        assertThat(answer.header("Preference-Applied")).doesNotContain("rollback");
        assertThat(get("/tags?id=eq.90").json().size()).isEqualTo(1);
        http.send("DELETE", "/rest/v1/tags?id=eq.90", null);
    }

    @Test
    void N1_answersCarrySecurityHeadersAndBodiesAreBounded() {
        Http.Answer answer = get("/tags", "Origin", "https://anywhere.example");

        assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
        assertThat(answer.header("Access-Control-Allow-Origin")).isEqualTo("*");
        assertThat(answer.header("Access-Control-Expose-Headers")).contains("Content-Range");
        Http.Answer preflight = http.send(
                "OPTIONS",
                "/rest/v1/tags",
                null,
                "Origin",
                "https://anywhere.example",
                "Access-Control-Request-Method",
                "GET");
        assertThat(preflight.status()).isEqualTo(204);
        assertThat(preflight.header("Access-Control-Allow-Headers")).contains("accept-profile", "prefer", "apikey");
        assertThat(http.post("/rest/v1/tags", "x".repeat(6_000_000), "Content-Type", "application/json")
                        .status())
                .isEqualTo(413);
        assertThat(get("/tags?id=eq." + "9".repeat(20_000)).status()).isEqualTo(414);
    }

    @Test
    void N5_withRequiredPoliciesTablesWithoutThemAreLeftOut() throws SQLException {
        var strict = DataSettings.of(List.of("public"))
                .with(new DataSettings.Limits(0, 100_000, Duration.ofSeconds(2), 2))
                .requiringPolicies();
        try (TestServer other = TestServer.with().data(strict).start();
                Http requests = new Http(other)) {
            DataSchema.create(other.database());
            String user =
                    "Bearer " + other.userToken(java.util.UUID.fromString("00000000-0000-4000-8000-000000000001"));

            assertThat(requests.get("/rest/v1/tags").code()).isEqualTo("PGRST205");
            assertThat(requests.get("/rest/v1/busy_sites").code()).isEqualTo("PGRST205");
            assertThat(requests.get("/rest/v1/notes?select=id", "Authorization", user)
                            .body())
                    .isEqualTo("[{\"id\":1}]");
        }
    }

    @Test
    void Q23_aConditionThatLeadsNowhereIsNeverLeftOut() {
        for (String filter : List.of("cities.name=eq.Paris", "nowhere.id=eq.1")) {
            assertThat(http.send("DELETE", "/rest/v1/defaults?" + filter, null).code())
                    .isEqualTo("PGRST108");
            assertThat(http.send(
                                    "PATCH",
                                    "/rest/v1/defaults?" + filter,
                                    "{\"a\":1}",
                                    "Content-Type",
                                    "application/json")
                            .code())
                    .isEqualTo("PGRST108");
        }
        server.database()
                .useHandle(handle -> handle.execute(
                        "create table public.holders (id int, apikey text); insert into public.holders values (1, 'a'), (2, 'b');"
                                + " grant all on public.holders to anon"));
        assertThat(http.send("DELETE", "/rest/v1/holders?apikey=eq.a", null).status())
                .isEqualTo(204);
        assertThat(get("/holders?apikey=" + server.anonKey()).body()).isEqualTo("[{\"id\":2,\"apikey\":\"b\"}]");
    }

    @Test
    void Q24_columnsAndLabelsMayBeCalledAnything() {
        server.database()
                .useHandle(
                        handle -> handle.execute(
                                "create table public.letters (id int primary key, r text, s text, p int, n int, j int, src int, t0 int, q int, b int, body int);"
                                        + " insert into public.letters values (1, 'x', 'y', 1, 2, 3, 4, 5, 6, 7, 8); grant all on public.letters to anon;"
                                        + " create table public.letter_parts (letter_id int references public.letters, n int, p int, j text);"
                                        + " insert into public.letter_parts values (1, 1, 2, 'z'); grant all on public.letter_parts to anon"));
        String row =
                "{\"id\":1,\"r\":\"x\",\"s\":\"y\",\"p\":1,\"n\":2,\"j\":3,\"src\":4,\"t0\":5,\"q\":6,\"b\":7,\"body\":8}";

        assertThat(get("/letters").json().get(0).toString()).isEqualTo(row);
        assertThat(get("/letters?select=r:id,s:p,letter_parts(n,p,j)")
                        .json()
                        .get(0)
                        .toString())
                .isEqualTo("{\"r\":1,\"s\":1,\"letter_parts\":[{\"n\":1,\"p\":2,\"j\":\"z\"}]}");
        assertThat(get("/letter_parts?select=...letters(n,p,j)&order=letters(id)")
                        .json()
                        .get(0)
                        .toString())
                .isEqualTo("{\"n\":2,\"p\":1,\"j\":3}");
        assertThat(get("/letters?select=...letter_parts(n,p,j)").json().get(0).toString())
                .isEqualTo("{\"n\":[1],\"p\":[2],\"j\":[\"z\"]}");
        assertThat(get("/letters", "Accept", "text/csv").body()).contains("\n1,x,y,1,2,3,4,5,6,7,8");
        assertThat(http.send(
                                "PATCH",
                                "/rest/v1/letters?id=eq.1",
                                "{\"src\":4,\"body\":8}",
                                "Content-Type",
                                "application/json",
                                "Prefer",
                                "return=representation")
                        .json()
                        .get(0)
                        .toString())
                .isEqualTo(row);
        assertThat(get("/letters?select=").json().get(0).toString()).isEqualTo(row); // KF15: as without it
        assertThat(get("/letters?select=letter_parts()").body()).isEqualTo("[{}]");
        assertThat(get("/letters?select=_sb_n:id").status()).isEqualTo(400);
        assertThat(get("/letters?select=id::TEXT").json().get(0).path("id").asString())
                .isEqualTo("1");
    }

    @Test
    void Q25_aWriteWhoseAnswerIsAnErrorLeavesNothing() {
        String rows = java.util.stream.IntStream.range(5000, 6500)
                .mapToObj(id -> "{\"id\":" + id + ",\"b\":\"" + "x".repeat(50) + "\"}")
                .collect(java.util.stream.Collectors.joining(",", "[", "]"));

        Http.Answer refused = http.post(
                "/rest/v1/defaults", rows, "Content-Type", "application/json", "Prefer", "return=representation");

        assertThat(refused.code()).isEqualTo("SWB001");
        assertThat(get("/defaults?id=gte.5000").body()).isEqualTo("[]");
        Http.Answer csv = http.post(
                "/rest/v1/defaults",
                "{\"id\":7000}",
                "Content-Type",
                "application/json",
                "Prefer",
                "return=headers-only",
                "Accept",
                "text/csv");
        assertThat(csv.header("Location")).isEqualTo("/defaults?id=eq.7000");
        http.send("DELETE", "/rest/v1/defaults?id=gte.5000", null);
    }

    @Test
    void Q26_upsertsWorkOnPartitionedTablesAndViews() {
        server.database()
                .useHandle(handle -> handle.execute(
                        "create table public.parted (id int primary key, v text) partition by range (id);"
                                + " create table public.parted_1 partition of public.parted for values from (0) to (100);"
                                + " create view public.over_tags as select id, name from public.tags;"
                                + " grant all on public.parted, public.over_tags to anon"));
        for (String table : List.of("parted", "over_tags")) {
            String column = table.equals("parted") ? "v" : "name";
            Http.Answer upserted = http.post(
                    "/rest/v1/" + table + "?on_conflict=id",
                    "[{\"id\":60,\"" + column + "\":\"one\"}]",
                    "Content-Type",
                    "application/json",
                    "Prefer",
                    "resolution=merge-duplicates");
            assertThat(upserted.status()).as("%s: %s", table, upserted.body()).isEqualTo(201);
        }
        http.send("DELETE", "/rest/v1/tags?id=eq.60", null);
    }

    @Test
    void Q27_functionsOfEveryKindOfResult() {
        server.database()
                .useHandle(
                        handle -> handle.execute(
                                "create function public.one_out(a int, out b int) language sql immutable as 'select a + 1';"
                                        + " create function public.many(n int) returns setof int language sql immutable as 'select generate_series(1, n)'"));

        assertThat(get("/rpc/one_out?a=5").body()).isEqualTo("{\"b\":6}");
        assertThat(get("/rpc/many?n=9&limit=2&offset=1").body()).isEqualTo("[2, 3]");
        assertThat(get("/rpc/pairs?n=2", "Accept", "text/csv").body()).isEqualTo("x,y\n1,n1\n2,n2");
        assertThat(http.post("/rest/v1/rpc/nothing", "x", "Content-Type", "text/plain")
                        .code())
                .isEqualTo("PGRST202");
        server.database().useHandle(handle -> handle.execute("""
                create function public.odd_headers() returns text language plpgsql as $$
                begin
                  perform set_config('response.headers', '[{"X Y": "v"}, {"Set-Cookie": "a=1"}, {"Set-Cookie": "b=2"}]', true);
                  return 'done';
                end $$"""));
        Http.Answer odd = http.post("/rest/v1/rpc/odd_headers", "{}", "Content-Type", "application/json");
        assertThat(odd.status()).isEqualTo(200);
        assertThat(odd.headers().allValues("Set-Cookie")).containsExactly("a=1", "b=2");
    }

    @Test
    void Q28_settingsThatARoleMayNotMakeItselfDoNotShutItOut() {
        server.database().useHandle(handle -> {
            handle.execute("alter role anon set log_statement = 'all'");
            handle.execute("notify pgrst, 'reload config'");
        });
        server.database().useHandle(handle -> handle.execute("create table public.for_a_new_catalog (id int)"));
        assertThat(get("/for_a_new_catalog").status()).isEqualTo(200);
        assertThat(get("/tags").status()).isEqualTo(200);
        server.database().useHandle(handle -> handle.execute("alter role anon reset log_statement"));
    }

    @Test
    void N6_aRequestThatCannotBeAnsweredIsClosedAndNotLeftOpen() throws IOException {
        for (String path : List.of("/rest/v1/tags?name=neq.a\u0001b", "/rest/v1/tags?name=neq.a\u007fb")) {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
                socket.setSoTimeout(10_000);
                socket.getOutputStream()
                        .write(("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                                .getBytes(StandardCharsets.US_ASCII));

                String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);

                assertThat(answer)
                        .satisfiesAnyOf(
                                text -> assertThat(text).startsWith("HTTP/1.1 "),
                                text -> assertThat(text).isEmpty());
            }
        }
    }
}

package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.server.command.Main;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code switchboard explain} (docs/explain.md): each planted cause is named by its step. */
class ExplainTest {
    private static final String ANN = "ann@example.org";
    private static TestServer server;
    private static UUID ann;
    private static PhoenixClient screen;

    private record Said(int code, String text) {}

    @BeforeAll
    static void start() {
        server = TestServer.start();
        try (Http http = new Http(server)) {
            String user = http.post("/auth/v1/signup", "{\"email\":\"" + ANN + "\",\"password\":\"a long password\"}")
                    .json()
                    .at("/user/id")
                    .asString();
            ann = UUID.fromString(user);
        }
        sql(
                "create table orders (id int primary key, owner uuid, state text, price numeric)",
                "alter table orders replica identity full",
                "alter table orders enable row level security",
                "create policy own on orders for select to authenticated using (owner = (select auth.uid()))",
                "grant select on orders to authenticated",
                "alter publication supabase_realtime add table orders",
                "insert into orders values (1, '" + ann + "', 'new', 5), (2, gen_random_uuid(), 'new', 5)");
    }

    @BeforeEach
    void joined() {
        screen = server.connect();
        hear();
    }

    /** Her screen is there, and has got a change of her row. */
    private static void hear() {
        screen.joined("realtime:orders", server.userToken(ann), PhoenixClient.binding("*", "public", "orders", null));
        int before = screen.changeTexts().size();
        sql("update orders set state = 'new' where id = 1");
        screen.awaitChanges(before + 1);
    }

    @AfterEach
    void left() {
        screen.close();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void sql(String... statements) {
        server.database().useHandle(handle -> List.of(statements).forEach(handle::execute));
    }

    private static Said explain(String... arguments) {
        var all = new ArrayList<>(List.of("explain"));
        all.addAll(List.of(arguments));
        all.addAll(List.of("--data-dir", server.directory().toString(), "--url", server.url()));
        var out = new ByteArrayOutputStream();
        int code = Main.run(all, out, out);
        return new Said(code, out.toString(StandardCharsets.UTF_8));
    }

    /** The step that stops it, where the cause is there; and that it is the cause, since without it nothing stops. */
    private static void planted(String plant, String step, String because, String mend) {
        hear();
        assertThat(explain("orders", "--user", ANN, "--row", "{\"id\":1}").code())
                .as("before %s", plant)
                .isZero();
        sql(plant);
        Said said = explain("orders", "--user", ANN, "--row", "{\"id\":1}");
        assertThat(said.code()).as(said.text()).isEqualTo(1);
        assertThat(said.text()).contains("It ends at " + step + ":").contains(because);
        sql(mend);
    }

    @Test
    void whatIsShownSaysHowItIsDecided() {
        Said said = explain("orders", "--user", ANN, "--row", "{\"id\":1}");

        assertThat(said.code()).as(said.text()).isZero();
        assertThat(said.text())
                .contains("It is shown.")
                .contains("full: UPDATE and DELETE carry the whole old row")
                .contains("true: permissive, (owner = ( SELECT auth.uid() AS uid)); decided without PostgreSQL, where")
                .contains("auth.uid() AS uid) is " + ann);
    }

    @Test
    void eachPlantedCauseIsNamed() {
        planted(
                "alter publication supabase_realtime drop table orders",
                "published",
                "switchboard publish public.orders",
                "alter publication supabase_realtime add table orders");
        planted(
                "revoke select on orders from authenticated",
                "grants",
                "authenticated may SELECT no column of public.orders",
                "grant select on orders to authenticated");
        planted(
                "revoke usage on schema public from public, authenticated",
                "role",
                "authenticated has no USAGE on schema public",
                "grant usage on schema public to public, authenticated");
        planted(
                "drop policy own on orders",
                "policies",
                "no permissive policy is for authenticated",
                "create policy own on orders for select to authenticated using (owner = (select auth.uid()))");
        planted(
                "alter policy own on orders to service_role",
                "policies",
                "is for service_role, and not for authenticated",
                "alter policy own on orders to authenticated");
        planted(
                "update orders set owner = gen_random_uuid() where id = 1",
                "policies",
                "no permissive policy is true for this row",
                "update orders set owner = '" + ann + "' where id = 1");
        planted(
                "create policy cheap on orders as restrictive for select using (price < 3)",
                "policies",
                "false: restrictive, (price < (3)::numeric); asked of PostgreSQL, for",
                "drop policy cheap on orders");
        planted(
                "create policy odd on orders as restrictive for select using (1 / (price::int - 5) > 0)",
                "policies",
                "raises division by zero",
                "drop policy odd on orders");
        planted(
                "create policy claim on orders as restrictive for select using ((auth.jwt() ->> 'sub')::int = 1)",
                "policies",
                "raises invalid input syntax for type integer",
                "drop policy claim on orders");
    }

    @Test
    void whoIsNotSignedInAndWhatIsNotThereAreSaid() {
        assertThat(explain("orders", "--row", "{\"id\":1}").text()).contains("is for authenticated, and not for anon");
        assertThat(explain("nowhere", "--user", ANN).text()).contains("there is no table public.nowhere");
        assertThat(explain("orders", "--user", ANN, "--row", "{\"id\":77}").text())
                .contains("there is no row with {\"id\":77}");
        assertThat(explain("orders", "--user", ANN, "--row", "{\"state\":\"new\"}")
                        .text())
                .contains("several rows");
        assertThat(explain("orders", "--user", "nobody@example.org").text()).contains("nobody@example.org");
        assertThat(explain("orders", "--as", "no.token.at.all").text()).contains("the token of --as is not believed");
        assertThat(explain("orders", "--as", server.userToken(ann), "--row", "{\"id\":1}")
                        .code())
                .isZero();
        assertThat(explain("orders", "--user", ANN).text()).contains("name a --row to see what they make of it");
    }

    private static Http.Answer ask(Http http, String token, String query) {
        return http.get("/realtime/v1/explain?" + query, "Authorization", "Bearer " + token);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    @Test
    void overHttpTheServiceKeyIsToldEverything() {
        try (Http http = new Http(server)) {
            String anns = "table=orders&row=" + encoded("{\"id\":1}") + "&claims="
                    + encoded("{\"role\":\"authenticated\",\"sub\":\"" + ann + "\"}");
            Http.Answer shown = ask(http, server.serviceKey(), anns);
            assertThat(shown.status()).as(shown.body()).isEqualTo(200);
            assertThat(shown.json().path("shown").asBoolean()).isTrue();
            assertThat(shown.body()).contains("policy own", "auth.uid()");
            Http.Answer others = ask(http, server.serviceKey(), anns.replace(encoded("1}"), encoded("2}")));
            assertThat(others.json().path("shown").asBoolean()).isFalse();
            assertThat(others.json().path("endsAt").asString()).isEqualTo("policies");
        }
    }

    /** With one's own token one hears of no policy, and a hidden row is one that is not there. */
    @Test
    void overHttpAUserIsToldNothingThatIsHidden() {
        try (Http http = new Http(server)) {
            String token = server.userToken(ann);
            Http.Answer own = ask(http, token, "table=orders&row=" + encoded("{\"id\":1}"));
            assertThat(own.json().path("shown").asBoolean()).as(own.body()).isTrue();
            Http.Answer hidden = ask(http, token, "table=orders&row=" + encoded("{\"id\":2}"));
            Http.Answer missing = ask(http, token, "table=orders&row=" + encoded("{\"id\":77}"));
            assertThat(hidden.json().path("shown").asBoolean()).isFalse();
            assertThat(withoutTimes(hidden)).isEqualTo(withoutTimes(missing));
            assertThat(own.body() + hidden.body()).doesNotContain("policy own", "auth.uid()", "price\":");

            assertThat(http.get("/realtime/v1/explain?table=orders").status()).isEqualTo(401);
            assertThat(ask(http, "nonsense", "table=orders").status()).isEqualTo(401);
            assertThat(ask(http, token, "").status()).isEqualTo(400);
            assertThat(ask(http, token, "table=nowhere").body()).contains("there is no table public.nowhere");
            assertThat(ask(http, token, "table=orders&row=" + encoded("{\"id\""))
                            .status())
                    .isEqualTo(400);
        }
    }

    private static String withoutTimes(Http.Answer answer) {
        return answer.body().replaceAll("until \\d+ ms ago", "until now");
    }

    /** Whoever has a key may ask: two are answered at a time, however long PostgreSQL takes, and that is 5 s at most. */
    @Test
    void overHttpTwoAreAnsweredAtATime() {
        try (Http http = new Http(server)) {
            var waiting = new ArrayList<CompletableFuture<Http.Answer>>();
            server.database().useTransaction(handle -> {
                handle.execute("lock table orders in access exclusive mode");
                for (int i = 0; i < 2; i++) {
                    // a thread each: the common pool has one on two cores, which would ask them one after the other
                    waiting.add(CompletableFuture.supplyAsync(
                            () -> ask(http, server.userToken(ann), "table=orders&row=" + encoded("{\"id\":1}")),
                            Thread::startVirtualThread));
                }
                // by another connection: a transaction sees the activity of the moment at which it first looked
                await().until(() -> server.database()
                        .withHandle(other -> other.createQuery(
                                        "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                                + " and application_name = 'switchboard-explain'")
                                .mapTo(Integer.class)
                                .one()
                                .equals(2)));

                Http.Answer third = ask(http, server.userToken(ann), "table=orders");
                assertThat(third.status()).isEqualTo(503);
                assertThat(third.code()).isEqualTo("ExplainBusy");
                waiting.forEach(answer -> assertThat(answer.join().body()).contains("statement timeout"));
            });

            assertThat(ask(http, server.userToken(ann), "table=orders").status())
                    .isEqualTo(200);
        }
    }

    /** X5: neither an error nor a step tells of rows and of channels that are not one's own. */
    @Test
    void X5_withOnesOwnTokenNothingTellsOfOthers() {
        sql("insert into orders values (3, '" + ann + "', 'mine', 1), (4, gen_random_uuid(), 'mine', 1)");
        sql("create table secrets (id int primary key)", "revoke all on secrets from authenticated, anon");
        try (Http http = new Http(server);
                PhoenixClient stranger = server.connect()) {
            stranger.joined("realtime:strangers", null, PhoenixClient.binding("*", "public", "calls", null));
            Http.Answer own = ask(http, server.userToken(ann), "table=orders&row=" + encoded("{\"state\":\"mine\"}"));
            assertThat(own.body()).doesNotContain("several rows").contains("\"shown\"");

            assertThat(ask(http, server.anonKey(), "table=orders").body()).doesNotContain("strangers");
            assertThat(ask(http, server.userToken(ann), "table=secrets").body())
                    .isEqualTo(ask(http, server.userToken(ann), "table=secretz")
                            .body()
                            .replace("secretz", "secrets"));
            assertThat(ask(http, server.userToken(ann), "table=orders&change=" + encoded("0/1#0"))
                            .code())
                    .isEqualTo("ForTheServiceKey");
        } finally {
            sql("delete from orders where id > 2", "drop table secrets");
        }
    }
}

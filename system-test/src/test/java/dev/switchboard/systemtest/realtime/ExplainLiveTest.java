package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.server.command.Main;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.Postmaster;
import dev.switchboard.systemtest.harness.RawWebSocket;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.node.ObjectNode;

/** {@code switchboard explain} of what the running server alone knows (docs/explain.md): each planted cause is named by its step. */
class ExplainLiveTest {
    private static final String TOPIC = "realtime:orders";
    private static TestServer server;

    private UUID ann;
    private int row;
    private PhoenixClient screen;

    private record Said(int code, String text) {}

    @BeforeAll
    static void start() {
        server = TestServer.start();
        sql(
                "create table orders (id int primary key, owner uuid, team uuid, price int, note text, cost numeric default 1.50,"
                        + " due timestamptz default '2026-02-01T00:00:00Z')",
                "create table crews (team uuid, member uuid, primary key (team, member))",
                "alter table orders enable row level security",
                "create policy own on orders for select to authenticated using (owner = (select auth.uid())"
                        + " or team in (select t.team from crews t where t.member = (select auth.uid())))",
                "grant select on orders, crews to authenticated",
                "alter publication supabase_realtime add table orders",
                "alter publication switchboard_dependencies add table crews");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void connect() {
        ann = UUID.randomUUID();
        row = ann.hashCode() & Integer.MAX_VALUE;
        screen = server.connect();
    }

    @AfterEach
    void leave() {
        screen.close();
    }

    private static void sql(String... statements) {
        server.database().useHandle(handle -> List.of(statements).forEach(handle::execute));
    }

    private void insert() {
        sql("insert into orders values (" + row + ", '" + ann + "', null, 5, 'n')");
    }

    private String token() {
        return server.userToken(ann);
    }

    private PhoenixClient join(ObjectNode... bindings) {
        return screen.joined(TOPIC, token(), bindings);
    }

    private static ObjectNode all(String filter) {
        return PhoenixClient.binding("*", "public", "orders", filter);
    }

    private static Said run(String... arguments) {
        var all = new ArrayList<>(List.of("explain"));
        all.addAll(List.of(arguments));
        all.addAll(List.of("--data-dir", server.directory().toString(), "--url", server.url()));
        var out = new ByteArrayOutputStream();
        int code = Main.run(all, out, out);
        return new Said(code, out.toString(StandardCharsets.UTF_8));
    }

    private Said explain() {
        return run("orders", "--as", token(), "--row", "{\"id\":" + row + "}");
    }

    private static void endsAt(Said said, String step, String because) {
        assertThat(said.code()).as(said.text()).isEqualTo(1);
        assertThat(said.text()).contains("It ends at " + step + ":").contains(because);
    }

    /** Until the row's last change has been decided. */
    private void awaitDecided() {
        await().until(() -> explain().text().contains("passed   decoded"));
    }

    @Test
    void aChangeThatWasDeliveredIsFollowedToItsAcknowledgement() {
        join(PhoenixClient.select(all(null), "id", "price"));
        insert();
        screen.awaitChanges(1);

        Said shown = explain();
        assertThat(shown.code()).as(shown.text()).isZero();
        assertThat(shown.text())
                .containsPattern("passed +committed +INSERT at .* position [0-9A-F]+/[0-9A-F]+#0")
                .containsPattern("passed +decoded +decided [0-9]+ ms after the commit")
                .contains("it is sent id, price alone")
                .contains("shown to realtime:orders then")
                .containsPattern("passed +delivered +[0-9]+ bytes to the socket at .* ms after the commit")
                .contains("not yet: two heartbeats after it tell");

        screen.heartbeat();
        screen.heartbeat();
        await().until(() -> explain().text().contains("the client has had the answer to a heartbeat that came later"));
    }

    @Test
    void theLastChangesAreListedAndEachCanBeAskedAbout() {
        join(all(null));
        insert();
        screen.awaitChanges(1);
        sql("update orders set owner = gen_random_uuid() where id = " + row);
        awaitUpdate();

        Said listed = run("orders", "--as", token());
        Matcher changes = Pattern.compile(
                        "([0-9A-F]+/[0-9A-F]+#0) +\\S+Z +(INSERT|UPDATE) +concerned (\\d), denied (\\d), sent to (\\d)"
                                + "   id " + row)
                .matcher(listed.text());
        assertThat(changes.find()).as(listed.text()).isTrue();
        assertThat(changes.group(2)).isEqualTo("UPDATE");
        assertThat(changes.group(5)).isEqualTo("0");
        assertThat(changes.find()).isTrue();
        String inserted = changes.group(1);
        assertThat(List.of(changes.group(2), changes.group(3), changes.group(4), changes.group(5)))
                .containsExactly("INSERT", "1", "0", "1");

        // what was decided then does not change with the row
        Said then = run("orders", "--as", token(), "--change", inserted);
        assertThat(then.code()).as(then.text()).isZero();
        endsAt(explain(), "policies", "no permissive policy is true for this row");
        assertThat(run("orders", "--as", token(), "--change", "0/1#0").text())
                .contains("of a change at 0/1#0 of public.orders nothing is kept");
        assertThat(run("orders", "--as", token(), "--change", "yesterday").text())
                .contains("a change is named by its position, such as 0/1A2B3C8#0, not by yesterday");
    }

    private void awaitUpdate() {
        await().until(() -> explain().text().contains("UPDATE at"));
    }

    @Test
    void whatHasNotCommittedIsNamed() {
        join(all(null));
        server.database().useTransaction(handle -> {
            handle.execute("insert into orders values (" + row + ", '" + ann + "')");

            endsAt(explain(), "committed", "transactions that write to the table have not committed: process ");
        });
    }

    /** A walsender that does not move, as behind a network that swallows everything. */
    @Test
    void aStreamThatStandsStillIsNamed() {
        join(all(null));
        var walsender = new Postmaster(server.database()
                .withHandle(
                        handle -> handle.createQuery("select pid from pg_stat_replication where application_name <> ''")
                                .mapTo(Long.class)
                                .one()));
        walsender.signal("STOP");
        try {
            insert();
            await().atMost(Duration.ofSeconds(40))
                    .pollInterval(Duration.ofSeconds(1))
                    .untilAsserted(() -> endsAt(explain(), "stream", "s may not have come yet"));
        } finally {
            walsender.signal("CONT");
        }
        screen.awaitChanges(1);
        await().untilAsserted(() -> assertThat(explain().code()).isZero());
    }

    @Test
    void whoIsNotThereIsNamed() {
        insert();

        endsAt(explain(), "connected", ann + " has no channel here");
    }

    @Test
    void anotherChannelIsNamed() {
        join(all(null));
        insert();
        screen.awaitChanges(1);

        endsAt(
                run("orders", "--as", token(), "--row", "{\"id\":" + row + "}", "--channel", "board"),
                "channel",
                "realtime:board is not joined; realtime:orders is");
        assertThat(run("orders", "--as", token(), "--row", "{\"id\":" + row + "}", "--channel", "orders")
                        .code())
                .isZero();
    }

    @Test
    void aChannelThatSubscribesToSomethingElseIsNamed() {
        join(PhoenixClient.binding("*", "public", "calls", null));
        insert();

        endsAt(
                explain(),
                "binding",
                "none of the channels subscribes to public.orders, but to [event: *, schema: public, table: calls]");
    }

    @Test
    void anotherEventIsNamed() {
        join(PhoenixClient.binding("DELETE", "public", "orders", null));
        insert();
        awaitDecided();

        endsAt(explain(), "binding", "is for DELETE, and the change is an INSERT");
    }

    @Test
    void theConditionThatDoesNotHoldIsNamed() {
        join(all("owner=eq." + ann + ",price=gt.10"));
        insert();
        awaitDecided();

        endsAt(explain(), "binding", "the condition price=gt.10 is not true, price is 5");

        told("note=in.(a,b)", "note=in.[a, b] is not true, note is n");
        told("owner=neq." + ann, "owner=neq." + ann + " is not true, owner is " + ann);
        told("note=like.x%,price=gte.5", "note=like.x% is not true, note is n");
        told("team=is.null,or(price=lt.3,price=gt.7)", "or(price=lt.3,price=gt.7) is not true");
        told("cost=lt.1.5", "cost=lt.1.5 is not true, cost is 1.50");
        told("due=gt.2026-03-01T00:00:00Z", "due=gt.2026-03-01T00:00 is not true, due is 2026-02-01 00:00:00+00");
    }

    private void told(String filter, String condition) {
        join(all(filter));
        assertThat(explain().text()).contains("the condition " + condition);
    }

    @Test
    void aFilterByWhatMayNotBeReadAnyMoreIsNamed() {
        join(all("price=gt.1"));
        sql(
                "revoke select on orders from authenticated",
                "grant select (id, owner, team, note, cost, due) on orders to authenticated");
        try {
            insert();
            awaitDecided();

            Said said = explain();
            endsAt(said, "binding", "price");
            assertThat(said.text()).contains("then: the role may not read a column of the filter");
        } finally {
            sql("grant select on orders to authenticated");
        }
    }

    @Test
    void aMembershipThatIsMissingIsNamed() {
        UUID team = UUID.randomUUID();
        join(all(null));
        sql("insert into orders values (" + row + ", null, '" + team + "')");
        awaitDecided();
        endsAt(explain(), "policies", "no permissive policy is true for this row");

        sql("insert into crews values ('" + team + "', '" + ann + "')");
        endsAt(explain(), "decided", "what they subscribed to, or what policies demand, did not fit then");

        sql("update orders set note = 'again' where id = " + row);
        screen.awaitChanges(1);
        assertThat(explain().code()).as(explain().text()).isZero();
        assertThat(explain().text()).contains(team.toString());
    }

    @Test
    void whoJoinedLaterIsToldSo() {
        insert();
        awaitDecided();
        join(all(null));

        endsAt(explain(), "joined later", "after the commit: what was there before, its client reads");
    }

    @Test
    void aDeleteThatDoesNotCarryWhatPoliciesReadIsNamed() {
        join(all(null));
        insert();
        screen.awaitChanges(1);
        sql("delete from orders where id = " + row);
        await().until(() -> explain().text().contains("DELETE at"));

        endsAt(
                explain(),
                "policies",
                "not known, since the change does not carry all of owner, team (replica identity)");
        assertThat(screen.changes()).hasSize(1);
    }

    @Test
    void aTokenThatExpiredIsNamed() {
        String brief = server.server()
                .tokens()
                .issue("authenticated", Map.of("sub", ann.toString()), Instant.now(), Duration.ofSeconds(2));
        screen.joined(TOPIC, brief, all(null));
        insert();
        screen.awaitChanges(1);
        screen.event(TOPIC, "phx_error");

        endsAt(explain(), "token", "TokenExpired: Token has expired");
    }

    @Test
    void whoWaitsForATokenIsNamed() {
        screen.joined("realtime:user_changes_" + ann, null, PhoenixClient.binding("*", "public", "orders", null));
        insert();

        assertThat(run("orders", "--row", "{\"id\":" + row + "}").text())
                .contains("STOPPED  token")
                .contains("waits for its user's token");
    }

    @Test
    void otherClaimsThanThoseAskedAboutAreTold() {
        String former = server.token("authenticated", Map.of("sub", ann.toString(), "plan", "free"));
        screen.joined(TOPIC, former, all(null));
        insert();
        screen.awaitChanges(1);

        assertThat(explain().text())
                .contains("its token has other claims than are asked about")
                .contains("\"plan\":\"free\"");
    }

    @Test
    void aSlowClientThatWasEndedIsNamed() throws IOException {
        long before = server.server().gateway().counters().overflows().sum();
        try (SocketChannel slow = SocketChannel.open()) {
            slow.setOption(StandardSocketOptions.SO_RCVBUF, 4096);
            slow.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()));
            String join = "[\"1\",\"1\",\"" + TOPIC + "\",\"phx_join\",{\"config\":{\"postgres_changes\":[" + all(null)
                    + "]},\"access_token\":\"" + token() + "\"}]";
            RawWebSocket socket = new RawWebSocket(slow.socket()).handshake(server.anonKey(), RawWebSocket.text(join));
            while (!socket.next().text().contains("Subscribed to PostgreSQL")) {
                // the reply comes first
            }
            insert();
            await().pollInterval(Duration.ofMillis(10)).until(() -> {
                sql("update orders set note = repeat('x', 100000) where id = " + row);
                return server.server().gateway().counters().overflows().sum() > before;
            });

            await().untilAsserted(() -> endsAt(explain(), "overflow", ErrorCode.OVERFLOW.code()));
            assertThat(explain().text()).contains(ErrorCode.OVERFLOW.remedy());
        }
    }

    private Said request(String request) {
        return run("--as", token(), "--request", request);
    }

    @Test
    void anEmptyAnswerOfTheDataApiIsExplained() {
        insert();
        sql("insert into orders values (" + (row ^ 1) + ", null, null, 5, 'of nobody')");
        String ofRow = "/rest/v1/orders?id=eq." + row;

        Said found = request("GET " + ofRow + "&price=eq.5&select=id&limit=3");
        assertThat(found.code()).as(found.text()).isZero();
        assertThat(found.text())
                .contains("price=eq.5 alone leaves ")
                .contains("policy own             true for 1 of 1: permissive, ")
                .contains("passed   answer                 1 in the answer");
        endsAt(request(ofRow + "&price=eq.6"), "filter", "0 left by the filter");
        endsAt(request("/rest/v1/orders?id=eq." + (row ^ 1)), "policies", "0 of them are shown to authenticated");
        endsAt(request(ofRow + "&offset=1"), "answer", "0 in the answer, within limit and offset");
        endsAt(request("/rest/v1/odrers"), "answer", "status 404");
        endsAt(request(ofRow + "&price=eq.five"), "answer", "status 400");
        assertThat(request("POST /rest/v1/orders").text())
                .contains(
                        "a request to explain looks like 'GET /rest/v1/calls?status=eq.ringing', not like POST /rest/v1/orders");
        sql("create table unpaid (id int primary key)", "grant select on unpaid to authenticated");
        try (Http http = new Http(server)) {
            await().until(() -> http.get("/rest/v1/unpaid", "Authorization", "Bearer " + server.serviceKey())
                            .status()
                    != 404);
        }
        endsAt(request("/rest/v1/unpaid"), "rows", "0 in the table, whoever may see them");
    }

    @Test
    void codesAreExplained() {
        assertThat(run("--code", "outboxoverflow").text())
                .contains("OutboxOverflow: The client reads too slowly; its outbox is full.")
                .contains("remedy    Connect again and take a fresh snapshot; subscribe to less.");
        assertThat(run("--code", "Nonsense").text()).contains("No client is told Nonsense");
        assertThat(run("--code", "email_exists").text())
                .contains("answers of /auth/v1, status 422", "remedy    Use another address, or that user.");
    }

    @Test
    void withoutAServerTheDatabaseIsLookedAt() {
        insert();
        var out = new ByteArrayOutputStream();
        int code = Main.run(
                List.of(
                        "explain",
                        "orders",
                        "--as",
                        token(),
                        "--row",
                        "{\"id\":" + row + "}",
                        "--data-dir",
                        server.directory().toString(),
                        "--url",
                        "http://127.0.0.1:9"),
                out,
                out);

        assertThat(code).as(out.toString(StandardCharsets.UTF_8)).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains("none answers at http://127.0.0.1:9")
                .contains("passed   policies");
    }
}

package dev.switchboard.systemtest.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.Calls;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.SupabaseClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The unmodified official client against the server. */
@Tag("node")
class SupabaseJsTest {
    private static final String NEWEST = "supabase-js-2.119";
    private static final ObjectNode CALLS = PhoenixClient.binding("*", "public", "calls", null);

    private static TestServer server;
    private SupabaseClient clients;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void open() {
        clients = new SupabaseClient();
    }

    @AfterEach
    void close() {
        clients.close();
    }

    @ParameterizedTest
    @CsvSource({
        "supabase-js-2.119,2.0.0",
        "supabase-js-2.119,1.0.0",
        "supabase-js-2.109,2.0.0",
        "supabase-js-2.109,1.0.0"
    })
    void F000_10_changesReachTheirOrganizationsUsersAndNobodyElse(String library, String version) {
        UUID ours = server.organization("ours-" + UUID.randomUUID());
        UUID theirs = server.organization("theirs-" + UUID.randomUUID());
        clients.connect("member", library, server, server.userToken(server.member(ours)), version);
        clients.connect("outsider", library, server, server.userToken(server.member(theirs)), version);
        clients.connect("anon", library, server, null, version);
        clients.subscribed("member", "calls", CALLS);
        clients.subscribed("outsider", "calls", CALLS);
        clients.subscribe("anon", "calls", CALLS);
        clients.awaitListening("member", "calls");
        clients.awaitListening("outsider", "calls");

        UUID call = server.call(ours);
        server.database().useHandle(handle -> {
            Calls.advance(handle, call, "active");
            Calls.delete(handle, call);
        });
        UUID last = server.call(theirs);

        List<JsonNode> got = clients.awaitChanges("member", 3);
        assertThat(got)
                .extracting(change -> change.get("eventType").asString())
                .containsExactly("INSERT", "UPDATE", "DELETE");
        assertThat(got.get(0).at("/new/id").asString()).isEqualTo(call.toString());
        assertThat(got.get(0).at("/new/organization_id").asString()).isEqualTo(ours.toString());
        assertThat(got.get(0).at("/new/status").asString()).isEqualTo("ringing");
        assertThat(got.get(1).at("/old/state").asString()).isEqualTo("ringing");
        assertThat(got.get(1).at("/new/state").asString()).isEqualTo("active");
        assertThat(got.get(1).at("/new/version").asInt()).isEqualTo(2);
        assertThat(got.get(2).at("/old/from_number").asString()).isEqualTo("+14155550001");
        assertThat(got.get(2).at("/new").size()).isZero();
        assertThat(clients.awaitChanges("outsider", 1))
                .extracting(change -> change.at("/new/id").asString())
                .containsExactly(last.toString());
        assertThat(clients.changes("anon")).isEmpty();
        assertThat(clients.changes("member")).hasSize(3);
    }

    /** A member of a binding that the official client does not know passes through it. */
    @ParameterizedTest
    @CsvSource({"supabase-js-2.119,2.0.0", "supabase-js-2.109,1.0.0"})
    void E4_whoAsksForDeltasIsToldWhatWasChanged(String library, String version) {
        UUID organization = server.organization("deltas-" + UUID.randomUUID());
        clients.connect("member", library, server, server.userToken(server.member(organization)), version);
        clients.subscribed("member", "calls", CALLS.deepCopy().put("delta", true));
        clients.awaitListening("member", "calls");

        UUID call = server.call(organization);
        server.database().useHandle(handle -> Calls.advance(handle, call, "active"));

        List<JsonNode> got = clients.awaitChanges("member", 2);
        assertThat(got.get(0).at("/new/from_number").asString()).isEqualTo("+14155550001");
        assertThat(got.get(1).at("/new/id").asString()).isEqualTo(call.toString());
        assertThat(got.get(1).at("/new/state").asString()).isEqualTo("active");
        assertThat(got.get(1).get("new").has("from_number")).isFalse();
        assertThat(got.get(1).at("/old/state").asString()).isEqualTo("ringing");
    }

    /** So does an event that it does not know. */
    @ParameterizedTest
    @CsvSource({"supabase-js-2.119,2.0.0", "supabase-js-2.109,1.0.0"})
    void I2_whoAsksForAKeptQueryIsToldItsAnswer(String library, String version) {
        UUID organization = server.organization("kept-" + UUID.randomUUID());
        UUID call = server.call(organization);
        clients.connect("member", library, server, server.userToken(server.member(organization)), version);
        ObjectNode binding = CALLS.deepCopy();
        binding.putObject("switchboard")
                .putObject("live")
                .put("table", "calls")
                .put("query", "select=id,state&order=created_at.desc&limit=1");
        clients.subscribed("member", "calls", binding);

        assertThat(clients.awaitOperation("member", "reset").at("/rows/0/id").asString())
                .isEqualTo(call.toString());
        server.database().useHandle(handle -> Calls.advance(handle, call, "active"));
        assertThat(clients.awaitOperation("member", "update").at("/row/state").asString())
                .isEqualTo("active");
    }

    @Test
    void F000_04_aDeniedSubscriptionSaysTableAndCause() {
        clients.connect("anon", NEWEST, server, null, null);

        clients.subscribe("anon", "calls", CALLS);

        assertThat(clients.awaitError("anon", "calls", "permission denied for table calls"))
                .contains("schema: public, table: calls");
        clients.awaitStatus("anon", "calls", "CHANNEL_ERROR", 1);
    }

    @Test
    void F000_12_aFilterByOrganizationDeliversOnlyThat() {
        UUID first = server.organization("first-" + UUID.randomUUID());
        UUID second = server.organization("second-" + UUID.randomUUID());
        clients.connect("service", NEWEST, server.url(), server.serviceKey(), null, null);
        clients.subscribed(
                "service", "calls", PhoenixClient.binding("*", "public", "calls", "organization_id=eq." + second));
        clients.awaitListening("service", "calls");

        server.call(first);
        UUID wanted = server.call(second);

        assertThat(clients.awaitChanges("service", 1))
                .extracting(change -> change.at("/new/id").asString())
                .containsExactly(wanted.toString());
    }

    @Test
    void removedChannelsGetNothingAndOthersOfTheSocketGoOn() {
        UUID organization = server.organization("removal-" + UUID.randomUUID());
        clients.connect("member", NEWEST, server, server.userToken(server.member(organization)), null);
        clients.subscribed("member", "calls", CALLS);
        clients.subscribed("member", "roles", PhoenixClient.binding("*", "public", "profiles", null));
        clients.awaitListening("member", "calls");
        clients.awaitListening("member", "roles");

        clients.removeChannel("member", "calls");
        server.call(organization);
        server.database()
                .useHandle(handle -> handle.execute(
                        "with member as (insert into user_roles (organization_id, user_id, role) values (?, gen_random_uuid(), 'agent')"
                                + " returning organization_id, user_id) insert into profiles (id, organization_id, display_name)"
                                + " select user_id, organization_id, 'x' from member",
                        organization));

        assertThat(clients.awaitChanges("member", 1))
                .extracting(change -> change.get("table").asString())
                .containsExactly("profiles");
        assertThat(clients.statuses("member", "calls")).endsWith("CLOSED");
    }

    @Test
    void F003_04_anotherUsersTokenTakesOverAndTheFirstUsersRowsEnd() {
        UUID first = server.organization("before-" + UUID.randomUUID());
        UUID second = server.organization("after-" + UUID.randomUUID());
        clients.connect("user", NEWEST, server, server.userToken(server.member(first)), null);
        clients.subscribed("user", "calls", CALLS);
        clients.awaitListening("user", "calls");
        UUID seen = server.call(first);
        clients.awaitChanges("user", 1);

        clients.setToken("user", server.userToken(server.member(second)));
        clients.event(event -> SupabaseClient.is(event, "kind", "tokenSet"));
        org.awaitility.Awaitility.await().untilAsserted(() -> {
            UUID probe = server.call(second);
            assertThat(clients.changes("user"))
                    .anySatisfy(change -> assertThat(
                                    change.at("/new/organization_id").asString())
                            .isEqualTo(second.toString()));
            assertThat(probe).isNotNull();
        });
        UUID hidden = server.call(first);
        UUID shown = server.call(second);

        clients.event(event -> event.at("/change/new/id").asString("").equals(shown.toString()));
        assertThat(clients.changes("user"))
                .extracting(change -> change.at("/new/id").asString())
                .contains(seen.toString())
                .doesNotContain(hidden.toString());
    }

    /** The API key may SELECT the table, and its policy hides every row from it: only the user's token shows them. */
    @ParameterizedTest
    @CsvSource({
        "supabase-js-2.119,0",
        "supabase-js-2.119,10",
        "supabase-js-2.119,300",
        "supabase-js-2.109,0",
        "supabase-js-2.109,10",
        "supabase-js-2.109,300"
    })
    void KF5_whoSubscribesBeforeItsTokenIsKnownGetsItsRows(String library, int delay) {
        UUID user = UUID.randomUUID();
        server.database().useHandle(handle -> {
            handle.execute("drop table if exists public.mine");
            handle.execute("create table public.mine (id int generated always as identity primary key, owner uuid)");
            handle.execute("grant select on public.mine to anon, authenticated");
            handle.execute("alter table public.mine enable row level security");
            handle.execute("create policy own on public.mine using (owner = (select auth.uid()))");
            handle.execute("alter publication supabase_realtime add table public.mine");
        });
        clients.connectSubscribed(
                "early",
                library,
                server,
                server.userToken(user),
                delay,
                "mine",
                PhoenixClient.binding("*", "public", "mine", null));
        clients.awaitStatus("early", "mine", "SUBSCRIBED", 1);
        long start = System.nanoTime();

        org.awaitility.Awaitility.await()
                .pollInterval(java.time.Duration.ofMillis(100))
                .until(() -> {
                    server.database()
                            .useHandle(handle -> handle.execute("insert into public.mine (owner) values (?)", user));
                    return !clients.changes("early").isEmpty();
                });

        System.out.println("KF5 first row after " + (System.nanoTime() - start) / 1_000_000 + " ms with " + library
                + ", token after " + delay);
        assertThat(clients.statuses("early", "mine")).endsWith("SUBSCRIBED");
    }
}

package dev.switchboard.systemtest.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.Calls;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.SupabaseClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Changes, filters, broadcast and presence with the unmodified clients, each beside another of its kind and beside a bare
 * one: supabase-js 2.119.0 and 2.109.0 on both wire versions, supabase-js 2.45.4, realtime-js 2.10 and 2.11, phoenix 1.8.16.
 */
@Tag("node")
class ClientMatrixTest {
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

    private void connect(String client, String library, String version, String token) {
        // phoenix knows no tokens beside the one that opens the socket
        String key = library.equals("phoenix") ? token : server.anonKey();
        clients.connect(client, library, server.url(), key, token, version);
    }

    private JsonNode broadcast(String client, String event) {
        return clients.event(said -> SupabaseClient.is(said, "kind", "broadcast")
                && SupabaseClient.is(said, "client", client)
                && SupabaseClient.is(said, "event", event));
    }

    private void awaitSent(String client, String event) {
        JsonNode sent = clients.event(said -> SupabaseClient.is(said, "kind", "sent")
                && SupabaseClient.is(said, "client", client)
                && SupabaseClient.is(said, "event", event));
        assertThat(sent.get("result").asString()).isIn("ok", "true");
    }

    @ParameterizedTest
    @CsvSource({
        "supabase-js-2.119,2.0.0",
        "supabase-js-2.119,1.0.0",
        "supabase-js-2.109,2.0.0",
        "supabase-js-2.109,1.0.0",
        "supabase-js-2.45,",
        "realtime-js-2.10,",
        "realtime-js-2.11,",
        "phoenix,"
    })
    void F000_12_F_B_P_changesFiltersBroadcastAndPresence(String library, String version) {
        String room = "room " + UUID.randomUUID();
        UUID organization = server.organization("matrix-" + UUID.randomUUID());
        connect("doug", library, version, server.userToken(server.member(organization)));
        connect("rhonda", library, version, server.userToken(server.member(organization)));
        ObjectNode live = PhoenixClient.binding(
                "*", "public", "calls", "organization_id=eq." + organization + ",state=not.in.(completed,ringing)");
        clients.subscribeRoom(
                "doug",
                room,
                "{\"broadcast\":{\"ack\":true,\"self\":false},\"presence\":{\"key\":\"doug\",\"enabled\":true}}",
                live);
        clients.subscribeRoom(
                "rhonda", room, "{\"broadcast\":{\"self\":true},\"presence\":{\"key\":\"rhonda\",\"enabled\":true}}");

        UUID call = server.call(organization);
        server.database().useHandle(handle -> Calls.advance(handle, call, "active"));
        clients.tell(
                "send", "doug", room, "{\"event\":\"ring\",\"payload\":{\"call\":\"" + call + "\",\"n\":[1,2.5]}}");
        clients.tell("send", "rhonda", room, "{\"event\":\"echo\",\"payload\":{}}");
        clients.tell("track", "doug", room, "{\"payload\":{\"page\":\"board\"}}");

        JsonNode change = clients.awaitChanges("doug", 1).getFirst();
        assertThat(change.get("eventType").asString()).isEqualTo("UPDATE");
        assertThat(change.at("/new/state").asString()).isEqualTo("active");
        awaitSent("doug", "ring");
        assertThat(broadcast("rhonda", "ring").get("payload").toString())
                .isEqualTo("{\"call\":\"" + call + "\",\"n\":[1,2.5]}");
        broadcast("rhonda", "echo");
        broadcast("doug", "echo");
        clients.event(said -> SupabaseClient.is(said, "kind", "presence")
                && SupabaseClient.is(said, "client", "rhonda")
                && !said.at("/state/doug").isMissingNode());
        clients.tell("untrack", "doug", room, "{}");
        clients.event(said -> SupabaseClient.is(said, "kind", "untracked"));
        clients.event(said -> SupabaseClient.is(said, "kind", "presence")
                && SupabaseClient.is(said, "client", "rhonda")
                && said.at("/state/doug").isMissingNode());
        clients.removeChannel("doug", room);
    }

    @ParameterizedTest
    @CsvSource({"supabase-js-2.119,true", "supabase-js-2.109,true", "realtime-js-2.10,false", "realtime-js-2.11,false"})
    void B3_B7_rawBytesAndHttpReachTheOthers(String library, boolean raw) {
        String room = "room/" + UUID.randomUUID();
        connect("doug", library, null, server.userToken(UUID.randomUUID()));
        connect("rhonda", library, null, server.userToken(UUID.randomUUID()));
        try (PhoenixClient bare = server.connect()) {
            bare.joinedRoom("realtime:" + room, "{}");
            clients.subscribeRoom("doug", room, "{\"broadcast\":{\"ack\":true}}");

            clients.tell("httpSend", "rhonda", room, "{\"event\":\"http\",\"payload\":{\"a\":1}}");
            awaitSent("rhonda", "http");
            assertThat(broadcast("doug", "http").get("payload").toString()).isEqualTo("{\"a\":1}");

            if (raw) {
                clients.tell("send", "doug", room, "{\"event\":\"raw\",\"text\":\"bytes ü\"}");
                awaitSent("doug", "raw");
                org.awaitility.Awaitility.await().until(() -> bare.binaries().size() == 1);
                clients.tell("httpSend", "rhonda", room, "{\"event\":\"httpRaw\",\"text\":\"more\"}");
                assertThat(broadcast("doug", "httpRaw").get("bytes").asString()).isEqualTo("more");
                bare.sendBinary(PhoenixClient.kind3(
                        "1",
                        "9",
                        "realtime:" + room,
                        "back",
                        "",
                        false,
                        "ü!".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
                assertThat(broadcast("doug", "back").get("bytes").asString()).isEqualTo("ü!");
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "supabase-js-2.119,2.0.0",
        "supabase-js-2.119,1.0.0",
        "supabase-js-2.109,2.0.0",
        "supabase-js-2.109,1.0.0",
        "supabase-js-2.45,",
        "realtime-js-2.10,",
        "realtime-js-2.11,",
        "phoenix,"
    })
    void Y_Z_privateChannelsAndBroadcastsOfTheDatabase(String library, String version) {
        String room = "private " + UUID.randomUUID();
        UUID doug = UUID.randomUUID();
        UUID rhonda = UUID.randomUUID();
        server.database().useHandle(handle -> {
            handle.execute("create table if not exists crew (room text, member uuid, speaks boolean)");
            handle.execute("grant select on crew to authenticated");
            handle.execute("drop policy if exists hear on realtime.messages");
            handle.execute("drop policy if exists speak on realtime.messages");
            handle.execute(
                    "create policy hear on realtime.messages for select to authenticated using (exists (select from crew c"
                            + " where c.member = (select auth.uid()) and c.room = (select realtime.topic())"
                            + " and realtime.messages.extension in ('broadcast', 'presence')))");
            handle.execute(
                    "create policy speak on realtime.messages for insert to authenticated with check (exists (select from crew c"
                            + " where c.member = (select auth.uid()) and c.room = (select realtime.topic()) and c.speaks))");
            handle.execute("insert into crew values (?, ?, true), (?, ?, false)", room, doug, room, rhonda);
        });
        connect("doug", library, version, server.userToken(doug));
        connect("rhonda", library, version, server.userToken(rhonda));
        connect("eve", library, version, server.userToken(UUID.randomUUID()));
        String config =
                "{\"private\":true,\"broadcast\":{\"ack\":true},\"presence\":{\"key\":\"%s\",\"enabled\":true}}";
        clients.subscribeRoom("doug", room, config.formatted("doug"));
        clients.subscribeRoom("rhonda", room, config.formatted("rhonda"));
        clients.tell("subscribe", "eve", room, "{\"config\":{\"private\":true}}");
        assertThat(clients.awaitError("eve", room, "Unauthorized"))
                .contains("You do not have permissions to read from this Channel topic: " + room);

        clients.tell("send", "doug", room, "{\"event\":\"ring\",\"payload\":{\"n\":1}}");
        awaitSent("doug", "ring");
        assertThat(broadcast("rhonda", "ring").at("/payload/n").asInt()).isEqualTo(1);
        clients.tell("send", "rhonda", room, "{\"event\":\"denied\",\"payload\":{}}");
        assertThat(clients.event(said ->
                                SupabaseClient.is(said, "kind", "sent") && SupabaseClient.is(said, "event", "denied"))
                        .get("result")
                        .asString())
                .isEqualTo("error");
        server.database()
                .useHandle(handle ->
                        handle.execute("select realtime.send('{\"n\":2}', 'from the database', ?, true)", room));
        JsonNode sent = broadcast("rhonda", "from the database");
        assertThat(sent.at("/payload/n").asInt()).isEqualTo(2);
        assertThat(sent.at("/meta/id").asString())
                .isEqualTo(sent.at("/payload/id").asString());
    }

    /** Z6, Z8: with the client as it is; to keep a broadcast is what 2.119 can alone, over a socket with version 2.0.0. */
    @ParameterizedTest
    @CsvSource({
        "supabase-js-2.119,2.0.0,true",
        "supabase-js-2.119,1.0.0,false",
        "supabase-js-2.109,2.0.0,false",
        "supabase-js-2.109,1.0.0,false",
        "supabase-js-2.45,,false",
        "realtime-js-2.10,,false",
        "realtime-js-2.11,,false",
        "phoenix,,false"
    })
    void Z6_Z8_replayAndKeptBroadcasts(String library, String version, boolean keeps) {
        String room = "kept " + UUID.randomUUID();
        server.database().useHandle(handle -> {
            handle.execute("drop policy if exists all_hear on realtime.messages");
            handle.execute("drop policy if exists all_speak on realtime.messages");
            handle.execute(
                    "create policy all_hear on realtime.messages for select to authenticated using (realtime.topic() like 'kept %')");
            handle.execute("create policy all_speak on realtime.messages for insert to authenticated with check"
                    + " (realtime.topic() like 'kept %' and event is distinct from 'forbidden')");
            for (int n = 1; n <= 3; n++) {
                handle.execute("select realtime.send(jsonb_build_object('n', ?), ?, ?)", n, "before " + n, room);
            }
        });
        connect("doug", library, version, server.userToken(UUID.randomUUID()));
        clients.subscribeRoom(
                "doug", room, "{\"private\":true,\"broadcast\":{\"ack\":true,\"replay\":{\"since\":0,\"limit\":2}}}");

        assertThat(broadcast("doug", "before 3").at("/meta/replayed").asBoolean())
                .isTrue();
        assertThat(broadcast("doug", "before 2").at("/payload/n").asInt()).isEqualTo(2);
        assertThat(clients.broadcasts("doug")).containsExactly("before 2", "before 3");

        if (keeps) {
            connect("rhonda", library, version, server.userToken(UUID.randomUUID()));
            clients.tell("send", "doug", room, "{\"event\":\"kept\",\"payload\":{\"n\":4},\"persist\":true}");
            awaitSent("doug", "kept");
            clients.tell("send", "doug", room, "{\"event\":\"forbidden\",\"payload\":{\"n\":5},\"persist\":true}");
            assertThat(clients.event(said -> SupabaseClient.is(said, "kind", "sent")
                                    && SupabaseClient.is(said, "event", "forbidden"))
                            .get("result")
                            .asString())
                    .startsWith("UnauthorizedToWrite: ");
            clients.tell(
                    "httpSend",
                    "rhonda",
                    room,
                    "{\"event\":\"over http\",\"payload\":{\"n\":6},\"persist\":{\"ttl\":60},\"config\":{\"private\":true}}");
            awaitSent("rhonda", "over http");
            broadcast("doug", "over http");
            connect("eve", library, version, server.userToken(UUID.randomUUID()));
            clients.subscribeRoom(
                    "eve", room, "{\"private\":true,\"broadcast\":{\"replay\":{\"since\":0,\"limit\":2}}}");
            assertThat(broadcast("eve", "kept").at("/payload/n").asInt()).isEqualTo(4);
            assertThat(broadcast("eve", "over http").at("/meta/replayed").asBoolean())
                    .isTrue();
        }
    }
}

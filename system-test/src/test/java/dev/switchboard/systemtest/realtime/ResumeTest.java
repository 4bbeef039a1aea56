package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.history.HistorySettings;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.ResumingClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** H: who was away is told what was missed, exactly, or that it cannot be told. */
class ResumeTest {
    private static TestServer server;

    private final String user = server.userToken(UUID.randomUUID());

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void create(String table) {
        server.script("""
                drop table if exists public.%1$s;
                create table public.%1$s (id int primary key, body text);
                alter table public.%1$s replica identity full;
                grant select on public.%1$s to anon, authenticated;
                alter publication supabase_realtime add table public.%1$s;
                """.formatted(table));
    }

    private static void run(String sql) {
        server.database().useHandle(handle -> handle.execute(sql));
    }

    private static void insert(String table, int from, int to) {
        for (int i = from; i <= to; i++) {
            run("insert into public." + table + " values (" + i + ", 'b')");
        }
    }

    private ResumingClient client(String table) {
        return new ResumingClient("realtime:" + table, user, PhoenixClient.binding("*", "public", table, null));
    }

    private static List<Integer> ids(ResumingClient client) {
        return client.heard().stream()
                .map(change -> change.at("/record/id").asInt())
                .toList();
    }

    private static void awaitIds(ResumingClient client, int from, int to) {
        List<Integer> expected = IntStream.rangeClosed(from, to).boxed().toList();
        await().atMost(Duration.ofSeconds(20)).until(() -> client.heard().size() >= expected.size());
        assertThat(ids(client)).isEqualTo(expected);
    }

    @Test
    void H1_H2_whatWasMissedIsToldOnceAndInOrderThenItGoesOn() {
        create("missed");
        try (ResumingClient client = client("missed")) {
            JsonNode first = client.join(server::connect);
            assertThat(first.get("resumed").asBoolean()).isFalse();
            insert("missed", 1, 5);
            awaitIds(client, 1, 5);

            client.leave();
            insert("missed", 6, 600);
            JsonNode place = client.join(server::connect);
            insert("missed", 601, 620);

            assertThat(place.get("resumed").asBoolean()).isTrue();
            assertThat(place.get("since").asString())
                    .isEqualTo(first.get("since").asString());
            awaitIds(client, 1, 620);
            assertThat(client.isCaughtUp()).isTrue();
            assertThat(client.resyncs()).isEmpty();
        }
    }

    @Test
    void H1_whoDoesNotAskIsToldNothingOfPositions() {
        create("plain");
        try (PhoenixClient client = server.connect()) {
            JsonNode reply = client.join("realtime:plain", user, PhoenixClient.binding("*", "public", "plain", null));
            insert("plain", 1, 1);

            assertThat(reply.at("/response").has("switchboard")).isFalse();
            assertThat(client.awaitChanges(1).getFirst().has("position")).isFalse();
        }
    }

    @Test
    void H1_aBindingMayCarryTheWishForClientsThatSendNoOtherConfig() {
        create("bound");
        try (PhoenixClient client = server.connect()) {
            var binding = PhoenixClient.binding("*", "public", "bound", null);
            String id = client.join("realtime:other", user, binding)
                    .at("/response/postgres_changes/0/id")
                    .asString();
            binding.putObject("switchboard").put("positions", true);
            JsonNode reply = client.join("realtime:bound", user, binding);

            assertThat(reply.at("/response/switchboard/since").asString()).isNotEmpty();
            assertThat(reply.at("/response/postgres_changes/0/id").asString()).isEqualTo(id);
            assertThat(reply.at("/response/postgres_changes/0").has("switchboard"))
                    .isFalse();
        }
    }

    /** What it is told of by a heartbeat counts: on a quiet table the place moves on with all others. */
    @Test
    void H1_theAnswerToAHeartbeatMovesThePlaceOn() {
        create("quiet");
        create("busy");
        try (ResumingClient client = client("quiet")) {
            client.join(server::connect);
            await().until(client::isCaughtUp);
            String before = client.since().orElseThrow();
            insert("busy", 1, 3);
            await().untilAsserted(() -> {
                client.askPosition();
                assertThat(client.since().orElseThrow()).isNotEqualTo(before).contains("@");
            });
            insert("quiet", 1, 1);
            awaitIds(client, 1, 1);
            client.leave();
            insert("quiet", 2, 2);
            assertThat(client.join(server::connect).get("resumed").asBoolean()).isTrue();
            awaitIds(client, 1, 2);
        }
    }

    @Test
    void H4_aPlaceIsItsUsersAlone() {
        create("owned");
        String place;
        try (ResumingClient client = client("owned")) {
            client.join(server::connect);
            insert("owned", 1, 1);
            awaitIds(client, 1, 1);
            place = client.since().orElseThrow();
        }
        String stranger = server.userToken(UUID.randomUUID());
        String[] parts = place.split("[.]", 2);
        String earlier = "0." + parts[1];
        assertThat(resync(stranger, place)).startsWith("ResumeInvalid");
        assertThat(resync(user, earlier)).startsWith("ResumeInvalid");
        assertThat(resync(user, "nonsense")).startsWith("ResumeInvalid");
        assertThat(resync(user, place.substring(0, place.indexOf('@')) + "@FFFFFF/0#0"))
                .startsWith("ResumeInvalid");
        assertThat(resync(user, place)).isEmpty();
    }

    private static String resync(String token, String since) {
        try (PhoenixClient client = server.connect()) {
            var config = PhoenixClient.JSON.createObjectNode();
            config.putObject("switchboard").put("since", since);
            JsonNode reply = client.joinUnder(
                    config, "realtime:owned", token, PhoenixClient.binding("*", "public", "owned", null));
            return reply.at("/response/switchboard").path("resync").asString("");
        }
    }

    /** H4: a position from before the first that was given shows nothing of what was there then. */
    @Test
    void H4_nothingFromBeforeTheFirstPlaceIsTold() {
        create("secret");
        insert("secret", 1, 10);
        try (ResumingClient client = client("secret")) {
            client.join(server::connect);
            String fence = client.since().orElseThrow();
            try (PhoenixClient again = server.connect()) {
                var config = PhoenixClient.JSON.createObjectNode();
                config.putObject("switchboard").put("since", fence + "@0/1#0");
                JsonNode reply = again.joinUnder(
                        config, "realtime:secret", user, PhoenixClient.binding("*", "public", "secret", null));
                insert("secret", 11, 11);

                assertThat(reply.at("/response/switchboard/resumed").asBoolean())
                        .isTrue();
                assertThat(again.awaitChanges(1).getFirst().at("/record/id").asInt())
                        .isEqualTo(11);
            }
        }
    }

    @Test
    void H2_whatWasMissedIsAuthorisedForNow() {
        create("judged");
        server.script("""
                create table if not exists public.judges (who uuid, id int, primary key (who, id));
                grant select on public.judges to authenticated;
                alter table public.judged enable row level security;
                create policy p on public.judged using (id in (select j.id from public.judges j where j.who = auth.uid()));
                """);
        UUID who = UUID.randomUUID();
        String token = server.userToken(who);
        server.database().useHandle(handle -> allow(handle, who, 1, 2, 3));
        try (var client =
                new ResumingClient("realtime:judged", token, PhoenixClient.binding("*", "public", "judged", null))) {
            client.join(server::connect);
            insert("judged", 1, 1);
            awaitIds(client, 1, 1);
            client.leave();
            insert("judged", 2, 4);
            server.database().useHandle(handle -> {
                handle.execute("delete from public.judges where who = ? and id = 2", who);
                allow(handle, who, 4);
            });

            client.join(server::connect);

            await().until(() -> client.heard().size() >= 3);
            await().until(client::isCaughtUp);
            assertThat(ids(client)).containsExactly(1, 3, 4);
        }
    }

    private static void allow(Handle handle, UUID who, int... ids) {
        for (int id : ids) {
            handle.execute("insert into public.judges values (?, ?)", who, id);
        }
    }

    @Test
    void H3_whatIsNotKeptAnyMoreIsSaid() {
        try (TestServer small = TestServer.with()
                .history(new HistorySettings(20_000, Duration.ofMinutes(5)))
                .start()) {
            small.script("""
                    create table public.much (id int primary key, body text);
                    grant select on public.much to authenticated;
                    alter publication supabase_realtime add table public.much;
                    """);
            String token = small.userToken(UUID.randomUUID());
            try (var client =
                    new ResumingClient("realtime:much", token, PhoenixClient.binding("*", "public", "much", null))) {
                client.join(small::connect);
                client.leave();
                small.database()
                        .useHandle(handle -> handle.execute(
                                "insert into public.much select i, repeat('x', 100) from generate_series(1, 1000) i"));
                await().until(() -> small.server().progress().changesIn() >= 1_000);

                JsonNode place = client.join(small::connect);

                assertThat(place.get("resumed").asBoolean()).isFalse();
                assertThat(place.get("resync").asString()).startsWith("ResumeExpired");
                small.database().useHandle(handle -> handle.execute("insert into public.much values (0, 'new')"));
                await().until(() -> client.heard().size() == 1);
                assertThat(ids(client)).containsExactly(0);
                client.leave();
                assertThat(client.join(small::connect).get("resumed").asBoolean())
                        .isTrue();
            }
        }
    }

    @Test
    void H3_aTableThatWasNotPublishedMeanwhileCannotBeGoneOnWith() {
        create("unpublished");
        try (ResumingClient client = client("unpublished")) {
            client.join(server::connect);
            client.leave();
            run("alter publication supabase_realtime drop table public.unpublished");
            insert("unpublished", 1, 1); // which the stream does not bring
            run("alter publication supabase_realtime add table public.unpublished");

            JsonNode place = client.join(server::connect);

            assertThat(place.get("resync").asString()).startsWith("ResumeImpossible");
        }
    }

    /** Ten megabytes for who reads and does not hurry, forty times what may wait for one: others hear as if nobody had come back. */
    @Test
    void H2_whoComesBackToMuchHoldsNobodyUp() {
        create("plenty");
        try (ResumingClient client = client("plenty");
                PhoenixClient other = server.connect()) {
            client.join(server::connect);
            other.joined("realtime:plenty", user, PhoenixClient.binding("*", "public", "plenty", "id=gt.100000"));
            client.leave();
            run("insert into public.plenty select i, repeat('x', 1000) from generate_series(1, 10000) i");

            assertThat(client.join(server::connect).get("resumed").asBoolean()).isTrue();
            for (int i = 1; i <= 20; i++) {
                insert("plenty", 100_000 + i, 100_000 + i);
                other.awaitChanges(i, Duration.ofSeconds(2));
            }

            await().atMost(Duration.ofSeconds(60)).until(client::isCaughtUp);
            List<Integer> ids = ids(client);
            assertThat(ids.subList(0, 10_000))
                    .isEqualTo(IntStream.rangeClosed(1, 10_000).boxed().toList());
            assertThat(client.resyncs()).isEmpty();
        }
    }

    /** Of a table that was made anew under the same name nothing that was known holds. */
    @Test
    void H3_aTableThatWasMadeAnewCannotBeGoneOnWith() {
        create("anew");
        try (ResumingClient client = client("anew")) {
            client.join(server::connect);
            insert("anew", 1, 1);
            awaitIds(client, 1, 1);
            client.leave();
            create("anew");

            assertThat(client.join(server::connect).get("resync").asString()).startsWith("ResumeImpossible");
        }
    }

    @Test
    void H3_aTruncateInBetweenIsTold() {
        create("emptied");
        try (ResumingClient client = client("emptied")) {
            client.join(server::connect);
            client.leave();
            insert("emptied", 1, 3);
            run("truncate public.emptied");

            client.join(server::connect);

            assertThat(client.connection()
                            .message(message ->
                                    message.at("/4/message").asString("").startsWith("TableTruncated"))
                            .at("/4/status")
                            .asString())
                    .isEqualTo("error");
            client.connection().event("realtime:emptied", "phx_error");
        }
    }
}

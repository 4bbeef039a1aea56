package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.Calls;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.ServerProcess;
import dev.switchboard.systemtest.harness.SupabaseClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The program as a process of its own: stopped, killed, started again on the same data. */
class RestartTest {

    private final ServerProcess server = ServerProcess.start(ServerProcess.startCommand());

    @AfterEach
    void stop() throws InterruptedException {
        server.process().destroy();
        assertThat(server.process().waitFor(20, TimeUnit.SECONDS)).isTrue();
    }

    private void kill() throws InterruptedException {
        server.process().destroyForcibly().waitFor();
    }

    /** What it says of itself once it runs. */
    private String output(String label) {
        await().until(() -> server.output().contains("Ctrl-C stops everything"));
        return server.output()
                .lines()
                .filter(line -> line.strip().startsWith(label))
                .map(line -> line.strip().substring(label.length()).strip())
                .findFirst()
                .orElseThrow();
    }

    private static UUID organization(Jdbi database) {
        UUID id = UUID.randomUUID();
        database.useHandle(handle ->
                handle.execute("insert into organizations (id, name, slug) values (?, 'Restarted', 'restarted')", id));
        return id;
    }

    private PhoenixClient watch() {
        return PhoenixClient.connect(server.port(), output("service key"), "2.0.0")
                .joined("realtime:calls", null, PhoenixClient.binding("*", "public", "calls", null));
    }

    @Test
    void S1_afterKill9TheNextStartWorksOnTheSameDataAndClientsGoOn() throws Exception {
        Jdbi database = server.database();
        UUID organization = organization(database);
        UUID before = UUID.randomUUID();
        try (PhoenixClient client = watch()) {
            database.useHandle(handle -> Calls.insert(handle, before, organization));
            client.awaitChanges(1);

            kill();
            assertThat(client.closeCode()).isEqualTo(1006);
        }
        // the postmaster outlives the killed process; what commits now must be there afterwards
        UUID during = UUID.randomUUID();
        database.useHandle(handle -> Calls.insert(handle, during, organization));

        server.startAgain();

        List<UUID> kept = server.database()
                .withHandle(handle -> handle.createQuery("select id from calls")
                        .mapTo(UUID.class)
                        .list());
        assertThat(kept).containsExactlyInAnyOrder(before, during);
        try (PhoenixClient client = watch()) {
            UUID after = UUID.randomUUID();
            server.database().useHandle(handle -> Calls.insert(handle, after, organization));
            assertThat(client.awaitChanges(1).getLast().at("/record/id").asString())
                    .isEqualTo(after.toString());
        }
    }

    /**
     * Z6, Z7: what the database says around a kill -9, and while nobody listens, is told to who joins again; to nobody twice, though the
     * stream brings again what it had not confirmed.
     */
    @Test
    void Z7_aroundAKill9EveryBroadcastIsHeardOnce() throws Exception {
        String room = "room-" + UUID.randomUUID();
        var committed = new AtomicInteger();
        var most = new AtomicInteger(Integer.MAX_VALUE);
        Thread writer = Thread.ofVirtual().start(() -> {
            while (most.get() > 0) {
                if (committed.get() < most.get()) {
                    send(room, committed.get() + 1);
                    committed.incrementAndGet();
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
            }
        });
        List<Integer> heard;
        try (PhoenixClient client = hear(room)) {
            await().atMost(Duration.ofSeconds(60)).until(() -> numbers(client).size() > 30);
            kill();
            most.set(committed.get() + 10); // what is missed fits into a replay
            heard = new ArrayList<>(numbers(client));
        }
        assertThat(heard)
                .isEqualTo(IntStream.range(heard.getFirst(), heard.getFirst() + heard.size())
                        .boxed()
                        .toList());

        server.startAgain();

        try (PhoenixClient client = hear(room)) {
            int last = committed.get() + 30;
            most.set(Integer.MAX_VALUE);
            await().atMost(Duration.ofSeconds(60)).until(() -> numbers(client).contains(last));
            most.set(0);
            writer.join();
            List<Integer> again = numbers(client);
            assertThat(again).doesNotHaveDuplicates();
            assertThat(again.getFirst())
                    .as("what is replayed reaches back to what was heard")
                    .isLessThanOrEqualTo(heard.getLast() + 1);
            assertThat(again.subList(again.indexOf(heard.getLast()) + 1, again.size()))
                    .isEqualTo(IntStream.rangeClosed(heard.getLast() + 1, again.getLast())
                            .boxed()
                            .toList());
        }
    }

    /** Once, however often PostgreSQL goes away. */
    private void send(String room, int number) {
        await().atMost(Duration.ofSeconds(60))
                .pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(5))
                .ignoreExceptions()
                .until(() -> {
                    server.database()
                            .useHandle(handle -> handle.execute(
                                    "select realtime.send(jsonb_build_object('n', ?), 'word', ?) where not exists (select from"
                                            + " realtime.messages where topic = ? and payload ->> 'n' = ?)",
                                    number,
                                    room,
                                    room,
                                    Integer.toString(number)));
                    return true;
                });
    }

    private PhoenixClient hear(String room) {
        PhoenixClient client = PhoenixClient.connect(server.port(), output("service key"), "2.0.0");
        client.joinedRoom(
                "realtime:" + room, "{\"private\":true,\"broadcast\":{\"replay\":{\"since\":0,\"limit\":25}}}");
        return client;
    }

    private static List<Integer> numbers(PhoenixClient client) {
        return client.messages().stream()
                .filter(message -> message.get(3).asString().equals("broadcast"))
                .map(message -> message.at("/4/payload/n").asInt())
                .toList();
    }

    /** The client's part of "refetch": a snapshot once the subscription is live again, then what the stream brings. */
    @Test
    void D1_aroundAKill9EveryCommitIsInTheNextSnapshotOrInTheStream() throws Exception {
        UUID organization = organization(server.database());
        Set<String> committed = ConcurrentHashMap.newKeySet();
        var enough = new AtomicBoolean();
        Thread writer = Thread.ofVirtual().start(() -> write(organization, committed, enough));
        awaitMore(committed);
        kill();
        awaitMore(committed); // by the postmaster that is left

        server.startAgain();

        try (PhoenixClient client = watch()) {
            List<String> snapshot = server.database()
                    .withHandle(handle -> handle.createQuery("select id::text from calls")
                            .mapTo(String.class)
                            .list());
            awaitMore(committed);
            enough.set(true);
            await().until(() -> !writer.isAlive());
            var known = new HashSet<>(snapshot);
            await().untilAsserted(() -> {
                client.changes()
                        .forEach(change -> known.add(change.at("/record/id").asString()));
                assertThat(known).containsAll(committed);
            });
            assertThat(client.changes())
                    .extracting(change -> change.at("/record/id").asString())
                    .doesNotHaveDuplicates();
            assertThat(client.changes()).isNotEmpty();
        }
    }

    private static void awaitMore(Set<String> committed) {
        int now = committed.size();
        await().until(() -> committed.size() > now + 100);
    }

    /** Every call is tried until it is there, wherever the database is by then; a connection is kept while it lasts. */
    private void write(UUID organization, Set<String> committed, AtomicBoolean enough) {
        var connection = new AtomicReference<Handle>();
        while (!enough.get()) {
            UUID id = UUID.randomUUID();
            await().atMost(Duration.ofSeconds(60))
                    .pollInterval(Duration.ofMillis(5))
                    .pollDelay(Duration.ofMillis(1))
                    .until(() -> isWritten(connection, organization, id));
            committed.add(id.toString());
        }
        connection.get().close();
    }

    private boolean isWritten(AtomicReference<Handle> connection, UUID organization, UUID id) {
        try {
            if (connection.get() == null) {
                connection.set(server.database().open());
            }
            connection
                    .get()
                    .execute(
                            "insert into calls (id, organization_id, provider_call_sid, direction, from_number,"
                                    + " to_number) values (?, ?, ?, 'inbound', '1', '2') on conflict do nothing",
                            id,
                            organization,
                            "CA" + id);
            return true;
        } catch (RuntimeException broken) {
            connection.set(null);
            return false;
        }
    }

    @Test
    void S2_aSignalStopsEverythingWithinFiveSecondsAndTellsClientsToComeBack() throws Exception {
        try (PhoenixClient client = watch()) {

            server.process().destroy();

            assertThat(server.process().waitFor(5, TimeUnit.SECONDS))
                    .as("stopped within 5 s")
                    .isTrue();
            assertThat(client.closeCode()).isEqualTo(1012);
            assertThat(server.directory().resolve("postgres/data/postmaster.pid"))
                    .doesNotExist();
        }
    }

    @Test
    void S3_aSecondServerOnTheSameDataIsRefused() throws Exception {
        List<String> command = ServerProcess.startCommand();
        command.addAll(List.of("--data-dir", server.directory().toString()));
        Process second = new ProcessBuilder(command).redirectErrorStream(true).start();

        assertThat(second.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(second.exitValue()).isEqualTo(2);
        assertThat(new String(second.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8))
                .contains("is in use by process " + server.process().pid(), "--data-dir");
    }

    @Test
    @Tag("node")
    void F000_39_supabaseJsRejoinsByItselfAfterARestart() throws Exception {
        UUID organization = organization(server.database());
        try (var clients = new SupabaseClient()) {
            clients.connect("watcher", "supabase-js-2.119", server.url(), output("service key"), null, null);
            clients.subscribed("watcher", "calls", PhoenixClient.binding("*", "public", "calls", null));
            clients.awaitListening("watcher", "calls");

            kill();
            server.startAgain();
            clients.awaitStatus("watcher", "calls", "SUBSCRIBED", 2);

            UUID call = UUID.randomUUID();
            server.database().useHandle(handle -> Calls.insert(handle, call, organization));
            List<tools.jackson.databind.JsonNode> got = clients.awaitChanges("watcher", 1);
            assertThat(got.getLast().at("/new/id").asString()).isEqualTo(call.toString());
            assertThat(clients.statuses("watcher", "calls")).contains("CHANNEL_ERROR");
        }
    }
}

package dev.switchboard.systemtest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.postgres.Database;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The program as a process of its own: stopped, killed, started again on the same data. */
class RestartTest {
    private static final int PORT = 18_743;
    private static final int WRITES = 600;

    private final Path directory;
    private Process process;

    RestartTest() throws IOException {
        directory = Files.createTempDirectory(Files.createDirectories(Path.of("target", "servers")), "process");
    }

    @AfterEach
    void stop() throws InterruptedException {
        process.destroy();
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }

    private void start() throws IOException {
        process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "dev.switchboard.server.Main",
                        "start",
                        "--port",
                        Integer.toString(PORT),
                        "--data-dir",
                        directory.toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("output.log").toFile())
                .start();
        await().atMost(Duration.ofSeconds(60)).until(() -> {
            assertThat(process.isAlive())
                    .as(Files.readString(directory.resolve("output.log")))
                    .isTrue();
            return Files.readString(directory.resolve("output.log")).contains("Ctrl-C stops everything");
        });
    }

    private String output(String label) throws IOException {
        return Files.readAllLines(directory.resolve("output.log")).stream()
                .filter(line -> line.strip().startsWith(label))
                .map(line -> line.strip().substring(label.length()).strip())
                .findFirst()
                .orElseThrow();
    }

    private Jdbi database() throws IOException {
        String url = output("database").replaceAll("^postgres at ", "").replaceAll(",.*", "");
        var secrets = new Properties();
        try (var reader = Files.newBufferedReader(directory.resolve("secrets.properties"))) {
            secrets.load(reader);
        }
        var database = new Database(url, "postgres", secrets.getProperty("postgres-password"));
        return Jdbi.create(database.url(), database.user(), database.password());
    }

    private static UUID organization(Jdbi database) {
        UUID id = UUID.randomUUID();
        database.useHandle(handle ->
                handle.execute("insert into organizations (id, name, slug) values (?, 'Restarted', 'restarted')", id));
        return id;
    }

    private PhoenixClient watch() throws IOException {
        return PhoenixClient.connect(PORT, output("service key"), "2.0.0")
                .joined("realtime:calls", null, PhoenixClient.binding("*", "public", "calls", null));
    }

    @Test
    void S1_afterKill9TheNextStartWorksOnTheSameDataAndClientsGoOn() throws Exception {
        start();
        Jdbi database = database();
        UUID organization = organization(database);
        UUID before = UUID.randomUUID();
        try (PhoenixClient client = watch()) {
            database.useHandle(handle -> Calls.insert(handle, before, organization));
            client.awaitChanges(1);

            process.destroyForcibly().waitFor();
            assertThat(client.closeCode()).isEqualTo(1006);
        }
        // the postmaster outlives the killed process; what commits now must be there afterwards
        UUID during = UUID.randomUUID();
        database.useHandle(handle -> Calls.insert(handle, during, organization));

        start();

        List<UUID> kept = database()
                .withHandle(handle -> handle.createQuery("select id from calls")
                        .mapTo(UUID.class)
                        .list());
        assertThat(kept).containsExactlyInAnyOrder(before, during);
        try (PhoenixClient client = watch()) {
            UUID after = UUID.randomUUID();
            database().useHandle(handle -> Calls.insert(handle, after, organization));
            assertThat(client.awaitChanges(1).getLast().at("/record/id").asString())
                    .isEqualTo(after.toString());
        }
    }

    /** The client's part of "refetch": a snapshot once the subscription is live again, then what the stream brings. */
    @Test
    void D1_aroundAKill9EveryCommitIsInTheNextSnapshotOrInTheStream() throws Exception {
        start();
        UUID organization = organization(database());
        Set<String> committed = ConcurrentHashMap.newKeySet();
        Thread writer = Thread.ofVirtual().start(() -> write(organization, committed));
        await().until(() -> committed.size() > 100);
        process.destroyForcibly().waitFor();
        await().until(() -> committed.size() > 150); // by the postmaster that is left

        start();

        try (PhoenixClient client = watch()) {
            List<String> snapshot = database()
                    .withHandle(handle -> handle.createQuery("select id::text from calls")
                            .mapTo(String.class)
                            .list());
            await().atMost(Duration.ofSeconds(30)).until(() -> !writer.isAlive());
            var known = new HashSet<>(snapshot);
            await().untilAsserted(() -> {
                client.changes()
                        .forEach(change -> known.add(change.at("/record/id").asString()));
                assertThat(known).containsAll(committed);
            });
            assertThat(client.changes())
                    .extracting(change -> change.at("/record/id").asString())
                    .doesNotHaveDuplicates();
            assertThat(committed).hasSize(WRITES);
        }
    }

    /** Every call is tried until it is there, wherever the database is by then. */
    private void write(UUID organization, Set<String> committed) {
        for (int i = 0; i < WRITES; i++) {
            UUID id = UUID.randomUUID();
            await().atMost(Duration.ofSeconds(60))
                    .pollInterval(Duration.ofMillis(5))
                    .pollDelay(Duration.ofMillis(1))
                    .ignoreExceptions()
                    .until(() -> {
                        database()
                                .useHandle(handle -> handle.execute(
                                        "insert into calls (id, organization_id, provider_call_sid, direction, from_number,"
                                                + " to_number) values (?, ?, ?, 'inbound', '1', '2') on conflict do nothing",
                                        id,
                                        organization,
                                        "CA" + id));
                        return true;
                    });
            committed.add(id.toString());
        }
    }

    @Test
    void S2_aSignalStopsEverythingWithinFiveSecondsAndTellsClientsToComeBack() throws Exception {
        start();
        try (PhoenixClient client = watch()) {

            process.destroy();

            assertThat(process.waitFor(5, TimeUnit.SECONDS))
                    .as("stopped within 5 s")
                    .isTrue();
            assertThat(client.closeCode()).isEqualTo(1012);
            assertThat(directory.resolve("postgres/data/postmaster.pid")).doesNotExist();
        }
    }

    @Test
    void S3_aSecondServerOnTheSameDataIsRefused() throws Exception {
        start();

        Process second = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        "dev.switchboard.server.Main",
                        "start",
                        "--data-dir",
                        directory.toString())
                .redirectErrorStream(true)
                .start();

        assertThat(second.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(second.exitValue()).isEqualTo(2);
        assertThat(new String(second.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8))
                .contains("is in use by process " + process.pid(), "--data-dir");
    }

    @Test
    @Tag("node")
    void F000_39_supabaseJsRejoinsByItselfAfterARestart() throws Exception {
        start();
        UUID organization = organization(database());
        try (var clients = new SupabaseClient()) {
            clients.connect(
                    "watcher", "supabase-js-2.119", "http://127.0.0.1:" + PORT, output("service key"), null, null);
            clients.subscribed("watcher", "calls", PhoenixClient.binding("*", "public", "calls", null));
            clients.awaitListening("watcher", "calls");

            process.destroyForcibly().waitFor();
            start();
            clients.awaitStatus("watcher", "calls", "SUBSCRIBED", 2);

            UUID call = UUID.randomUUID();
            database().useHandle(handle -> Calls.insert(handle, call, organization));
            List<tools.jackson.databind.JsonNode> got = clients.awaitChanges("watcher", 1);
            assertThat(got.getLast().at("/new/id").asString()).isEqualTo(call.toString());
            assertThat(clients.statuses("watcher", "calls")).contains("CHANNEL_ERROR");
        }
    }
}

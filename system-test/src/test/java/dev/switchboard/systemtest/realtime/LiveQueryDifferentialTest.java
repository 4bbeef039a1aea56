package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.data.DataSettings;
import dev.switchboard.systemtest.harness.LiveClient;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * SPEC I3, by random tables, policies, memberships, filters, orders, windows, aggregates and embedded tables ({@link RandomTable}): at every
 * quiet moment a channel's list is what the data API answers its reader.
 */
class LiveQueryDifferentialTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int AT_ONCE = 4;
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.with()
                .data(DataSettings.defaults().with(new DataSettings.Offers(true, false, false)))
                .start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** One query of one reader. */
    private static final class Kept implements AutoCloseable {
        private final String table;
        private final String query;
        private final String token;
        private final LiveClient client;

        Kept(String table, UUID reader, String query, List<String> key) {
            this.table = table;
            this.query = query;
            token = server.userToken(reader);
            ObjectNode live =
                    PhoenixClient.JSON.createObjectNode().put("table", table).put("query", query);
            var names = live.putArray("key");
            key.forEach(names::add);
            client = new LiveClient(server.connect(), "realtime:kept", token, live);
        }

        /** What the data API answers. */
        List<JsonNode> answer() {
            var request = HttpRequest.newBuilder(URI.create(server.url() + "/rest/v1/" + table + "?" + query))
                    .header("Authorization", "Bearer " + token)
                    .build();
            HttpResponse<String> response = HTTP.sendAsync(request, HttpResponse.BodyHandlers.ofString())
                    .join();
            assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
            var rows = new ArrayList<JsonNode>();
            PhoenixClient.JSON.readTree(response.body()).forEach(rows::add);
            return rows;
        }

        @Override
        public void close() {
            client.close();
        }
    }

    @Test
    void I3_theListIsWhatTheDataApiAnswers() throws InterruptedException {
        run(12, 8);
    }

    @Test
    @Tag("long")
    void I3_theListIsWhatTheDataApiAnswersInManyWorkloads() throws InterruptedException {
        run(2_000, 10);
    }

    /** {@code -Dseed} and {@code -Dworkload} run one again. */
    private static void run(int workloads, int steps) throws InterruptedException {
        long seed = Long.getLong("seed", System.nanoTime());
        Integer only = Integer.getInteger("workload");
        var waiting = new ConcurrentLinkedQueue<Integer>(
                only == null ? IntStream.range(0, workloads).boxed().toList() : List.of(only));
        var failures = new ConcurrentLinkedQueue<Throwable>();
        List<Thread> workers = IntStream.range(0, AT_ONCE)
                .mapToObj(_ -> Thread.ofPlatform().start(() -> {
                    for (Integer next = waiting.poll(); next != null && failures.isEmpty(); next = waiting.poll()) {
                        try {
                            workload(seed, next, steps);
                        } catch (RuntimeException | AssertionError e) {
                            failures.add(new AssertionError("-Dseed=" + seed + " -Dworkload=" + next, e));
                        }
                        if (next % 100 == 99) {
                            System.out.println("LiveQueryDifferentialTest: " + (next + 1) + " of " + workloads);
                        }
                    }
                }))
                .toList();
        for (Thread worker : workers) {
            worker.join();
        }
        failures.forEach(failure -> {
            throw new AssertionError(failure.getMessage(), failure.getCause());
        });
    }

    private static void workload(long seed, int number, int steps) {
        var random = new Random(31 * seed + number);
        List<UUID> readers = IntStream.range(0, 3)
                .mapToObj(_ -> new UUID(random.nextLong(), random.nextLong()))
                .toList();
        var table = new RandomTable(random, "kept_" + number, readers);
        execute(table.create());
        var all = new ArrayList<Kept>();
        try {
            for (int i = 0; i < 6; i++) {
                all.add(new Kept(table.name(), readers.get(i % 3), table.query(), table.key()));
            }
            List<String> groupedBy = table.groupedBy();
            all.add(new Kept(table.name(), readers.get(0), table.aggregate(groupedBy), groupedBy));
            all.forEach(kept -> await().atMost(PATIENCE).until(kept.client::isShown));
            for (int step = 0; step < steps; step++) {
                for (int i = 0; i <= random.nextInt(6); i++) {
                    execute(table.changes());
                }
                all.forEach(LiveQueryDifferentialTest::compare);
            }
        } finally {
            all.forEach(Kept::close);
            execute(table.drop());
        }
    }

    private static void compare(Kept kept) {
        await().atMost(PATIENCE)
                .pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(20))
                .untilAsserted(
                        () -> assertThat(kept.client.rows()).as(kept.query).isEqualTo(kept.answer()));
    }

    private static void execute(List<String> statements) {
        server.database().useTransaction(handle -> statements.forEach(handle::execute));
    }
}

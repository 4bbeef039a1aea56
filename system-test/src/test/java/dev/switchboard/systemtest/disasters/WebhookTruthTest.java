package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.systemtest.harness.ServerProcess;
import dev.switchboard.systemtest.harness.WebhookReceiver;
import dev.switchboard.webhooks.Secret;
import dev.switchboard.webhooks.WebhookAdministration;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A receiver that is down, slow, and takes nothing of some keys for a while, and a server that is killed: each change is
 * acknowledged, in the order of its row, and nothing else is. SPEC WH2, WH4, WH5.
 */
class WebhookTruthTest {
    private static final int ROWS = 200;

    @Test
    void WH5_tenThousandChangesReachAReceiverThatIsDownSlowAndFailingThoughTheServerDies() {
        run(10_000, 3, Long.getLong("seed", 11));
    }

    @Test
    @Tag("long")
    void WH5_aHundredThousandChanges() {
        run(100_000, 10, Long.getLong("seed", new Random().nextLong()));
    }

    private static void run(int changes, int deaths, long seed) {
        System.out.println("WebhookTruthTest: seed " + seed);
        var random = new Random(seed);
        try (ServerProcess server = ServerProcess.start(
                        ServerProcess.startCommand(),
                        "--webhooks-to-private-addresses",
                        "--webhook-retries",
                        "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1");
                var moody = new Moody()) {
            server.database().useHandle(handle -> handle.createScript("""
                            create table truth (id int primary key, n int not null);
                            grant select on truth to service_role;
                            alter publication supabase_realtime add table truth;
                            """).execute());
            moody.open();
            add(server, moody.url());
            var written = new HashMap<Integer, Integer>();
            for (int death = 0; death <= deaths; death++) {
                write(server.database(), changes / (deaths + 1), written, random);
                if (death == 0) {
                    moody.down();
                    write(server.database(), 100, written, random);
                    moody.open();
                }
                if (death < deaths) {
                    server.process().destroyForcibly();
                    awaitEnd(server.process());
                    server.startAgain();
                }
            }
            System.out.println("WebhookTruthTest: written, " + moody.acknowledged() + " acknowledged by now");
            long from = System.nanoTime();
            int all = written.values().stream().mapToInt(Integer::intValue).sum();

            await().atMost(Duration.ofMinutes(3))
                    .untilAsserted(() -> assertThat(moody.acknowledged()).isEqualTo(all));

            assertThat(moody.strays())
                    .as("what was not written, or came out of its order")
                    .isEmpty();
            assertThat(moody.lastOfRows()).isEqualTo(written);
            assertThat(moody.failures()).as("attempts that were not taken").isPositive();
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(unsent(server.database())).isZero());
            System.out.println("WebhookTruthTest: " + all + " changes, " + moody.failures() + " attempts not taken, "
                    + moody.repeated() + " came again; the last " + (System.nanoTime() - from) / 1_000_000
                    + " ms after all was written");
        }
    }

    private static int unsent(Jdbi jdbi) {
        return jdbi.withHandle(
                handle -> handle.createQuery("select count(*) from webhooks.messages where state <> 'delivered'")
                        .mapTo(Integer.class)
                        .one());
    }

    private static void awaitEnd(Process process) {
        try {
            assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException stopped) {
            throw new IllegalStateException(stopped);
        }
    }

    private static void add(ServerProcess server, String url) {
        try {
            String jdbc = server.database()
                    .withHandle(handle -> handle.getConnection().getMetaData().getURL());
            var database = new Database(jdbc, "postgres", server.secret("postgres-password"));
            new WebhookAdministration(database, new Secret(server.secret("webhook-secret")))
                    .add(new WebhookAdministration.Wish(
                            url,
                            List.of(new Binding(
                                    "*",
                                    Optional.of("public"),
                                    Optional.of("truth"),
                                    Optional.empty(),
                                    Optional.empty())),
                            "service_role",
                            "{\"role\":\"service_role\"}",
                            "row",
                            Optional.empty(),
                            Optional.empty()));
        } catch (WebhookAdministration.NotPossibleException | SQLException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Each row counts its own changes; several rows change in one transaction. */
    private static void write(Jdbi jdbi, int changes, Map<Integer, Integer> written, Random random) {
        jdbi.useHandle(handle -> {
            int left = changes;
            while (left > 0) {
                Set<Integer> rows = new HashSet<>();
                int size = Math.min(left, 1 + random.nextInt(20));
                while (rows.size() < size) {
                    rows.add(random.nextInt(ROWS));
                }
                handle.createUpdate("insert into truth select id, 1 from unnest(:ids) as t(id)"
                                + " on conflict (id) do update set n = truth.n + 1")
                        .bindArray("ids", Integer.class, List.copyOf(rows))
                        .execute();
                rows.forEach(row -> written.merge(row, 1, Integer::sum));
                left -= size;
            }
        });
    }

    /** A receiver with moods: down, slow, and refusing what comes of every tenth row three times. */
    private static final class Moody implements AutoCloseable {
        private final Map<String, AtomicInteger> refusals = new ConcurrentHashMap<>();
        private final Map<Integer, Integer> last = new HashMap<>();
        private final Set<String> ids = new HashSet<>();
        private final List<String> strays = new ArrayList<>();
        private final AtomicInteger failures = new AtomicInteger();
        private final AtomicInteger repeated = new AtomicInteger();
        private WebhookReceiver receiver = new WebhookReceiver();

        void open() {
            receiver.answering(this::answer);
        }

        void down() {
            int port = receiver.port();
            receiver.close();
            receiver = new WebhookReceiver(port).answering(_ -> 503);
        }

        String url() {
            return receiver.url();
        }

        private int answer(WebhookReceiver.Message message) {
            int row = message.row().path("id").asInt();
            if (row % 10 == 1
                    && message.row().path("n").asInt() % 20 == 3
                    && refusals.computeIfAbsent(message.id(), _ -> new AtomicInteger())
                                    .getAndIncrement()
                            < 2) {
                failures.incrementAndGet();
                return 500;
            }
            if (row % 10 == 2) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            }
            synchronized (this) {
                if (!ids.add(message.id())) {
                    repeated.incrementAndGet();
                    return 200;
                }
                int before = last.getOrDefault(row, 0);
                int n = message.row().path("n").asInt();
                if (n != before + 1) {
                    strays.add(row + ": " + n + " after " + before);
                }
                last.put(row, n);
            }
            return 200;
        }

        synchronized int acknowledged() {
            return ids.size();
        }

        synchronized List<String> strays() {
            return List.copyOf(strays);
        }

        synchronized Map<Integer, Integer> lastOfRows() {
            return Map.copyOf(last);
        }

        int failures() {
            return failures.get();
        }

        int repeated() {
            return repeated.get();
        }

        @Override
        public void close() {
            receiver.close();
        }
    }
}

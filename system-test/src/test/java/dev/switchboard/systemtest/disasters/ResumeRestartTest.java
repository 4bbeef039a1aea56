package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.Postmaster;
import dev.switchboard.systemtest.harness.ResumingClient;
import dev.switchboard.systemtest.harness.ServerProcess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** H5: clients go on where they were whatever ends, the server or PostgreSQL, while rows are written. */
class ResumeRestartTest {
    private static final int WRITERS = 4;
    private static final int OWNERS = 100;

    /** A writer's pause between two transactions, of up to five rows each. */
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(40);

    private final ServerProcess server = ServerProcess.start(ServerProcess.startCommand());
    private final AtomicBoolean enough = new AtomicBoolean();
    private final List<Thread> threads = new ArrayList<>();

    @AfterEach
    void stop() {
        enough.set(true);
        server.close();
    }

    /** One of those who are told everything that is its owner's. */
    private final class Watcher implements Runnable {
        private final int owner;
        private final ResumingClient client;
        private final AtomicInteger joins = new AtomicInteger();
        /** The rows that it was told of, over all connections. */
        private final List<Integer> heard = Collections.synchronizedList(new ArrayList<>());
        /** What was said of its channel by way of error. */
        private final Set<String> errors = new CopyOnWriteArraySet<>();

        Watcher(int owner) {
            this.owner = owner;
            client = new ResumingClient(
                    "realtime:ledger",
                    server.token(
                            "authenticated", Map.of("sub", UUID.randomUUID().toString(), "owner", owner)),
                    PhoenixClient.binding("*", "public", "ledger", null));
        }

        @Override
        public void run() {
            while (!enough.get()) {
                if (join()) {
                    joins.incrementAndGet();
                    while (!enough.get() && client.connection().isOpen() && !client.hasFailed()) {
                        look();
                        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(200));
                    }
                    look();
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(300));
            }
            client.leave();
        }

        private boolean join() {
            try {
                client.join(() -> PhoenixClient.connect(server.port(), apiKey, "2.0.0"));
                return true;
            } catch (RuntimeException | AssertionError notYet) {
                return false;
            }
        }

        private void look() {
            client.next().forEach(change -> heard.add(change.at("/record/id").asInt()));
            client.connection().messages().stream()
                    .filter(message -> message.at("/4/status").asString("").equals("error"))
                    .map(message -> message.at("/4/message").asString(message.toString()))
                    .filter(message -> !message.startsWith("AuthorizationTimedOut")) // it goes on where it was
                    .forEach(errors::add);
        }
    }

    private String apiKey = "";

    @Test
    void H5_killedAndRestartedTwiceNobodyMissesAnythingOrHearsItTwice() throws Exception {
        run(200, 2);
    }

    @Test
    @Tag("long")
    void H5_killedAndRestartedFiftyTimes() throws Exception {
        run(1_000, 50);
    }

    private void run(int clients, int times) throws InterruptedException {
        server.database().useHandle(handle -> handle.createScript("""
                        create table public.ledger (id bigint generated always as identity primary key, owner int not null, body text);
                        create index on public.ledger (owner, id);
                        alter table public.ledger enable row level security;
                        create policy p on public.ledger for select using (owner = (auth.jwt() ->> 'owner')::int);
                        grant select on public.ledger to authenticated;
                        alter publication supabase_realtime add table public.ledger;
                        """).execute());
        apiKey = server.token("anon", Map.of());
        List<Watcher> watchers = IntStream.range(0, clients)
                .mapToObj(i -> new Watcher(i % OWNERS))
                .toList();
        watchers.forEach(watcher -> threads.add(Thread.ofVirtual().start(watcher)));
        awaitJoins(watchers, 1);
        var writing = new AtomicBoolean(true);
        var written = new AtomicInteger();
        List<Thread> writers = IntStream.range(0, WRITERS)
                .mapToObj(i -> Thread.ofVirtual().start(() -> write(i, writing, written)))
                .toList();
        for (int i = 0; i < times; i++) {
            awaitMore(written);
            server.process().destroyForcibly().waitFor();
            awaitMore(written); // by the postmaster that is left
            server.startAgain();
            awaitJoins(watchers, i + 2);
            awaitMore(written);
            awaitHeard(watchers);
            Postmaster.of(server.directory().resolve("postgres/data")).signal("QUIT");
        }
        awaitMore(written);
        writing.set(false);
        for (Thread writer : writers) {
            writer.join();
        }

        Map<Integer, List<Integer>> expected =
                IntStream.range(0, OWNERS).boxed().collect(Collectors.toMap(i -> i, this::owned));
        await().atMost(Duration.ofMinutes(1))
                .untilAsserted(() -> watchers.forEach(watcher -> assertThat(List.copyOf(watcher.heard))
                        .as("%s %s %s", watcher.owner, watcher.client.resyncs(), watcher.errors)
                        .isEqualTo(expected.get(watcher.owner))));
        for (Watcher watcher : watchers) {
            assertThat(watcher.client.resyncs()).isEmpty();
            assertThat(watcher.errors).isEmpty();
            assertThat(watcher.joins.get()).isGreaterThan(times);
        }
    }

    private List<Integer> owned(int owner) {
        return server.database()
                .withHandle(handle -> handle.createQuery("select id from public.ledger where owner = ? order by id")
                        .bind(0, owner)
                        .mapTo(Integer.class)
                        .list());
    }

    /** All have heard of as many rows as there are now, and nobody was told that something is missing. */
    private void awaitHeard(List<Watcher> watchers) {
        Map<Integer, Integer> rows = server.database()
                .withHandle(handle -> handle.createQuery(
                                "select owner, count(*) as n from public.ledger group by owner")
                        .reduceRows(new HashMap<Integer, Integer>(), (all, row) -> {
                            all.put(row.getColumn("owner", Integer.class), row.getColumn("n", Integer.class));
                            return all;
                        }));
        await().atMost(Duration.ofMinutes(1))
                .untilAsserted(() -> assertThat(watchers).allSatisfy(watcher -> {
                    assertThat(watcher.client.resyncs()).isEmpty();
                    assertThat(watcher.errors).isEmpty();
                    assertThat(watcher.heard.size())
                            .as("owner %d, join %d", watcher.owner, watcher.joins.get())
                            .isGreaterThanOrEqualTo(rows.getOrDefault(watcher.owner, 0));
                }));
    }

    private static void awaitJoins(List<Watcher> watchers, int times) {
        await().atMost(Duration.ofMinutes(2))
                .until(() -> watchers.stream().allMatch(watcher -> watcher.joins.get() >= times));
    }

    private static void awaitMore(AtomicInteger written) {
        int now = written.get();
        await().atMost(Duration.ofMinutes(1)).until(() -> written.get() > now + 50);
    }

    /** An owner's rows are written by one writer, so that their order is that of their ids; what was cut off may have been written or not. */
    private void write(int number, AtomicBoolean writing, AtomicInteger written) {
        var random = new Random(number);
        while (writing.get()) {
            try (Handle handle = server.database().open()) {
                while (writing.get()) {
                    int owner = number + WRITERS * random.nextInt(OWNERS / WRITERS);
                    handle.execute(
                            "insert into public.ledger (owner, body) select ?, repeat('x', 100) from generate_series(1, ?)",
                            owner,
                            1 + random.nextInt(5));
                    written.incrementAndGet();
                    LockSupport.parkNanos(PAUSE_NANOS);
                }
            } catch (RuntimeException away) {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }
}

package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** H6: rows that were read and the stream that follows them meet without a gap and without doubles, however the writers commit. */
class FenceTest {
    private static final int WRITERS = 16;
    /** Of them, those that commit all the time, so that each is heard of soon. */
    private static final int QUICK = 12;

    private static final int WORKERS = 16;
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(25);

    private final TestServer server = TestServer.start();
    private final String user = server.userToken(UUID.randomUUID());
    private final AtomicBoolean enough = new AtomicBoolean();

    @BeforeEach
    void create() {
        server.script("alter system set max_prepared_transactions = 20");
        server.server().postgres().orElseThrow().restart("fast");
        await().atMost(Duration.ofSeconds(20))
                .until(() -> server.server().progress().streamTrouble().isEmpty());
        server.script("""
                create table public.fenced (writer int, n int, primary key (writer, n));
                create view public.fenced_most as select w.writer, (select max(f.n) from public.fenced f where f.writer = w.writer) as n
                  from generate_series(0, 15) w(writer);
                grant select on public.fenced, public.fenced_most to authenticated;
                alter publication supabase_realtime add table public.fenced;
                notify pgrst, 'reload schema';
                """);
    }

    @AfterEach
    void stop() {
        enough.set(true);
        server.close();
    }

    @Test
    void H6_snapshotsOfTheDataApiMeetTheStream() throws Exception {
        run(20_000, Duration.ofSeconds(5));
    }

    @Test
    @Tag("long")
    void H6_aHundredThousandSnapshots() throws Exception {
        run(100_000, Duration.ofMinutes(1));
    }

    private void run(int snapshots, Duration longTransaction) throws Exception {
        List<Thread> writers = IntStream.range(0, WRITERS)
                .mapToObj(writer -> Thread.ofVirtual().start(() -> write(writer, longTransaction)))
                .toList();
        var left = new AtomicInteger(snapshots);
        try (var workers = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> working = new ArrayList<>();
            for (int i = 0; i < WORKERS; i++) {
                int worker = i;
                working.add(workers.submit(() -> {
                    while (left.get() > 0) {
                        meet(worker, left);
                    }
                }));
            }
            for (Future<?> one : working) {
                one.get();
            }
        }
        enough.set(true);
        for (Thread writer : writers) {
            writer.join();
        }
        assertThat(server.server().progress().replayed()).isPositive();
    }

    /** Some snapshots over one connection. */
    private void meet(int worker, AtomicInteger left) {
        try (var http = new Http(server);
                PhoenixClient client = server.connect()) {
            for (int i = 0; i < 50 && left.getAndDecrement() > 0; i++) {
                Http.Answer answer = http.get(
                        "/rest/v1/fenced_most?select=writer,n", "Authorization", "Bearer " + user, "Prefer", "fence");
                assertThat(answer.status()).as(answer.body()).isEqualTo(200);
                Map<Integer, Integer> seen = new HashMap<>();
                answer.json()
                        .forEach(row ->
                                seen.put(row.get("writer").asInt(), row.get("n").asInt(0)));
                String topic = "realtime:s" + worker + "-" + i;
                var meeting = new Meeting(seen, topic, client);
                ObjectNode config = PhoenixClient.JSON.createObjectNode();
                config.putObject("switchboard").put("since", answer.header("Switchboard-Fence"));
                JsonNode reply =
                        client.joinUnder(config, topic, user, PhoenixClient.binding("*", "public", "fenced", null));
                assertThat(reply.at("/response/switchboard/resumed").asBoolean())
                        .as(reply.toString())
                        .isTrue();
                await().atMost(Duration.ofSeconds(30))
                        .pollDelay(Duration.ZERO)
                        .pollInterval(Duration.ofMillis(5))
                        .until(meeting::isWhole);
                client.push(null, topic, "phx_leave", "{}");
            }
        }
    }

    /** A snapshot, and what a channel that goes on from it is told. */
    private static final class Meeting {
        private final Map<Integer, Integer> known;
        private final String topic;
        private final PhoenixClient client;
        private final Set<Integer> heard = new HashSet<>();
        private int next;

        Meeting(Map<Integer, Integer> seen, String topic, PhoenixClient client) {
            known = new HashMap<>(seen);
            this.topic = topic;
            this.client = client;
            next = client.changeCount();
        }

        /** Whether each of the quick writers has been heard of; each change of a writer is the one after the last that is known. */
        boolean isWhole() {
            List<JsonNode> frames = client.frames(next);
            next += frames.size();
            for (JsonNode frame : frames) {
                if (frame.get(2).asString().equals(topic)) {
                    int writer = frame.at("/4/data/record/writer").asInt();
                    int n = frame.at("/4/data/record/n").asInt();
                    assertThat(n).as("writer %d", writer).isEqualTo(known.get(writer) + 1);
                    known.put(writer, n);
                    heard.add(writer);
                }
            }
            return IntStream.range(0, QUICK).allMatch(heard::contains);
        }
    }

    private void write(int writer, Duration longTransaction) {
        var random = new Random(writer);
        try (Handle handle = server.database().open()) {
            int n = 0;
            while (!enough.get()) {
                n = transaction(handle, writer, n, random, longTransaction);
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    /** Inserts the next rows, in a way that is the writer's own; returns the last. */
    private int transaction(Handle handle, int writer, int last, Random random, Duration longTransaction) {
        String row = "insert into public.fenced values (" + writer + ", %d)";
        int n = last + 1;
        switch (writer) {
            case 0 -> { // a savepoint that is rolled back, and one that is not
                handle.begin();
                handle.execute(row.formatted(n));
                handle.savepoint("s");
                handle.execute(row.formatted(n + 1));
                handle.rollbackToSavepoint("s");
                handle.savepoint("t");
                handle.execute(row.formatted(n + 1));
                handle.releaseSavepoint("t");
                handle.commit();
                return n + 1;
            }
            case 1 -> // a subtransaction that fails
                handle.execute("do $$ begin begin " + row.formatted(n)
                        + "; raise 'no'; exception when others then null; end; " + row.formatted(n) + "; end $$");
            case 2 -> { // two phases
                String name = "'fenced-" + n + "'";
                handle.execute("begin");
                handle.execute(row.formatted(n));
                handle.execute("prepare transaction " + name);
                LockSupport.parkNanos(random.nextInt(20) * 1_000_000L);
                handle.execute("commit prepared " + name);
            }
            case 3 -> { // which is not waited for
                handle.begin();
                handle.execute("set local synchronous_commit = off");
                handle.execute(row.formatted(n));
                handle.commit();
            }
            case 4, 5 -> {
                int rows = 1 + random.nextInt(5);
                handle.execute(
                        "insert into public.fenced select ?, i from generate_series(?, ?) i", writer, n, n + rows - 1);
                return n + rows - 1;
            }
            case 15 -> { // open during thousands of snapshots
                handle.begin();
                handle.execute(row.formatted(n));
                long end = System.nanoTime() + longTransaction.toNanos();
                while (!enough.get() && System.nanoTime() < end) {
                    LockSupport.parkNanos(PAUSE_NANOS);
                }
                handle.commit();
            }
            case 12, 13, 14 -> { // now and then
                LockSupport.parkNanos(random.nextInt(200) * 1_000_000L);
                handle.execute(row.formatted(n));
            }
            default -> handle.execute(row.formatted(n));
        }
        return n;
    }
}

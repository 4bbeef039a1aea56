package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** KF30: a join obeys the catalog of its moment, and hears of exactly what comes after it. */
class JoinMomentTest {
    private static final AtomicLong OWN = new AtomicLong(1_000_000_000_000L);

    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void create(Handle handle, String table, String columns) {
        handle.execute("drop table if exists public." + table + " cascade");
        handle.execute("create table public." + table + " (" + columns + ")");
        handle.execute("grant select on public." + table + " to anon, authenticated");
        handle.execute("alter publication supabase_realtime add table public." + table);
    }

    private static PhoenixClient joined(String table, String filter) {
        return server.connect()
                .joined("realtime:" + table, server.anonKey(), PhoenixClient.binding("*", "public", table, filter));
    }

    private static List<String> ids(PhoenixClient client) {
        return client.changes().stream()
                .map(change -> change.at("/record/id").asString())
                .toList();
    }

    @Test
    void KF30_aTableThatWasMadeAnewIsJoinedAtOnce() {
        for (int i = 0; i < 20; i++) {
            String column = "body" + i;
            server.database().useHandle(handle -> create(handle, "anew", "id int primary key, " + column + " text"));
            try (PhoenixClient client = joined("anew", column + "=eq.x")) {
                server.database()
                        .useHandle(handle -> handle.execute("insert into public.anew values (1, 'y'), (2, 'x')"));
                client.awaitChanges(1);
                assertThat(ids(client)).containsExactly("2");
                assertThat(failed(client)).isFalse();
            }
        }
    }

    @Test
    void KF30_grantsAndRevocationsCountForTheJoinThatFollows() {
        server.database().useHandle(handle -> create(handle, "granted", "id int primary key, body text"));
        try (PhoenixClient client = server.connect()) {
            for (int i = 0; i < 10; i++) {
                server.database().useHandle(handle -> handle.execute("revoke select on public.granted from anon"));
                assertThat(client.join(
                                        "realtime:granted",
                                        server.anonKey(),
                                        PhoenixClient.binding("*", "public", "granted", null))
                                .toString())
                        .contains("permission denied");
                server.database().useHandle(handle -> handle.execute("grant select on public.granted to anon"));
                assertThat(client.join(
                                        "realtime:granted",
                                        server.anonKey(),
                                        PhoenixClient.binding("*", "public", "granted", null))
                                .toString())
                        .contains("\"ok\"");
            }
        }
    }

    @Test
    void KF30_refusalsAreInOurWords() {
        server.database().useHandle(handle -> {
            create(handle, "worded", "id int primary key, body text");
            handle.execute("create function public.raising() returns boolean language plpgsql as"
                    + " $$ begin raise exception 'not today'; end $$");
            handle.execute("alter table public.worded enable row level security");
            handle.execute("create policy p on public.worded using (public.raising())");
        });
        try (PhoenixClient client = server.connect()) {
            for (String filter : List.of("nothing=eq.1", "id=eq.x", "id=like.1")) {
                assertThat(client.join(
                                        "realtime:worded",
                                        server.anonKey(),
                                        PhoenixClient.binding("*", "public", "worded", filter))
                                .toString())
                        .contains("Unable to subscribe")
                        .doesNotContain("ERROR:")
                        .doesNotContain("Position:");
            }
        }
    }

    @Test
    void KF30_whatWasCommittedBeforeTheJoinIsNotSentHoweverLateItComes() {
        server.database().useHandle(handle -> {
            create(handle, "late", "id int primary key, body text");
            create(handle, "slow_one", "id int primary key");
            handle.execute("create function public.slowly() returns boolean language plpgsql stable as"
                    + " $$ begin perform pg_sleep(0.05); return true; end $$");
            handle.execute("alter table public.slow_one enable row level security");
            handle.execute("create policy p on public.slow_one using (public.slowly())");
        });
        try (PhoenixClient _ = server.connect()
                .joined(
                        "realtime:slow",
                        server.userToken(java.util.UUID.randomUUID()),
                        PhoenixClient.binding("*", "public", "slow_one", null))) {
            // the stream is two seconds behind: what is committed now comes after the join
            server.database().useHandle(handle -> {
                handle.execute("grant select on public.slow_one to authenticated");
                handle.execute("insert into public.slow_one select generate_series(1, 40)");
                handle.execute("insert into public.late values (1, 'before')");
            });
            try (PhoenixClient client = joined("late", null)) {
                server.database().useHandle(handle -> handle.execute("insert into public.late values (2, 'after')"));
                client.awaitChanges(1);
                assertThat(ids(client)).containsExactly("2");
            }
        }
    }

    @Test
    void KF30_aTransactionThatWasUnderWayIsSentWhenItCommits() {
        server.database().useHandle(handle -> create(handle, "underway", "id int primary key"));
        server.database().useHandle(open -> {
            open.begin();
            open.execute("insert into public.underway values (1)");
            try (PhoenixClient client = joined("underway", null)) {
                server.database().useHandle(handle -> handle.execute("insert into public.underway values (2)"));
                open.commit();
                client.awaitChanges(2);
                assertThat(ids(client)).containsExactlyInAnyOrder("1", "2");
            }
        });
    }

    @Test
    void KF30_randomJoinsUnderChangesOfTheSchemaAndOfRows() throws Exception {
        schedules(Integer.getInteger("joins", 150));
    }

    @Test
    @Tag("long")
    void KF30_twoThousandRandomJoins() throws Exception {
        schedules(2_000);
    }

    /**
     * Sessions make tables anew, alter them and insert, others join. A row whose insert had been committed before the join
     * was sent must not come; one whose insert began after the reply must, unless the table was made anew since.
     */
    private static void schedules(int joins) throws Exception {
        long seed = Long.getLong("seed", new Random().nextLong());
        System.out.println("JoinMomentTest seed " + seed);
        var random = new Random(seed);
        int tables = 3;
        for (int i = 0; i < tables; i++) {
            int number = i;
            server.database()
                    .useHandle(
                            handle -> create(handle, "moment" + number, "id bigint primary key, body text, kind int"));
        }
        var stop = new AtomicBoolean();
        Map<Long, Long> committed = new ConcurrentHashMap<>();
        var ids = new AtomicInteger();
        var remade = new AtomicIntegerArray(tables);
        var failures = ConcurrentHashMap.<String>newKeySet();
        var checked = new AtomicInteger();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var running = new ArrayList<Future<?>>();
            for (int i = 0; i < 2; i++) {
                var own = new Random(random.nextLong());
                running.add(threads.submit(() -> insert(stop, own, tables, ids, committed)));
            }
            var ddl = new Random(random.nextLong());
            running.add(threads.submit(() -> alter(stop, ddl, tables, remade)));
            var joiners = new ArrayList<Future<?>>();
            for (int i = 0; i < 4; i++) {
                var own = new Random(random.nextLong());
                joiners.add(threads.submit(() -> {
                    for (int j = 0; j < joins / 4; j++) {
                        join(own, tables, committed, remade, failures, checked);
                    }
                }));
            }
            for (Future<?> joiner : joiners) {
                joiner.get();
            }
            stop.set(true);
            for (Future<?> one : running) {
                one.get();
            }
        }
        System.out.println("JoinMomentTest rows that had to come: " + checked.get() + ", tables made anew: " + remade);
        assertThat(failures).as("seed " + seed).isEmpty();
        assertThat(checked.get()).isPositive();
        assertThat(remade.get(0) + remade.get(1) + remade.get(2)).isPositive();
    }

    private static void insert(
            AtomicBoolean stop, Random random, int tables, AtomicInteger ids, Map<Long, Long> committed) {
        server.database().useHandle(handle -> {
            while (!stop.get()) {
                long id = ids.incrementAndGet();
                try {
                    handle.execute("insert into public.moment" + random.nextInt(tables) + " (id) values (" + id + ")");
                    committed.put(id, System.nanoTime());
                } catch (RuntimeException gone) {
                    // the table was just being made anew
                }
            }
        });
    }

    private static void alter(AtomicBoolean stop, Random random, int tables, AtomicIntegerArray remade) {
        server.database().useHandle(handle -> {
            while (!stop.get()) {
                int number = random.nextInt(tables);
                String table = "moment" + number;
                if (random.nextInt(6) == 0) {
                    remade.incrementAndGet(number);
                    handle.useTransaction(inner -> create(
                            inner,
                            table,
                            "id bigint primary key, body text, kind int, c" + random.nextInt(9) + " int"));
                    remade.incrementAndGet(number);
                } else {
                    handle.execute("alter table public." + table + " add column if not exists extra" + random.nextInt(5)
                            + " int");
                    handle.execute("alter table public." + table + " drop column if exists extra" + random.nextInt(5));
                }
                handle.execute("select pg_sleep(0.03)");
            }
        });
    }

    private static boolean failed(PhoenixClient client) {
        return client.messages().stream()
                .anyMatch(message -> message.get(3).asString().equals("phx_error"));
    }

    private static boolean isInserted(String table, long id) {
        return server.database().withHandle(handle -> {
            try {
                handle.execute("insert into public." + table + " (id) values (" + id + ")");
                return true;
            } catch (RuntimeException gone) {
                return false; // it was just being made anew
            }
        });
    }

    private static void join(
            Random random,
            int tables,
            Map<Long, Long> committed,
            AtomicIntegerArray remade,
            Set<String> failures,
            AtomicInteger checked) {
        int number = random.nextInt(tables);
        String table = "moment" + number;
        int madeAnew = remade.get(number); // odd while that is going on
        long sent = System.nanoTime();
        try (PhoenixClient client = server.connect()) {
            String reply = client.join(
                            "realtime:" + table,
                            server.anonKey(),
                            PhoenixClient.binding("INSERT", "public", table, random.nextBoolean() ? "id=gt.0" : null))
                    .toString();
            if (!reply.contains("\"ok\"")) {
                failures.add("refused: " + reply);
                return;
            }
            long own = OWN.incrementAndGet();
            boolean there = isInserted(table, own);
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> !there
                            || remade.get(number) != madeAnew
                            || ids(client).contains(Long.toString(own))
                            || failed(client));
            // only where nobody made a table anew meanwhile
            if (there && remade.get(number) == madeAnew && madeAnew % 2 == 0) {
                checked.incrementAndGet();
                if (!ids(client).contains(Long.toString(own))) {
                    failures.add("lost: " + own + " of " + table + " " + client.messages());
                }
            }
            Set<Long> early = ids(client).stream()
                    .map(Long::valueOf)
                    .filter(id -> committed.getOrDefault(id, Long.MAX_VALUE) < sent)
                    .collect(Collectors.toSet());
            if (!early.isEmpty()) {
                failures.add("from before the join: " + early + " of " + table);
            }
        }
    }
}

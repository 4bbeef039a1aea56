package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.Postmaster;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** PostgreSQL ends, by order or by accident: it is not kept from it, and what was on its way arrives once it is back. */
class PostgresStopsTest {
    private static final Duration FAST = Duration.ofSeconds(2);

    private TestServer server;

    @BeforeEach
    void start() {
        server = TestServer.start();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    /** A published table whose policy takes so long for each row. */
    private void slowTable(String name, double seconds) {
        server.script("""
                        create table %1$s (id int primary key);
                        alter table %1$s replica identity full;
                        create function %1$s_policy(id int) returns boolean language plpgsql as
                          $$ begin perform pg_sleep(%2$s); return true; end $$;
                        alter table %1$s enable row level security;
                        create policy p on %1$s for select using (%1$s_policy(id));
                        alter publication supabase_realtime add table %1$s;
                        """.formatted(name, seconds));
    }

    private void insert(String table, int from, int to) {
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into " + table + " select i from generate_series(" + from + ", " + to + ") i"));
    }

    private PhoenixClient watch(String table) {
        return server.connect()
                .joined(
                        "realtime:" + table,
                        server.userToken(UUID.randomUUID()),
                        PhoenixClient.binding("*", "public", table, null));
    }

    private static List<Integer> ids(PhoenixClient client) {
        return client.changes().stream()
                .map(change -> change.at("/record/id").asInt())
                .toList();
    }

    private static List<Integer> numbers(int from, int to) {
        return IntStream.rangeClosed(from, to).boxed().toList();
    }

    private void awaitHeld() {
        await().atMost(Duration.ofSeconds(20))
                .until(() -> server.server().progress().lagBytes() > 0);
    }

    /** For as long as it takes: a connection is closed after a minute of silence, so it is not silent. */
    private static void awaitAll(PhoenixClient client, int count) {
        await().atMost(Duration.ofMinutes(5))
                .pollInterval(Duration.ofSeconds(1))
                .until(() -> {
                    client.heartbeat();
                    return client.changeTexts().size() >= count;
                });
    }

    private void assertNothingRefetched(PhoenixClient client) {
        assertThat(client.isOpen()).isTrue();
        assertThat(server.server().progress().refetches()).isZero();
        assertThat(client.messages())
                .noneMatch(message -> message.get(3).asString().equals("phx_error"));
    }

    @Test
    void KF1_fastStopWhileARoundIsHeld() {
        slowTable("slow", 0.5);
        try (PhoenixClient client = watch("slow")) {
            insert("slow", 1, 20);
            awaitHeld();

            Duration stopped = Postmaster.of(server).endAfter("INT");

            assertThat(stopped).isLessThan(FAST);
            client.awaitChanges(20, Duration.ofSeconds(60));
            assertThat(ids(client)).isEqualTo(numbers(1, 20));
            assertNothingRefetched(client);
        }
    }

    @Test
    void KF1_restartByOurselvesWhileSingleRowsAreHeld() {
        slowTable("slow", 0.5);
        try (PhoenixClient client = watch("slow")) {
            for (int i = 1; i <= 8; i++) {
                insert("slow", i, i);
            }
            awaitHeld();
            long start = System.nanoTime();

            server.server().postgres().orElseThrow().restart("fast");

            assertThat(Duration.ofNanos(System.nanoTime() - start))
                    .as("stop and start")
                    .isLessThan(FAST.plusSeconds(3));
            client.awaitChanges(8, Duration.ofSeconds(60));
            assertThat(ids(client)).isEqualTo(numbers(1, 8));
            assertNothingRefetched(client);
        }
    }

    @Test
    void KF1_fastStopWhileRowsCannotBeAskedFor() {
        slowTable("locked", 0);
        try (PhoenixClient client = watch("locked")) {
            server.database().useHandle(handle -> handle.execute("alter role authenticator connection limit 0"));
            server.database()
                    .useHandle(
                            handle -> handle.execute(
                                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'switchboard-rows'"));
            insert("locked", 1, 3);
            awaitHeld();

            Duration stopped = Postmaster.of(server).endAfter("INT");

            assertThat(stopped).isLessThan(FAST);
            await().atMost(Duration.ofSeconds(20)).ignoreExceptions().until(() -> {
                server.database().useHandle(handle -> handle.execute("alter role authenticator connection limit -1"));
                return true;
            });
            client.awaitChanges(3, Duration.ofSeconds(30));
            assertThat(ids(client)).isEqualTo(numbers(1, 3));
            assertNothingRefetched(client);
        }
    }

    @Test
    void KF1_fastStopWithAPreparedTransactionAndAHeldRound() {
        server.database().useHandle(handle -> handle.execute("alter system set max_prepared_transactions = 5"));
        server.server().postgres().orElseThrow().restart("fast");
        slowTable("slow", 0.5);
        try (PhoenixClient client = watch("slow")) {
            insert("slow", 1, 1);
            server.database().useHandle(handle -> {
                handle.execute("begin");
                handle.execute("insert into slow values (2)");
                handle.execute("prepare transaction 'later'");
            });
            insert("slow", 3, 10);
            awaitHeld();

            Duration stopped = Postmaster.of(server).endAfter("INT");

            assertThat(stopped).isLessThan(FAST);
            await().atMost(Duration.ofSeconds(20)).ignoreExceptions().until(() -> {
                server.database().useHandle(handle -> handle.execute("commit prepared 'later'"));
                return true;
            });
            client.awaitChanges(10, Duration.ofSeconds(60));
            assertThat(ids(client)).containsExactlyInAnyOrderElementsOf(numbers(1, 10));
            assertNothingRefetched(client);
        }
    }

    @Test
    void KF1_theWatchAloneBeingEndedLetsNothingGo() {
        slowTable("plain", 0);
        try (PhoenixClient client = watch("plain")) {
            long breaks = server.server().progress().streamBreaks();
            String watchers =
                    "select count(*) from pg_stat_activity where application_name = 'switchboard-shutdown-watch'";

            server.database()
                    .useHandle(handle -> handle.execute("select pg_terminate_backend(pid) from pg_stat_activity"
                            + " where application_name = 'switchboard-shutdown-watch'"));

            await().atMost(Duration.ofSeconds(20))
                    .until(() -> server.database()
                                    .withHandle(handle -> handle.createQuery(watchers)
                                            .mapTo(Integer.class)
                                            .one())
                            == 1);
            insert("plain", 1, 5);
            client.awaitChanges(5);
            assertThat(server.server().progress().streamBreaks()).isEqualTo(breaks);
        }
    }

    @Test
    void KF1_aBatchOfSlowRowsIsDecidedThoughTogetherTheyTakeLongerThanAStatementMay() {
        slowTable("slow", 0.5);
        try (PhoenixClient client = watch("slow")) {
            insert("slow", 1, 16); // 8 s in one statement, which may take 5

            client.awaitChanges(16, Duration.ofSeconds(60));
            assertThat(ids(client)).isEqualTo(numbers(1, 16));
            assertNothingRefetched(client);
        }
    }

    @Test
    @Tag("long")
    void KF1_twentyFastStopsWhileAThousandChangesWait() {
        server.close();
        // no batch can be decided between two stops, so all twenty are one time without an answer
        server = TestServer.with().authorizationPatience(Duration.ofMinutes(5)).start();
        slowTable("slow", 0.5);
        try (PhoenixClient client = watch("slow")) {
            var times = new ArrayList<Duration>();
            for (int run = 0; run < 20; run++) {
                insert("slow", 1000 * run + 1, 1000 * run + 1000);
                client.heartbeat();
                awaitHeld();
                times.add(Postmaster.of(server).endAfter("INT"));
                await().atMost(Duration.ofSeconds(30))
                        .until(() -> server.server().progress().streamTrouble().isEmpty());
            }
            System.out.println("PostgresStopsTest: fast stops took " + times);
            assertThat(times).allMatch(time -> time.compareTo(FAST) < 0);
            server.database()
                    .useHandle(handle -> handle.execute(
                            "create or replace function slow_policy(id int) returns boolean language sql return true"));
            awaitAll(client, 20_000);
            assertThat(ids(client)).isEqualTo(numbers(1, 20_000));
            assertNothingRefetched(client);
        }
    }

    @Test
    @Tag("long")
    void KF1_twentyFastAndTwentyImmediateRestartsUnderWriteLoad() {
        restarts(20);
    }

    @Test
    void KF1_restartsUnderWriteLoadLoseDoubleAndRefetchNothing() {
        restarts(2);
    }

    private void restarts(int each) {
        slowTable("plain", 0);
        try (PhoenixClient client = watch("plain")) {
            var committed = new ConcurrentLinkedQueue<Integer>();
            var done = new AtomicBoolean();
            Jdbi database = server.database();
            CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> {
                for (int i = 1; !done.get(); i++) {
                    int id = i;
                    await().atMost(Duration.ofSeconds(60))
                            .pollDelay(Duration.ZERO)
                            .pollInterval(Duration.ofMillis(2))
                            .ignoreExceptions()
                            .until(() -> database.withHandle(handle ->
                                    handle.execute("insert into plain values (?) on conflict do nothing", id) >= 0));
                    committed.add(id);
                }
            });
            for (int i = 0; i < 2 * each; i++) {
                client.heartbeat();
                int before = committed.size();
                await().atMost(Duration.ofSeconds(30)).until(() -> committed.size() > before + 20);
                server.server().postgres().orElseThrow().restart(i % 2 == 0 ? "fast" : "immediate");
            }
            done.set(true);
            writer.join();

            awaitAll(client, committed.size());
            assertThat(ids(client)).isEqualTo(List.copyOf(committed));
            assertNothingRefetched(client);
        }
    }

    @Test
    void KF2_aKilledPostmasterIsStartedAgainAndSaidToBeAway() {
        slowTable("plain", 0);
        try (PhoenixClient client = watch("plain");
                Http http = new Http(server)) {
            var states = new ArrayList<Integer>();
            Postmaster first = Postmaster.of(server);

            first.endAfter("KILL");
            await().atMost(Duration.ofSeconds(30)).until(() -> {
                states.add(http.get("/readyz").status());
                return states.contains(503) && states.getLast() == 200;
            });

            assertThat(Postmaster.of(server)).isNotEqualTo(first);
            insert("plain", 1, 3);
            client.awaitChanges(3);
            assertThat(ids(client)).isEqualTo(numbers(1, 3));
            assertNothingRefetched(client);
        }
    }

    @Test
    void KF2_oneThatIsStoppedByHandAndOneThatCrashesTwiceComeBackToo() {
        slowTable("plain", 0);
        try (PhoenixClient client = watch("plain")) {
            int written = 0;
            for (String signal : List.of("INT", "QUIT", "KILL")) {
                Postmaster.of(server).endAfter(signal);
                await().atMost(Duration.ofSeconds(30)).until(this::isBack);
                insert("plain", written + 1, written + 1);
                written++;
                client.awaitChanges(written);
            }
            assertThat(ids(client)).isEqualTo(numbers(1, written));
        }
    }

    private boolean isBack() {
        try {
            return Postmaster.of(server).isAlive()
                    && server.database()
                                    .withHandle(handle -> handle.createQuery("select 1")
                                            .mapTo(Integer.class)
                                            .one())
                            == 1;
        } catch (RuntimeException notYet) {
            return false;
        }
    }

    @Test
    void KF2_aBackendThatIsKilledTakesNobodyAlong() {
        slowTable("plain", 0);
        try (PhoenixClient client = watch("plain")) {
            Postmaster postmaster = Postmaster.of(server);
            long backend = server.database()
                    .withHandle(handle -> handle.createQuery(
                                    "select pid from pg_stat_activity where application_name = 'switchboard-rows'"
                                            + " union all select pid from pg_stat_activity where application_name = 'switchboard-catalog' limit 1")
                            .mapTo(Long.class)
                            .one());

            new Postmaster(backend).signal("KILL"); // PostgreSQL restarts all its backends then

            await().atMost(Duration.ofSeconds(30)).until(this::isBack);
            assertThat(Postmaster.of(server)).isEqualTo(postmaster);
            insert("plain", 1, 2);
            client.awaitChanges(2);
            assertNothingRefetched(client);
        }
    }
}

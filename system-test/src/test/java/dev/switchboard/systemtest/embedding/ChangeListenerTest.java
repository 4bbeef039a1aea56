package dev.switchboard.systemtest.embedding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.SystemTime;
import dev.switchboard.engine.postgres.listener.ChangeHandler;
import dev.switchboard.engine.postgres.listener.ChangeListener;
import dev.switchboard.engine.postgres.listener.DeadLetters;
import dev.switchboard.engine.postgres.listener.ListenerSettings;
import dev.switchboard.engine.postgres.listener.PostgresDeadLetters;
import dev.switchboard.engine.postgres.listener.RowChange;
import dev.switchboard.junit.SwitchboardExtension;
import dev.switchboard.junit.TestDatabase;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Changes for code of the application (docs/embedding.md): in order, after the commit, each at least once. */
@Timeout(120)
@ExtendWith(SwitchboardExtension.class)
class ChangeListenerTest {
    private static final TableName ORDERS = new TableName("public", "orders");
    private static Database database;
    private static Jdbi jdbi;

    private final List<RowChange> heard = new CopyOnWriteArrayList<>();
    private final List<String> gaps = new CopyOnWriteArrayList<>();

    @BeforeAll
    static void start(TestDatabase made) {
        database = made.database();
        jdbi = Jdbi.create(database.url(), database.user(), database.password());
    }

    @BeforeEach
    void makeTable() {
        jdbi.useHandle(handle -> handle.createScript("""
                create table orders (id int primary key, state text, owner text, big text);
                create table other (id int primary key);
                grant select on orders to authenticated""").executeAsSeparateStatements());
    }

    @AfterEach
    void dropTable() throws Exception {
        ChangeListener.forget(database, settings());
        jdbi.useHandle(handle -> handle.execute("drop table orders, other"));
        jdbi.useHandle(handle -> handle.execute("drop table if exists switchboard_dead_letters"));
    }

    private static ListenerSettings settings() {
        return settings(Optional.empty(), Optional.empty());
    }

    private static ListenerSettings settings(Optional<String> filter, Optional<ClaimsGroup> identity) {
        return new ListenerSettings("orders", ORDERS, filter, identity, 3, Duration.ofMillis(20));
    }

    private final class Hearing implements ChangeHandler {
        @Override
        public void handle(RowChange change) {
            heard.add(change);
        }

        @Override
        public void onGap(String why) {
            gaps.add(why);
        }
    }

    private static ChangeListener listen(ListenerSettings settings, ChangeHandler handler) {
        return ChangeListener.start(
                database,
                settings,
                handler,
                new PostgresDeadLetters(database),
                new SystemTime(),
                (what, cause) -> System.out.println(what + ": " + cause));
    }

    private ChangeListener listening(ListenerSettings settings) {
        ChangeListener listener = listen(settings, new Hearing());
        await().untilAsserted(() -> assertThat(listener.status()).isInstanceOf(ChangeListener.Status.Listening.class));
        return listener;
    }

    private void awaitHeard(int count) {
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(heard).hasSize(count));
    }

    private static void insert(int first, int last) {
        jdbi.useHandle(handle -> IntStream.rangeClosed(first, last)
                .forEach(id -> handle.execute("insert into orders values (?, 'new', 'x', null)", id)));
    }

    private List<String> ids() {
        return heard.stream()
                .map(change -> change.row().replaceAll(".*\"id\":(\\d+).*", "$1"))
                .toList();
    }

    @Test
    void changesComeInOrderWithWhatTheRowIsAndWas() {
        try (ChangeListener _ = listening(settings())) {
            jdbi.useTransaction(handle -> {
                handle.execute("insert into orders values (1, 'new', 'x', repeat('long ', 3))");
                handle.execute("insert into other values (1)");
                handle.execute("update orders set state = 'paid'");
                handle.execute("delete from orders");
            });
            awaitHeard(3);
        }

        assertThat(heard)
                .extracting(RowChange::type)
                .containsExactly(RowChange.Type.INSERT, RowChange.Type.UPDATE, RowChange.Type.DELETE);
        assertThat(heard.get(0).row())
                .isEqualTo("{\"id\":1,\"state\":\"new\",\"owner\":\"x\",\"big\":\"long long long \"}");
        assertThat(heard.get(1).row()).contains("\"state\":\"paid\"");
        assertThat(heard.get(2).row()).isEqualTo("{\"id\":1}"); // the key, under the default identity
        assertThat(heard.get(0).position().transaction())
                .isEqualTo(heard.get(2).position().transaction());
    }

    /** What happens while nobody listens comes at the next start; what was handled before does not come again. */
    @Test
    void aRestartLosesNothingAndRepeatsNothing() {
        try (ChangeListener _ = listening(settings())) {
            insert(1, 50);
            awaitHeard(50);
        }
        insert(51, 100);
        try (ChangeListener _ = listening(settings())) {
            insert(101, 150);
            awaitHeard(150);
        }

        assertThat(ids())
                .containsExactlyElementsOf(
                        IntStream.rangeClosed(1, 150).mapToObj(String::valueOf).toList());
        assertThat(gaps).isEmpty();
    }

    @Test
    void aBrokenConnectionLosesNothing() {
        try (ChangeListener _ = listening(settings())) {
            insert(1, 20);
            awaitHeard(20);
            jdbi.useHandle(
                    handle -> handle.execute(
                            "select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database()"));
            insert(21, 40);
            awaitHeard(40);
        }

        assertThat(ids())
                .containsExactlyElementsOf(
                        IntStream.rangeClosed(1, 40).mapToObj(String::valueOf).toList());
    }

    @Test
    void aFilterLeavesOutTheOthers() {
        try (ChangeListener _ = listening(settings(Optional.of("state=eq.paid"), Optional.empty()))) {
            insert(1, 3);
            jdbi.useHandle(handle -> handle.execute("update orders set state = 'paid' where id = 2"));
            jdbi.useHandle(handle -> handle.execute("update orders set state = 'sent' where id = 2"));
            jdbi.useHandle(handle -> handle.execute("insert into orders values (9, 'paid', 'x', null)"));
            awaitHeard(2);
        }

        assertThat(ids()).containsExactly("2", "9");
    }

    @Test
    void policiesOfTheRoleDecideWhatIsHandedOver() {
        jdbi.useHandle(handle -> handle.createScript("""
                alter table orders enable row level security;
                create policy own on orders for select to authenticated
                  using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub')""").executeAsSeparateStatements());
        var ann = new ClaimsGroup("authenticated", "{\"role\":\"authenticated\",\"sub\":\"ann\"}");
        try (ChangeListener _ = listening(settings(Optional.empty(), Optional.of(ann)))) {
            jdbi.useHandle(handle -> handle.execute("insert into orders values (1, 'new', 'bob', null)"));
            jdbi.useHandle(handle -> handle.execute("insert into orders values (2, 'new', 'ann', null)"));
            jdbi.useHandle(handle -> handle.execute("update orders set owner = 'ann' where id = 1"));
            awaitHeard(2);
        }

        assertThat(ids()).containsExactly("2", "1");
        assertThat(heard.get(1).old()).isEmpty(); // what the row was before is not ann's to see
    }

    /** A change that cannot be handled is tried three times, kept, and holds nothing up. */
    @Test
    void whatCannotBeHandledIsKeptAsADeadLetter() {
        var attempts = new CopyOnWriteArrayList<String>();
        ChangeHandler failing = change -> {
            if (change.row().contains("\"id\":2,")) {
                attempts.add(change.row());
                throw new IllegalStateException("two is one too many");
            }
            heard.add(change);
        };
        try (ChangeListener _ = listen(settings(), failing)) {
            await().until(() -> slots() == 1);
            insert(1, 3);
            awaitHeard(2);
        }

        assertThat(ids()).containsExactly("1", "3");
        assertThat(attempts).hasSize(3);
        List<String> letters = jdbi.withHandle(handle -> handle.createQuery(
                        "select listener || ' ' || type || ' ' || (row ->> 'id') || ' ' || error from switchboard_dead_letters")
                .mapTo(String.class)
                .list());
        assertThat(letters).containsExactly("orders INSERT 2 java.lang.IllegalStateException: two is one too many");
    }

    /** A change that can neither be handled nor kept holds its listener up, which says so until it can. */
    @Test
    void whatCanNeitherBeHandledNorKeptIsTrouble() {
        var mayKeep = new AtomicBoolean();
        DeadLetters letters = (_, change, _) -> {
            if (!mayKeep.get()) {
                throw new IOException("no room for " + change.position());
            }
        };
        ChangeHandler failing = change -> {
            if (change.row().contains("\"id\":1,")) {
                throw new IllegalStateException("one is one too many");
            }
            heard.add(change);
        };
        try (ChangeListener listener =
                ChangeListener.start(database, settings(), failing, letters, new SystemTime(), (_, _) -> {})) {
            await().until(() -> listener.status() instanceof ChangeListener.Status.Listening);
            insert(1, 2);
            await().until(() -> listener.status() instanceof ChangeListener.Status.Troubled);
            assertThat(listener.status().toString()).contains("no room for");
            mayKeep.set(true);
            awaitHeard(1);
            assertThat(listener.status()).isInstanceOf(ChangeListener.Status.Listening.class);
        }

        assertThat(ids()).containsExactly("2");
    }

    /** What a handler does with its thread's interruption is a failure like others, and ends no listener. */
    @Test
    void aHandlerThatIsInterruptedEndsNoListener() {
        ChangeHandler interrupting = change -> {
            heard.add(change);
            if (heard.size() == 1) {
                throw new InterruptedException("of its own");
            }
            Thread.currentThread().interrupt();
        };
        try (ChangeListener _ = listen(settings(), interrupting)) {
            await().until(() -> slots() == 1);
            insert(1, 3);
            awaitHeard(4);
        }

        assertThat(ids()).containsExactly("1", "1", "2", "3");
    }

    private static long slots() {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select count(*) from pg_replication_slots where active and database = current_database()")
                .mapTo(Long.class)
                .one());
    }

    @Test
    void aSecondInstanceWaitsAndGoesOnWhereTheFirstEnded() {
        var second = new CopyOnWriteArrayList<RowChange>();
        ChangeListener two;
        try (ChangeListener _ = listening(settings())) {
            two = listen(settings(), second::add);
            await().untilAsserted(() -> assertThat(two.status()).isInstanceOf(ChangeListener.Status.Waiting.class));
            insert(1, 10);
            awaitHeard(10);
        }
        try (two) {
            insert(11, 20);
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(second).hasSize(10));
        }

        assertThat(heard).hasSize(10);
        assertThat(second.getFirst().row()).contains("\"id\":11,");
    }

    @Test
    void aLostSlotIsToldAsAGap() {
        try (ChangeListener _ = listening(settings())) {
            insert(1, 1);
            awaitHeard(1);
        }
        assertThat(gaps).isEmpty();
        jdbi.useHandle(handle -> handle.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots"
                + " where database = current_database()"));
        insert(2, 2); // nobody will ever hear of it

        try (ChangeListener _ = listening(settings())) {
            insert(3, 3);
            awaitHeard(2);
        }
        assertThat(ids()).containsExactly("1", "3");
        assertThat(gaps).singleElement().asString().contains("was dropped");
    }

    /** A gap that was noted and not told, since the process ended between the two, is told at the next start, once. */
    @Test
    void aGapOutlivesTheProcessThatFoundIt() {
        try (ChangeListener _ = listening(settings())) {
            insert(1, 1);
            awaitHeard(1);
        }
        jdbi.useHandle(handle -> {
            String publication = handle.createQuery("select pubname from pg_publication where pubname like 'sb%orders'")
                    .mapTo(String.class)
                    .one();
            handle.execute("comment on publication " + publication + " is 'listener: gap: found before'");
        });
        try (ChangeListener _ = listening(settings())) {
            assertThat(gaps).containsExactly("found before");
        }
        try (ChangeListener _ = listening(settings())) {
            assertThat(gaps).hasSize(1);
        }
    }

    /** Where no slot can be made at first, nothing is missing when one can. */
    @Test
    void aListenerThatCouldNotBeginHasNoGap() {
        jdbi.useHandle(handle -> handle.execute("drop table orders")); // there is nothing to publish
        try (ChangeListener listener = listen(settings(), new Hearing())) {
            await().until(() -> listener.status() instanceof ChangeListener.Status.Troubled);
            jdbi.useHandle(handle ->
                    handle.execute("create table orders (id int primary key, state text, owner text, big text)"));
            await().until(() -> listener.status() instanceof ChangeListener.Status.Listening);
            insert(1, 1);
            awaitHeard(1);
        }
        assertThat(gaps).isEmpty();
    }

    @Test
    void aTableMadeAnewIsHeardOfAndToldAsAGap() {
        try (ChangeListener _ = listening(settings())) {
            insert(1, 1);
            awaitHeard(1);
            jdbi.useHandle(handle -> handle.createScript("""
                    drop table orders;
                    create table orders (id int primary key, state text, owner text, big text)""").executeAsSeparateStatements());
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(gaps).hasSize(1));
            insert(2, 2);
            awaitHeard(2);
        }

        assertThat(gaps).singleElement().asString().contains("made anew");
    }

    /** Who waits for the slot may be the one that notices; who has it tells. */
    @Test
    void aTableMadeAnewIsToldBesideAnInstanceThatWaits() {
        try (ChangeListener _ = listening(settings());
                ChangeListener two = listen(settings(), new Hearing())) {
            await().until(() -> two.status() instanceof ChangeListener.Status.Waiting);
            jdbi.useHandle(handle -> handle.createScript("""
                    drop table orders;
                    create table orders (id int primary key, state text, owner text, big text)""").executeAsSeparateStatements());
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(gaps).hasSize(1));
            insert(1, 1);
            awaitHeard(1);
        }

        assertThat(gaps).hasSize(1);
    }

    /** A handler that cannot take in that changes are missing is told again, and hears of no change before. */
    @Test
    void aGapIsToldUntilTheHandlerHasTakenIt() {
        var told = new AtomicInteger();
        ChangeHandler failing = new ChangeHandler() {
            @Override
            public void handle(RowChange change) {
                heard.add(change);
            }

            @Override
            public void onGap(String why) {
                if (told.incrementAndGet() == 1) {
                    throw new IllegalStateException("the database hiccups");
                }
                gaps.add(why);
            }
        };
        try (ChangeListener listener = listen(settings(), failing)) {
            await().until(() -> listener.status() instanceof ChangeListener.Status.Listening);
            insert(1, 1);
            jdbi.useHandle(handle -> handle.execute("truncate orders"));
            insert(2, 2);
            awaitHeard(2);
        }

        assertThat(ids()).containsExactly("1", "2");
        assertThat(told).hasValue(2);
        assertThat(gaps).singleElement().asString().contains("TRUNCATE");
    }

    /** A handler may take longer than PostgreSQL waits for a sign of life: its listener keeps the slot. */
    @Test
    void aSlowHandlerKeepsItsSlot() throws Exception {
        var begun = new CountDownLatch(1);
        var mayEnd = new CountDownLatch(1);
        var second = new CopyOnWriteArrayList<RowChange>();
        jdbi.useHandle(handle -> handle.execute("alter role current_user set wal_sender_timeout = '2s'"));
        try (ChangeListener one = listen(settings(), change -> {
            begun.countDown();
            mayEnd.await();
            heard.add(change);
        })) {
            await().until(() -> one.status() instanceof ChangeListener.Status.Listening);
            try (ChangeListener two = listen(settings(), second::add)) {
                await().until(() -> two.status() instanceof ChangeListener.Status.Waiting);
                jdbi.useTransaction(handle ->
                        handle.execute("insert into orders select id, 'new', 'x', null from generate_series(1, 3) id"));
                begun.await();
                int walSender = walSender();
                await().during(Duration.ofSeconds(5))
                        .atMost(Duration.ofSeconds(20))
                        .until(() -> walSender() == walSender);
                mayEnd.countDown();
                awaitHeard(3);
            }
        } finally {
            jdbi.useHandle(handle -> handle.execute("alter role current_user reset wal_sender_timeout"));
        }

        assertThat(ids()).containsExactly("1", "2", "3");
        assertThat(second).isEmpty();
    }

    /** Where the connection breaks while a handler is at work, that change is its last one; the transaction is the next one's. */
    @Test
    void aHandlerWhoseConnectionBrokeEndsItsChangeOnly() throws Exception {
        var begun = new CountDownLatch(1);
        var second = new CopyOnWriteArrayList<RowChange>();
        var first = new AtomicReference<ChangeListener>();
        try (ChangeListener one = listen(settings(), change -> {
            heard.add(change);
            if (heard.size() == 2) {
                begun.countDown();
                await().until(() ->
                        first.get().status() instanceof ChangeListener.Status.Troubled && second.size() == 3);
            }
        })) {
            first.set(one);
            await().until(() -> one.status() instanceof ChangeListener.Status.Listening);
            try (ChangeListener two = listen(settings(), second::add)) {
                await().until(() -> two.status() instanceof ChangeListener.Status.Waiting);
                jdbi.useTransaction(handle ->
                        handle.execute("insert into orders select id, 'new', 'x', null from generate_series(1, 3) id"));
                begun.await();
                jdbi.useHandle(handle -> handle.execute("select pg_terminate_backend(?)", walSender()));
                await().until(() -> one.status() instanceof ChangeListener.Status.Waiting);
            }
        }

        assertThat(ids()).containsExactly("1", "2");
        assertThat(second).hasSize(3); // the whole transaction
    }

    private static int walSender() {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select active_pid from pg_replication_slots where active and database = current_database()")
                .mapTo(Integer.class)
                .one());
    }

    @Test
    void anEmptiedTableIsToldAsAGap() {
        try (ChangeListener _ = listening(settings())) {
            insert(1, 1);
            jdbi.useHandle(handle -> handle.execute("truncate orders"));
            insert(2, 2);
            awaitHeard(2);
        }

        assertThat(gaps).singleElement().asString().contains("TRUNCATE");
    }

    /** A handler at work when its listener is closed ends its change; the others come at the next start. */
    @Test
    void closingWaitsForTheChangeUnderWay() throws Exception {
        var begun = new CountDownLatch(1);
        var mayEnd = new CountDownLatch(1);
        ChangeListener listener = listen(settings(), change -> {
            begun.countDown();
            mayEnd.await();
            heard.add(change);
        });
        await().until(() -> slots() == 1);
        insert(1, 2);
        begun.await();
        Thread closing = Thread.ofVirtual().start(listener::close);
        mayEnd.countDown();
        closing.join();
        assertThat(heard).hasSizeBetween(1, 2);

        try (ChangeListener _ = listening(settings())) {
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(ids()).contains("1", "2"));
        }
        assertThat(ids()).containsExactly("1", "2");
    }

    @Test
    void aWrongFilterSaysWhatIsWrong() {
        var told = new CopyOnWriteArrayList<String>();
        try (ChangeListener listener = ChangeListener.start(
                database,
                settings(Optional.of("status=eq.paid"), Optional.empty()),
                new Hearing(),
                new PostgresDeadLetters(database),
                new SystemTime(),
                (_, cause) -> told.add(String.valueOf(cause.getMessage())))) {
            await().untilAsserted(
                            () -> assertThat(listener.status()).isInstanceOf(ChangeListener.Status.Troubled.class));
        }

        assertThat(told).singleElement().asString().contains("status");
    }
}

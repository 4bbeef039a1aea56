package dev.switchboard.engine.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.encode.ColumnType;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.history.HistorySettings;
import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.route.EventKind;
import dev.switchboard.engine.route.Selection;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.TableSelector;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** SPEC A13: a table whose policies take long holds up its own subscribers, in the order of the stream, and nobody else. */
class AsideTest {
    private static final long DEADLINE_SECONDS = 20;
    private static final Pattern VALUE = Pattern.compile("\"record\":\\{\"id\":\"([^\"]*)\"");

    private static final Relation SLOW = relation(1, "slow");
    private static final Relation OTHER_SLOW = relation(2, "other_slow");
    private static final Relation QUICK = relation(3, "quick");

    /** Of which it is known already what it may see of one of the slow tables. */
    private static final ClaimsGroup KNOWN = new ClaimsGroup("authenticated", "{}");

    private static Relation relation(int oid, String name) {
        return new Relation(
                oid, new TableName("public", name), ReplicaIdentity.FULL, List.of(new Column("id", 25, true)));
    }

    /** Answers at once about the quick table; about a slow one whenever it is let. */
    private static final class Access implements RowAccess {
        private final BlockingQueue<Boolean> answers;
        private final BlockingQueue<Integer> asked;
        private final boolean patient;

        Access(BlockingQueue<Boolean> answers, BlockingQueue<Integer> asked, boolean patient) {
            this.answers = answers;
            this.asked = asked;
            this.patient = patient;
        }

        @Override
        public RowAccess aside() {
            return new Access(answers, asked, true);
        }

        @Override
        public List<Answer> ask(List<Question> questions, Set<Integer> xids) throws RowAccessUnavailableException {
            var all = new ArrayList<Answer>();
            for (Question question : questions) {
                boolean quick = question.relation().equals(QUICK)
                        || (question.group().equals(KNOWN)
                                && question.relation().equals(SLOW));
                if (!quick && !patient) {
                    all.add(Answer.ofLater());
                    continue;
                }
                var visible = new BitSet();
                visible.set(0, question.images().size());
                all.add(new Answer(visible, visible.get(0, 1), false));
            }
            if (patient) {
                asked.add(questions.getFirst().relation().oid());
                awaitAnswer();
            }
            return all;
        }

        private void awaitAnswer() throws RowAccessUnavailableException {
            try {
                if (!answers.take()) {
                    throw new RowAccessUnavailableException("gone", new IllegalStateException("gone"));
                }
            } catch (InterruptedException closing) {
                Thread.currentThread().interrupt();
                throw new RowAccessUnavailableException("closing", closing);
            }
        }
    }

    private final BlockingQueue<Boolean> answers = new LinkedBlockingQueue<>();
    private final BlockingQueue<Integer> asked = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> told = new LinkedBlockingQueue<>();
    private final Inbox inbox = new Inbox();
    private final Progress progress = new Progress();
    private final Journal journal = new Journal();
    private Instant now = Instant.EPOCH;
    private final AtomicInteger faults = new AtomicInteger();
    private final Thread router = Thread.ofVirtual()
            .start(new Router(
                    inbox,
                    new Router.Past(new History(HistorySettings.NONE, time()), Optional.empty()),
                    new Access(answers, asked, false),
                    _ -> new ColumnType.Scalar("text", ColumnType.Form.TEXT),
                    RoomPolicies.NONE,
                    new Router.Outcome(sink(), progress, journal, (_, _) -> {}),
                    new Router.Retries(time(), (_, _) -> {}, Duration.ofSeconds(30))));

    private final ChannelRef both = channel(1);
    private final ChannelRef quick = channel(2);

    private Time time() {
        return new Time() {
            @Override
            public Instant instant() {
                return now;
            }

            @Override
            public void pause(Duration duration) {
                now = now.plusSeconds(31);
            }

            @Override
            public double random() {
                return 0;
            }
        };
    }

    /** Writes down who is told what: {@code epoch value}. */
    private Sink sink() {
        return new Sink() {
            @Override
            public void deliver(int loop, Supplier<List<Recipients>> batch) {
                List<Recipients> all = batch.get();
                if (faults.get() > 0 && all.getFirst() instanceof Recipients.Send) {
                    faults.decrementAndGet();
                    throw new IllegalStateException("a fault");
                }
                for (Recipients recipients : all) {
                    String what = switch (recipients) {
                        case Recipients.Send send ->
                            value(new String(send.frame().payload(), StandardCharsets.UTF_8));
                        case Recipients.Refetch refetch -> refetch.code().toString();
                        case Recipients.Cast _ -> "cast";
                    };
                    recipients.channels().forEach(channel -> told.add(channel.epoch() + " " + what));
                }
            }

            @Override
            public void cast(int loop, int bytes, Supplier<List<Recipients>> recipients) {}

            @Override
            public void execute(int loop, Runnable task) {}
        };
    }

    private static String value(String frame) {
        var value = VALUE.matcher(frame);
        return value.find() ? value.group(1) : frame;
    }

    @AfterEach
    void stop() throws InterruptedException {
        progress.close();
        inbox.close();
        router.join(Duration.ofSeconds(DEADLINE_SECONDS));
        assertThat(router.isAlive()).isFalse();
    }

    @Test
    void A13_whatTakesLongHoldsUpItsOwnSubscribersAlone() throws Exception {
        open(both, Optional.empty(), SLOW, QUICK);
        open(quick, Optional.empty(), QUICK);
        change(100, SLOW, "a");
        change(200, QUICK, "b");
        change(300, QUICK, "c");

        assertThat(next()).isEqualTo("2 b");
        assertThat(next()).isEqualTo("2 c");
        assertThat(told).as("the others wait").isEmpty();
        assertThat(progress.delivered())
                .as("what is not decided is not confirmed")
                .isLessThan(new Lsn(120));
        assertThat(journal.changes(SLOW.name())).isEmpty();

        answers.add(true);
        assertThat(List.of(next(), next(), next())).containsExactly("1 a", "1 b", "1 c");
        change(400, QUICK, "d");
        assertThat(List.of(next(), next())).containsExactlyInAnyOrder("1 d", "2 d");
        awaitDelivered(420);
        assertThat(journal.changes(SLOW.name()))
                .singleElement()
                .satisfies(passage -> assertThat(passage.receipts()).hasSize(1));
        assertThat(journal.changes(QUICK.name())).hasSize(3);
        assertThat(journal.changes(QUICK.name()).getLast().receipts())
                .as("of the one who heard at once, and the one who waited")
                .hasSize(2);
    }

    /** One group after another is found out about; a change has one record all the same. */
    @Test
    void A13_whoIsKnownDoesNotWaitForThoseOfTheSameTableWhoAreNot() throws Exception {
        open(both, Optional.empty(), SLOW);
        open(KNOWN, quick, Optional.empty(), new LinkedBlockingQueue<>(), SLOW);
        change(100, SLOW, "a");
        change(200, SLOW, "b");

        assertThat(List.of(next(), next())).containsExactly("2 a", "2 b");
        assertThat(told).as("the other waits").isEmpty();
        answers.add(true);
        answers.add(true);
        assertThat(List.of(next(), next())).containsExactly("1 a", "1 b");
        awaitDelivered(220);
        assertThat(journal.changes(SLOW.name())).hasSize(2).allSatisfy(passage -> {
            assertThat(passage.concerned()).isEqualTo(2);
            assertThat(passage.receipts()).hasSize(2);
        });
    }

    /** Who waited in vain comes again; who did not wait goes on. */
    @Test
    void A13_whoIsKnownGoesOnWhereTheOthersHaveWaitedInVain() throws Exception {
        open(both, Optional.empty(), SLOW);
        open(KNOWN, quick, Optional.empty(), new LinkedBlockingQueue<>(), SLOW);
        change(100, SLOW, "a");
        assertThat(next()).isEqualTo("2 a");
        take(asked);
        answers.add(false);
        take(asked);
        answers.add(false);

        assertThat(next()).isEqualTo("1 " + ErrorCode.AUTHORIZATION_TIMEOUT);
        awaitDelivered(120);
        assertThat(journal.changes(SLOW.name())).singleElement().satisfies(passage -> {
            assertThat(passage.answered()).isFalse();
            assertThat(passage.receipts()).hasSize(1);
        });
        change(200, SLOW, "b");
        assertThat(next()).isEqualTo("2 b");
    }

    @Test
    void A13_whoIsSubscribedToTwoSlowTablesHearsOfTheirChangesInOrder() throws Exception {
        open(both, Optional.empty(), SLOW, OTHER_SLOW);
        change(100, SLOW, "a");
        change(200, OTHER_SLOW, "b");
        assertThat(List.of(take(asked), take(asked)))
                .as("each has a lane of its own")
                .containsExactlyInAnyOrder(1, 2);

        answers.add(true);
        answers.add(true);

        assertThat(List.of(next(), next())).containsExactly("1 a", "1 b");
    }

    @Test
    void A13_whoGoesOnUnderAnotherTokenIsToldThatItMissedSomething() throws Exception {
        var live = new LinkedBlockingQueue<String>();
        var successor = channel(3);
        open(both, Optional.empty(), SLOW);
        change(100, SLOW, "a");
        take(asked);
        open(successor, Optional.of(both), live, SLOW);

        assertThat(next()).isEqualTo("1 " + ErrorCode.CLAIMS_CHANGED);
        assertThat(take(live)).as("and begins at once").isEqualTo("3");
        answers.add(true);
        change(200, SLOW, "b");
        answers.add(true);
        assertThat(next()).as("nothing of what it waited for").isEqualTo("3 b");
    }

    @Test
    void A13_whoIsGoneIsNotWaitedFor() throws Exception {
        var live = new LinkedBlockingQueue<String>();
        open(both, Optional.empty(), SLOW);
        change(100, SLOW, "a");
        take(asked);
        inbox.put(new Inbox.Item.Close(both));
        change(200, SLOW, "b");
        open(quick, Optional.empty(), live, QUICK);
        assertThat(take(live)).isEqualTo("2");

        answers.add(true);
        awaitDelivered(220);

        assertThat(told).isEmpty();
        assertThat(asked).as("nobody is left who would be asked about").isEmpty();
    }

    /** What waits behind what is undecided is bounded too. */
    @Test
    void A13_moreOfAQuickTableThanMayWaitIsSaid() throws Exception {
        String large = "x".repeat(1 << 20);
        open(both, Optional.empty(), SLOW, QUICK);
        change(100, SLOW, "a");
        take(asked);
        for (int i = 2; i <= Outlet.MOST_HELD_BYTES / large.length() + 2; i++) {
            change(100L * i, QUICK, large);
        }

        assertThat(next()).isEqualTo("1 " + ErrorCode.AUTHORIZATION_TIMEOUT);
        assertThat(told).isEmpty();
    }

    /** A fault of ours while it is told what was decided aside. */
    @Test
    void A13_whatCannotBeToldIsSaid() throws Exception {
        open(both, Optional.empty(), SLOW);
        change(100, SLOW, "a");
        take(asked);
        faults.set(1);
        answers.add(true);

        assertThat(next()).isEqualTo("1 " + ErrorCode.INTERNAL);
        awaitDelivered(120);
    }

    /** Whoever waits is told so by its heartbeats, and the server goes on. */
    @Test
    void A13_whoWaitsIsBehindAndNobodyElse() throws Exception {
        open(both, Optional.empty(), SLOW);
        open(quick, Optional.empty(), QUICK);
        progress.logEnded(Instant.EPOCH, new Lsn(50));
        change(100, SLOW, "a");
        change(200, QUICK, "b");
        assertThat(next()).isEqualTo("2 b");
        Instant later = Instant.EPOCH.plusSeconds(10);
        awaitTrue(() -> {
            progress.logEnded(Instant.EPOCH.plusSeconds(4), new Lsn(210));
            return progress.behind(later).equals(Optional.of(Duration.ofSeconds(6)));
        });
        assertThat(progress.behind(later, quick.connection())).contains(Duration.ofSeconds(6));
        assertThat(progress.behind(later, both.connection())).contains(Duration.ofSeconds(10));

        answers.add(true);
        assertThat(next()).isEqualTo("1 a");
        awaitDelivered(220);
        progress.logEnded(Instant.EPOCH.plusSeconds(4), new Lsn(210));
        assertThat(progress.behind(later, both.connection())).contains(Duration.ofSeconds(6));
    }

    @Test
    void A13_whatCannotBeDecidedInTimeIsSaid() throws Exception {
        open(both, Optional.empty(), SLOW, QUICK);
        open(quick, Optional.empty(), QUICK);
        change(100, SLOW, "a");
        take(asked);
        change(200, QUICK, "b");
        assertThat(next()).isEqualTo("2 b");

        answers.add(false);
        take(asked);
        answers.add(false);

        assertThat(next()).isEqualTo("1 " + ErrorCode.AUTHORIZATION_TIMEOUT);
        awaitDelivered(220);
        assertThat(journal.changes(SLOW.name()))
                .singleElement()
                .satisfies(passage -> assertThat(passage.answered()).isFalse());
        change(300, QUICK, "c");
        assertThat(next()).as("the one that was told has to come again").isEqualTo("2 c");
    }

    @Test
    void A13_moreThanMayWaitIsSaid() throws Exception {
        String large = "x".repeat(1 << 20);
        open(both, Optional.empty(), SLOW);
        for (int i = 1; i <= Outlet.MOST_HELD_BYTES / large.length() + 1; i++) {
            change(100L * i, SLOW, large);
        }

        assertThat(next()).isEqualTo("1 " + ErrorCode.AUTHORIZATION_TIMEOUT);
        assertThat(told).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void A13_aBreakOfTheStreamEndsWhatWaits(boolean decided) throws Exception {
        open(both, Optional.empty(), SLOW);
        change(100, SLOW, "a");
        take(asked);
        inbox.put(new Inbox.Item.RefetchAll(ErrorCode.AUTHORIZATION_TIMEOUT));
        assertThat(next()).isEqualTo("1 " + ErrorCode.AUTHORIZATION_TIMEOUT);
        awaitTrue(() -> progress.aside() == 0);

        answers.add(decided);
        open(both, Optional.empty(), SLOW);
        change(200, SLOW, "b");
        answers.add(true);

        assertThat(next()).as("what was decided meanwhile is told nobody").isEqualTo("1 b");
    }

    /** Whatever is slow, and however long: each hears of all changes of its tables, in order. */
    @Test
    void A13_eachHearsOfAllChangesInOrder() throws Exception {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("AsideTest: -Dseed=" + seed);
        var random = new Random(seed);
        var tables = List.of(SLOW, OTHER_SLOW, QUICK);
        var subscriptions =
                List.of(List.of(SLOW), List.of(QUICK), List.of(OTHER_SLOW, QUICK), List.of(SLOW, OTHER_SLOW), tables);
        for (int i = 0; i < subscriptions.size(); i++) {
            open(channel(i), Optional.empty(), subscriptions.get(i).toArray(Relation[]::new));
        }
        var expected = new ArrayList<List<String>>();
        subscriptions.forEach(_ -> expected.add(new ArrayList<>()));
        int count = 0;
        for (int i = 1; i <= 2_000; i++) {
            Relation table = tables.get(random.nextInt(3));
            change(100L * i, table, "v" + i);
            for (int channel = 0; channel < subscriptions.size(); channel++) {
                if (subscriptions.get(channel).contains(table)) {
                    expected.get(channel).add("v" + i);
                    count++;
                }
            }
            if (random.nextInt(3) > 0) {
                answers.add(true);
            }
        }
        for (int i = 0; i < 2_000; i++) {
            answers.add(true);
        }
        var heard = new ArrayList<List<String>>();
        subscriptions.forEach(_ -> heard.add(new ArrayList<>()));
        for (int i = 0; i < count; i++) {
            String[] one = next().split(" ", 2);
            heard.get(Integer.parseInt(one[0])).add(one[1]);
        }

        assertThat(heard).isEqualTo(expected);
        awaitDelivered(100 * 2_000 + 20);
        assertThat(progress.aside()).isZero();
    }

    private static ChannelRef channel(int epoch) {
        return new ChannelRef(new ConnectionId(0, epoch), epoch, "realtime:x", WireVersion.V2);
    }

    private void open(ChannelRef channel, Optional<ChannelRef> replaces, Relation... tables) {
        open(channel, replaces, new LinkedBlockingQueue<>(), tables);
    }

    private void open(
            ChannelRef channel, Optional<ChannelRef> replaces, BlockingQueue<String> live, Relation... tables) {
        open(new ClaimsGroup("anon", "{}"), channel, replaces, live, tables);
    }

    private void open(
            ClaimsGroup group,
            ChannelRef channel,
            Optional<ChannelRef> replaces,
            BlockingQueue<String> live,
            Relation... tables) {
        var subscriptions = new ArrayList<Subscription>();
        for (Relation table : tables) {
            subscriptions.add(new Subscription(
                    channel,
                    table.oid(),
                    EventKind.ALL,
                    new TableSelector.One(table.name(), table.oid()),
                    Optional.empty(),
                    Selection.ALL,
                    group));
        }
        inbox.put(new Inbox.Item.Open(
                channel, subscriptions, replaces, Optional.empty(), () -> live.add(Long.toString(channel.epoch()))));
    }

    private void change(long finalLsn, Relation table, String id) {
        var transaction = new Transaction(new Lsn(finalLsn), Instant.EPOCH, (int) finalLsn);
        Change change = new Change.Insert(table, Row.ofTexts(List.of(Optional.of(id))));
        inbox.put(new Inbox.Item.Changes(
                new Batch(transaction, 0, List.of(change), 1, Optional.of(new Lsn(finalLsn + 20)))));
    }

    private String next() throws InterruptedException {
        return take(told);
    }

    private static <T> T take(BlockingQueue<T> queue) throws InterruptedException {
        T taken = queue.poll(DEADLINE_SECONDS, TimeUnit.SECONDS);
        assertThat(taken).as("within %d s", DEADLINE_SECONDS).isNotNull();
        return taken;
    }

    private void awaitDelivered(long lsn) {
        awaitTrue(() -> progress.delivered().equals(new Lsn(lsn)));
    }

    private static void awaitTrue(BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }
}

package dev.switchboard.engine.route;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.model.WireVersion;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SubscriptionIndexTest {
    private static final ClaimsGroup GROUP = new ClaimsGroup("authenticated", "{}");
    private static final Relation CALLS = new Relation(
            1,
            new TableName("public", "calls"),
            ReplicaIdentity.FULL,
            List.of(new Column("id", 23, true), new Column("state", 25, true)));

    private static final Transaction TRANSACTION = transaction(100, 7);

    private static Transaction transaction(long finalLsn, int xid) {
        return new Transaction(new Lsn(finalLsn), Instant.EPOCH, xid);
    }

    private static final List<EventKind> KINDS = List.of(EventKind.values());

    private int channels;

    private Subscription subscription(EventKind event, TableSelector table, Optional<Filter> filter) {
        var channel = new ChannelRef(new ConnectionId(0, 1), ++channels, "realtime:x", WireVersion.V2);
        return new Subscription(channel, 1, event, table, filter, Selection.ALL, GROUP);
    }

    private static Optional<Filter> equal(String column, String value) {
        return filter(new Predicate.Compare(column, Operator.EQ, Comparison.TEXT.key(value)));
    }

    private static Optional<Filter> filter(Predicate predicate) {
        return Optional.of(new Filter(predicate, "true", Map.of("state", 25)));
    }

    /** All that is found, decided or not. */
    private static List<Subscription> found(SubscriptionIndex index, Change change) {
        Routed routed = index.route(TRANSACTION, 0, change);
        assertThat(routed.undecided()).isEmpty();
        return routed.certain();
    }

    private static Row row(String id, String state) {
        return Row.ofTexts(List.of(Optional.of(id), Optional.of(state)));
    }

    private static void add(SubscriptionIndex index, Subscription... subscriptions) {
        for (Subscription subscription : subscriptions) {
            index.add(subscription.channel(), List.of(subscription));
        }
    }

    @Test
    void R1_tableSchemaAndEverythingAreFoundEachWithItsEvents() {
        var index = new SubscriptionIndex();
        var one = subscription(EventKind.INSERT, new TableSelector.One(CALLS.name(), CALLS.oid()), Optional.empty());
        var schema = subscription(EventKind.ALL, new TableSelector.Schema("public"), Optional.empty());
        var all = subscription(EventKind.DELETE, new TableSelector.All(), Optional.empty());
        var other =
                subscription(EventKind.ALL, new TableSelector.One(new TableName("public", "x"), 77), Optional.empty());
        add(index, one, schema, all, other);

        assertThat(found(index, new Change.Insert(CALLS, row("1", "a")))).containsExactlyInAnyOrder(one, schema);
        assertThat(found(index, new Change.Delete(CALLS, row("1", "a")))).containsExactlyInAnyOrder(schema, all);
        assertThat(found(index, new Change.Truncate(CALLS))).containsExactlyInAnyOrder(one, schema, all);
    }

    @Test
    void R2_theNewRowDecidesAnUpdateAndTheOldOneADelete() {
        var index = new SubscriptionIndex();
        var active =
                subscription(EventKind.ALL, new TableSelector.One(CALLS.name(), CALLS.oid()), equal("state", "active"));
        add(index, active);

        assertThat(found(index, new Change.Update(CALLS, row("1", "active"), row("1", "held"))))
                .isEmpty();
        assertThat(found(index, new Change.Update(CALLS, row("1", "held"), row("1", "active"))))
                .containsExactly(active);
        assertThat(found(index, new Change.Delete(CALLS, row("1", "active")))).containsExactly(active);
        assertThat(found(index, new Change.Insert(CALLS, Row.ofTexts(List.of(Optional.of("1"), Optional.empty())))))
                .isEmpty();
    }

    @Test
    void R3_aClosedChannelIsForgottenWithAllItsSubscriptions() {
        var index = new SubscriptionIndex();
        var filtered = subscription(EventKind.ALL, new TableSelector.One(CALLS.name(), CALLS.oid()), equal("id", "1"));
        add(index, filtered);

        index.remove(filtered.channel());
        index.remove(filtered.channel());

        assertThat(index.size()).isZero();
        assertThat(index.channels()).isEmpty();
        assertThat(found(index, new Change.Insert(CALLS, row("1", "a")))).isEmpty();
    }

    @Test
    void R4_theIndexFindsWhatLookingAtEverySubscriptionWouldFind() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int round = 0; round < 200; round++) {
            var index = new SubscriptionIndex();
            var present = new ArrayList<Subscription>();
            for (int i = 0; i < 30; i++) {
                Optional<Filter> filter = random.nextInt(4) == 0 ? Optional.empty() : filter(predicate(random, 2));
                var subscription = subscription(
                        KINDS.get(random.nextInt(KINDS.size())),
                        new TableSelector.One(CALLS.name(), CALLS.oid()),
                        filter);
                add(index, subscription);
                present.add(subscription);
                if (random.nextInt(4) == 0) {
                    Subscription gone = present.remove(random.nextInt(present.size()));
                    index.remove(gone.channel());
                }
            }
            Row image = row(Integer.toString(random.nextInt(4)), Integer.toString(random.nextInt(4)));
            Change change = random.nextBoolean() ? new Change.Insert(CALLS, image) : new Change.Delete(CALLS, image);

            var expected = new HashSet<Subscription>();
            for (Subscription subscription : present) {
                boolean accepted = subscription
                        .filter()
                        .map(filter -> filter.of(CALLS, image) == Truth.TRUE)
                        .orElse(true);
                if (subscription.event().includes(change) && accepted) {
                    expected.add(subscription);
                }
            }

            assertThat(new HashSet<>(found(index, change))).as("seed %s", seed).isEqualTo(expected);
        }
    }

    private static Predicate predicate(Random random, int depth) {
        String column = random.nextBoolean() ? "id" : "state";
        return switch (random.nextInt(depth > 0 ? 6 : 3)) {
            case 0 -> new Predicate.Compare(column, Operator.EQ, key(random));
            case 1 -> new Predicate.In(column, Set.of(key(random), Comparison.TEXT.key("none")));
            case 2 -> new Predicate.Compare(column, Operator.LT, key(random));
            case 3 -> new Predicate.All(List.of(predicate(random, depth - 1), predicate(random, depth - 1)));
            case 4 -> new Predicate.Any(List.of(predicate(random, depth - 1), predicate(random, depth - 1)));
            default -> new Predicate.Not(predicate(random, depth - 1));
        };
    }

    private static Comparison.Key key(Random random) {
        return Comparison.TEXT.key(Integer.toString(random.nextInt(4)));
    }

    @Test
    void R6_whatOnlyPostgresCanDecideIsKeptApart() {
        var index = new SubscriptionIndex();
        var asked = subscription(
                EventKind.ALL,
                new TableSelector.One(CALLS.name(), CALLS.oid()),
                filter(new Predicate.All(List.of(
                        new Predicate.Compare("id", Operator.EQ, Comparison.TEXT.key("1")),
                        new Predicate.Asked("state")))));
        add(index, asked);

        assertThat(index.route(TRANSACTION, 0, new Change.Insert(CALLS, row("1", "a")))
                        .undecided())
                .containsExactly(asked);
        assertThat(index.route(TRANSACTION, 0, new Change.Insert(CALLS, row("2", "a")))
                        .isEmpty())
                .isTrue();
    }

    @Test
    void R7_anotherTypeOrNameOfAColumnMakesItsSubscriptionsOutdatedOnce() {
        var index = new SubscriptionIndex();
        var filtered =
                subscription(EventKind.ALL, new TableSelector.One(CALLS.name(), CALLS.oid()), equal("state", "a"));
        add(index, filtered);
        var retyped = new Relation(
                1,
                CALLS.name(),
                ReplicaIdentity.FULL,
                List.of(new Column("id", 23, true), new Column("state", 3500, true)));

        assertThat(index.outdated(TRANSACTION, 0, CALLS)).isEmpty();
        assertThat(index.outdated(TRANSACTION, 0, retyped)).containsExactly(filtered.channel());
    }

    @Test
    void R5_valuesThatPostgresHoldsEqualHaveOneKeyAndOthersItsOrder() {
        assertThat(Comparison.NUMERIC.key("1.00")).isEqualTo(Comparison.NUMERIC.key("1"));
        assertThat(Comparison.NUMERIC.key("NaN")).isGreaterThan(Comparison.NUMERIC.key("Infinity"));
        assertThat(Comparison.FLOAT8.key("-0")).isEqualTo(Comparison.FLOAT8.key("0"));
        assertThat(Comparison.BLANK_PADDED.key("a  ")).isEqualTo(Comparison.BLANK_PADDED.key("a"));
        assertThat(Comparison.TEXT.key("A")).isNotEqualTo(Comparison.TEXT.key("a"));
        assertThat(Comparison.TEXT.key("\uffff")).isLessThan(Comparison.TEXT.key("\ud83d\ude00"));
        assertThat(Comparison.DATE.key("0044-03-15 BC")).isLessThan(Comparison.DATE.key("0001-01-01"));
        assertThat(Comparison.DATE.key("12345-01-01")).isGreaterThan(Comparison.DATE.key("9999-12-31"));
        assertThat(Comparison.TIMESTAMP.key("2025-11-03 09:32:55.5+00"))
                .isGreaterThan(Comparison.TIMESTAMP.key("2025-11-03 09:32:55.499999+00"));
        assertThat(Comparison.TIMESTAMP.key("-infinity"))
                .isLessThan(Comparison.TIMESTAMP.key("4713-01-01 00:00:00 BC"));
    }

    @Test
    void KF30_whatASnapshotSawIsNotSentAndWhatItDidNotIs() {
        var index = new SubscriptionIndex();
        var young = subscription(EventKind.ALL, new TableSelector.One(CALLS.name(), CALLS.oid()), Optional.empty());
        var old = subscription(EventKind.ALL, new TableSelector.All(), Optional.empty());
        add(index, old);
        // 6 was under way, 8 is the next to begin
        index.add(young.channel(), List.of(young), new StartingPoint(8, Set.of(6), new Lsn(200)));
        Change change = new Change.Insert(CALLS, row("1", "a"));

        assertThat(index.route(transaction(100, 7), 0, change).certain()).containsExactly(old);
        assertThat(index.route(transaction(150, 6), 0, change).certain()).containsExactly(old, young);
        assertThat(index.route(transaction(160, 8), 0, change).certain()).containsExactly(old, young);
        assertThat(index.route(transaction(170, 5), 0, change).certain()).containsExactly(old);
        index.reached(transaction(210, 5)); // from here on whatever comes was committed later
        assertThat(index.route(transaction(210, 5), 0, change).certain()).containsExactly(old, young);
        // ids go round after 2^32
        index.add(young.channel(), List.of(), new StartingPoint(3, Set.of(), new Lsn(400)));
        assertThat(index.route(transaction(300, -2), 0, change).certain()).containsExactly(old);
        assertThat(index.route(transaction(300, 3), 0, change).certain()).containsExactly(old, young);
    }

    @Test
    void KF30_anotherTableOfTheNameIsNotTheOneThatWasMeant() {
        var index = new SubscriptionIndex();
        var meant = subscription(EventKind.ALL, new TableSelector.One(CALLS.name(), 2), Optional.empty());
        index.add(meant.channel(), List.of(meant), new StartingPoint(8, Set.of(), new Lsn(200)));

        // the former table's last changes say nothing of the new one
        assertThat(index.outdated(transaction(100, 7), 0, CALLS)).isEmpty();
        index.reached(transaction(300, 9));
        assertThat(index.outdated(transaction(300, 9), 0, CALLS)).containsExactly(meant.channel());
        assertThat(index.channels(List.of(new TableSelector.One(CALLS.name(), 1))))
                .isEmpty();
        assertThat(index.channels(List.of(new TableSelector.One(CALLS.name(), 2))))
                .containsExactly(meant.channel());
    }

    // A10

    private Subscription of(ClaimsGroup group, Optional<Filter> filter) {
        var channel = new ChannelRef(new ConnectionId(0, 1), ++channels, "realtime:x", WireVersion.V2);
        return new Subscription(
                channel,
                1,
                EventKind.ALL,
                new TableSelector.One(CALLS.name(), CALLS.oid()),
                filter,
                Selection.ALL,
                group);
    }

    private static Audience where(String state) {
        return new Audience.ByValue("state", Set.of(Comparison.TEXT.key(state)));
    }

    /** A value that is found by two rules finds its subscription once; a text that is none of a rule's type finds nothing. */
    @Test
    void A10_whoIsFoundTwiceIsFoundOnce() {
        var ann = new ClaimsGroup("authenticated", "ann");
        var index = new SubscriptionIndex();
        Subscription anns = of(ann, Optional.empty());
        add(index, anns);
        index.narrow(
                CALLS.name(),
                ann,
                new Audience.ByValue(
                        "state",
                        Set.of(
                                Comparison.TEXT.key("7"),
                                Comparison.INTEGER.key("7"),
                                Comparison.ORDERED_TEXT.key("7"))));

        assertThat(found(index, new Change.Insert(CALLS, row("1", "7")))).containsExactly(anns);
        assertThat(found(index, new Change.Insert(CALLS, row("1", "seven")))).isEmpty();
    }

    @Test
    void A10_aGroupIsFoundByWhatItsPoliciesDemandUntilTheyChange() {
        var ann = new ClaimsGroup("authenticated", "ann");
        var bob = new ClaimsGroup("authenticated", "bob");
        var index = new SubscriptionIndex();
        Subscription anns = of(ann, Optional.empty());
        Subscription bobs = of(bob, Optional.empty());
        Subscription filtered = of(bob, equal("state", "ringing"));
        add(index, anns, bobs, filtered);

        index.narrow(CALLS.name(), ann, where("ringing"));
        index.narrow(CALLS.name(), bob, new Audience.None());
        Subscription annsToo = of(ann, Optional.empty());
        add(index, annsToo);

        var ringing = new Change.Insert(CALLS, row("1", "ringing"));
        assertThat(found(index, ringing)).containsExactlyInAnyOrder(anns, annsToo, filtered);
        assertThat(found(index, new Change.Insert(CALLS, row("1", "active")))).isEmpty();
        assertThat(found(index, new Change.Insert(CALLS, Row.ofTexts(List.of(Optional.of("1"), Optional.empty())))))
                .isEmpty();
        assertThat(found(index, new Change.Truncate(CALLS))).containsExactlyInAnyOrder(anns, annsToo, bobs, filtered);

        index.remove(annsToo.channel());
        assertThat(found(index, ringing)).containsExactlyInAnyOrder(anns, filtered);
        index.widen(CALLS.name());
        assertThat(found(index, new Change.Insert(CALLS, row("1", "active")))).containsExactlyInAnyOrder(anns, bobs);

        for (Subscription subscription : List.of(anns, bobs, filtered)) {
            index.remove(subscription.channel());
        }
        assertThat(index.channels()).isEmpty();
        add(index, anns); // who comes back is asked about
        assertThat(found(index, new Change.Insert(CALLS, row("1", "active")))).containsExactly(anns);
    }
}

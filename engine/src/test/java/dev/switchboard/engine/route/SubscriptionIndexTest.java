package dev.switchboard.engine.route;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.WireVersion;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SubscriptionIndexTest {
    private static final ClaimsGroup GROUP = new ClaimsGroup("authenticated", "{}");
    private static final Relation CALLS = new Relation(
            1,
            new TableName("public", "calls"),
            ReplicaIdentity.FULL,
            List.of(new Column("id", 23, true), new Column("state", 25, true)));

    private static final List<EventKind> KINDS = List.of(EventKind.values());

    private int channels;

    private Subscription subscription(EventKind event, TableSelector table, Optional<Filter> filter) {
        var channel = new ChannelRef(new ConnectionId(0, 1), ++channels, "realtime:x", WireVersion.V2);
        return new Subscription(channel, 1, event, table, filter, Optional.empty(), GROUP);
    }

    private static Optional<Filter> equal(String column, Equality rule, String value) {
        return Optional.of(new Filter.Equal(column, rule.key(value)));
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
        var one = subscription(EventKind.INSERT, new TableSelector.One(CALLS.name()), Optional.empty());
        var schema = subscription(EventKind.ALL, new TableSelector.Schema("public"), Optional.empty());
        var all = subscription(EventKind.DELETE, new TableSelector.All(), Optional.empty());
        var other = subscription(EventKind.ALL, new TableSelector.One(new TableName("public", "x")), Optional.empty());
        add(index, one, schema, all, other);

        assertThat(index.route(new Change.Insert(CALLS, row("1", "a")))).containsExactlyInAnyOrder(one, schema);
        assertThat(index.route(new Change.Delete(CALLS, row("1", "a")))).containsExactlyInAnyOrder(schema, all);
        assertThat(index.route(new Change.Truncate(CALLS))).containsExactlyInAnyOrder(one, schema, all);
    }

    @Test
    void R2_theNewRowDecidesAnUpdateAndTheOldOneADelete() {
        var index = new SubscriptionIndex();
        var active = subscription(
                EventKind.ALL, new TableSelector.One(CALLS.name()), equal("state", Equality.TEXT, "active"));
        add(index, active);

        assertThat(index.route(new Change.Update(CALLS, row("1", "active"), row("1", "held"))))
                .isEmpty();
        assertThat(index.route(new Change.Update(CALLS, row("1", "held"), row("1", "active"))))
                .containsExactly(active);
        assertThat(index.route(new Change.Delete(CALLS, row("1", "active")))).containsExactly(active);
        assertThat(index.route(new Change.Insert(CALLS, Row.ofTexts(List.of(Optional.of("1"), Optional.empty())))))
                .isEmpty();
    }

    @Test
    void R3_aClosedChannelIsForgottenWithAllItsSubscriptions() {
        var index = new SubscriptionIndex();
        var filtered =
                subscription(EventKind.ALL, new TableSelector.One(CALLS.name()), equal("id", Equality.TEXT, "1"));
        add(index, filtered);

        index.remove(filtered.channel());
        index.remove(filtered.channel());

        assertThat(index.size()).isZero();
        assertThat(index.channels()).isEmpty();
        assertThat(index.route(new Change.Insert(CALLS, row("1", "a")))).isEmpty();
    }

    @Test
    void R4_theIndexFindsWhatLookingAtEverySubscriptionWouldFind() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int round = 0; round < 200; round++) {
            var index = new SubscriptionIndex();
            var present = new ArrayList<Subscription>();
            for (int i = 0; i < 30; i++) {
                Optional<Filter> filter = random.nextInt(3) == 0
                        ? Optional.empty()
                        : equal(
                                random.nextBoolean() ? "id" : "state",
                                Equality.TEXT,
                                Integer.toString(random.nextInt(4)));
                var subscription = subscription(
                        KINDS.get(random.nextInt(KINDS.size())), new TableSelector.One(CALLS.name()), filter);
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
                        .map(filter -> switch (filter) {
                            case Filter.Equal equal -> equal.accepts(image, CALLS.indexOf(equal.column()));
                        })
                        .orElse(true);
                if (subscription.event().includes(change) && accepted) {
                    expected.add(subscription);
                }
            }

            assertThat(new HashSet<>(index.route(change))).as("seed %s", seed).isEqualTo(expected);
        }
    }

    @Test
    void R5_valuesThatPostgresHoldsEqualHaveOneKey() {
        assertThat(Equality.NUMERIC.key("1.00")).isEqualTo(Equality.NUMERIC.key("1"));
        assertThat(Equality.NUMERIC.key("NaN").text()).isEqualTo("NaN");
        assertThat(Equality.FLOAT.key("-0")).isEqualTo(Equality.FLOAT.key("0"));
        assertThat(Equality.BLANK_PADDED.key("a  ")).isEqualTo(Equality.BLANK_PADDED.key("a"));
        assertThat(Equality.TEXT.key("A")).isNotEqualTo(Equality.TEXT.key("a"));
    }
}

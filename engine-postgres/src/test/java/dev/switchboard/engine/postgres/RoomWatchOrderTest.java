package dev.switchboard.engine.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.postgres.policy.ClaimValues;
import dev.switchboard.engine.postgres.policy.ColumnKind;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import dev.switchboard.engine.postgres.policy.NotCompiledException;
import dev.switchboard.engine.postgres.policy.PolicyCatalog;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** SPEC Y4: what an answer does not see and the stream has told already is told no more, so that it does not hold. */
class RoomWatchOrderTest {
    private static final int TABLE = 7;
    private static final int TEXT = 25;
    private static final Map<String, ColumnKind> COLUMNS =
            Map.of("room", ColumnKind.of(TEXT, Set.of(), true).orElseThrow());
    private static final Relation RELATION = new Relation(
            TABLE, new TableName("public", "members"), ReplicaIdentity.FULL, List.of(new Column("room", TEXT, true)));

    private Instant now = Instant.EPOCH;
    private final RoomWatch watch = new RoomWatch(() -> now);
    private final CompiledPolicy policy = policy();

    private static CompiledPolicy policy() {
        var catalog = new PolicyCatalog() {
            @Override
            public Optional<Function> function(String schema, String name, int arguments) {
                return Optional.empty();
            }

            @Override
            public Table table(TableName name, Optional<String> reader) {
                return new Table(TABLE, name.table(), COLUMNS, COLUMNS.keySet(), Optional.empty());
            }

            @Override
            public boolean isImmutable(String name) {
                return false;
            }
        };
        var own = new PolicyCatalog.Table(9, "messages", Map.of(), Set.of(), Optional.empty());
        try {
            return CompiledPolicy.analyse("(EXISTS ( SELECT FROM public.members m))", own, catalog, "a test");
        } catch (NotCompiledException broken) {
            throw new AssertionError(broken);
        }
    }

    private boolean holds(Snapshot snapshot, Instant since) {
        return watch.hold(new RoomWatch.Held("of", policy, new ClaimValues(List.of())), watch.epoch(), snapshot, since);
    }

    private void tell(int xid) {
        var transaction = new Transaction(new Lsn(xid), now, xid);
        watch.passing(List.of(
                new Batch(transaction, 0, List.of(new Change.Truncate(RELATION)), 10, Optional.of(new Lsn(xid + 1)))));
    }

    /** A commit that was told long before it became visible, and a question from right before that. */
    @Test
    void Y4_whatOneSnapshotSeesAnOlderOneMayNot() {
        watch.watch(policy, watch.epoch());
        tell(100);
        now = now.plusSeconds(10);
        var before = new Snapshot(100, 101, Set.of(100L));
        var after = new Snapshot(101, 101, Set.of());
        Instant asked = now;
        now = now.plusMillis(1);
        watch.see(after);
        assertThat(holds(after, now)).isTrue();

        assertThat(holds(before, asked)).isFalse();

        now = now.plusMillis(2_900);
        watch.see(after);
        assertThat(holds(before, asked)).as("a slow one").isFalse();
        now = now.plusSeconds(10);
        watch.see(after);
        watch.see(after);
        assertThat(holds(before, asked)).as("one that took too long").isFalse();
        assertThat(holds(after, now)).isTrue();
    }

    @Test
    void Y4_ofMoreTransactionsThanAreRememberedAllAreWaitedFor() {
        watch.watch(policy, watch.epoch());
        for (int xid = 1; xid <= 1_500; xid++) {
            tell(xid);
        }

        assertThat(holds(new Snapshot(500, 1_501, Set.of(500L)), now)).isFalse();
        assertThat(holds(new Snapshot(900, 1_501, Set.of(900L)), now)).isFalse();
        var all = new Snapshot(1_501, 1_501, Set.of());
        assertThat(holds(all, now)).isTrue();
        watch.see(all);
        now = now.plus(Duration.ofSeconds(4));
        watch.see(all);
        assertThat(holds(new Snapshot(500, 1_501, Set.of(500L)), now))
                .as("no snapshot of now can be so old")
                .isTrue();
    }

    @Test
    void Y4_whatWasToldEndsWhatHeldAndWhatBeginsAnewEndsAll() {
        watch.watch(policy, watch.epoch());
        var one = new RoomWatch.Held("of", policy, new ClaimValues(List.of()));
        assertThat(watch.hold(one, watch.epoch(), new Snapshot(10, 10, Set.of()), now))
                .isTrue();
        tell(10);
        assertThat(one.isOver()).isTrue();
        assertThat(watch.size()).isZero();

        var other = new RoomWatch.Held("of", policy, new ClaimValues(List.of()));
        long epoch = watch.epoch();
        assertThat(watch.hold(other, epoch, new Snapshot(11, 11, Set.of()), now))
                .isTrue();
        watch.beginAnew();
        assertThat(other.isOver()).isTrue();
        assertThat(watch.hold(other, epoch, new Snapshot(11, 11, Set.of()), now))
                .isFalse();
    }
}

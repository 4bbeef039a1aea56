package dev.switchboard.engine.history;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** H: what is kept, for how long, and what follows for PostgreSQL and for fences. */
class HistoryTest {
    private static final Change CHANGE = new Change.Insert(
            new Relation(1, new TableName("public", "t"), ReplicaIdentity.FULL, List.of()), Row.ofTexts(List.of()));
    private static final long ROOM = 10_000;

    private Instant now = Instant.EPOCH;
    private final History history = new History(new HistorySettings(ROOM, Duration.ofMinutes(1)), () -> now);

    private static Batch batch(long lsn, int xid, int changes, long bytes) {
        return new Batch(
                new Transaction(new Lsn(lsn), Instant.EPOCH, xid),
                0,
                Collections.nCopies(changes, CHANGE),
                bytes,
                Optional.of(new Lsn(lsn + 10)));
    }

    private void begin(long lsn) {
        history.begin(Position.before(new Lsn(lsn)), "here", Long.MAX_VALUE);
    }

    private static List<Long> lsns(Optional<List<Batch>> batches) {
        return batches.orElseThrow().stream()
                .map(batch -> batch.transaction().finalLsn().value())
                .toList();
    }

    @Test
    void H5_whatDoesNotFitAnyMoreIsForgottenAndSaidToBe() {
        begin(100);
        for (int i = 0; i < 10; i++) {
            history.add(batch(100 + 20L * i, i, 1, 2_000));
        }

        assertThat(history.bytes()).isLessThanOrEqualTo(ROOM);
        assertThat(history.reaches(Position.before(new Lsn(100)))).isFalse();
        assertThat(history.after(Position.before(new Lsn(100)), 100)).isEmpty();
        assertThat(lsns(history.after(new Position(new Lsn(220), 0), 100))).containsExactly(240L, 260L, 280L);
        assertThat(lsns(history.after(new Position(new Lsn(220), 0), 2))).containsExactly(240L, 260L);
    }

    @Test
    void H5_postgresIsToldOnlyOfWhatIsNotKeptAnyMore() {
        begin(100);
        history.add(batch(120, 1, 1, 10));
        history.add(batch(140, 2, 1, 10));
        now = now.plusSeconds(30);
        history.add(batch(160, 3, 1, 10));

        assertThat(history.trim(new Lsn(170), new Lsn(170))).isEqualTo(new Lsn(100));
        now = now.plusSeconds(31);
        Lsn later = history.trim(new Lsn(170), new Lsn(180));

        assertThat(later).isBetween(new Lsn(140), new Lsn(160));
        assertThat(history.reaches(Position.before(later))).isTrue();
        assertThat(history.reaches(Position.before(new Lsn(140)))).isFalse();
        assertThat(history.trim(new Lsn(130), new Lsn(180)))
                .as("not beyond what was delivered")
                .isLessThanOrEqualTo(new Lsn(130));
    }

    /** Nothing happens for long: who comes back then has been told nothing since, and may be found after a restart all the same. */
    @Test
    void H5_whileNothingHappensTheSlotStaysBehindByTheTimeThatIsKept() {
        begin(100);
        for (int second = 0; second <= 300; second++) {
            Lsn here = new Lsn(1_000 + second);
            Lsn kept = history.trim(here, here);

            assertThat(kept.value()).isLessThanOrEqualTo(Math.max(1_000, 1_000 + second - 59));
            assertThat(kept.value())
                    .as("second %d", second)
                    .isGreaterThanOrEqualTo(second > 70 ? 1_000 + second - 65 : 100);
            now = now.plusSeconds(1);
        }
    }

    @Test
    void H5_noMoreWalIsKeptThanPostgresCan() {
        history.begin(Position.before(new Lsn(100)), "here", 1_000);
        history.add(batch(120, 1, 1, 10));
        history.add(batch(900, 2, 1, 10));

        assertThat(history.trim(new Lsn(1_500), new Lsn(1_500)).value()).isGreaterThanOrEqualTo(500);
        assertThat(history.size()).isEqualTo(1);
    }

    /** A policy that takes long, or a PostgreSQL that does not come back, while the log goes on. */
    @Test
    void H5_whileNothingIsDeliveredNothingIsKeptOfIt() {
        var behind = new Lsn(100 << 20); // more than a mark, less than all that PostgreSQL keeps
        begin(100);
        for (int i = 0; i < 10_000; i++) {
            now = now.plusMillis(1);
            history.trim(new Lsn(100), behind);
        }

        assertThat(history.marks()).isEqualTo(1);
        history.trim(new Lsn(200), behind);
        assertThat(history.marks()).isEqualTo(2);
    }

    @Test
    void H5_aStreamThatBeginsAfterAGapForgetsAll() {
        begin(100);
        history.add(batch(120, 1, 1, 10));

        history.begin(Position.before(new Lsn(50)), "elsewhere", Long.MAX_VALUE);

        assertThat(history.size()).isZero();
        assertThat(history.origin()).contains("elsewhere");
        assertThat(history.reaches(Position.before(new Lsn(50)))).isTrue();
        assertThat(history.reaches(Position.before(new Lsn(49)))).isFalse();
    }

    /**
     * Random transactions, each visible some time after it was decoded, and fences at random moments: what comes after a fence and is not covered is
     * exactly what its snapshot does not see.
     */
    @Test
    void H6_whatAFenceDoesNotSeeComesAfterItsFloor() {
        for (int seed = 0; seed < 300; seed++) {
            var random = new Random(seed);
            var history = new History(new HistorySettings(1 << 20, Duration.ofMinutes(1)), () -> now);
            history.begin(Position.START, "here", Long.MAX_VALUE);
            var committed = new ArrayList<Transaction>();
            var visible = new ArrayList<Integer>();
            List<Integer> running =
                    new ArrayList<>(IntStream.range(0, 5).boxed().toList());
            int nextXid = 5;
            long lsn = 0;
            var fences = new ArrayList<Fence>();
            var seen = new ArrayList<Set<Integer>>();
            for (int step = 0; step < 200; step++) {
                switch (random.nextInt(4)) {
                    case 0 -> running.add(nextXid++);
                    case 1 -> {
                        if (!running.isEmpty()) {
                            int xid = running.get(random.nextInt(running.size()));
                            running.removeIf(other -> other == xid);
                            lsn += 10 + random.nextInt(20);
                            Batch batch = batch(lsn, xid, 1 + random.nextInt(3), 1);
                            committed.add(batch.transaction());
                            history.add(batch);
                        }
                    }
                    case 2 ->
                        committed.stream()
                                .map(Transaction::xid)
                                .filter(xid -> !visible.contains(xid))
                                .skip(random.nextInt(2))
                                .findFirst()
                                .ifPresent(visible::add);
                    default -> {
                        Lsn before = history.head();
                        // as PostgreSQL has them: xmax is one past the last that has ended, whatever runs beyond it
                        int next =
                                visible.stream().mapToInt(xid -> xid + 1).max().orElse(0);
                        var underWay = new ArrayList<>(running);
                        committed.stream()
                                .map(Transaction::xid)
                                .filter(xid -> !visible.contains(xid))
                                .forEach(underWay::add);
                        underWay.removeIf(xid -> xid >= next);
                        var snapshot = new StartingPoint(next, Set.copyOf(underWay), new Lsn(lsn + 10));
                        fences.add(history.fence(before, snapshot));
                        seen.add(Set.copyOf(visible));
                    }
                }
            }
            for (int i = 0; i < fences.size(); i++) {
                Fence fence = fences.get(i);
                Set<Integer> before = seen.get(i);
                List<Integer> told = history.after(fence.from(), Integer.MAX_VALUE).orElseThrow().stream()
                        .map(Batch::transaction)
                        .filter(transaction -> !fence.start().covers(transaction, 0))
                        .map(Transaction::xid)
                        .toList();
                assertThat(told)
                        .as("seed %d", seed)
                        .isEqualTo(committed.stream()
                                .map(Transaction::xid)
                                .filter(xid -> !before.contains(xid))
                                .toList());
                assertThat(history.hasMoreThan(fence)).isEqualTo(!told.isEmpty());
            }
        }
    }
}

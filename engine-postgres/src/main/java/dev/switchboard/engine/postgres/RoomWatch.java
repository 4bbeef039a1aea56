package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.postgres.policy.ClaimValues;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import dev.switchboard.engine.postgres.policy.Dependency;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which answers about rooms hold until the stream tells of a row that they hang on. An answer does only if its snapshot sees every
 * transaction of which the stream has told already, and all that began before its tables were watched: of whatever it does not see the
 * stream tells later. Thread-safe.
 */
final class RoomWatch {
    /** Transactions that snapshots need not see yet; with more nothing holds that was asked before. */
    private static final int MOST_RECENT = 10_000;

    /** What took longer to answer does not hold: what came meanwhile may be forgotten. */
    private static final Duration LONGEST_QUESTION = Duration.ofSeconds(3);

    private final InstantSource clock;
    private final Dependents<Held> dependents = new Dependents<>();
    private final Set<Held> held = new HashSet<>();
    /** Tables whose changes are taken note of. */
    private final Set<Integer> watched = new HashSet<>();

    /** When the stream told of transactions that changed watched tables, by table and the low 32 bits of their ids. */
    private final Map<Integer, LinkedHashMap<Integer, Instant>> recent = new HashMap<>();

    private int recently;
    private long epoch;

    RoomWatch(InstantSource clock) {
        this.clock = clock;
    }

    /** An answer. */
    static final class Held {
        private final Object of;
        private final CompiledPolicy policy;
        private final ClaimValues values;
        private volatile boolean over;

        /** @param of whatever {@link #forget} knows it by */
        Held(Object of, CompiledPolicy policy, ClaimValues values) {
            this.of = of;
            this.policy = policy;
            this.values = values;
        }

        /** Whether something has changed that it hangs on. */
        boolean isOver() {
            return over;
        }
    }

    /**
     * What is watched from now on for the sake of a policy; the answers that may hold are those of snapshots in which everything has ended
     * that had begun by then.
     *
     * @param ofEpoch in which it was found out that its tables are heard of; another one has begun where that may be otherwise
     */
    synchronized void watch(CompiledPolicy policy, long ofEpoch) {
        if (ofEpoch == epoch) {
            policy.dependencies().stream().map(Dependency::table).forEach(watched::add);
        }
    }

    /** Goes up whenever nothing is watched any more. */
    synchronized long epoch() {
        return epoch;
    }

    /** Whether what was watched in an epoch is watched still. */
    synchronized boolean isPresent(long ofEpoch) {
        return ofEpoch == epoch;
    }

    /**
     * Has an answer hold.
     *
     * @param since when it was asked
     * @return whether it does
     */
    synchronized boolean hold(Held answer, long ofEpoch, Snapshot snapshot, Instant since) {
        Instant now = clock.instant();
        if (ofEpoch != epoch || since.isBefore(now.minus(LONGEST_QUESTION))) {
            return false;
        }
        Set<Integer> tables =
                answer.policy.dependencies().stream().map(Dependency::table).collect(Collectors.toSet());
        for (int table : tables) {
            LinkedHashMap<Integer, Instant> xids = recent.get(table);
            if (xids == null) {
                continue;
            }
            int before = xids.size();
            xids.entrySet()
                    .removeIf(entry ->
                            entry.getValue().isBefore(now.minus(LONGEST_QUESTION)) && snapshot.sees(entry.getKey()));
            recently -= before - xids.size();
            if (!xids.keySet().stream().allMatch(snapshot::sees)) {
                return false;
            }
        }
        dependents.add(answer, answer.policy, answer.values);
        held.add(answer);
        return true;
    }

    synchronized void release(Held answer) {
        if (held.remove(answer)) {
            dependents.remove(answer, answer.policy, answer.values);
        }
    }

    private void end(Held answer) {
        release(answer);
        answer.over = true;
    }

    /** What the stream tells, in its order. */
    synchronized void passing(Iterable<Batch> round) {
        if (watched.isEmpty()) {
            return;
        }
        for (Batch batch : round) {
            for (Change change : batch.changes()) {
                int table = change.relation().oid();
                if (watched.contains(table)) {
                    Instant former = recent.computeIfAbsent(table, _ -> new LinkedHashMap<>())
                            .put(batch.transaction().xid(), clock.instant());
                    recently += former == null ? 1 : 0;
                    dependents.of(change).forEach(this::end);
                }
            }
        }
        if (recently > MOST_RECENT) {
            beginAnew();
        }
    }

    /** The answers of these policies do not hold any more. */
    synchronized void forget(Object of) {
        Set.copyOf(held).stream().filter(answer -> answer.of.equals(of)).forEach(this::end);
    }

    /** What is told from now on may not be the continuation of what was told before. */
    synchronized void beginAnew() {
        Set.copyOf(held).forEach(this::end);
        dependents.clear();
        watched.clear();
        recent.clear();
        recently = 0;
        epoch++;
    }

    synchronized int size() {
        return held.size();
    }
}

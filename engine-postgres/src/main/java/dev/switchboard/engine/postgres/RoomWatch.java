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
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which answers about rooms hold until the stream tells of a row that they hang on. An answer does only if its snapshot sees every
 * transaction of which the stream has told already, and all that began before its tables were watched: of whatever it does not see the
 * stream tells later. Thread-safe.
 */
final class RoomWatch {
    /** Of a table with more transactions that snapshots need not see yet, only the last is remembered, and all before it are waited for. */
    private static final int MOST_TOLD = 1_000;

    /** What took longer to answer does not hold: what was told before may be forgotten. */
    private static final Duration LONGEST_QUESTION = Duration.ofSeconds(3);

    private final InstantSource clock;
    private final Dependents<Held> dependents = new Dependents<>();
    /** By what {@link #forget} knows them by. */
    private final Map<Object, Set<Held>> held = new HashMap<>();
    /** Tables whose changes are taken note of. */
    private final Set<Integer> watched = new HashSet<>();

    private final Map<Integer, Told> told = new HashMap<>();
    private int size;
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

        /** Of heap, by estimate. */
        long bytes() {
            return Dependents.bytesOf(policy, values);
        }
    }

    /** Transactions that changed one table, by the low 32 bits of their ids, as long as a snapshot may be under way that does not see them. */
    private static final class Told {
        /** When a snapshot was known to see it; empty: none is. */
        private final LinkedHashMap<Integer, Optional<Instant>> xids = new LinkedHashMap<>();
        /** The last of those that are not remembered each. */
        private Optional<Integer> until = Optional.empty();

        private Optional<Instant> untilSeen = Optional.empty();

        void add(int xid) {
            xids.put(xid, Optional.empty());
            if (xids.size() > MOST_TOLD) {
                xids.keySet().forEach(this::collapse);
                xids.clear();
            }
        }

        private void collapse(int xid) {
            until = Optional.of(until.filter(last -> xid - last < 0).orElse(xid)); // ids go round
            untilSeen = Optional.empty();
        }

        boolean isSeenBy(Snapshot snapshot) {
            return xids.keySet().stream().allMatch(snapshot::sees)
                    && until.map(snapshot::seesAllUpTo).orElse(true);
        }

        /** What every snapshot of a question sees that may still hold is forgotten: it was seen before that was asked. */
        void see(Snapshot snapshot, Instant now) {
            Instant before = now.minus(LONGEST_QUESTION);
            xids.values().removeIf(seen -> seen.filter(before::isAfter).isPresent());
            xids.replaceAll((xid, seen) -> seen.isEmpty() && snapshot.sees(xid) ? Optional.of(now) : seen);
            if (untilSeen.filter(before::isAfter).isPresent()) {
                until = Optional.empty();
                untilSeen = Optional.empty();
            } else if (untilSeen.isEmpty() && until.map(snapshot::seesAllUpTo).orElse(false)) {
                untilSeen = Optional.of(now);
            }
        }

        boolean isEmpty() {
            return xids.isEmpty() && until.isEmpty();
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
            watched.addAll(tables(policy));
        }
    }

    private static Set<Integer> tables(CompiledPolicy policy) {
        return policy.dependencies().stream().map(Dependency::table).collect(Collectors.toSet());
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
     * @param since when it was asked, before its snapshot was taken
     * @return whether it does
     */
    synchronized boolean hold(Held answer, long ofEpoch, Snapshot snapshot, Instant since) {
        if (ofEpoch != epoch || since.isBefore(clock.instant().minus(LONGEST_QUESTION))) {
            return false;
        }
        for (int table : tables(answer.policy)) {
            Told of = told.get(table);
            if (of != null && !of.isSeenBy(snapshot)) {
                return false;
            }
        }
        dependents.add(answer, answer.policy, answer.values);
        held.computeIfAbsent(answer.of, _ -> new HashSet<>()).add(answer);
        size++;
        return true;
    }

    synchronized void release(Held answer) {
        Set<Held> others = held.get(answer.of);
        if (others != null && others.remove(answer)) {
            dependents.remove(answer, answer.policy, answer.values);
            size--;
            if (others.isEmpty()) {
                held.remove(answer.of);
            }
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
        try {
            for (Batch batch : round) {
                for (Change change : batch.changes()) {
                    pass(batch.transaction().xid(), change);
                }
            }
        } catch (RuntimeException | Error fault) {
            beginAnew(); // nothing holds by what was not taken note of
            throw fault;
        }
    }

    private void pass(int xid, Change change) {
        int table = change.relation().oid();
        if (watched.contains(table)) {
            told.computeIfAbsent(table, _ -> new Told()).add(xid);
            dependents.of(change).forEach(this::end);
        }
    }

    /** A snapshot that was taken just now; called about every second. */
    synchronized void see(Snapshot snapshot) {
        Instant now = clock.instant();
        told.values().forEach(of -> of.see(snapshot, now));
        told.values().removeIf(Told::isEmpty);
    }

    /** The answers of these policies do not hold any more. */
    synchronized void forget(Object of) {
        Set.copyOf(held.getOrDefault(of, Set.of())).forEach(this::end);
    }

    /** What is told from now on may not be the continuation of what was told before. */
    synchronized void beginAnew() {
        held.values().forEach(answers -> answers.forEach(answer -> answer.over = true));
        held.clear();
        dependents.clear();
        watched.clear();
        told.clear();
        size = 0;
        epoch++;
    }

    synchronized int size() {
        return size;
    }
}

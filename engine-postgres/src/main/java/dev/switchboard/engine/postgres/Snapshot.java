package dev.switchboard.engine.postgres;

import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which transactions a statement sees, as {@code pg_current_snapshot()} says it: those before {@code xmax}, but for those that were in
 * progress, none of which is before {@code xmin}. Immutable; ids of 64 bits.
 */
record Snapshot(long xmin, long xmax, Set<Long> inProgress) {
    Snapshot {
        inProgress = Set.copyOf(inProgress);
    }

    /** @param text {@code 10:20:10,14} */
    static Snapshot parse(String text) {
        String[] parts = text.split(":", -1);
        Set<Long> inProgress = parts[2].isEmpty()
                ? Set.of()
                : Arrays.stream(parts[2].split(",")).map(Long::parseLong).collect(Collectors.toSet());
        return new Snapshot(Long.parseLong(parts[0]), Long.parseLong(parts[1]), inProgress);
    }

    /**
     * Whether it sees a transaction that has committed.
     *
     * @param xid the low 32 bits, as the WAL has them
     */
    boolean sees(int xid) {
        long id = Xids.extend(xid, xmax);
        return id < xmax && !inProgress.contains(id);
    }

    /** Whether every transaction before this one has ended, so that it sees those that have committed. */
    boolean seesAllBefore(long id) {
        return xmin >= id;
    }

    /** The same with the transaction itself, by the low 32 bits of its id. */
    boolean seesAllUpTo(int xid) {
        return seesAllBefore(Xids.extend(xid, xmax) + 1);
    }
}

package dev.switchboard.engine.model;

import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Since when a subscription is: what had been committed then was there before, and is not sent. Decided as PostgreSQL decides what a
 * snapshot sees ({@code pg_current_snapshot()}), by the low 32 bits of transaction ids. Immutable.
 *
 * @param next     one past the highest id whose transaction had ended
 * @param underWay ids before that whose transactions had not ended
 * @param position where the WAL ended, so that whatever had been committed stands before it
 * @param after    the last change that was told before, to one that goes on; it and what stands before it is not told again
 */
public record StartingPoint(int next, Set<Integer> underWay, Lsn position, Optional<Position> after) {
    public StartingPoint {
        underWay = Set.copyOf(underWay);
    }

    public StartingPoint(int next, Set<Integer> underWay, Lsn position) {
        this(next, underWay, position, Optional.empty());
    }

    /**
     * Reads what {@code pg_current_snapshot()} says: {@code 10:20:10,14}, of 64 bits each.
     *
     * @param position where the WAL ended after it was taken
     */
    public static StartingPoint parse(String snapshot, Lsn position) {
        String[] parts = snapshot.split(":", -1);
        Set<Integer> underWay = parts[2].isEmpty()
                ? Set.of()
                : Arrays.stream(parts[2].split(","))
                        .map(xid -> (int) Long.parseLong(xid))
                        .collect(Collectors.toSet());
        return new StartingPoint((int) Long.parseLong(parts[1]), underWay, position);
    }

    /** One that has been told everything up to there. */
    public StartingPoint after(Position told) {
        return new StartingPoint(next, underWay, position, Optional.of(told));
    }

    /** Whether the transaction had been committed by then. */
    public boolean saw(Transaction transaction) {
        return position.isAfter(transaction.finalLsn()) && sees(transaction.xid());
    }

    /** The same by the id alone, its low 32 bits. */
    public boolean sees(int xid) {
        int distance = xid - next; // ids go round: which comes first is told by their distance
        return distance < 0 && !underWay.contains(xid);
    }

    /** Whether it sees the transaction, and all with lower ids had ended. */
    public boolean seesAllUpTo(int xid) {
        return sees(xid) && underWay.stream().allMatch(other -> xid - other < 0);
    }

    /** Whether the change was there before, or has been told. */
    public boolean covers(Transaction transaction, long index) {
        return saw(transaction)
                || after.filter(told -> told.compareTo(new Position(transaction.finalLsn(), index)) >= 0)
                        .isPresent();
    }

    /** Whether the transaction, and all that follow in the stream, came later. */
    public boolean isBehind(Transaction transaction) {
        return !position.isAfter(transaction.finalLsn())
                && after.map(told -> transaction.finalLsn().isAfter(told.transaction()))
                        .orElse(true);
    }
}

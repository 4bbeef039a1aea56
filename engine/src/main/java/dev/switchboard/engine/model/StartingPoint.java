package dev.switchboard.engine.model;

import java.util.Set;

/**
 * Since when a subscription is: what had been committed then was there before, and is not sent. Decided as PostgreSQL decides what a
 * snapshot sees ({@code pg_current_snapshot()}), by the low 32 bits of transaction ids. Immutable.
 *
 * @param next     the first id that was not given out yet
 * @param underWay ids before that whose transactions had not ended
 * @param position where the WAL ended, so that whatever had been committed stands before it
 */
public record StartingPoint(int next, Set<Integer> underWay, Lsn position) {
    public StartingPoint {
        underWay = Set.copyOf(underWay);
    }

    /** Whether the transaction had been committed by then. */
    public boolean saw(Transaction transaction) {
        int distance = transaction.xid() - next; // ids go round: which comes first is told by their distance
        return !isBehind(transaction) && distance < 0 && !underWay.contains(transaction.xid());
    }

    /** Whether the transaction, and all that follow in the stream, came later. */
    public boolean isBehind(Transaction transaction) {
        return !position.isAfter(transaction.finalLsn());
    }
}

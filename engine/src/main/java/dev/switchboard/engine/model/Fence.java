package dev.switchboard.engine.model;

/**
 * A snapshot and the place in the stream from which all that it does not see comes: rows that were read by it and the changes that
 * follow meet without a gap and without doubles. Immutable.
 *
 * @param start what the snapshot sees
 * @param floor a lower bound: every transaction that was committed before it, by its final LSN, is seen by the snapshot
 */
public record Fence(StartingPoint start, Lsn floor) {
    /** What is needed comes after it. */
    public Position from() {
        return start.after().orElse(Position.before(floor));
    }
}

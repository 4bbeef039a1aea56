package dev.switchboard.engine.model;

/**
 * A snapshot and the place in the stream from which all that it does not see comes: rows that were read by it and the changes that
 * follow meet without a gap and without doubles. Immutable.
 *
 * @param start what the snapshot sees
 * @param floor a lower bound: every transaction that was committed before it, by its final LSN, is seen by the snapshot
 * @param sight the versions of what its rows were seen by then ({@link Sight}), or some from before; empty where nobody asked
 */
public record Fence(StartingPoint start, Lsn floor, String sight) {
    public Fence(StartingPoint start, Lsn floor) {
        this(start, floor, "");
    }

    /** The same, with how its rows were seen. */
    public Fence seenBy(String versions) {
        return new Fence(start, floor, versions);
    }

    /** The same, of which everything has been told up to there. */
    public Fence after(Position told) {
        return new Fence(start.after(told), floor, sight);
    }
    /** What is needed comes after it. */
    public Position from() {
        return start.after().orElse(Position.before(floor));
    }
}

package dev.switchboard.engine.model;

/**
 * Where a change stands in the stream: the final LSN of its transaction, as told in Begin, and its index in the
 * transaction, from 0. The same on every node and after every redelivery, so it is what duplicates are recognised by.
 */
public record Position(Lsn transaction, long index) implements Comparable<Position> {
    /** Before every change. */
    public static final Position START = new Position(Lsn.NONE, -1);

    /** Before every change of the transactions whose commits stand there or later. */
    public static Position before(Lsn lsn) {
        return new Position(lsn, -1);
    }

    /** Reads what {@link #toString} writes: {@code 0/1A2B3C8#0}. */
    public static Position parse(String text) {
        int hash = text.indexOf('#');
        if (hash < 0) {
            throw new IllegalArgumentException("not a position: '" + text + "'");
        }
        return new Position(Lsn.parse(text.substring(0, hash)), Long.parseLong(text.substring(hash + 1)));
    }

    @Override
    public int compareTo(Position other) {
        int byTransaction = transaction.compareTo(other.transaction);
        return byTransaction != 0 ? byTransaction : Long.compare(index, other.index);
    }

    @Override
    public String toString() {
        return transaction + "#" + index;
    }
}

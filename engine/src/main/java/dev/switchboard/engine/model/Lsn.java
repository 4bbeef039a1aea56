package dev.switchboard.engine.model;

/** A log sequence number: a byte position in the WAL, unsigned 64 bits, written {@code 16/B374D848} (PostgreSQL, pg_lsn). */
public record Lsn(long value) implements Comparable<Lsn> {
    /** "No position": PostgreSQL then uses the slot's own. */
    public static final Lsn NONE = new Lsn(0);

    /** Reads the text form of PostgreSQL's type pg_lsn. */
    public static Lsn parse(String text) {
        int slash = text.indexOf('/');
        if (slash < 0) {
            throw new IllegalArgumentException("not an LSN: '" + text + "'");
        }
        long high = Long.parseLong(text.substring(0, slash), 16);
        return new Lsn(high << 32 | Long.parseLong(text.substring(slash + 1), 16));
    }

    public boolean isAfter(Lsn other) {
        return compareTo(other) > 0;
    }

    @Override
    public int compareTo(Lsn other) {
        return Long.compareUnsigned(value, other.value);
    }

    @Override
    public String toString() {
        return Long.toHexString(value >>> 32).toUpperCase(java.util.Locale.ROOT)
                + "/"
                + Long.toHexString(value & 0xFFFFFFFFL).toUpperCase(java.util.Locale.ROOT);
    }
}

package dev.switchboard.engine.postgres;

/** Transaction ids: the WAL tells the low 32 bits, snapshots speak of 64. Pure. */
final class Xids {
    private static final long EPOCH = 1L << 32;

    private Xids() {}

    /** The 64-bit id with these low bits that is nearest to a known one. */
    static long extend(int xid, long near) {
        long candidate = (near & ~(EPOCH - 1)) | Integer.toUnsignedLong(xid);
        if (candidate - near > EPOCH / 2 && candidate >= EPOCH) {
            return candidate - EPOCH;
        }
        return near - candidate > EPOCH / 2 ? candidate + EPOCH : candidate;
    }
}

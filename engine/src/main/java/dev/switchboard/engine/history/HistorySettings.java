package dev.switchboard.engine.history;

import java.time.Duration;

/**
 * How much of the stream is kept for those who come back.
 *
 * @param bytes   of heap, by estimate; 0: nothing
 * @param longest how long a transaction is kept
 */
public record HistorySettings(long bytes, Duration longest) {
    /** Nothing is kept, and nobody can come back to it. */
    public static final HistorySettings NONE = new HistorySettings(0, Duration.ZERO);

    private static final long MOST = 64L << 20;
    private static final int PART_OF_HEAP = 8;

    /** An eighth of the heap, at most 64 MiB, for five minutes. */
    public static HistorySettings defaults() {
        return new HistorySettings(
                Math.min(MOST, Runtime.getRuntime().maxMemory() / PART_OF_HEAP), Duration.ofMinutes(5));
    }
}

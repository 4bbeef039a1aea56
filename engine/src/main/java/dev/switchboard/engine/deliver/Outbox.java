package dev.switchboard.engine.deliver;

/**
 * The bound of what may wait for one connection in this process, beside its kernel send buffer. Immutable.
 *
 * @param limitBytes above it {@link #rule} applies
 */
public record Outbox(int limitBytes, OverflowRule rule) {
    /** Whether a frame may be queued behind what is pending; an empty outbox takes any frame. */
    public boolean admits(long pendingBytes, int frameBytes) {
        return pendingBytes == 0 || pendingBytes + frameBytes <= limitBytes;
    }
}

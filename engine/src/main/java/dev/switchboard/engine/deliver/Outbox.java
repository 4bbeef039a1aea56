package dev.switchboard.engine.deliver;

import java.time.Duration;

/**
 * Decides whether a frame may be queued for one connection (SPEC D6). A burst larger than the limit is no reason to end
 * a connection that keeps reading: the sender waits for it, for {@link #LONGEST_WAIT} in all until it has caught up.
 * One that reads nothing for {@link #STALLED} is not waited for: in steady traffic it is over the limit long after its
 * last progress, and ends at once.
 *
 * <p>Owned by the connection's event loop. Time is passed in, in nanoseconds of a monotonic clock.
 */
public final class Outbox {
    /** Without any progress, others do not wait for longer. */
    static final Duration STALLED = Duration.ofSeconds(1);

    /** Others wait for one connection's burst no longer than this. */
    static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

    private final OutboxLimit limit;
    private long queuedTotal;
    private long drainedTotal;
    private long lastProgress;
    private boolean waitedFor;
    private long waitStarted;

    /** What to do with a frame. */
    public enum Verdict {
        QUEUE,
        WAIT,
        /** The rule of the limit applies. */
        OVERFLOW
    }

    public Outbox(OutboxLimit limit, long now) {
        this.limit = limit;
        this.lastProgress = now;
    }

    public OverflowRule rule() {
        return limit.rule();
    }

    /**
     * A frame of a change.
     *
     * @param pendingBytes queued before and not yet taken by the kernel
     */
    public Verdict offer(long pendingBytes, int frameBytes, long now) {
        observe(pendingBytes, now);
        if (pendingBytes == 0 || pendingBytes + frameBytes <= limit.bytes()) {
            if (!isHalfFull(pendingBytes)) {
                waitedFor = false;
            }
            return Verdict.QUEUE;
        }
        if (!waitedFor) {
            waitedFor = true;
            waitStarted = now;
        }
        boolean stalled = now - lastProgress > STALLED.toNanos();
        boolean slow = now - waitStarted > LONGEST_WAIT.toNanos();
        return stalled || slow ? Verdict.OVERFLOW : Verdict.WAIT;
    }

    /** What the connection itself is told, a reply or a notice: it cannot wait, and has room of its own. */
    public Verdict offerNow(long pendingBytes, int frameBytes) {
        return pendingBytes == 0 || pendingBytes + frameBytes <= 2L * limit.bytes() ? Verdict.QUEUE : Verdict.OVERFLOW;
    }

    /** Whether more waits than half of what may. */
    public boolean isHalfFull(long pendingBytes) {
        return pendingBytes > limit.bytes() / 2;
    }

    /** Says that nothing waits, and something is about to. */
    public void begins(long now) {
        waitedFor = false;
        drainedTotal = queuedTotal;
        lastProgress = now;
    }

    /** Says that a frame was queued. */
    public void queued(int frameBytes) {
        queuedTotal += frameBytes;
    }

    private void observe(long pendingBytes, long now) {
        long drained = queuedTotal - pendingBytes;
        if (drained > drainedTotal || pendingBytes == 0) {
            drainedTotal = drained;
            lastProgress = now;
        }
    }
}

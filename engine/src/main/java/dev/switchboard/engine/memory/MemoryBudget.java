package dev.switchboard.engine.memory;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * Bytes of heap that may be held for all clients together, by estimate: who keeps something of a client's takes its cost
 * first and gives it back with the last reference to it. What does not fit is refused, with a code, and never queued. So
 * the sum is bounded, whoever sends however much on however many connections (ADR 9). Thread-safe.
 */
public final class MemoryBudget {
    private final long bytes;
    private final AtomicLong taken = new AtomicLong();
    private final LongAdder refusals = new LongAdder();

    public MemoryBudget(long bytes) {
        this.bytes = bytes;
    }

    /** Takes so much, if it is there; otherwise nothing is taken. */
    public boolean take(long wanted) {
        if (wanted <= 0) {
            taken.addAndGet(wanted);
            return true; // less always fits, whatever others try at the same time
        }
        if (taken.addAndGet(wanted) <= bytes) {
            return true;
        }
        taken.addAndGet(-wanted);
        refusals.increment();
        return false;
    }

    /**
     * Takes so much for one of many, if it is there and the one has not more than its share then.
     *
     * @param has what the one has taken already
     */
    public boolean takeOf(long has, long share, long wanted) {
        if (wanted > 0 && has + wanted > share) {
            refusals.increment();
            return false;
        }
        return take(wanted);
    }

    /** Gives back what was taken. */
    public void give(long former) {
        taken.addAndGet(-former);
    }

    /** All there is. */
    public long bytes() {
        return bytes;
    }

    public long taken() {
        return taken.get();
    }

    /** How often something did not fit. */
    public long refusals() {
        return refusals.sum();
    }
}

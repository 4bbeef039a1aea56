package dev.switchboard.engine.channel;

import dev.switchboard.engine.memory.MemoryBudget;

/** What one connection's channels have taken of the memory for all. Owned by the connection's event loop. */
final class Allowance {
    /** One connection keeps at most this part of the memory of all. */
    private static final int SHARE = 16;

    private final MemoryBudget memory;
    private long taken;

    Allowance(MemoryBudget memory) {
        this.memory = memory;
    }

    /** One connection may have a part of what there is for all, so that it takes more than one to leave nothing. */
    boolean take(long cost) {
        if (!memory.takeOf(taken, memory.bytes() / SHARE, cost)) {
            return false;
        }
        taken += cost;
        return true;
    }

    void give(long cost) {
        taken -= cost;
        memory.give(cost);
    }
}

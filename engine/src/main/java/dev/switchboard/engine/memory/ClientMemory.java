package dev.switchboard.engine.memory;

/**
 * The two halves of what is held for clients, apart so that neither starves the other.
 *
 * @param kept    as long as a channel lives: joins with their filters, presence
 * @param passing while something is under way: requests and messages that arrive, answers that are not read yet
 */
public record ClientMemory(MemoryBudget kept, MemoryBudget passing) {
    /** Half of it each. */
    public static ClientMemory of(long bytes) {
        return new ClientMemory(new MemoryBudget(bytes / 2), new MemoryBudget(bytes - bytes / 2));
    }
}

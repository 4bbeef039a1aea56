package dev.switchboard.engine.postgres.listener;

/** Takes changes, one after the other, on the listener's thread. */
@FunctionalInterface
public interface ChangeHandler {
    /**
     * Takes a change. It is confirmed to PostgreSQL when this returns, and comes again where the process ends before.
     *
     * @throws Exception if it cannot be taken: it is tried again, and in the end kept as a dead letter
     */
    void handle(RowChange change) throws Exception;

    /**
     * Changes may be missing: the slot was dropped or invalidated, or the table was emptied by TRUNCATE, or dropped and made anew. Where this throws, it is
     * told again. What comes from here on
     * comes whole.
     */
    default void onGap(String why) {}
}

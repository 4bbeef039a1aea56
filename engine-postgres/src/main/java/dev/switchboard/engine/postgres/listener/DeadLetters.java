package dev.switchboard.engine.postgres.listener;

/** Keeps changes that a handler could not take. */
@FunctionalInterface
public interface DeadLetters {
    /**
     * Keeps it for good: the listener goes on to the next change when this returns.
     *
     * @param cause what the handler threw at its last attempt
     * @throws Exception if it cannot be kept; handler and this are tried again
     */
    void keep(String listener, RowChange change, Exception cause) throws Exception;
}

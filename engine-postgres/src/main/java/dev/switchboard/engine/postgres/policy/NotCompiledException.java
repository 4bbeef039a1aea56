package dev.switchboard.engine.postgres.policy;

/** An expression is not understood wholly; PostgreSQL has to be asked. The message names what was not understood. */
public final class NotCompiledException extends Exception {
    private static final long serialVersionUID = 1L;

    public NotCompiledException(String what) {
        super(what);
    }
}

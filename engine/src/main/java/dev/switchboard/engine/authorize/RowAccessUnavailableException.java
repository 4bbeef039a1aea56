package dev.switchboard.engine.authorize;

/** PostgreSQL cannot be asked now: no connection, no resources, a timeout. Not an answer; ask again. */
public final class RowAccessUnavailableException extends Exception {
    private static final long serialVersionUID = 1L;

    public RowAccessUnavailableException(String what, Throwable cause) {
        super(what, cause);
    }
}

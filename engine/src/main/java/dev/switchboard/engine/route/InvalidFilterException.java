package dev.switchboard.engine.route;

/** A filter that cannot be understood; the message says why. */
public final class InvalidFilterException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    InvalidFilterException(String what) {
        super(what);
    }
}

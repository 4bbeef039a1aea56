package dev.switchboard.engine.encode;

/** A column of a change has a type that cannot be sent. */
public final class UnsupportedTypeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UnsupportedTypeException(String what) {
        super(what);
    }
}

package dev.switchboard.callcenter;

/** The database could not do what was asked of it. */
public final class CallCentreException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CallCentreException(String message, Throwable cause) {
        super(message, cause);
    }
}

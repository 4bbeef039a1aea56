package dev.switchboard.data;

/** Nobody can tell what an answer hangs on; the message says why, to the client. */
public final class UnknowableException extends Exception {
    private static final long serialVersionUID = 1L;

    UnknowableException(String message) {
        super(message);
    }
}

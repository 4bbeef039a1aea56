package dev.switchboard.engine.decode;

/** A pgoutput message that does not follow the protocol: truncated, unknown, or not fitting its relation. */
public final class MalformedWalException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MalformedWalException(String what) {
        super(what);
    }

    MalformedWalException(String what, Throwable cause) {
        super(what, cause);
    }
}

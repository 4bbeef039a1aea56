package dev.switchboard.client;

/** The server refused what was sent, or could not be told; the message says why. */
public final class ChannelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ChannelException(String why) {
        super(why);
    }

    ChannelException(String why, Throwable cause) {
        super(why, cause);
    }
}

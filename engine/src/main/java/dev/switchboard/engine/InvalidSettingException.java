package dev.switchboard.engine;

/** A setting that stops the start; the message names key, value and remedy. */
public final class InvalidSettingException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public InvalidSettingException(String what) {
        super(what);
    }
}

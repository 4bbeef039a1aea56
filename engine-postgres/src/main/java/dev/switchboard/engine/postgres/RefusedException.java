package dev.switchboard.engine.postgres;

/** The binding cannot be made; the message says why. */
final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    RefusedException(String why) {
        super(why);
    }
}

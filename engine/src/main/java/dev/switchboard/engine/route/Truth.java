package dev.switchboard.engine.route;

/** SQL's three truth values, and what only PostgreSQL can tell. */
public enum Truth {
    TRUE,
    FALSE,
    /** NULL was compared. */
    UNKNOWN,
    /** PostgreSQL has to be asked. */
    UNDECIDED;

    public static Truth of(boolean value) {
        return value ? TRUE : FALSE;
    }

    public Truth and(Truth other) {
        if (this == FALSE || other == FALSE) {
            return FALSE;
        }
        if (this == UNDECIDED || other == UNDECIDED) {
            return UNDECIDED;
        }
        return this == UNKNOWN || other == UNKNOWN ? UNKNOWN : TRUE;
    }

    public Truth or(Truth other) {
        return not().and(other.not()).not();
    }

    public Truth not() {
        return switch (this) {
            case TRUE -> FALSE;
            case FALSE -> TRUE;
            case UNKNOWN, UNDECIDED -> this;
        };
    }
}

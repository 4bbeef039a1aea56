package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.ErrorCode;

/** Who may be in rooms: hear and say broadcasts, be present and see who is. Changes are decided by policies, and not by this. */
public enum Rooms {
    /** Everybody who has the API key, as with the original: every page holds it. */
    OPEN,
    /** Who has a token of a role other than that of the API key. */
    SIGNED_IN,
    /** Nobody: there are private rooms alone, whose policies say who may be there. */
    PRIVATE;

    private static final String NOBODY = "anon";

    /** Whether the bearer of these claims may be in a public room. */
    public boolean admits(Claims claims) {
        return switch (this) {
            case OPEN -> true;
            case SIGNED_IN -> !claims.group().role().equals(NOBODY);
            case PRIVATE -> false;
        };
    }

    /** What whoever is not admitted is told. */
    public ErrorCode refusal() {
        return this == PRIVATE ? ErrorCode.PRIVATE_ONLY : ErrorCode.ROOM_CLOSED;
    }
}

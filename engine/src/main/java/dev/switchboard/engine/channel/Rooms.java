package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.Claims;

/** Who may be in rooms: hear and say broadcasts, be present and see who is. Changes are decided by policies, and not by this. */
public enum Rooms {
    /** Everybody who has the API key, as with the original: every page holds it. */
    OPEN,
    /** Who has a token of a role other than that of the API key. */
    SIGNED_IN;

    private static final String NOBODY = "anon";

    /** Whether the bearer of these claims may be in a room. */
    public boolean admits(Claims claims) {
        return this == OPEN || !claims.group().role().equals(NOBODY);
    }
}

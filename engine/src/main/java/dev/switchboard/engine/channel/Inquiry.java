package dev.switchboard.engine.channel;

import java.time.Duration;
import java.time.Instant;

/**
 * A question about a private channel that is asked again for as long as it is there: when its answer was certain last, and when it is due.
 * Owned by the connection's event loop.
 */
final class Inquiry {
    /** How long an answer counts of which nobody can tell whether it holds. */
    static final Duration AGAIN = Duration.ofSeconds(5);

    /** How long one counts that is over, while others are asked about first. */
    private static final Duration TURN = Duration.ofSeconds(15);

    /** How long one counts while PostgreSQL cannot be asked. */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    private Instant at = Instant.EPOCH;
    private Instant notBefore = Instant.EPOCH;
    private boolean asking;
    private boolean held;

    boolean isAsking() {
        return asking;
    }

    void asking() {
        asking = true;
    }

    void answered(Instant now) {
        at = now;
        asking = false;
        held = false;
    }

    /** PostgreSQL could not be asked; it is asked again after a while. */
    void askedInVain(Instant now) {
        asking = false;
        notBefore = now.plus(AGAIN);
    }

    /** The answer holds. */
    void holds(Instant asOf) {
        at = asOf.isAfter(at) ? asOf : at;
        held = true;
    }

    boolean isCertainSince(Instant moment) {
        return at.isAfter(moment);
    }

    /** Whether it is time to ask again: what held, and is not there any more, is over. */
    boolean isDue(RoomPolicies.Known known, Instant now) {
        boolean old = at.isBefore(now.minus(AGAIN));
        return !now.isBefore(notBefore)
                && switch (known) {
                    case RoomPolicies.Known.Holds _ -> false;
                    case RoomPolicies.Known.Over _ -> true;
                    case RoomPolicies.Known.Later _ -> at.isBefore(now.minus(TURN));
                    case RoomPolicies.Known.Stale _ -> old;
                    case RoomPolicies.Known.Nothing _ -> held || old;
                };
    }
}

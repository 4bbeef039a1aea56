package dev.switchboard.engine.channel;

import java.time.Instant;

/** How many joins one connection asks for in a second. Owned by its event loop. */
final class JoinRate {
    private final int perSecond;
    private long second;
    private int joins;

    JoinRate(int perSecond) {
        this.perSecond = perSecond;
    }

    /** Counts one, and says whether it is one too many. */
    boolean isExceeded(Instant now) {
        if (now.getEpochSecond() != second) {
            second = now.getEpochSecond();
            joins = 0;
        }
        return ++joins > perSecond;
    }
}

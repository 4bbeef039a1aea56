package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.Claims;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Whose tokens hold a channel now, on whichever event loop. Thread-safe; as large as the number of users who are here. */
public final class Attendance {
    /** How many channels each subject holds. */
    private final Map<String, Integer> channels = new ConcurrentHashMap<>();

    void enter(Claims claims) {
        claims.subject().ifPresent(subject -> channels.merge(subject, 1, Integer::sum));
    }

    void leave(Claims claims) {
        claims.subject()
                .ifPresent(subject -> channels.computeIfPresent(subject, (_, count) -> count == 1 ? null : count - 1));
    }

    /** The subjects of their tokens, as of now. */
    public Set<String> subjects() {
        return Set.copyOf(channels.keySet());
    }
}

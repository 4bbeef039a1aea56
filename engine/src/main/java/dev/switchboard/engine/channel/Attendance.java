package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.Claims;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** Whose tokens hold a channel now, on whichever event loop. Thread-safe; as large as the number of users who are here. */
public final class Attendance {
    private final Map<String, Stay> stays = new ConcurrentHashMap<>();
    private final AtomicLong numbers = new AtomicLong();

    /** From a subject's first channel to the last; a new one has a new number. */
    private record Stay(long number, int channels) {}

    void enter(Claims claims) {
        claims.subject()
                .ifPresent(subject -> stays.compute(
                        subject,
                        (_, stay) -> stay == null
                                ? new Stay(numbers.incrementAndGet(), 1)
                                : new Stay(stay.number(), stay.channels() + 1)));
    }

    void leave(Claims claims) {
        claims.subject()
                .ifPresent(subject -> stays.computeIfPresent(
                        subject,
                        (_, stay) -> stay.channels() == 1 ? null : new Stay(stay.number(), stay.channels() - 1)));
    }

    /** The subjects of their tokens, as of now. */
    public Set<String> subjects() {
        return Set.copyOf(stays.keySet());
    }

    /** The same, with a number each, which is another one after they were away, however shortly. */
    public Map<String, Long> stays() {
        var numbered = new HashMap<String, Long>();
        stays.forEach((subject, stay) -> numbered.put(subject, stay.number()));
        return numbered;
    }
}

package dev.switchboard.engine.pipeline;

import java.time.Duration;

/** Full-jitter exponential backoff: uniform between 0 and a bound that doubles up to a cap. Owned by one thread. */
final class Backoff {
    private final Duration first;
    private final Duration cap;
    private int attempt;

    Backoff(Duration first, Duration cap) {
        this.first = first;
        this.cap = cap;
    }

    void reset() {
        attempt = 0;
    }

    /** @param random uniform in [0, 1) */
    Duration next(double random) {
        long bound = Math.min(cap.toNanos(), first.toNanos() << Math.min(attempt, 20));
        attempt++;
        return Duration.ofNanos((long) (bound * random));
    }
}

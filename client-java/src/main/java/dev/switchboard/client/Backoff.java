package dev.switchboard.client;

import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * Pauses between attempts: uniform between nothing and a bound that doubles up to a limit ("full jitter"), so that clients
 * which lost the same server do not come back together. Owned by the client's thread.
 */
final class Backoff {
    private final Duration first;
    private final Duration longest;
    private final RandomGenerator random;
    private int attempts;

    Backoff(Duration first, Duration longest, RandomGenerator random) {
        this.first = first;
        this.longest = longest;
        this.random = random;
    }

    Duration next() {
        long bound = Math.min(longest.toMillis(), first.toMillis() << Math.min(attempts, 20));
        attempts++;
        return Duration.ofMillis(random.nextLong(bound + 1));
    }

    void reset() {
        attempts = 0;
    }
}

package dev.switchboard.engine.pipeline;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Whether the pipeline's threads live, and whether they move. A thread that ended is not started again: what it held is
 * gone with it, so whoever runs the engine has to end too (ADR 9). Written by the threads, read by health and by the
 * watchdog. Thread-safe.
 */
public final class Vitals {
    /** Without a beat for so long a thread hangs, or waits for something that takes too long for a screen. */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Map<String, Instant> beats = new ConcurrentHashMap<>();
    private final AtomicReference<Optional<String>> ended = new AtomicReference<>(Optional.empty());

    /** Which thread ended and why, once one has; it stays so. */
    public Optional<String> ended() {
        return ended.get();
    }

    /** Which thread has not moved for {@link #PATIENCE}, if one has not. */
    public Optional<String> stalled(Instant now) {
        return beats.entrySet().stream()
                .filter(beat -> beat.getValue().plus(PATIENCE).isBefore(now))
                .map(beat -> "thread " + beat.getKey() + " has not moved for "
                        + Duration.between(beat.getValue(), now).toSeconds() + " s")
                .sorted()
                .findFirst();
    }

    void beat(String thread, Instant now) {
        beats.put(thread, now);
    }

    void ended(String thread, String cause) {
        ended.compareAndSet(Optional.empty(), Optional.of("thread " + thread + " ended: " + cause));
    }
}

package dev.switchboard.engine.pipeline;

import java.time.Duration;
import java.time.InstantSource;

/** Port to clock, waiting and chance, so that the pipeline has none of its own. Thread-safe. */
public interface Time extends InstantSource {
    void pause(Duration duration) throws InterruptedException;

    /** Uniform in [0, 1). */
    double random();
}

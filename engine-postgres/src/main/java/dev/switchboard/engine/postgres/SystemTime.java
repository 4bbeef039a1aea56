package dev.switchboard.engine.postgres;

import dev.switchboard.engine.pipeline.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.ThreadLocalRandom;

/** The machine's clock, waiting and chance. */
public final class SystemTime implements Time {
    @Override
    public Instant instant() {
        return Instant.now();
    }

    @Override
    public void pause(Duration duration) throws InterruptedException {
        Thread.sleep(duration);
    }

    @Override
    public double random() {
        return ThreadLocalRandom.current().nextDouble();
    }
}

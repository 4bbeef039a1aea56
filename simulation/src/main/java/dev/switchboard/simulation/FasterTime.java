package dev.switchboard.simulation;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Time that begins now and passes so many times as fast as it really does. Thread-safe; what is planned runs on one thread. */
public final class FasterTime implements Agenda, InstantSource, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(FasterTime.class);

    private static final Duration CLOSING = Duration.ofSeconds(1);

    private final Instant begin;
    private final long nanos = System.nanoTime();
    private final double speed;
    private final ScheduledExecutorService thread = new ScheduledThreadPoolExecutor(
            1, work -> Thread.ofPlatform().daemon().name("simulated-people").unstarted(work));

    public FasterTime(Instant begin, double speed) {
        this.begin = begin;
        this.speed = speed;
    }

    @Override
    public Instant instant() {
        return begin.plusNanos(Math.round((System.nanoTime() - nanos) * speed)).truncatedTo(ChronoUnit.MICROS);
    }

    @Override
    public Instant now() {
        return instant();
    }

    public double speed() {
        return speed;
    }

    @Override
    public void at(Instant when, Runnable work) {
        long wait = Math.round(Duration.between(instant(), when).toNanos() / speed);
        try {
            thread.schedule(() -> run(work), wait, TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException closed) {
            LOG.debug("Nothing more is planned: {}", closed.getMessage());
        }
    }

    /** What one of them does wrong does not end the others. */
    private void run(Runnable work) {
        try {
            work.run();
        } catch (RuntimeException failed) {
            if (thread.isShutdown()) {
                return; // with everything else
            }
            LOG.warn("A made-up person could not do what they wanted: {}", failed.toString());
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
        try {
            if (!thread.awaitTermination(CLOSING.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.debug("A made-up person is still busy");
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }
}

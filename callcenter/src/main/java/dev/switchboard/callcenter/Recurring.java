package dev.switchboard.callcenter;

import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Work that comes again and again on a thread of its own. What fails is logged, and the next turn comes a second later. Closed once. */
public final class Recurring implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Recurring.class);
    private static final Duration AFTER_FAILURE = Duration.ofSeconds(1);
    private static final Duration LAST_TURN = Duration.ofSeconds(2);

    private final String name;
    private final Duration pause;
    private final Runnable work;
    private final Thread thread;

    /** @param pause between two turns */
    public Recurring(String name, Duration pause, Runnable work) {
        this.name = name;
        this.pause = pause;
        this.work = work;
        this.thread = Thread.ofVirtual().name(name).unstarted(this::run);
    }

    public void start() {
        thread.start();
    }

    /** Whether its thread is gone, without which nothing of it happens. */
    public boolean hasEnded() {
        return thread.getState() == Thread.State.TERMINATED;
    }

    private void run() {
        try {
            while (!Thread.currentThread().isInterrupted()) {
                Thread.sleep(turn() ? pause : AFTER_FAILURE);
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether it came to its end. */
    private boolean turn() {
        try {
            work.run();
            return true;
        } catch (RuntimeException failed) {
            if (!Thread.currentThread().isInterrupted()) {
                LOG.warn("{} failed; the next turn comes: {}", name, failed.getMessage());
            }
            return false;
        }
    }

    @Override
    public void close() {
        if (!thread.isAlive()) {
            return;
        }
        thread.interrupt();
        try {
            thread.join(LAST_TURN);
        } catch (InterruptedException stillClosing) {
            Thread.currentThread().interrupt();
        }
    }
}

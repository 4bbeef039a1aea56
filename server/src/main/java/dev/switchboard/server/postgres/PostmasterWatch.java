package dev.switchboard.server.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees that the embedded PostgreSQL lives, and starts it again where it ended without being asked to: at once, and with a
 * growing pause where it ended soon after a start or did not start. After {@link #MOST_FAILURES} starts in a row that failed
 * it gives up, which it says. A full disk is no such failure: it is waited for. Keeps PostgreSQL's log within twice {@link
 * #LOG_BYTES}. One thread of its own, which {@link #close} ends.
 */
final class PostmasterWatch implements AutoCloseable {
    /** Starts in a row that failed. */
    static final int MOST_FAILURES = 6;

    /** Up to where the log grows before it goes on anew; the one before it is kept beside it. */
    static final long LOG_BYTES = 64 << 20;

    private static final Logger LOG = LoggerFactory.getLogger(PostmasterWatch.class);
    private static final Duration EVERY = Duration.ofMillis(200);
    private static final Duration STEADY = Duration.ofSeconds(30);
    private static final Duration FIRST_PAUSE = Duration.ofMillis(250);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);
    /** Before it is started again where it started and soon ended: whoever restarts it by hand does not wait for long. */
    private static final Duration PAUSE_AFTER_EARLY_END = Duration.ofSeconds(1);
    /** Less than a segment of WAL: PostgreSQL cannot start on it. */
    private static final long LEAST_DISK_BYTES = 17 << 20;

    private final Postmaster postmaster;
    private final Path log;
    private final AtomicReference<Optional<String>> trouble = new AtomicReference<>(Optional.empty());
    private final AtomicReference<Optional<String>> givenUp = new AtomicReference<>(Optional.empty());
    private final Thread thread;
    private int failures;
    private long startedNanos = System.nanoTime();

    /** What is watched. Thread-safe. */
    interface Postmaster {
        boolean isRunning();

        /** Starts it where it does not run. */
        void revive() throws IOException;

        /** Of the disk that its data is on. */
        long freeBytes();
    }

    PostmasterWatch(Postmaster postmaster, Path log) {
        this.postmaster = postmaster;
        this.log = log;
        this.thread = Thread.ofPlatform().name("switchboard-postgres").daemon().unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    /** Why PostgreSQL is not there at the moment, if it is not. */
    Optional<String> trouble() {
        return trouble.get();
    }

    /** Why it is not started any more, once that is so. */
    Optional<String> givenUp() {
        return givenUp.get();
    }

    private void run() {
        try {
            while (givenUp.get().isEmpty()) {
                Thread.sleep(EVERY);
                look();
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error fault) {
            givenUp.set(Optional.of("its watch failed: " + fault));
            throw fault;
        }
    }

    private void look() throws InterruptedException {
        if (postmaster.isRunning()) {
            trouble.set(Optional.empty());
            boundLog();
            return;
        }
        trouble.set(Optional.of("PostgreSQL is not running; it is started again"));
        if (postmaster.freeBytes() < LEAST_DISK_BYTES) {
            trouble.set(
                    Optional.of("PostgreSQL is not running, and its disk is full; it is started once there is room"));
            Thread.sleep(FIRST_PAUSE);
            return;
        }
        if (failures >= MOST_FAILURES) {
            givenUp.set(Optional.of("PostgreSQL did not start " + failures + " times in a row; its log is " + log));
            return;
        }
        boolean early = System.nanoTime() - startedNanos < STEADY.toNanos();
        if (failures > 0) {
            Thread.sleep(pause());
        } else if (early) {
            Thread.sleep(PAUSE_AFTER_EARLY_END);
        }
        revive();
    }

    private Duration pause() {
        Duration pause = FIRST_PAUSE.multipliedBy(1L << Math.min(failures - 1, 10));
        return pause.compareTo(LONGEST_PAUSE) < 0 ? pause : LONGEST_PAUSE;
    }

    private void revive() {
        failures++;
        LOG.error("The embedded PostgreSQL has ended; starting it again (try {})", failures);
        try {
            postmaster.revive();
            failures = 0;
            startedNanos = System.nanoTime();
            trouble.set(Optional.empty());
            LOG.warn("The embedded PostgreSQL runs again");
        } catch (IOException | RuntimeException failed) {
            LOG.error("The embedded PostgreSQL does not start: {}", failed.getMessage());
        }
    }

    /** PostgreSQL appends to it, so it goes on at the start of the emptied file. */
    private void boundLog() {
        try {
            if (Files.exists(log) && Files.size(log) > LOG_BYTES) {
                Files.copy(log, log.resolveSibling(log.getFileName() + ".1"), StandardCopyOption.REPLACE_EXISTING);
                Files.newByteChannel(log, java.nio.file.StandardOpenOption.WRITE)
                        .truncate(0)
                        .close();
            }
        } catch (IOException failed) {
            LOG.debug("PostgreSQL's log could not be cut: {}", failed.getMessage());
        }
    }

    @Override
    public void close() {
        thread.interrupt();
        try {
            thread.join(Duration.ofSeconds(2));
        } catch (InterruptedException stillClosing) {
            Thread.currentThread().interrupt();
        }
    }
}

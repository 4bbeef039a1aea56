package dev.switchboard.server;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notices that something ended without which the server cannot do its work, and says so once: what such a thread held is
 * gone, so the process has to end and be started again (ADR 9). Looks four times a second. One thread of its own.
 */
final class Watchdog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Watchdog.class);
    private static final Duration EVERY = Duration.ofMillis(250);

    private final List<Supplier<Optional<String>>> endings;
    private final Consumer<String> onEnd;
    private final AtomicReference<Optional<String>> ended = new AtomicReference<>(Optional.empty());
    private final Thread thread;

    /**
     * @param endings each says what ended, once it has
     * @param onEnd   is told on a thread of its own, once
     */
    Watchdog(List<Supplier<Optional<String>>> endings, Consumer<String> onEnd) {
        this.endings = List.copyOf(endings);
        this.onEnd = onEnd;
        thread = Thread.ofPlatform().name("switchboard-watchdog").daemon().start(this::run);
    }

    /** What ended, if something did. */
    Optional<String> ended() {
        return ended.get()
                .or(() -> thread.isAlive() || thread.isInterrupted()
                        ? Optional.empty()
                        : Optional.of("the watchdog itself has ended"));
    }

    private void run() {
        try {
            while (ended.get().isEmpty()) {
                Thread.sleep(EVERY);
                endings.stream()
                        .map(Supplier::get)
                        .flatMap(Optional::stream)
                        .findFirst()
                        .ifPresent(this::report);
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }

    private void report(String what) {
        ended.set(Optional.of(what));
        LOG.error("The server cannot go on: {}", what);
        Thread.ofPlatform().name("switchboard-end").start(() -> onEnd.accept(what));
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}

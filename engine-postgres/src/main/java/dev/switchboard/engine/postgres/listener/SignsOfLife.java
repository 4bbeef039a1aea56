package dev.switchboard.engine.postgres.listener;

import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.pipeline.Time;
import dev.switchboard.engine.pipeline.WalSource;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Tells PostgreSQL that the listener lives while its handler is at work, which may take longer than {@code wal_sender_timeout};
 * and finds out where the connection was ended meanwhile, and the slot may be another's. A network that is cut without a word is
 * noticed when TCP gives up, not before. The stream belongs to the listener's thread
 * but for the time between {@link #handlerBegins} and {@link #handlerEnds}. One thread of its own.
 */
final class SignsOfLife implements AutoCloseable {
    /** Well below a {@code wal_sender_timeout} that anyone sets. */
    private static final Duration EVERY = Duration.ofSeconds(1);

    private final WalSource.Stream stream;
    private final Time time;
    private final Consumer<WalSource.WalUnavailableException> told;
    private final Thread thread;
    private boolean handling; // guarded by this, as the rest
    private Lsn handled = Lsn.NONE;
    private Optional<WalSource.WalUnavailableException> broken = Optional.empty();

    /** @param told once, on the thread of this, that the stream broke while the handler was at work */
    SignsOfLife(WalSource.Stream stream, Time time, String name, Consumer<WalSource.WalUnavailableException> told) {
        this.stream = stream;
        this.time = time;
        this.told = told;
        thread = Thread.ofVirtual().name("switchboard-listener-life-" + name).start(this::run);
    }

    /** @param upTo up to where everything is, which is what PostgreSQL is told */
    synchronized void handlerBegins(Lsn upTo) throws WalSource.WalUnavailableException {
        if (broken.isPresent()) {
            throw broken.get();
        }
        handled = upTo;
        handling = true;
    }

    synchronized void handlerEnds() {
        handling = false;
    }

    private void run() {
        try {
            while (!Thread.currentThread().isInterrupted()) {
                time.pause(EVERY);
                sign();
            }
        } catch (InterruptedException closed) {
            // the stream ends
        }
    }

    private void sign() {
        Optional<WalSource.WalUnavailableException> noticed = tried();
        noticed.ifPresent(told);
    }

    private synchronized Optional<WalSource.WalUnavailableException> tried() {
        if (!handling || broken.isPresent()) {
            return Optional.empty();
        }
        try {
            stream.confirmAtOnce(handled);
        } catch (WalSource.WalUnavailableException failed) {
            broken = Optional.of(failed);
        }
        return broken;
    }

    /** Whether the connection broke while a handler was at work. */
    synchronized boolean isBroken() {
        return broken.isPresent();
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}

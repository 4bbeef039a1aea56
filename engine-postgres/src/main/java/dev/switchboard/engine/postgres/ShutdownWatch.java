package dev.switchboard.engine.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;

/**
 * Hears that PostgreSQL shuts down, on an idle connection of its own that waits for what it is told. A walsender does not
 * end before everything it sent is confirmed, so a fast shutdown would wait for changes that we hold, while we cannot ask
 * PostgreSQL about them any more: one of the two has to let go, and it says nothing of that on the replication
 * connection. An ordinary connection is told at once (57P01); that it is PostgreSQL as a whole, and not this connection
 * alone, shows when the next one is refused. Closed once; its thread ends then.
 */
final class ShutdownWatch implements AutoCloseable {
    private static final long AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final Database database;
    private final Runnable onShutdown;
    private final AtomicReference<@Nullable Connection> waiting = new AtomicReference<>();
    private final AtomicBoolean closed = new AtomicBoolean();

    private ShutdownWatch(Database database, Runnable onShutdown) {
        this.database = database;
        this.onShutdown = onShutdown;
    }

    /** @param onShutdown runs once, on the watch's thread, when PostgreSQL takes no connections any more */
    static ShutdownWatch start(Database database, Runnable onShutdown) {
        var watch = new ShutdownWatch(database, onShutdown);
        Thread.ofVirtual().name("switchboard-shutdown-watch").start(watch::run);
        return watch;
    }

    private void run() {
        while (!closed.get()) {
            try {
                waitOn(database.connectToListen("switchboard-shutdown-watch"));
            } catch (SQLException refused) {
                if (closed.get()) {
                    return;
                }
                if (SqlState.isGoingDown(refused)) {
                    onShutdown.run();
                    return;
                }
                LockSupport.parkNanos(AGAIN_NANOS); // no connection free, for example, which says nothing of a shutdown
            }
        }
    }

    /** Until it is told something, which can only be its end. */
    private void waitOn(Connection connection) {
        waiting.set(connection);
        try (connection) {
            while (!closed.get()) {
                connection.unwrap(PGConnection.class).getNotifications(0);
            }
        } catch (SQLException ended) {
            // the next connection shows what it means
        } finally {
            waiting.set(null);
        }
    }

    @Override
    public void close() {
        closed.set(true);
        Connection connection = waiting.getAndSet(null);
        if (connection != null) {
            try {
                connection.abort(Runnable::run);
            } catch (SQLException alreadyGone) {
                // an ended wait is what was wanted
            }
        }
    }
}

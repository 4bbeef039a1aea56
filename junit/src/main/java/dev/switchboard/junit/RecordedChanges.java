package dev.switchboard.junit;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.SystemTime;
import dev.switchboard.engine.postgres.listener.ChangeListener;
import dev.switchboard.engine.postgres.listener.ListenerSettings;
import dev.switchboard.engine.postgres.listener.RowChange;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** The committed changes of a table, in order, since it was begun. Thread-safe. */
public final class RecordedChanges implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final long LOOK_EVERY_MILLIS = 50;

    private final List<RowChange> changes = new ArrayList<>(); // guarded by itself
    private final TestDatabase database;
    private final ListenerSettings settings;
    private final ChangeListener listener;

    private RecordedChanges(TestDatabase database, TableName table) {
        this.database = database;
        settings = ListenerSettings.of("recorded_" + Integer.toHexString(table.hashCode()), table);
        listener = ChangeListener.start(
                database.database(),
                settings,
                this::add,
                (_, change, cause) -> {
                    throw new IllegalStateException("not recorded: " + change, cause);
                },
                new SystemTime(),
                (_, _) -> {});
    }

    static RecordedChanges of(TestDatabase database, TableName table) {
        var recorded = new RecordedChanges(database, table);
        try {
            recorded.await(
                    () -> recorded.listener.status() instanceof ChangeListener.Status.Listening,
                    () -> "the changes of " + table + " cannot be recorded: " + recorded.listener.status());
        } catch (AssertionError failed) {
            recorded.close();
            throw failed;
        }
        return recorded;
    }

    private void add(RowChange change) {
        synchronized (changes) {
            changes.add(change);
            changes.notifyAll();
        }
    }

    /** Those that have come until now. */
    public List<RowChange> changes() {
        synchronized (changes) {
            return List.copyOf(changes);
        }
    }

    /**
     * The first so many, waiting for them.
     *
     * @throws AssertionError if they have not come within 20 s
     */
    public List<RowChange> await(int count) {
        await(() -> changes().size() >= count, () -> count + " changes were to come, and these came: " + changes());
        return changes().subList(0, count);
    }

    private void await(BooleanSupplier condition, Supplier<String> otherwise) {
        long start = System.nanoTime();
        synchronized (changes) {
            while (!condition.getAsBoolean()) {
                if (System.nanoTime() - start > PATIENCE.toNanos()) {
                    throw new AssertionError(otherwise.get());
                }
                try {
                    changes.wait(LOOK_EVERY_MILLIS);
                } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                    throw new AssertionError(otherwise.get(), interrupted);
                }
            }
        }
    }

    @Override
    public void close() {
        listener.close();
        try {
            ChangeListener.forget(database.database(), settings);
        } catch (SQLException failed) {
            throw new IllegalStateException("the slot stays behind: " + failed.getMessage(), failed);
        }
    }
}

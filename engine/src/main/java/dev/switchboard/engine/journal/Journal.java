package dev.switchboard.engine.journal;

import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.TableName;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;

/**
 * What became of recent changes, per table, and of channels that ended. Bounded: {@link #CHANGES_BYTES} of changes, of which the
 * oldest of the table go that takes more than its share, else of the one that has not changed for longest; and {@link #MOST_ENDINGS}.
 * Thread-safe.
 */
public final class Journal {
    /** Of changes, by estimate: some tens of thousands that few hear of. */
    public static final long CHANGES_BYTES = 16 << 20;

    /** So many endings of channels. */
    public static final int MOST_ENDINGS = 2_000;

    private final long bound;
    private final Lock lock = new ReentrantLock();
    /** In the order of their last changes. */
    private final LinkedHashMap<TableName, OfTable> tables = new LinkedHashMap<>(16, 0.75f, true);

    private final ArrayDeque<Ending> endings = new ArrayDeque<>();
    private long bytes;

    private static final class OfTable {
        final ArrayDeque<Passage> passages = new ArrayDeque<>();
        long bytes;
    }

    public Journal() {
        this(CHANGES_BYTES);
    }

    Journal(long bound) {
        this.bound = bound;
    }

    public void passed(Passage passage) {
        lock.lock();
        try {
            OfTable table = tables.computeIfAbsent(passage.change().relation().name(), _ -> new OfTable());
            long cost = passage.cost();
            table.passages.add(passage);
            table.bytes += cost;
            bytes += cost;
            while (bytes > bound) {
                forgetOne(table);
            }
        } finally {
            lock.unlock();
        }
    }

    private void forgetOne(OfTable last) {
        var eldest = tables.firstEntry();
        boolean tooMuch = last.passages.size() > 1 && last.bytes > bound / tables.size();
        OfTable victim = tooMuch ? last : eldest.getValue();
        long cost = victim.passages.remove().cost();
        victim.bytes -= cost;
        bytes -= cost;
        if (eldest.getValue().passages.isEmpty()) {
            tables.remove(eldest.getKey());
        }
    }

    public void ended(Ending ending) {
        lock.lock();
        try {
            endings.add(ending);
            if (endings.size() > MOST_ENDINGS) {
                endings.remove();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Of a table, the latest first. */
    public List<Passage> changes(TableName table) {
        lock.lock();
        try {
            var found = new OfTable();
            return new ArrayList<>(tables.getOrDefault(table, found).passages).reversed();
        } finally {
            lock.unlock();
        }
    }

    /** The change at that position, if it is of this table and not forgotten. */
    public Optional<Passage> change(TableName table, Position position) {
        return changes(table).stream()
                .filter(passage -> passage.position().equals(position))
                .findFirst();
    }

    /** Of such channels, the latest first. */
    public List<Ending> endings(Predicate<Ending> wanted) {
        lock.lock();
        try {
            return endings.reversed().stream().filter(wanted).toList();
        } finally {
            lock.unlock();
        }
    }
}

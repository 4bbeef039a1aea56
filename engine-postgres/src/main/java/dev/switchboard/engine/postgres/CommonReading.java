package dev.switchboard.engine.postgres;

import java.sql.SQLException;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A reading that many want at the same time. Whoever asks gets one that began after they had asked, so that it is never older than
 * the question; those who ask while one is under way share the next. Thread-safe; guarded by {@code lock}.
 */
final class CommonReading<V> {
    private final ReentrantLock lock = new ReentrantLock();
    private Optional<Reading<V>> last = Optional.empty();

    /** @param began {@link System#nanoTime} */
    private record Reading<V>(long began, V value) {}

    /** Reads it from PostgreSQL. */
    interface Source<V> {
        V read() throws SQLException;
    }

    /** @param source asked by this caller, if no other's reading will do */
    V take(Source<V> source) throws SQLException {
        long asked = System.nanoTime();
        lock.lock();
        try {
            Optional<Reading<V>> other = last.filter(reading -> reading.began() - asked >= 0);
            if (other.isPresent()) {
                return other.get().value();
            }
            long began = System.nanoTime();
            V value = source.read();
            last = Optional.of(new Reading<>(began, value));
            return value;
        } finally {
            lock.unlock();
        }
    }
}

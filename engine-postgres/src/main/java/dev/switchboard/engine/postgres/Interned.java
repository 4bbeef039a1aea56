package dev.switchboard.engine.postgres;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** One object for equal values, of the first {@link #MOST} that differ: many thousands of subscriptions hold the same. Thread-safe. */
final class Interned<T> {
    private static final int MOST = 100;

    private final Map<T, T> known = new ConcurrentHashMap<>();

    /** That one. */
    T one(T value) {
        T found = known.get(value);
        if (found != null) {
            return found;
        }
        if (known.size() < MOST) {
            known.put(value, value);
        }
        return value;
    }
}

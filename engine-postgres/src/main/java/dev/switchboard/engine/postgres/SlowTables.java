package dev.switchboard.engine.postgres;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * Tables about which PostgreSQL takes longer to decide than others may be held up: such a one is asked about aside for a while, each
 * time for longer, and at once again where its policies are others. Owned by the thread that asks.
 */
final class SlowTables {
    private static final Duration FIRST = Duration.ofSeconds(2);
    private static final Duration LONGEST = Duration.ofMinutes(10);

    private final Map<Key, Slow> byRole = new HashMap<>();

    /** Policies are those of a role. */
    private record Key(int oid, String role) {}

    private record Slow(TableSecurity security, Duration pause, long until) {}

    /** @param now in nanoseconds, of {@link System#nanoTime} */
    void add(int oid, String role, TableSecurity security, long now) {
        var key = new Key(oid, role);
        Slow known = byRole.get(key);
        if (contains(oid, role, security, now)) {
            return;
        }
        Duration pause = FIRST; // also long after the last time
        if (known != null
                && isOf(known, security)
                && now - known.until() < known.pause().toNanos()) {
            pause = known.pause().multipliedBy(2);
        }
        Duration bounded = pause.compareTo(LONGEST) > 0 ? LONGEST : pause;
        byRole.put(key, new Slow(security, bounded, now + bounded.toNanos()));
    }

    boolean contains(int oid, String role, TableSecurity security, long now) {
        Slow known = byRole.get(new Key(oid, role));
        return known != null && isOf(known, security) && now - known.until() < 0;
    }

    @SuppressWarnings("ReferenceEquality") // the same as long as nothing changed
    private static boolean isOf(Slow known, TableSecurity security) {
        return known.security() == security;
    }
}

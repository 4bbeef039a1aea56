package dev.switchboard.engine.postgres;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * Tables about which PostgreSQL takes longer to decide than others may be held up: such a one is asked about aside for a while, each
 * time for longer, and at once again where its policies are others. Owned by the pipeline thread.
 */
final class SlowTables {
    private static final Duration FIRST = Duration.ofSeconds(10);
    private static final Duration LONGEST = Duration.ofMinutes(10);

    private final Map<Integer, Slow> byOid = new HashMap<>();

    private record Slow(TableSecurity security, Duration pause, long until) {}

    /** @param now in nanoseconds, of {@link System#nanoTime} */
    void add(int oid, TableSecurity security, long now) {
        Slow known = byOid.get(oid);
        if (known != null && isOf(known, security) && now - known.until() < 0) {
            return;
        }
        Duration pause =
                known == null || !isOf(known, security) ? FIRST : known.pause().multipliedBy(2);
        Duration bounded = pause.compareTo(LONGEST) > 0 ? LONGEST : pause;
        byOid.put(oid, new Slow(security, bounded, now + bounded.toNanos()));
    }

    boolean contains(int oid, TableSecurity security, long now) {
        Slow known = byOid.get(oid);
        return known != null && isOf(known, security) && now - known.until() < 0;
    }

    @SuppressWarnings("ReferenceEquality") // the same as long as nothing changed
    private static boolean isOf(Slow known, TableSecurity security) {
        return known.security() == security;
    }
}

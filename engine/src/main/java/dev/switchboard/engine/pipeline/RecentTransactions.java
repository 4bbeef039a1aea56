package dev.switchboard.engine.pipeline;

import java.util.LinkedHashSet;
import java.util.Set;

/**
 * The last transactions that the stream has brought. A commit is decoded before it is visible to snapshots, for as long as its backend needs to
 * say so; there are no more of those at a time than there are backends. Thread-safe.
 */
final class RecentTransactions {
    /** More than a PostgreSQL has connections, as a rule. */
    private static final int MOST = 512;

    private final LinkedHashSet<Integer> xids = new LinkedHashSet<>();

    synchronized void add(int xid) {
        xids.addLast(xid);
        if (xids.size() > MOST) {
            xids.removeFirst();
        }
    }

    synchronized void remove(Set<Integer> known) {
        xids.removeAll(known);
    }

    synchronized void clear() {
        xids.clear();
    }

    synchronized Set<Integer> all() {
        return Set.copyOf(xids);
    }
}

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.postgres.policy.ClaimValues;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import dev.switchboard.engine.postgres.policy.Dependency;
import dev.switchboard.engine.route.Audience;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * How groups stand with tables, and which rows of other tables that hangs on, so that a change of such a row makes exactly those
 * unknown that it concerns. Bounded in bytes, by estimate; beyond that those that were used least recently are unknown again.
 * Owned by the thread that asks.
 */
final class Standings {
    /** What is kept of groups and tables together. */
    private static final long MOST_BYTES = 64L << 20;

    private static final int ENTRY_BYTES = 300;
    private static final int DECISION_BYTES = 120;

    /** Of rows that read the same for the policies one decision is kept; of a group and table at most so many. */
    private static final int MOST_DECISIONS = 1_000;

    /** In characters; what PostgreSQL says of a longer one is not kept. */
    private static final int LONGEST_ROW = 4_096;

    /** In the order of their use. */
    private final Map<Key, Standing> known = new LinkedHashMap<>(64, 0.75f, true);

    private final Dependents<Key> dependents = new Dependents<>();

    private final Set<Key> dropped = new HashSet<>();
    private long bytes;

    /** A group, and the table with which it stands so. */
    record Key(int oid, ClaimsGroup group) {}

    /**
     * How a group stands with a table.
     *
     * @param passed whether a SELECT raises nothing
     * @param values what the compiled policies' values come to; empty where they are not compiled, or have to be asked for it
     * @param audience what the rows have in common that it may see
     * @param decisions what PostgreSQL has said of rows
     */
    record Standing(
            TableSecurity security,
            boolean passed,
            Optional<ClaimValues> values,
            Audience audience,
            Decisions decisions) {
        Standing(TableSecurity security, boolean passed, Optional<ClaimValues> values, Audience audience) {
            this(security, passed, values, audience, new Decisions());
        }

        /** Whether what PostgreSQL says of a row holds until something is told that it hangs on. */
        boolean remembers() {
            return values.isPresent()
                    && security.domains().isEmpty()
                    && security.compiled().stream().noneMatch(CompiledPolicy::decides);
        }

        /** Whether everything that it hangs on in other tables is heard of, as far as it is trusted. */
        boolean tells() {
            return values.isPresent() && security.compiled().isPresent();
        }

        private List<Dependency> dependencies() {
            return values.isEmpty()
                    ? List.of()
                    : security.compiled().map(CompiledPolicy::dependencies).orElse(List.of());
        }

        /** Tells by what it hangs on rows of other tables, where that is known. */
        private void eachHanging(BiConsumer<CompiledPolicy, ClaimValues> consumer) {
            if (values.isPresent()) {
                security.compiled().ifPresent(policy -> consumer.accept(policy, values.get()));
            }
        }
    }

    /**
     * What PostgreSQL said of rows, by what the policies read of them, as it is written: of the last {@link #MOST_DECISIONS}
     * different ones. Owned by the thread that asks.
     */
    static final class Decisions {
        /** In the order of their use. */
        private final Map<String, Boolean> byRow = new LinkedHashMap<>(4, 0.75f, true);

        private long bytes;

        /**
         * Takes what was said of a row that reads the same.
         *
         * @param row     with the places of those that do
         * @param visible gets these, if they are shown
         * @return whether something was said
         */
        boolean recall(Map.Entry<String, List<Integer>> row, BitSet visible) {
            Boolean said = byRow.get(row.getKey());
            if (said != null && said) {
                row.getValue().forEach(visible::set);
            }
            return said != null;
        }

        private void put(String row, boolean shown) {
            if (row.length() > LONGEST_ROW) {
                return;
            }
            if (byRow.put(row, shown) == null) {
                bytes += bytesOf(row);
            }
            if (byRow.size() > MOST_DECISIONS) {
                String eldest = byRow.keySet().iterator().next();
                byRow.remove(eldest);
                bytes -= bytesOf(eldest);
            }
        }

        private static long bytesOf(String row) {
            return (long) DECISION_BYTES + row.length();
        }
    }

    Optional<Standing> find(Key who) {
        return Optional.ofNullable(known.get(who));
    }

    void put(Key who, Standing standing) {
        remove(who);
        known.put(who, standing);
        bytes += bytesOf(who, standing);
        standing.eachHanging((policy, values) -> dependents.add(who, policy, values));
        dropEldest();
    }

    private void dropEldest() {
        while (bytes > MOST_BYTES && known.size() > 1) {
            Key eldest = known.keySet().iterator().next();
            remove(eldest);
            dropped.add(eldest);
        }
    }

    /** What PostgreSQL said of a row is to be asked again. */
    void forget(Standing standing, String row) {
        if (standing.decisions().byRow.remove(row) != null) {
            standing.decisions().bytes -= Decisions.bytesOf(row);
            bytes -= Decisions.bytesOf(row);
        }
    }

    /** What PostgreSQL said of a row, while the group stood so; of no use if it stands otherwise by now. */
    @SuppressWarnings("ReferenceEquality") // what was found out anew is another standing
    void remember(Key who, Standing standing, String row, boolean shown) {
        if (known.get(who) == standing) {
            long before = standing.decisions().bytes;
            standing.decisions().put(row, shown);
            bytes += standing.decisions().bytes - before;
            dropEldest();
        }
    }

    /** Those that were unknown again for want of room, since this was last asked. */
    Set<Key> takeDropped() {
        Set<Key> taken = Set.copyOf(dropped);
        dropped.clear();
        return taken;
    }

    void remove(Key who) {
        @Nullable Standing former = known.remove(who);
        if (former == null) {
            return;
        }
        bytes -= bytesOf(who, former) + former.decisions().bytes;
        former.eachHanging((policy, values) -> dependents.remove(who, policy, values));
    }

    void clear() {
        known.clear();
        dependents.clear();
        bytes = 0;
    }

    /** Forgets what hangs on a row that was changed. */
    Set<Key> forgetConcerned(Change change) {
        Set<Key> found = dependents.of(change);
        found.forEach(this::remove);
        return found;
    }

    /** Forgets how groups stand with a table, where that hangs on rows of others. */
    Set<Key> forgetHanging(int oid) {
        var found = new HashSet<Key>();
        for (var entry : new ArrayList<>(known.entrySet())) {
            if (entry.getKey().oid() == oid && !entry.getValue().dependencies().isEmpty()) {
                found.add(entry.getKey());
            }
        }
        found.forEach(this::remove);
        return found;
    }

    private static long bytesOf(Key who, Standing standing) {
        long[] hanging = new long[1];
        standing.eachHanging((policy, values) -> hanging[0] = Dependents.bytesOf(policy, values));
        return ENTRY_BYTES + who.group().json().length() + hanging[0];
    }
}

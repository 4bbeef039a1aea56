package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.postgres.policy.ClaimValues;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import dev.switchboard.engine.postgres.policy.Dependency;
import dev.switchboard.engine.route.Comparison;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Who hangs on which rows of tables, so that a change of such a row finds exactly those whom it concerns. Used by one thread at a time.
 *
 * @param <K> who does
 */
final class Dependents<K> {
    private static final int VALUE_BYTES = 120;
    private static final int KEY_BYTES = 120;

    private final Map<Integer, OfTable<K>> tables = new HashMap<>();

    /** What somebody's values take, and the keys by which it is found; by estimate. */
    static long bytesOf(CompiledPolicy policy, ClaimValues values) {
        long texts = values.values().stream()
                .flatMap(value -> value.texts().stream())
                .mapToLong(text -> VALUE_BYTES + text.orElse("").length())
                .sum();
        long keys = policy.dependencies().stream()
                .mapToLong(dependency ->
                        policy.concerned(dependency, values).map(Set::size).orElse(1) * (long) KEY_BYTES)
                .sum();
        return texts + keys;
    }

    /** By what the policies come to under the claims of somebody. */
    void add(K who, CompiledPolicy policy, ClaimValues values) {
        for (Dependency dependency : policy.dependencies()) {
            tables.computeIfAbsent(dependency.table(), _ -> new OfTable<>())
                    .add(who, dependency, policy.concerned(dependency, values));
        }
    }

    /** Takes away what was added by the same policies and values. */
    void remove(K who, CompiledPolicy policy, ClaimValues values) {
        for (Dependency dependency : policy.dependencies()) {
            tables.computeIfPresent(dependency.table(), (_, of) -> {
                of.remove(who, dependency, policy.concerned(dependency, values));
                return of.isEmpty() ? null : of;
            });
        }
    }

    /** Whom the change of a row concerns. */
    Set<K> of(Change change) {
        OfTable<K> of = tables.get(change.relation().oid());
        if (of == null) {
            return Set.of();
        }
        var found = new HashSet<K>();
        of.collect(change, found);
        return found;
    }

    void clear() {
        tables.clear();
    }

    /** Whom the rows of one table concern: by what stands in a column, or all of them. */
    private static final class OfTable<K> {
        final Set<K> byAny = new HashSet<>();
        final Map<String, Map<Comparison.Key, Set<K>>> byColumn = new HashMap<>();
        final Map<String, Comparison> rules = new HashMap<>();

        void add(K who, Dependency dependency, Optional<Set<Comparison.Key>> rows) {
            if (rows.isEmpty()) {
                byAny.add(who);
                return;
            }
            Dependency.Key key = dependency.key().orElseThrow();
            rules.put(key.column(), key.kind().rule());
            var byValue = byColumn.computeIfAbsent(key.column(), _ -> new HashMap<>());
            rows.get()
                    .forEach(value ->
                            byValue.computeIfAbsent(value, _ -> new HashSet<>()).add(who));
        }

        void remove(K who, Dependency dependency, Optional<Set<Comparison.Key>> rows) {
            if (rows.isEmpty()) {
                byAny.remove(who);
                return;
            }
            byColumn.computeIfPresent(dependency.key().orElseThrow().column(), (_, byValue) -> {
                rows.get()
                        .forEach(value -> byValue.computeIfPresent(value, (_, all) -> {
                            all.remove(who);
                            return all.isEmpty() ? null : all;
                        }));
                return byValue.isEmpty() ? null : byValue;
            });
        }

        boolean isEmpty() {
            return byAny.isEmpty() && byColumn.isEmpty();
        }

        void collect(Change change, Set<K> found) {
            found.addAll(byAny);
            byColumn.forEach((column, byValue) -> {
                Optional<Set<Comparison.Key>> values = values(change, column);
                if (values.isPresent()) {
                    values.get().forEach(value -> found.addAll(byValue.getOrDefault(value, Set.of())));
                } else {
                    byValue.values().forEach(found::addAll);
                }
            });
        }

        /** What stands in a column before and after; empty where the WAL does not say. */
        private Optional<Set<Comparison.Key>> values(Change change, String column) {
            var values = new HashSet<Comparison.Key>();
            boolean said = switch (change) {
                case Change.Insert insert -> isSaid(insert.relation(), insert.row(), column, values);
                case Change.Delete delete -> isOldSaid(delete.relation(), delete.old(), column, values);
                case Change.Update update ->
                    isOldSaid(update.relation(), update.old(), column, values)
                            && isSaid(update.relation(), update.row(), column, values);
                case Change.Truncate _ -> false;
            };
            return said ? Optional.of(values) : Optional.empty();
        }

        private boolean isOldSaid(Relation relation, Row old, String column, Set<Comparison.Key> values) {
            int index = relation.indexOf(column);
            boolean kept = index >= 0
                    && (relation.identity() == ReplicaIdentity.FULL
                            || relation.columns().get(index).key());
            return kept && isSaid(relation, old, column, values);
        }

        private boolean isSaid(Relation relation, Row row, String column, Set<Comparison.Key> values) {
            int index = relation.indexOf(column);
            if (index < 0) {
                return false;
            }
            if (row.isNull(index)) {
                return true; // and equals nothing
            }
            if (!row.hasValue(index)) {
                return false;
            }
            try {
                values.add(Objects.requireNonNull(rules.get(column)).key(row.text(index)));
                return true;
            } catch (RuntimeException ofAnotherType) {
                return false;
            }
        }
    }
}

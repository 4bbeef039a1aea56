package dev.switchboard.engine.route;

import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What is found by one column's value; while a column is retyped, there may be two rules. */
final class ByValue<T> {
    private final Map<Comparison, Map<Comparison.Key, Set<T>>> byRule = new EnumMap<>(Comparison.class);

    static <T> ByValue<T> of(Map<String, ByValue<T>> columns, String column) {
        return columns.computeIfAbsent(column, _ -> new ByValue<>());
    }

    void add(Set<Comparison.Key> values, T found) {
        for (Comparison.Key value : values) {
            byRule.computeIfAbsent(value.rule(), _ -> new HashMap<>())
                    .merge(value, Set.of(found), (known, one) -> with(known, found));
        }
    }

    static <T> void remove(Map<String, ByValue<T>> columns, String column, Set<Comparison.Key> values, T found) {
        columns.computeIfPresent(column, (_, of) -> {
            for (Comparison.Key value : values) {
                of.byRule.computeIfPresent(value.rule(), (_, byValue) -> {
                    byValue.computeIfPresent(value, (_, set) -> without(set, found));
                    return byValue.isEmpty() ? null : byValue;
                });
            }
            return of.byRule.isEmpty() ? null : of;
        });
    }

    /** By the text of a value, each once; a text that is none of the type is no value that anything is found by. */
    Set<T> find(String text) {
        Set<T> found = Set.of();
        for (var byValue : byRule.entrySet()) {
            Set<T> more = find(byValue.getKey(), byValue.getValue(), text);
            if (found.isEmpty()) {
                found = more; // not copied: there may be many
            } else if (!more.isEmpty()) {
                found = both(found, more);
            }
        }
        return found;
    }

    private static <T> Set<T> find(Comparison rule, Map<Comparison.Key, Set<T>> byValue, String text) {
        try {
            return byValue.getOrDefault(rule.key(text), Set.of());
        } catch (RuntimeException ofAnotherType) { // the column was retyped since
            return Set.of();
        }
    }

    /** Seldom: two rules for one column. */
    private static <T> Set<T> both(Set<T> one, Set<T> other) {
        var both = new LinkedHashSet<>(one);
        both.addAll(other);
        return both;
    }

    Set<T> all() {
        var all = new LinkedHashSet<T>();
        byRule.values().forEach(byValue -> byValue.values().forEach(all::addAll));
        return all;
    }

    /** Empties it to null. */
    static <T> @Nullable Set<T> without(Set<T> set, T one) {
        if (set instanceof LinkedHashSet) {
            set.remove(one);
            return set.isEmpty() ? null : set;
        }
        return set.contains(one) ? null : set;
    }

    /** Of most values there is one, and a set of its own takes as much room as what is in it. */
    private static <T> Set<T> with(Set<T> set, T one) {
        Set<T> larger = set instanceof LinkedHashSet ? set : new LinkedHashSet<>(set);
        larger.add(one);
        return larger;
    }
}

package dev.switchboard.engine.route;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The subscriptions of one table by name. Those whose filters demand a value are found by it. Of the others, those are found by a value
 * too whose policies demand one, as far as that is known of their group; the rest is looked at in turn. Owned by the pipeline thread.
 */
final class TableSubscriptions {
    final Map<ClaimsGroup, Set<Subscription>> others = new LinkedHashMap<>();
    final Map<ClaimsGroup, Narrowed> narrowed = new HashMap<>();
    final Map<String, ByValue<Subscription>> byFilter = new HashMap<>();
    final Map<String, ByValue<ClaimsGroup>> byPolicy = new HashMap<>();
    /** The relation that all of them were found to fit. */
    @Nullable
    Relation fitted;
    /** How many are told of rows that leave. */
    int leaving;

    record Narrowed(Audience audience, Set<Subscription> subscriptions) {}

    void add(Subscription subscription) {
        fitted = null;
        leaving += subscription.selection().leaving() ? 1 : 0;
        Optional<Filter.Anchor> anchor = anchor(subscription);
        if (anchor.isPresent()) {
            ByValue.of(byFilter, anchor.get().column()).add(anchor.get().values(), subscription);
            return;
        }
        Narrowed known = narrowed.get(subscription.group());
        Set<Subscription> set = known == null
                ? others.computeIfAbsent(subscription.group(), _ -> new LinkedHashSet<>())
                : known.subscriptions();
        set.add(subscription);
    }

    void remove(Subscription subscription) {
        leaving -= subscription.selection().leaving() ? 1 : 0;
        Optional<Filter.Anchor> anchor = anchor(subscription);
        if (anchor.isPresent()) {
            ByValue.remove(byFilter, anchor.get().column(), anchor.get().values(), subscription);
            return;
        }
        ClaimsGroup group = subscription.group();
        others.computeIfPresent(group, (_, set) -> ByValue.without(set, subscription));
        Narrowed known = narrowed.get(group);
        if (known != null && ByValue.without(known.subscriptions(), subscription) == null) {
            narrowed.remove(group);
            forget(group, known.audience());
        }
    }

    static Optional<Filter.Anchor> anchor(Subscription subscription) {
        return subscription.filter().flatMap(Filter::anchor);
    }

    /** From now on the group's subscriptions are found by what its policies demand. */
    boolean narrow(ClaimsGroup group, Audience audience) {
        Set<Subscription> set = others.remove(group);
        if (set == null) {
            return false;
        }
        narrowed.put(group, new Narrowed(audience, set));
        if (audience instanceof Audience.ByValue(String column, Set<Comparison.Key> values)) {
            ByValue.of(byPolicy, column).add(values, group);
        }
        return true;
    }

    /** What the group's policies demand is not known any more. */
    boolean widen(ClaimsGroup group) {
        Narrowed known = narrowed.remove(group);
        if (known != null) {
            others.put(group, known.subscriptions());
            forget(group, known.audience());
        }
        return known != null;
    }

    /** What policies demand is not known any more. */
    void widen() {
        narrowed.forEach((group, known) -> others.put(group, known.subscriptions()));
        narrowed.clear();
        byPolicy.clear();
    }

    /** Whether the group is found by that value. */
    boolean finds(ClaimsGroup group, String column, String value) {
        ByValue<ClaimsGroup> groups = byPolicy.get(column);
        return groups != null && groups.find(value).contains(group);
    }

    private void forget(ClaimsGroup group, Audience audience) {
        if (audience instanceof Audience.ByValue(String column, Set<Comparison.Key> values)) {
            ByValue.remove(byPolicy, column, values, group);
        }
    }

    boolean isEmpty() {
        return others.isEmpty() && narrowed.isEmpty() && byFilter.isEmpty();
    }

    Set<Subscription> all() {
        var all = new LinkedHashSet<Subscription>();
        others.values().forEach(all::addAll);
        narrowed.values().forEach(known -> all.addAll(known.subscriptions()));
        byFilter.values().forEach(column -> column.all().forEach(all::add));
        return all;
    }
}

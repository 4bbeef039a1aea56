package dev.switchboard.engine.route;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * All live subscriptions, found by the change that concerns them. Equality filters are looked up by (table, column,
 * value), so routing costs what it finds, not what listens. Owned by the pipeline thread.
 */
public final class SubscriptionIndex {
    private final Map<TableName, OfTable> tables = new HashMap<>();
    private final Map<String, Set<Subscription>> schemas = new HashMap<>();
    private final Set<Subscription> everything = new LinkedHashSet<>();
    private final Map<ChannelRef, List<Subscription>> byChannel = new HashMap<>();

    /** The subscriptions of one table: without a filter, and by column and value. */
    private static final class OfTable {
        final Set<Subscription> unfiltered = new LinkedHashSet<>();
        final Map<String, Map<Equality.Key, Set<Subscription>>> byValue = new HashMap<>();

        void forget(Filter filter) {
            byValue.computeIfPresent(filter.column(), (_, values) -> {
                switch (filter) {
                    case Filter.Equal equal -> values.remove(equal.value());
                }
                return values.isEmpty() ? null : values;
            });
        }

        boolean isEmpty() {
            return unfiltered.isEmpty() && byValue.isEmpty();
        }
    }

    /** Adds the subscriptions of one channel. */
    public void add(ChannelRef channel, Collection<Subscription> subscriptions) {
        byChannel.computeIfAbsent(channel, _ -> new ArrayList<>()).addAll(subscriptions);
        subscriptions.forEach(this::add);
    }

    /** Removes a channel with all its subscriptions; an unknown one is no error. */
    public void remove(ChannelRef channel) {
        List<Subscription> subscriptions = byChannel.remove(channel);
        if (subscriptions != null) {
            subscriptions.forEach(this::remove);
        }
    }

    /** All channels that have a subscription. */
    public Set<ChannelRef> channels() {
        return Set.copyOf(byChannel.keySet());
    }

    public int size() {
        return byChannel.values().stream().mapToInt(List::size).sum();
    }

    /** The subscriptions whose table, event and filter fit the change; for TRUNCATE all of the table. */
    public List<Subscription> route(Change change) {
        var found = new ArrayList<Subscription>();
        TableName name = change.relation().name();
        collect(everything, change, found);
        collect(schemas.getOrDefault(name.schema(), Set.of()), change, found);
        OfTable table = tables.get(name);
        if (table != null) {
            collect(table.unfiltered, change, found);
            table.byValue.forEach((column, byValue) -> collectByValue(column, byValue, change, found));
        }
        return found;
    }

    private static void collect(Collection<Subscription> candidates, Change change, List<Subscription> found) {
        for (Subscription subscription : candidates) {
            if (change instanceof Change.Truncate || subscription.event().includes(change)) {
                found.add(subscription);
            }
        }
    }

    private static void collectByValue(
            String column, Map<Equality.Key, Set<Subscription>> byValue, Change change, List<Subscription> found) {
        Optional<Row> decisive = decisive(change);
        if (decisive.isEmpty()) {
            byValue.values().forEach(subscriptions -> collect(subscriptions, change, found));
            return;
        }
        Row row = decisive.get();
        Relation relation = change.relation();
        int index = relation.indexOf(column);
        if (index < 0 || !row.hasValue(index)) {
            return;
        }
        for (Equality rule : Equality.values()) {
            Equality.Key key = keyOrAbsent(rule, row, index);
            collect(byValue.getOrDefault(key, Set.of()), change, found);
        }
    }

    /** A column has one rule at a time, but may be retyped while subscriptions under the old rule live. */
    private static Equality.Key keyOrAbsent(Equality rule, Row row, int index) {
        try {
            return rule.key(row.bytes(), row.offset(index), row.length(index));
        } catch (NumberFormatException notOfThatType) {
            return new Equality.Key(rule, "\0");
        }
    }

    /** The row that filters look at: the new one, for DELETE the old one. */
    private static Optional<Row> decisive(Change change) {
        return switch (change) {
            case Change.Insert insert -> Optional.of(insert.row());
            case Change.Update update -> Optional.of(update.row());
            case Change.Delete delete -> Optional.of(delete.old());
            case Change.Truncate _ -> Optional.empty();
        };
    }

    private void add(Subscription subscription) {
        switch (subscription.table()) {
            case TableSelector.All _ -> everything.add(subscription);
            case TableSelector.Schema schema ->
                schemas.computeIfAbsent(schema.schema(), _ -> new LinkedHashSet<>())
                        .add(subscription);
            case TableSelector.One one ->
                place(tables.computeIfAbsent(one.name(), _ -> new OfTable()), subscription)
                        .add(subscription);
        }
    }

    private static Set<Subscription> place(OfTable table, Subscription subscription) {
        if (subscription.filter().isEmpty()) {
            return table.unfiltered;
        }
        return switch (subscription.filter().get()) {
            case Filter.Equal equal ->
                table.byValue
                        .computeIfAbsent(equal.column(), _ -> new HashMap<>())
                        .computeIfAbsent(equal.value(), _ -> new LinkedHashSet<>());
        };
    }

    private void remove(Subscription subscription) {
        switch (subscription.table()) {
            case TableSelector.All _ -> everything.remove(subscription);
            case TableSelector.Schema schema ->
                schemas.computeIfPresent(schema.schema(), (_, set) -> without(set, subscription));
            case TableSelector.One one ->
                tables.computeIfPresent(one.name(), (_, table) -> without(table, subscription));
        }
    }

    private static @Nullable Set<Subscription> without(Set<Subscription> set, Subscription subscription) {
        set.remove(subscription);
        return set.isEmpty() ? null : set;
    }

    private static @Nullable OfTable without(OfTable table, Subscription subscription) {
        Set<Subscription> place = place(table, subscription);
        place.remove(subscription);
        if (place.isEmpty()) {
            subscription.filter().ifPresent(table::forget);
        }
        return table.isEmpty() ? null : table;
    }
}

package dev.switchboard.engine.route;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * All live subscriptions, found by the change that concerns them. A filter that demands an equality, {@code eq} or
 * {@code in}, is looked up by (table, column, value), and its other conditions are tried on what is found; so routing
 * costs what it finds, not what listens. Filters without one are tried in turn. Owned by the pipeline thread.
 */
public final class SubscriptionIndex {
    private final Map<TableName, OfTable> tables = new HashMap<>();
    private final Map<String, Set<Subscription>> schemas = new HashMap<>();
    private final Set<Subscription> everything = new LinkedHashSet<>();
    private final Map<ChannelRef, List<Subscription>> byChannel = new HashMap<>();
    /** Of channels that are so young that what was there before them may still be on its way. */
    private final Map<ChannelRef, StartingPoint> starts = new HashMap<>();

    private int size;

    /** The subscriptions of one table: those found by a column's value, and the others. */
    private static final class OfTable {
        final Set<Subscription> others = new LinkedHashSet<>();
        final Map<String, OfColumn> byColumn = new HashMap<>();
        /** The relation that all of them were found to fit. */
        @Nullable
        Relation fitted;

        void add(Subscription subscription) {
            fitted = null;
            Optional<Filter.Anchor> anchor = anchor(subscription);
            if (anchor.isEmpty()) {
                others.add(subscription);
                return;
            }
            OfColumn column = byColumn.computeIfAbsent(anchor.get().column(), _ -> new OfColumn());
            for (Comparison.Key value : anchor.get().values()) {
                column.byRule
                        .computeIfAbsent(value.rule(), _ -> new HashMap<>())
                        .computeIfAbsent(value, _ -> new LinkedHashSet<>())
                        .add(subscription);
            }
        }

        void remove(Subscription subscription) {
            Optional<Filter.Anchor> anchor = anchor(subscription);
            if (anchor.isEmpty()) {
                others.remove(subscription);
                return;
            }
            byColumn.computeIfPresent(anchor.get().column(), (_, column) -> {
                for (Comparison.Key value : anchor.get().values()) {
                    column.byRule.computeIfPresent(value.rule(), (_, byValue) -> {
                        byValue.computeIfPresent(value, (_, set) -> without(set, subscription));
                        return byValue.isEmpty() ? null : byValue;
                    });
                }
                return column.byRule.isEmpty() ? null : column;
            });
        }

        private static Optional<Filter.Anchor> anchor(Subscription subscription) {
            return subscription.filter().flatMap(Filter::anchor);
        }

        boolean isEmpty() {
            return others.isEmpty() && byColumn.isEmpty();
        }

        Set<Subscription> all() {
            var all = new LinkedHashSet<>(others);
            byColumn.values().forEach(column -> all.addAll(column.all()));
            return all;
        }
    }

    /** The subscriptions found by one column's value; while a column is retyped, there may be two rules. */
    private static final class OfColumn {
        final Map<Comparison, Map<Comparison.Key, Set<Subscription>>> byRule = new EnumMap<>(Comparison.class);

        Set<Subscription> all() {
            var all = new LinkedHashSet<Subscription>();
            byRule.values().forEach(byValue -> byValue.values().forEach(all::addAll));
            return all;
        }
    }

    /** Adds the subscriptions of one channel. */
    public void add(ChannelRef channel, Collection<Subscription> subscriptions) {
        byChannel.computeIfAbsent(channel, _ -> new ArrayList<>()).addAll(subscriptions);
        subscriptions.forEach(this::add);
        size += subscriptions.size();
    }

    /** The same, of a channel that hears of nothing that was there before. */
    public void add(ChannelRef channel, Collection<Subscription> subscriptions, StartingPoint start) {
        starts.put(channel, start);
        add(channel, subscriptions);
    }

    /** Where the channel began, if the stream has not passed that yet. */
    public Optional<StartingPoint> start(ChannelRef channel) {
        return Optional.ofNullable(starts.get(channel));
    }

    /** Forgets starting points that the stream has passed; what those channels subscribe to is looked at from now on. */
    public void reached(Transaction transaction) {
        starts.entrySet().removeIf(entry -> {
            boolean passed = entry.getValue().isBehind(transaction);
            if (passed) {
                byChannel.getOrDefault(entry.getKey(), List.of()).forEach(this::fitAgain);
            }
            return passed;
        });
    }

    private void fitAgain(Subscription subscription) {
        if (subscription.table() instanceof TableSelector.One one) {
            tables.computeIfPresent(one.name(), (_, table) -> {
                table.fitted = null;
                return table;
            });
        }
    }

    private boolean wasBefore(Transaction transaction, Subscription subscription) {
        StartingPoint start = starts.get(subscription.channel());
        return start != null && start.saw(transaction);
    }

    /** Removes a channel with all its subscriptions; an unknown one is no error. */
    public void remove(ChannelRef channel) {
        starts.remove(channel);
        List<Subscription> subscriptions = byChannel.remove(channel);
        if (subscriptions != null) {
            subscriptions.forEach(this::remove);
            size -= subscriptions.size();
        }
    }

    /** All channels that have a subscription. */
    public Set<ChannelRef> channels() {
        return Set.copyOf(byChannel.keySet());
    }

    /** The channels that subscribe to one of these tables by name. */
    public Set<ChannelRef> channels(Collection<TableSelector.One> selectors) {
        var channels = new LinkedHashSet<ChannelRef>();
        for (TableSelector.One selector : selectors) {
            OfTable table = tables.get(selector.name());
            if (table != null) {
                table.all().stream()
                        .filter(subscription -> subscription.table().equals(selector))
                        .forEach(subscription -> channels.add(subscription.channel()));
            }
        }
        return channels;
    }

    public int size() {
        return size;
    }

    /**
     * The channels whose filters or selections do not fit the relation any more: a column of theirs was dropped, renamed
     * or got another type, or the table is another one of the name. Costs nothing while the relation is the same. What was
     * there before a channel tells it nothing of what it subscribes to.
     */
    @SuppressWarnings("ReferenceEquality") // another instance is another Relation message
    public Set<ChannelRef> outdated(Transaction transaction, Relation relation) {
        OfTable table = tables.get(relation.name());
        if (table == null || table.fitted == relation) {
            return Set.of();
        }
        var outdated = new LinkedHashSet<ChannelRef>();
        for (Subscription subscription : table.all()) {
            if (!wasBefore(transaction, subscription) && !subscription.fits(relation)) {
                outdated.add(subscription.channel());
            }
        }
        table.fitted = relation;
        return outdated;
    }

    /** The subscriptions whose table, event and filter fit the change; for TRUNCATE all of the table. */
    public Routed route(Transaction transaction, Change change) {
        var found = new Found(transaction, change);
        TableName name = change.relation().name();
        found.collect(everything);
        found.collect(schemas.getOrDefault(name.schema(), Set.of()));
        OfTable table = tables.get(name);
        if (table != null) {
            found.collect(table.others);
            table.byColumn.forEach(found::collect);
        }
        return new Routed(found.certain, found.undecided);
    }

    /** What is being found for one change. */
    private final class Found {
        final Transaction transaction;
        final Change change;
        final List<Subscription> certain = new ArrayList<>();
        final List<Subscription> undecided = new ArrayList<>();

        Found(Transaction transaction, Change change) {
            this.transaction = transaction;
            this.change = change;
        }

        void collect(Collection<Subscription> candidates) {
            Optional<Row> row = decisive(change);
            for (Subscription subscription : candidates) {
                if (!starts.isEmpty() && wasBefore(transaction, subscription)) {
                    continue;
                }
                if (row.isEmpty()) {
                    certain.add(subscription);
                } else if (subscription.event().includes(change)) {
                    decide(subscription, row.get());
                }
            }
        }

        private void decide(Subscription subscription, Row row) {
            Truth truth = subscription.filter().isEmpty()
                    ? Truth.TRUE
                    : subscription.filter().get().of(change.relation(), row);
            switch (truth) {
                case TRUE -> certain.add(subscription);
                case UNDECIDED -> undecided.add(subscription);
                case FALSE, UNKNOWN -> {}
            }
        }

        void collect(String name, OfColumn column) {
            Optional<Row> row = decisive(change);
            if (row.isEmpty()) {
                collect(column.all());
                return;
            }
            int index = change.relation().indexOf(name);
            if (index >= 0 && row.get().hasValue(index)) {
                String text = row.get().text(index);
                column.byRule.forEach((rule, byValue) -> collect(byValue.getOrDefault(rule.key(text), Set.of())));
            }
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
                tables.computeIfAbsent(one.name(), _ -> new OfTable()).add(subscription);
        }
    }

    private void remove(Subscription subscription) {
        switch (subscription.table()) {
            case TableSelector.All _ -> everything.remove(subscription);
            case TableSelector.Schema schema ->
                schemas.computeIfPresent(schema.schema(), (_, set) -> without(set, subscription));
            case TableSelector.One one ->
                tables.computeIfPresent(one.name(), (_, table) -> {
                    table.remove(subscription);
                    return table.isEmpty() ? null : table;
                });
        }
    }

    private static @Nullable Set<Subscription> without(Set<Subscription> set, Subscription subscription) {
        set.remove(subscription);
        return set.isEmpty() ? null : set;
    }
}

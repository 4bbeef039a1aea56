package dev.switchboard.engine.route;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * All live subscriptions, found by the change that concerns them. A filter that demands an equality, {@code eq} or
 * {@code in}, is looked up by (table, column, value), and its other conditions are tried on what is found; so routing
 * costs what it finds, not what listens; likewise where the policies of a group demand one, as far as that is known. The others are
 * tried in turn. Owned by the pipeline thread.
 */
public final class SubscriptionIndex {
    private final Map<TableName, OfTable> tables = new HashMap<>();
    private final Map<String, Set<Subscription>> schemas = new HashMap<>();
    private final Set<Subscription> everything = new LinkedHashSet<>();
    private final Map<ChannelRef, List<Subscription>> byChannel = new HashMap<>();
    /** Of channels that are so young that what was there before them may still be on its way. */
    private final Map<ChannelRef, StartingPoint> starts = new HashMap<>();
    /** None of them stands before it. */
    private Lsn firstStart = Lsn.NONE;

    private int size;

    /**
     * The subscriptions of one table. Those whose filters demand a value are found by it. Of the others, those are found by a value
     * too whose policies demand one, as far as that is known of their group; the rest is looked at in turn.
     */
    private static final class OfTable {
        final Map<ClaimsGroup, Set<Subscription>> others = new LinkedHashMap<>();
        final Map<ClaimsGroup, Narrowed> narrowed = new HashMap<>();
        final Map<String, ByValue<Subscription>> byFilter = new HashMap<>();
        final Map<String, ByValue<ClaimsGroup>> byPolicy = new HashMap<>();
        /** The relation that all of them were found to fit. */
        @Nullable
        Relation fitted;

        private record Narrowed(Audience audience, Set<Subscription> subscriptions) {}

        void add(Subscription subscription) {
            fitted = null;
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
            Optional<Filter.Anchor> anchor = anchor(subscription);
            if (anchor.isPresent()) {
                ByValue.remove(byFilter, anchor.get().column(), anchor.get().values(), subscription);
                return;
            }
            ClaimsGroup group = subscription.group();
            others.computeIfPresent(group, (_, set) -> without(set, subscription));
            Narrowed known = narrowed.get(group);
            if (known != null && without(known.subscriptions(), subscription) == null) {
                narrowed.remove(group);
                forget(group, known.audience());
            }
        }

        private static Optional<Filter.Anchor> anchor(Subscription subscription) {
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

    /** What is found by one column's value; while a column is retyped, there may be two rules. */
    private static final class ByValue<T> {
        final Map<Comparison, Map<Comparison.Key, Set<T>>> byRule = new EnumMap<>(Comparison.class);

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
    }

    /** Adds the subscriptions of one channel. */
    public void add(ChannelRef channel, Collection<Subscription> subscriptions) {
        byChannel.merge(channel, List.copyOf(subscriptions), SubscriptionIndex::both);
        subscriptions.forEach(this::add);
        size += subscriptions.size();
    }

    /** The same, of a channel that hears of nothing that was there before. */
    public void add(ChannelRef channel, Collection<Subscription> subscriptions, StartingPoint start) {
        if (starts.isEmpty() || firstStart.isAfter(start.position())) {
            firstStart = start.position();
        }
        starts.put(channel, start);
        add(channel, subscriptions);
    }

    /** Where the channel began, if the stream has not passed that yet. */
    public Optional<StartingPoint> start(ChannelRef channel) {
        return Optional.ofNullable(starts.get(channel));
    }

    /** Forgets starting points that the stream has passed; what those channels subscribe to is looked at from now on. */
    public void reached(Transaction transaction) {
        if (firstStart.isAfter(transaction.finalLsn())) {
            return; // it has passed none: they may be many, and so may the transactions before them
        }
        starts.entrySet().removeIf(entry -> {
            boolean passed = entry.getValue().isBehind(transaction);
            if (passed) {
                byChannel.getOrDefault(entry.getKey(), List.of()).forEach(this::fitAgain);
            }
            return passed;
        });
        firstStart = starts.values().stream()
                .map(StartingPoint::position)
                .min(Comparator.naturalOrder())
                .orElse(Lsn.NONE);
    }

    private void fitAgain(Subscription subscription) {
        if (subscription.table() instanceof TableSelector.One one) {
            tables.computeIfPresent(one.name(), (_, table) -> {
                table.fitted = null;
                return table;
            });
        }
    }

    private boolean wasBefore(Transaction transaction, long number, Subscription subscription) {
        StartingPoint start = starts.get(subscription.channel());
        return start != null && start.covers(transaction, number);
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

    public List<Subscription> subscriptions() {
        return byChannel.values().stream().flatMap(List::stream).toList();
    }

    /**
     * The channels whose filters or selections do not fit the relation any more: a column of theirs was dropped, renamed
     * or got another type, or the table is another one of the name. Costs nothing while the relation is the same. What was
     * there before a channel tells it nothing of what it subscribes to.
     */
    @SuppressWarnings("ReferenceEquality") // another instance is another Relation message
    public Set<ChannelRef> outdated(Transaction transaction, long number, Relation relation) {
        OfTable table = tables.get(relation.name());
        if (table == null || table.fitted == relation) {
            return Set.of();
        }
        var outdated = new LinkedHashSet<ChannelRef>();
        for (Subscription subscription : table.all()) {
            if (!wasBefore(transaction, number, subscription) && !subscription.fits(relation)) {
                outdated.add(subscription.channel());
            }
        }
        table.fitted = relation;
        return outdated;
    }

    /**
     * The subscriptions whose table, event and filter fit the change; for TRUNCATE all of the table.
     *
     * @param number of the change in its transaction
     */
    public Routed route(Transaction transaction, long number, Change change) {
        var found = new Found(transaction, number, change);
        TableName name = change.relation().name();
        found.collect(everything);
        found.collect(schemas.getOrDefault(name.schema(), Set.of()));
        OfTable table = tables.get(name);
        if (table != null) {
            found.collect(table);
        }
        return new Routed(found.certain, found.undecided);
    }

    /**
     * From now on a group's subscriptions to a table are found by what its policies demand of a row. Holds until {@link #widen}: who
     * routes by it has made sure that the policies are as they were.
     *
     * @return whether there are any that were not found so before
     */
    public boolean narrow(TableName table, ClaimsGroup group, Audience audience) {
        OfTable known = tables.get(table);
        return known != null && !(audience instanceof Audience.Any) && known.narrow(group, audience);
    }

    /** Whether some subscriptions to the table are found so. */
    public boolean isNarrowed(TableName table) {
        OfTable known = tables.get(table);
        return known != null && !known.narrowed.isEmpty();
    }

    /** Policies of the table have changed, or may have: all of its subscriptions are looked at again. */
    public void widen(TableName table) {
        OfTable known = tables.get(table);
        if (known != null) {
            known.widen();
        }
    }

    /**
     * The same, of one group's subscriptions alone.
     *
     * @return whether there are any that were found by what its policies demand
     */
    public boolean widen(TableName table, ClaimsGroup group) {
        OfTable known = tables.get(table);
        return known != null && known.widen(group);
    }

    /** What is being found for one change. */
    private final class Found {
        final Transaction transaction;
        final long number;
        final Change change;
        final List<Subscription> certain = new ArrayList<>();
        final List<Subscription> undecided = new ArrayList<>();

        Found(Transaction transaction, long number, Change change) {
            this.transaction = transaction;
            this.number = number;
            this.change = change;
        }

        void collect(Collection<Subscription> candidates) {
            Optional<Row> row = decisive(change);
            for (Subscription subscription : candidates) {
                if (!starts.isEmpty() && wasBefore(transaction, number, subscription)) {
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

        void collect(OfTable table) {
            Optional<Row> row = decisive(change);
            table.others.values().forEach(this::collect);
            if (row.isEmpty()) {
                table.narrowed.values().forEach(known -> collect(known.subscriptions()));
                table.byFilter.values().forEach(column -> collect(column.all()));
                return;
            }
            table.byFilter.forEach(
                    (name, column) -> text(name, row.get()).ifPresent(text -> collect(column.find(text))));
            table.byPolicy.forEach((name, column) ->
                    text(name, row.get()).ifPresent(text -> column.find(text).forEach(group -> collect(table, group))));
        }

        private void collect(OfTable table, ClaimsGroup group) {
            OfTable.Narrowed known = table.narrowed.get(group);
            if (known != null) {
                collect(known.subscriptions());
            }
        }

        private Optional<String> text(String column, Row row) {
            int index = change.relation().indexOf(column);
            return index >= 0 && row.hasValue(index) ? Optional.of(row.text(index)) : Optional.empty();
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

    private static List<Subscription> both(List<Subscription> before, List<Subscription> more) {
        return Stream.concat(before.stream(), more.stream()).toList();
    }

    private static <T> @Nullable Set<T> without(Set<T> set, T one) {
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

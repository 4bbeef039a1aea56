package dev.switchboard.engine.route;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * All live subscriptions, found by the change that concerns them. A filter that demands an equality, {@code eq} or
 * {@code in}, is looked up by (table, column, value), and its other conditions are tried on what is found; so routing
 * costs what it finds, not what listens; likewise where the policies of a group demand one, as far as that is known. The others are
 * tried in turn. Owned by the pipeline thread.
 */
public final class SubscriptionIndex {
    private final Map<TableName, TableSubscriptions> tables = new HashMap<>();
    private final Map<String, Set<Subscription>> schemas = new HashMap<>();
    private final Set<Subscription> everything = new LinkedHashSet<>();
    private final Map<ChannelRef, List<Subscription>> byChannel = new HashMap<>();
    /** Of channels that are so young that what was there before them may still be on its way. */
    private final Map<ChannelRef, StartingPoint> starts = new HashMap<>();
    /** None of them stands before it. */
    private Lsn firstStart = Lsn.NONE;

    private int size;

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
            TableSubscriptions table = tables.get(selector.name());
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
        TableSubscriptions table = tables.get(relation.name());
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
        TableSubscriptions table = tables.get(name);
        if (table != null) {
            found.collect(table);
        }
        List<Subscription> left = table != null
                        && table.leaving > 0
                        && change instanceof Change.Update update
                        && update.relation().identity() == ReplicaIdentity.FULL
                ? new Left(transaction, number, update).of(table)
                : List.of();
        return new Routed(found.certain, found.undecided, left);
    }

    /**
     * From now on a group's subscriptions to a table are found by what its policies demand of a row. Holds until {@link #widen}: who
     * routes by it has made sure that the policies are as they were.
     *
     * @return whether there are any that were not found so before
     */
    public boolean narrow(TableName table, ClaimsGroup group, Audience audience) {
        TableSubscriptions known = tables.get(table);
        return known != null && !(audience instanceof Audience.Any) && known.narrow(group, audience);
    }

    /** Whether some subscriptions to the table are found so. */
    public boolean isNarrowed(TableName table) {
        TableSubscriptions known = tables.get(table);
        return known != null && !known.narrowed.isEmpty();
    }

    /** Policies of the table have changed, or may have: all of its subscriptions are looked at again. */
    public void widen(TableName table) {
        TableSubscriptions known = tables.get(table);
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
        TableSubscriptions known = tables.get(table);
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
            Optional<Row> row = change.decisive();
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

        void collect(TableSubscriptions table) {
            Optional<Row> row = change.decisive();
            table.others.values().forEach(this::collect);
            if (row.isEmpty()) {
                table.narrowed.values().forEach(known -> collect(known.subscriptions()));
                table.byFilter.values().forEach(column -> collect(column.all()));
                return;
            }
            table.byFilter.forEach((name, column) ->
                    text(change.relation(), name, row.get()).ifPresent(text -> collect(column.find(text))));
            table.byPolicy.forEach((name, column) -> text(change.relation(), name, row.get())
                    .ifPresent(text -> column.find(text).forEach(group -> collect(table, group))));
        }

        private void collect(TableSubscriptions table, ClaimsGroup group) {
            TableSubscriptions.Narrowed known = table.narrowed.get(group);
            if (known != null) {
                collect(known.subscriptions());
            }
        }
    }

    /**
     * For whom a row was, by filter and by what is known of policies, that it is not for any more. What only PostgreSQL can decide counts
     * as fitting, before and after.
     */
    private final class Left {
        final Found before;
        final Change.Update update;

        Left(Transaction transaction, long number, Change.Update update) {
            this.update = update;
            before = new Found(
                    transaction, number, new Change.Delete(update.relation(), update.old())); // as if it were gone
        }

        List<Subscription> of(TableSubscriptions table) {
            before.collect(table);
            return Stream.concat(before.certain.stream(), before.undecided.stream())
                    .filter(one -> one.selection().leaving() && !isFor(table, one))
                    .toList();
        }

        private boolean isFor(TableSubscriptions table, Subscription one) {
            boolean fits = one.filter()
                    .map(filter -> filter.of(update.relation(), update.row()))
                    .filter(truth -> truth != Truth.TRUE && truth != Truth.UNDECIDED)
                    .isEmpty();
            TableSubscriptions.Narrowed known =
                    TableSubscriptions.anchor(one).isPresent() ? null : table.narrowed.get(one.group());
            return fits && (known == null || finds(table, one.group(), known.audience()));
        }

        private boolean finds(TableSubscriptions table, ClaimsGroup group, Audience audience) {
            return audience instanceof Audience.ByValue byValue
                    && text(update.relation(), byValue.column(), update.row())
                            .filter(text -> table.finds(group, byValue.column(), text))
                            .isPresent();
        }
    }

    private static Optional<String> text(Relation relation, String column, Row row) {
        int index = relation.indexOf(column);
        return index >= 0 && row.hasValue(index) ? Optional.of(row.text(index)) : Optional.empty();
    }

    private void add(Subscription subscription) {
        switch (subscription.table()) {
            case TableSelector.All _ -> everything.add(subscription);
            case TableSelector.Schema schema ->
                schemas.computeIfAbsent(schema.schema(), _ -> new LinkedHashSet<>())
                        .add(subscription);
            case TableSelector.One one ->
                tables.computeIfAbsent(one.name(), _ -> new TableSubscriptions())
                        .add(subscription);
        }
    }

    private void remove(Subscription subscription) {
        switch (subscription.table()) {
            case TableSelector.All _ -> everything.remove(subscription);
            case TableSelector.Schema schema ->
                schemas.computeIfPresent(schema.schema(), (_, set) -> ByValue.without(set, subscription));
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
}

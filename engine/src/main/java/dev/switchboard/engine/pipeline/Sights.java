package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Sight;
import dev.switchboard.engine.route.TableSelector;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Tells channels that want to know when rows may have come into their sight, or left it, that nobody touched (SPEC A14). A change of a
 * row that policies depend on is told to those whom it concerns, as far as that is known of them, and else to all whose policies read
 * its table. Owned by the pipeline thread.
 */
final class Sights {
    private final Authorizer authorizer;
    private final History history;
    private final Progress progress;
    private final Map<ChannelRef, Wish> byChannel = new HashMap<>();
    private final Map<Integer, Map<ClaimsGroup, Set<ChannelRef>>> byTable = new HashMap<>();
    /** By the table that policies read, the tables whose policies do. */
    private final Map<Integer, Set<Integer>> readers = new HashMap<>();
    /** To be told once what they see is what they saw changed. */
    private final Set<ChannelRef> owed = new LinkedHashSet<>();

    private List<String> carried = List.of();
    private long generation;

    /** Transactions that have to be visible before. */
    private final Set<Integer> xids = new HashSet<>();

    /**
     * What a channel wants to know.
     *
     * @param tables  that it listens to, with what their rows hang on
     * @param changed says so, in the channel's order
     * @param goesOn  whether it goes on where it was told before
     */
    record Wish(ClaimsGroup group, Map<TableSelector.One, Sight> tables, Runnable changed, boolean goesOn) {
        Wish {
            tables = Map.copyOf(tables);
        }

        /** Whether rows of one of its tables hang on those of this one. */
        boolean reads(int table) {
            return tables.values().stream()
                    .flatMap(sight -> sight.reads().stream())
                    .anyMatch(reads -> reads.contains(table));
        }
    }

    Sights(Authorizer authorizer, History history, Progress progress) {
        this.authorizer = authorizer;
        this.history = history;
        this.progress = progress;
    }

    /**
     * A channel opens.
     *
     * @param fence where it goes on, if it does
     * @return false if its rights may have changed since they were looked at
     */
    boolean open(ChannelRef channel, Wish wish, Optional<Fence> fence) {
        byChannel.put(channel, wish);
        wish.tables().forEach((table, sight) -> {
            byTable.computeIfAbsent(table.oid(), _ -> new HashMap<>())
                    .computeIfAbsent(wish.group(), _ -> new LinkedHashSet<>())
                    .add(channel);
            sight.reads()
                    .ifPresent(reads -> reads.forEach(read ->
                            readers.computeIfAbsent(read, _ -> new HashSet<>()).add(table.oid())));
        });
        boolean outdated = wish.tables().values().stream().anyMatch(sight -> sight.generation() < generation);
        return !outdated
                && (!wish.goesOn()
                        || wish.tables().values().stream()
                                .flatMap(sight -> sight.reads().stream())
                                .flatMap(Set::stream)
                                .noneMatch(table -> history.hasChanged(table, fence.orElseThrow())));
    }

    /** The channel is gone; an unknown one is no error. */
    void forget(ChannelRef channel) {
        Wish wish = byChannel.remove(channel);
        owed.remove(channel);
        if (wish == null) {
            return;
        }
        for (TableSelector.One table : wish.tables().keySet()) {
            byTable.computeIfPresent(table.oid(), (_, groups) -> {
                groups.computeIfPresent(wish.group(), (_, channels) -> {
                    channels.remove(channel);
                    return channels.isEmpty() ? null : channels;
                });
                return groups.isEmpty() ? null : groups;
            });
        }
        if (byChannel.isEmpty()) {
            readers.clear(); // until then a table more is looked at than has to be
        }
    }

    /**
     * A round will be told.
     *
     * @param unknown of whose rows nothing is known any more by it
     * @return of whom something should be found out, so that of the next change it is known whom it concerns
     */
    Set<RowAccess.Unknown> passing(List<Batch> round, Set<RowAccess.Unknown> unknown) {
        var asked = new HashSet<RowAccess.Unknown>();
        if (byChannel.isEmpty()) {
            return asked;
        }
        round.forEach(batch -> xids.add(batch.transaction().xid()));
        var read = new HashSet<Integer>();
        for (Batch batch : round) {
            for (Change change : batch.changes()) {
                if (readers.containsKey(change.relation().oid())) {
                    read.add(change.relation().oid());
                }
            }
        }
        for (RowAccess.Unknown one : unknown) {
            if (one.concerned()) {
                asked.add(one);
                owed.addAll(byTable.getOrDefault(one.table(), Map.of()).getOrDefault(one.group(), Set.of()));
            }
        }
        for (int changed : read) {
            readers.getOrDefault(changed, Set.of()).forEach(table -> oweUntold(table, changed, asked));
        }
        if (owed.isEmpty()) {
            xids.clear();
        }
        return asked;
    }

    /** The table, if somebody of the group listens to it. */
    Optional<TableSelector.One> table(RowAccess.Unknown unknown) {
        return byTable.getOrDefault(unknown.table(), Map.of()).getOrDefault(unknown.group(), Set.of()).stream()
                .flatMap(channel -> Optional.ofNullable(byChannel.get(channel)).stream())
                .flatMap(wish -> wish.tables().keySet().stream())
                .filter(table -> table.oid() == unknown.table())
                .findFirst();
    }

    /** Of whom it is not known what a change of the other table, which their policies read, comes to. */
    private void oweUntold(int table, int changed, Set<RowAccess.Unknown> unknown) {
        byTable.getOrDefault(table, Map.of()).forEach((group, channels) -> {
            if (!authorizer.tells(table, group)) {
                unknown.add(new RowAccess.Unknown(table, group, true));
                channels.stream().filter(channel -> reads(channel, changed)).forEach(owed::add);
            }
        });
    }

    private boolean reads(ChannelRef channel, int table) {
        return Optional.ofNullable(byChannel.get(channel))
                .filter(wish -> wish.reads(table))
                .isPresent();
    }

    /** The channel is to be told. */
    void owe(ChannelRef channel) {
        owed.add(channel);
    }

    /**
     * Grants, policies or roles are others, and perhaps what they hang on.
     *
     * @return the channels that have to begin anew
     */
    Set<ChannelRef> changed(SubscriptionCatalog.Resighted found) {
        generation = found.generation();
        var channels = new LinkedHashSet<ChannelRef>();
        for (TableSelector.One table : found.tables()) {
            byTable.getOrDefault(table.oid(), Map.of()).values().forEach(channels::addAll);
        }
        return channels;
    }

    /**
     * A stream begins, which brings the changes of these publications.
     *
     * @return the channels that have to begin anew: others were brought before, and what has changed since is not known
     */
    Set<ChannelRef> carried(List<String> publications) {
        boolean same = carried.isEmpty() || carried.equals(publications);
        carried = List.copyOf(publications);
        return same ? Set.of() : Set.copyOf(byChannel.keySet());
    }

    /**
     * Says what is owed, before the round is told: whoever has been told of something later has heard of it. What is read by whoever is told
     * has to show it.
     *
     * @param waits whether a channel is still to be told of what came before
     * @return those to whom it cannot be said so: they have to begin anew
     * @throws RowAccessUnavailableException if they could not see it yet; nothing was said
     */
    Set<ChannelRef> tell(Predicate<ChannelRef> waits) throws RowAccessUnavailableException {
        if (owed.isEmpty()) {
            return Set.of();
        }
        Set<ChannelRef> anew = owed.stream().filter(waits).collect(Collectors.toCollection(LinkedHashSet::new));
        authorizer.awaitVisible(xids);
        xids.clear();
        owed.removeAll(anew);
        List<Wish> told = owed.stream()
                .flatMap(channel -> Optional.ofNullable(byChannel.get(channel)).stream())
                .toList();
        owed.clear();
        told.forEach(wish -> wish.changed().run());
        progress.countSightsChanged(told.size() + anew.size());
        return anew;
    }

    /** Those to whom it cannot be said. */
    Set<ChannelRef> giveUp() {
        Set<ChannelRef> all = Set.copyOf(owed);
        owed.clear();
        return all;
    }
}

package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Sight;
import dev.switchboard.engine.route.TableSelector;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Tells channels that want to know when rows may have come into their sight, or left it, that nobody touched (SPEC A14). A change of a
 * row that policies depend on is told to those whom it concerns, as far as that is known of them, and else to all whose policies read
 * its table. Owned by the pipeline thread.
 */
final class Sights {
    private final Authorizer authorizer;
    private final Progress progress;
    private final Map<ChannelRef, Wish> byChannel = new HashMap<>();
    private final Map<Integer, Map<ClaimsGroup, Set<ChannelRef>>> byTable = new HashMap<>();
    /** By the table that policies read, the tables whose policies do. */
    private final Map<Integer, Set<Integer>> readers = new HashMap<>();
    /** To be told once what they see is what they saw changed. */
    private final Set<ChannelRef> owed = new LinkedHashSet<>();
    /** Transactions that have to be visible before. */
    private final Set<Integer> xids = new HashSet<>();

    /**
     * What a channel wants to know.
     *
     * @param tables  that it listens to, with what their rows hang on
     * @param changed says so, in the channel's order
     * @param atOnce  whether that is to be said as it opens: it goes on from where its rights may have been others
     */
    record Wish(ClaimsGroup group, Map<TableSelector.One, Sight> tables, Runnable changed, boolean atOnce) {
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

    Sights(Authorizer authorizer, Progress progress) {
        this.authorizer = authorizer;
        this.progress = progress;
    }

    void open(ChannelRef channel, Wish wish) {
        byChannel.put(channel, wish);
        if (wish.atOnce()) {
            owe(channel);
        }
        wish.tables().forEach((table, sight) -> {
            byTable.computeIfAbsent(table.oid(), _ -> new HashMap<>())
                    .computeIfAbsent(wish.group(), _ -> new LinkedHashSet<>())
                    .add(channel);
            sight.reads()
                    .ifPresent(reads -> reads.forEach(read ->
                            readers.computeIfAbsent(read, _ -> new HashSet<>()).add(table.oid())));
        });
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
     * A round has been looked at, and will be told.
     *
     * @param unknown of whose rows nothing is known any more by it
     */
    void passing(List<Batch> round, Set<RowAccess.Unknown> unknown) {
        if (byChannel.isEmpty()) {
            return;
        }
        var read = new HashSet<Integer>();
        for (Batch batch : round) {
            for (Change change : batch.changes()) {
                if (readers.containsKey(change.relation().oid())) {
                    read.add(change.relation().oid());
                }
            }
        }
        int before = owed.size();
        for (RowAccess.Unknown one : unknown) {
            owed.addAll(byTable.getOrDefault(one.table(), Map.of()).getOrDefault(one.group(), Set.of()));
        }
        for (int changed : read) {
            readers.getOrDefault(changed, Set.of()).forEach(table -> oweUntold(table, changed));
        }
        if (owed.size() > before) {
            round.forEach(batch -> xids.add(batch.transaction().xid()));
        }
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
    private void oweUntold(int table, int changed) {
        byTable.getOrDefault(table, Map.of()).forEach((group, channels) -> {
            if (!authorizer.tells(table, group)) {
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

    /** Grants, policies or roles are others. */
    void changed(Collection<TableSelector.One> tables) {
        for (TableSelector.One table : tables) {
            byTable.getOrDefault(table.oid(), Map.of()).values().forEach(owed::addAll);
        }
    }

    /** Says what is owed; what is read by whoever is told has to show it, so that where that cannot be said, it is told later. */
    void tell() {
        if (owed.isEmpty()) {
            return;
        }
        try {
            authorizer.awaitVisible(xids);
        } catch (RowAccessUnavailableException unavailable) {
            progress.accessRetried();
            return;
        }
        xids.clear();
        List<Wish> told = owed.stream()
                .flatMap(channel -> Optional.ofNullable(byChannel.get(channel)).stream())
                .toList();
        owed.clear();
        told.forEach(wish -> wish.changed().run());
        progress.countSightsChanged(told.size());
    }
}

package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.route.SubscriptionIndex;
import dev.switchboard.engine.route.TableSelector;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * By what the index finds subscriptions beside their filters: what policies demand of a row (SPEC A10), for as long as that holds. Owned by the pipeline
 * thread.
 */
final class Narrowings {
    private final SubscriptionIndex index;
    private final Authorizer authorizer;
    private final Progress progress;
    private final Foresight foresight;
    private final Sights sights;
    /** By what subscriptions can be found from the next round on. */
    private final List<Decision.Narrowing> found = new ArrayList<>();
    /** The tables of which some subscriptions are found so. */
    private final Map<TableName, Narrowed> narrowed = new HashMap<>();

    /** @param state of its policies, under which that was found out */
    private record Narrowed(int oid, Object state) {}

    Narrowings(SubscriptionIndex index, Authorizer authorizer, Progress progress, Sights sights) {
        this.sights = sights;
        this.index = index;
        this.authorizer = authorizer;
        this.progress = progress;
        foresight = new Foresight(authorizer);
    }

    /** What can be found out before there is a row. */
    Foresight foresight() {
        return foresight;
    }

    /** Finds out some of it. */
    void foresee() {
        try {
            foresight.ask().forEach(this::narrow);
        } catch (RowAccessUnavailableException unavailable) {
            progress.accessRetried();
        }
    }

    /** A round will be routed. */
    void passing(List<Batch> round) {
        widenConcerned(round);
        widenOutdated(round);
    }

    /** Found out on the way through a round. */
    void found(List<Decision.Narrowing> narrowings) {
        found.addAll(narrowings);
    }

    /** The round has passed; not before: what was found out for the first of its changes may be older than the last of them. */
    void passed() {
        found.forEach(this::narrow);
        found.clear();
    }

    /** What was found out in a round that failed does not count. */
    void forget() {
        found.clear();
    }

    /** The stream brings other changes than before: nothing of it holds. */
    void carried() {
        List.copyOf(narrowed.keySet()).forEach(this::widen);
        foresight.want(index.subscriptions());
    }

    /**
     * Policies that subscriptions are found by have to be those of now: as they are when every change of the round is visible.
     */
    private void widenOutdated(List<Batch> round) {
        var tables = new HashMap<Integer, TableName>();
        var states = new HashMap<Integer, Object>();
        var xids = new HashSet<Integer>();
        for (Batch batch : round) {
            for (Change change : batch.changes()) {
                Relation relation = change.relation();
                Narrowed known = narrowed.get(relation.name());
                if (known == null) {
                    continue;
                }
                if (known.oid() != relation.oid() || !index.isNarrowed(relation.name())) {
                    widen(relation.name()); // another table of the name, or nobody is left
                } else {
                    tables.put(known.oid(), relation.name());
                    states.put(known.oid(), known.state());
                    xids.add(batch.transaction().xid());
                }
            }
        }
        if (tables.isEmpty()) {
            return;
        }
        try {
            authorizer.outdated(states, xids).stream().map(tables::get).forEach(this::widen);
        } catch (RowAccessUnavailableException unavailable) {
            progress.accessRetried();
            tables.values().forEach(this::widen); // then each is asked about, and waited for
        }
    }

    private void widen(TableName table) {
        narrowed.remove(table);
        index.widen(table);
    }

    private void narrow(Decision.Narrowing narrowing) {
        TableName table = narrowing.relation().name();
        var known = new Narrowed(narrowing.relation().oid(), narrowing.known().state());
        if (!known.equals(narrowed.getOrDefault(table, known))) {
            widen(table); // what was found out before holds no more
        }
        if (index.narrow(table, narrowing.group(), narrowing.known().audience())) {
            narrowed.put(table, known);
        }
    }

    /** Whom the round's own changes let see other rows than before. */
    private void widenConcerned(List<Batch> round) {
        Set<RowAccess.Unknown> unknown = authorizer.passing(round);
        sights.passing(round, unknown)
                .forEach(one -> sights.table(one).ifPresent(table -> foresight.want(table, one.group())));
        if (!unknown.isEmpty()) {
            var names = new HashMap<Integer, List<TableName>>(); // one that was renamed has two
            narrowed.forEach((name, known) ->
                    names.computeIfAbsent(known.oid(), _ -> new ArrayList<>()).add(name));
            for (RowAccess.Unknown one : unknown) {
                for (TableName name : names.getOrDefault(one.table(), List.of())) {
                    if (index.widen(name, one.group()) && one.concerned()) {
                        foresight.want(new TableSelector.One(name, one.table()), one.group());
                    }
                }
            }
        }
    }
}

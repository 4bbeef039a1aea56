package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.TableName;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Changes of the tables that policies read, as the stream tells of them: what is known of groups that they concern is forgotten
 * before the first row of their transaction is decided, and nothing may be asked anew by a snapshot that does not see all of which
 * the stream has told. Owned by the thread that asks.
 */
final class Dependencies {
    private final Standings standings;
    private final SelfCheck check;
    /** Transactions of the stream that a new snapshot need not see yet, by the low 32 bits. */
    private final Set<Integer> unseen = new HashSet<>();

    /** Of the transaction that comes in parts, the tables that are known by a snapshot that sees all of it. */
    private final Set<Integer> ofParts = new HashSet<>();

    /** What was found to be of before something that the stream has not told yet, and where it will have. */
    private final Map<Standings.Key, Suspect> suspects = new HashMap<>();

    private int parted;

    private record Suspect(Standings.Standing standing, Lsn end) {}

    Dependencies(Standings standings, SelfCheck check) {
        this.standings = standings;
        this.check = check;
    }

    /** What is unknown from now on, but for what there was no room for: to be called before a round is routed. */
    Set<Standings.Key> passing(List<Batch> round) {
        var unknown = new HashSet<Standings.Key>();
        for (Batch batch : round) {
            unknown.addAll(convict(batch.transaction().finalLsn()));
            unseen.add(batch.transaction().xid());
            if (batch.end().isEmpty() || batch.firstIndex() > 0) {
                passPart(batch, unknown);
            }
            for (Change change : batch.changes()) {
                unknown.addAll(standings.forgetConcerned(change));
            }
        }
        suspects.keySet().removeAll(unknown);
        return unknown;
    }

    /** What comes after the part may concern its own rows: they are decided by what is asked once all of it can be seen. */
    private void passPart(Batch batch, Set<Standings.Key> unknown) {
        int xid = batch.transaction().xid();
        if (xid != parted) {
            parted = xid;
            ofParts.clear();
        }
        for (Change change : batch.changes()) {
            if (ofParts.add(change.relation().oid())) {
                unknown.addAll(standings.forgetHanging(change.relation().oid()));
            }
        }
    }

    /** What new snapshots have to see before anything is asked by them. */
    Set<Integer> unseen() {
        return unseen;
    }

    /** New snapshots see all that the stream has told. */
    void seen() {
        unseen.clear();
    }

    /**
     * PostgreSQL decides otherwise than by what is known, and likewise by what it says now: something has changed meanwhile, of which
     * the stream will tell.
     *
     * @param end of the log: the stream has told of it before it comes there
     */
    void suspect(Standings.Key who, Lsn end) {
        standings.find(who).ifPresent(standing -> suspects.put(who, new Suspect(standing, end)));
    }

    /** Those of which the stream should have told something, and has not. */
    @SuppressWarnings("ReferenceEquality") // what was found out anew is no suspect
    private Set<Standings.Key> convict(Lsn reached) {
        if (suspects.isEmpty()) {
            return Set.of();
        }
        var stale = new HashMap<Standings.Key, TableName>();
        suspects.entrySet().removeIf(entry -> {
            boolean told = !entry.getValue().end().isAfter(reached);
            Optional<Standings.Standing> present = standings.find(entry.getKey());
            if (told && present.isPresent() && present.get() == entry.getValue().standing()) {
                stale.put(entry.getKey(), present.get().security().table());
            }
            return told;
        });
        stale.forEach((key, table) -> {
            standings.remove(key);
            check.distrust(key.oid(), table, "what a policy reads had changed, and the stream did not tell of it");
        });
        return stale.keySet();
    }
}

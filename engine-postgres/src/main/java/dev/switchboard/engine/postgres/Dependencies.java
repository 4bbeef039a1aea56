package dev.switchboard.engine.postgres;

import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Changes of the tables that policies read, as the stream tells of them: what is known of groups that they concern is forgotten
 * before the first row of their transaction is decided, and nothing is asked anew by a snapshot that does not see them yet. Owned
 * by the pipeline thread.
 */
final class Dependencies {
    private final Standings standings;
    /** Transactions that a snapshot need not see yet, by the low 32 bits. */
    private final Set<Integer> unseen = new HashSet<>();

    /** Of the transaction that comes in parts, the tables that are known by a snapshot that sees all of it. */
    private final Set<Integer> ofParts = new HashSet<>();

    private int parted;

    /** Waits until new snapshots see transactions. */
    interface Sight {
        void await(Set<Integer> xids) throws SQLException, RowAccessUnavailableException;
    }

    Dependencies(Standings standings) {
        this.standings = standings;
    }

    /** What is unknown from now on: to be called before a round is routed. */
    Set<Standings.Key> passing(List<Batch> round) {
        var unknown = new HashSet<>(standings.takeDropped());
        for (Batch batch : round) {
            if (batch.end().isEmpty() || batch.firstIndex() > 0) {
                passPart(batch, unknown);
            }
            for (Change change : batch.changes()) {
                if (standings.hangOn(change.relation().oid())) {
                    unseen.add(batch.transaction().xid());
                    unknown.addAll(standings.forgetConcerned(change));
                }
            }
        }
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
                unseen.add(xid);
                unknown.addAll(standings.forgetHanging(change.relation().oid()));
            }
        }
    }

    /** To be called before a group's values are asked for. */
    void prove(Sight sight) throws SQLException, RowAccessUnavailableException {
        if (!unseen.isEmpty()) {
            sight.await(unseen);
            unseen.clear();
        }
    }
}

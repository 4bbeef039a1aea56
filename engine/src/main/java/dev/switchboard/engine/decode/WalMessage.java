package dev.switchboard.engine.decode;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Transaction;
import java.util.List;

/** A pgoutput message, decoded (PostgreSQL, "Logical Replication Message Formats", protocol version 1). */
sealed interface WalMessage {
    record Begin(Transaction transaction) implements WalMessage {}

    record Commit(Lsn commit, Lsn end) implements WalMessage {}

    record Described(Relation relation) implements WalMessage {}

    /** One row, or the tables of one TRUNCATE. */
    record Changed(List<Change> changes) implements WalMessage {}

    /** Origin, Type and logical messages: nothing for a subscriber. */
    record Ignored() implements WalMessage {}
}

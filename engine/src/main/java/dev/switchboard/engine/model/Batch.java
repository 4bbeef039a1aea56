package dev.switchboard.engine.model;

import java.util.List;
import java.util.Optional;

/**
 * Consecutive changes of one transaction, whole or a part of a large one. pgoutput sends a transaction only after its
 * commit, so a part may be delivered before the rest has arrived.
 *
 * @param transaction whose changes these are
 * @param firstIndex  index of the first change in the transaction
 * @param changes     in the order of the WAL
 * @param bytes       size of the messages that the changes point into
 * @param end         where the transaction's commit record ends, with its last part only
 */
public record Batch(Transaction transaction, long firstIndex, List<Change> changes, long bytes, Optional<Lsn> end) {
    public Batch {
        changes = List.copyOf(changes);
    }
}

package dev.switchboard.engine.authorize;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.route.Routed;
import dev.switchboard.engine.route.Subscription;
import java.util.List;
import java.util.stream.Stream;

/**
 * A change with the subscriptions that it concerns; whether they may see it is open.
 *
 * @param index of the change in its transaction
 */
public record Candidate(Transaction transaction, long index, Change change, Routed routed) {
    public Position position() {
        return new Position(transaction.finalLsn(), index);
    }

    /** The same change with other subscriptions. */
    public Candidate of(Routed others) {
        return new Candidate(transaction, index, change, others);
    }

    /** All of them, also those whose filters only PostgreSQL can decide, and whom the row has left. */
    public List<Subscription> subscriptions() {
        return Stream.of(routed.certain(), routed.undecided(), routed.left())
                .flatMap(List::stream)
                .toList();
    }
}

package dev.switchboard.engine.authorize;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.route.Subscription;
import java.util.List;

/** A change with the subscriptions that it concerns; whether they may see it is open. */
public record Candidate(Transaction transaction, Change change, List<Subscription> subscriptions) {
    public Candidate {
        subscriptions = List.copyOf(subscriptions);
    }
}

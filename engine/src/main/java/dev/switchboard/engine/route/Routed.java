package dev.switchboard.engine.route;

import java.util.List;

/**
 * The subscriptions that a change concerns.
 *
 * @param certain   whose filters hold, or that have none
 * @param undecided whose filters only PostgreSQL can decide
 */
public record Routed(List<Subscription> certain, List<Subscription> undecided) {
    public Routed {
        certain = List.copyOf(certain);
        undecided = List.copyOf(undecided);
    }

    public int size() {
        return certain.size() + undecided.size();
    }

    public boolean isEmpty() {
        return certain.isEmpty() && undecided.isEmpty();
    }
}

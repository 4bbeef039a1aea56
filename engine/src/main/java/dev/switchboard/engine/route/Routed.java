package dev.switchboard.engine.route;

import dev.switchboard.engine.model.ChannelRef;
import java.util.List;
import java.util.function.Predicate;

/**
 * The subscriptions that a change concerns.
 *
 * @param certain   whose filters hold, or that have none
 * @param undecided whose filters only PostgreSQL can decide
 * @param left      that are told of rows that leave: for which the row was before, and is no more, whatever policies say
 */
public record Routed(List<Subscription> certain, List<Subscription> undecided, List<Subscription> left) {
    /** Nobody. */
    public static final Routed NOBODY = new Routed(List.of(), List.of(), List.of());

    public Routed {
        certain = List.copyOf(certain);
        undecided = List.copyOf(undecided);
        left = List.copyOf(left);
    }

    public int size() {
        return certain.size() + undecided.size() + left.size();
    }

    public boolean isEmpty() {
        return certain.isEmpty() && undecided.isEmpty() && left.isEmpty();
    }

    /** Those of channels that are so. */
    public Routed of(Predicate<ChannelRef> channels) {
        return new Routed(of(certain, channels), of(undecided, channels), of(left, channels));
    }

    private static List<Subscription> of(List<Subscription> subscriptions, Predicate<ChannelRef> channels) {
        return subscriptions.stream()
                .filter(subscription -> channels.test(subscription.channel()))
                .toList();
    }
}

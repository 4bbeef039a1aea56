package dev.switchboard.engine.postgres;

import java.util.Set;

/**
 * What changes the stream brings. Immutable.
 *
 * @param subscribable the publication whose tables can be subscribed to
 * @param carried      all that the stream carries: besides that one perhaps the one of tables that policies read
 */
record Publications(String subscribable, Set<String> carried) {
    /** The publication of tables that policies read, to which nobody can subscribe. */
    static final String DEPENDENCIES = "switchboard_dependencies";

    Publications {
        carried = Set.copyOf(carried);
    }

    /** Nothing is known of the stream, so that no table's changes count as heard of. */
    static Publications none() {
        return new Publications("", Set.of());
    }

    /** Whether the stream may bring changes that nobody can subscribe to. */
    boolean carriesOthers() {
        return !Set.of(subscribable).containsAll(carried);
    }
}

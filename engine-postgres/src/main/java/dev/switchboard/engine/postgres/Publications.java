package dev.switchboard.engine.postgres;

import java.util.Set;
import java.util.stream.Collectors;

/**
 * What changes the stream brings. Immutable.
 *
 * @param subscribable the publication whose tables can be subscribed to
 * @param carried      all that the stream carries: besides that one perhaps the one of tables that policies read
 */
record Publications(String subscribable, Set<String> carried) {
    /** The publication of tables that policies read, to which nobody can subscribe. */
    static final String DEPENDENCIES = "switchboard_dependencies";

    /** The publication of {@code realtime.messages}, whose rows are broadcast; the original's name. */
    static final String MESSAGES = "supabase_realtime_messages_publication";

    Publications {
        carried = Set.copyOf(carried);
    }

    /** Nothing is known of the stream, so that no table's changes count as heard of. */
    static Publications none() {
        return new Publications("", Set.of());
    }

    /** What a server's stream brings. */
    static Publications with(String subscribable) {
        return new Publications(subscribable, Set.of(subscribable, DEPENDENCIES));
    }

    /** Those whose tables nobody can subscribe to by them. */
    Set<String> others() {
        return carried.stream().filter(name -> !name.equals(subscribable)).collect(Collectors.toSet());
    }
}

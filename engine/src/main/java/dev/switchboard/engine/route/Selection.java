package dev.switchboard.engine.route;

import java.util.List;
import java.util.Optional;

/**
 * Which columns of a change a subscription is sent. Immutable.
 *
 * @param columns with the primary key; empty for all
 * @param key     the primary key, where an UPDATE may come as the key and what it changed; empty where it has to come whole
 */
public record Selection(Optional<List<String>> columns, Optional<List<String>> key) {
    /** All columns, always. */
    public static final Selection ALL = new Selection(Optional.empty(), Optional.empty());

    public Selection {
        columns = columns.map(List::copyOf);
        key = key.map(List::copyOf);
    }
}

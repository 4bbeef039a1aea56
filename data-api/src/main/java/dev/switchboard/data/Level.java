package dev.switchboard.data;

import java.util.List;
import java.util.Optional;

/**
 * A query level that is written, with the names of its columns as far as they are known.
 *
 * @param hoisted that the level above makes of columns beside those
 */
record Level(Sql sql, List<String> names, List<Hoisted> hoisted) {
    /** An aggregate of a column of this level that a level above makes: of all its rows, not of each. */
    record Hoisted(String column, String function, Optional<String> cast, String name) {}

    /** What a level is written for. */
    enum Purpose {
        ROWS,
        /** Only how many there are. */
        COUNT
    }

    Level(Sql sql, List<String> names) {
        this(sql, names, List.of());
    }
}

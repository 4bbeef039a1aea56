package dev.switchboard.engine.model;

import java.util.Optional;

/** One row's change, or the emptying of a table, in commit order. */
public sealed interface Change {
    Relation relation();

    /** The row that filters and policies decide by: the new one of INSERT and UPDATE, the old one of DELETE; TRUNCATE has none. */
    default Optional<Row> decisive() {
        return switch (this) {
            case Insert insert -> Optional.of(insert.row());
            case Update update -> Optional.of(update.row());
            case Delete delete -> Optional.of(delete.old());
            case Truncate _ -> Optional.empty();
        };
    }

    /** A new row. */
    record Insert(Relation relation, Row row) implements Change {}

    /**
     * A changed row.
     *
     * @param old what the WAL kept of the row before: everything under REPLICA IDENTITY FULL, else the key
     */
    record Update(Relation relation, Row old, Row row) implements Change {}

    /** A removed row; {@code old} as in {@link Update}. */
    record Delete(Relation relation, Row old) implements Change {}

    /** TRUNCATE: which rows are gone is not known. */
    record Truncate(Relation relation) implements Change {}
}

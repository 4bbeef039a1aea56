package dev.switchboard.engine.model;

/** One row's change, or the emptying of a table, in commit order. */
public sealed interface Change {
    Relation relation();

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

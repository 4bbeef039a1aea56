package dev.switchboard.engine.route;

import dev.switchboard.engine.model.TableName;

/** The tables that a subscription is about. */
public sealed interface TableSelector {
    /** @param oid tells it from another table that had the name before, or has it afterwards */
    record One(TableName name, int oid) implements TableSelector {}

    /** Every published table of a schema. */
    record Schema(String schema) implements TableSelector {}

    /** Every published table. */
    record All() implements TableSelector {}
}

package dev.switchboard.engine.route;

import dev.switchboard.engine.model.TableName;

/** The tables that a subscription is about. */
public sealed interface TableSelector {
    record One(TableName name) implements TableSelector {}

    /** Every published table of a schema. */
    record Schema(String schema) implements TableSelector {}

    /** Every published table. */
    record All() implements TableSelector {}
}

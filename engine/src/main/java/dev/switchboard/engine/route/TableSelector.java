package dev.switchboard.engine.route;

import dev.switchboard.engine.model.TableName;

/** The tables that a subscription is about. */
public sealed interface TableSelector {
    boolean selects(TableName table);

    record One(TableName name) implements TableSelector {
        @Override
        public boolean selects(TableName table) {
            return table.equals(name);
        }
    }

    /** Every published table of a schema. */
    record Schema(String schema) implements TableSelector {
        @Override
        public boolean selects(TableName table) {
            return table.schema().equals(schema);
        }
    }

    /** Every published table. */
    record All() implements TableSelector {
        @Override
        public boolean selects(TableName table) {
            return true;
        }
    }
}

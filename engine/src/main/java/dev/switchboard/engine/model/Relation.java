package dev.switchboard.engine.model;

import java.util.List;

/** A table as it was when a change to it was written: the WAL describes it before the change. Immutable. */
public record Relation(int oid, TableName name, ReplicaIdentity identity, List<Column> columns) {
    public Relation {
        columns = List.copyOf(columns);
    }

    /** The index of the named column, or -1. */
    public int indexOf(String column) {
        for (int i = 0; i < columns.size(); i++) {
            if (columns.get(i).name().equals(column)) {
                return i;
            }
        }
        return -1;
    }
}

package dev.switchboard.engine.postgres.policy;

import java.util.Optional;

/**
 * Rows that a group's values depend on: those of a table, or only those that have in one column what the group's own values say.
 *
 * @param table the oid
 * @param key   which rows; empty: all of them
 */
public record Dependency(int table, Optional<Key> key) {
    /**
     * @param column of the table
     * @param value  its place among the policy's values; of an array, each of its elements counts
     */
    public record Key(String column, ColumnKind kind, int value) {}
}

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.route.TableSelector;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * Partitions whose rows came or went without a word in the stream, which tells of their root: one that was attached with rows,
 * detached, dropped, truncated, or rewritten, which looks the same. Compares with what it saw the last time. Owned by one thread.
 */
final class PartitionWatch {
    /** Without locks: a partition may be under one for long. */
    private static final String LEAVES = """
            with recursive tree (root, oid) as (
                select c.oid, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where c.relkind = 'p' and exists (select from pg_publication_tables p
                         where p.pubname = ? and p.schemaname = n.nspname and p.tablename = c.relname)
                 union all
                select tree.root, i.inhrelid from tree join pg_inherits i on i.inhparent = tree.oid)
            select r.oid::bigint, rn.nspname, r.relname, l.oid::bigint, l.relfilenode::bigint,
                   format('%I.%I', ln.nspname, l.relname)
              from tree
              join pg_class r on r.oid = tree.root join pg_namespace rn on rn.oid = r.relnamespace
              join pg_class l on l.oid = tree.oid join pg_namespace ln on ln.oid = l.relnamespace
             where l.relkind <> 'p'
            """;

    /** Seconds that a look into a new partition may take; one that cannot be looked into counts as having rows. */
    private static final int LOOK_SECONDS = 1;

    private final String publication;
    /** The file of each partition, by oids of root and partition. */
    private Map<TableSelector.One, Map<Integer, Long>> known = new HashMap<>();

    PartitionWatch(String publication) {
        this.publication = publication;
    }

    /** Roots, of those that there were the last time, of whose partitions that is so. */
    Set<TableSelector.One> moved(Connection connection) throws SQLException {
        var present = new HashMap<TableSelector.One, Map<Integer, Long>>();
        var moved = new LinkedHashSet<TableSelector.One>();
        var added = new HashMap<String, TableSelector.One>();
        try (PreparedStatement query = connection.prepareStatement(LEAVES)) {
            query.setString(1, publication);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    var root = new TableSelector.One(
                            new TableName(row.getString(2), row.getString(3)), (int) row.getLong(1));
                    int leaf = (int) row.getLong(4);
                    present.computeIfAbsent(root, _ -> new HashMap<>()).put(leaf, row.getLong(5));
                    Map<Integer, Long> before = known.get(root);
                    if (before != null && !before.containsKey(leaf)) {
                        added.put(row.getString(6), root);
                    }
                }
            }
        }
        known.forEach((root, leaves) -> {
            Map<Integer, Long> now = present.getOrDefault(root, leaves); // a root that is gone is another matter
            if (!now.entrySet().containsAll(leaves.entrySet())) {
                moved.add(root);
            }
        });
        for (Map.Entry<String, TableSelector.One> one : added.entrySet()) {
            if (!moved.contains(one.getValue()) && mayHaveRows(connection, one.getKey())) {
                moved.add(one.getValue());
            }
        }
        known = present;
        return moved;
    }

    private static boolean mayHaveRows(Connection connection, String table) {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(LOOK_SECONDS);
            try (ResultSet row = statement.executeQuery("select exists (select from " + table + ")")) {
                row.next();
                return row.getBoolean(1);
            }
        } catch (SQLException notSeen) {
            return true;
        }
    }
}

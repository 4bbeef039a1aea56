package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.route.TableSelector;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Partitions whose rows came or went without a word in the stream, which tells of their root: one that was attached with rows,
 * detached, dropped, truncated, or rewritten, which looks the same. Compares with what it saw the last time. Guarded by
 * {@code this}.
 */
final class PartitionWatch {
    /** Without locks: a partition may be under one for long. */
    private static final String LEAVES = """
            with recursive tree (root, oid) as (
                select c.oid, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where c.relkind = 'p' and exists (select from pg_publication_tables p
                         where p.pubname = ? and p.schemaname = n.nspname and p.tablename = c.relname)
                 union all
                select tree.root, i.inhrelid from tree join pg_inherits i on i.inhparent = tree.oid and not i.inhdetachpending)
            select r.oid::bigint, rn.nspname, r.relname, l.oid::bigint, l.relfilenode::bigint
              from tree
              join pg_class r on r.oid = tree.root join pg_namespace rn on rn.oid = r.relnamespace
              join pg_class l on l.oid = tree.oid
             where l.relkind <> 'p' or l.oid = tree.root -- which has no file, and says that there is one without partitions
            """;

    /** By its size, which needs no rights and knows no policies; a partition of another server may have some. */
    private static final String HAS_ROWS =
            "select c.relkind = 'f' or (c.relkind <> 'p' and pg_relation_size(c.oid) > 0) from pg_class c where c.oid = ?";

    /** Seconds that this may wait for whoever has it locked; then it counts as having rows. */
    private static final int LOOK_SECONDS = 1;

    private static final int REMEMBERED = 10_000;

    private final String publication;
    /** The file of each partition, by root and oid. */
    private final Map<TableSelector.One, Map<Integer, Long>> known = new HashMap<>();
    /** Tables, partitioned or not, that were looked at since somebody wanted them. */
    private final Set<Integer> seen = new HashSet<>();

    private record Leaf(int oid, long file) {}

    PartitionWatch(String publication) {
        this.publication = publication;
    }

    /** What is looked for from now on: a table that somebody is about to subscribe to. */
    synchronized void know(Connection connection, TableSelector.One table) throws SQLException {
        if (seen.contains(table.oid())) {
            return;
        }
        read(connection).forEach((root, leaves) -> known.putIfAbsent(root, files(leaves)));
        if (seen.size() >= REMEMBERED) {
            seen.clear();
        }
        seen.add(table.oid());
    }

    /** Whether a partitioned table has been subscribed to, so that looking is worth it. */
    synchronized boolean isWatching() {
        return !known.isEmpty();
    }

    /** Roots, of those that there were the last time, of whose partitions that is so. */
    synchronized Set<TableSelector.One> moved(Connection connection) throws SQLException {
        Map<TableSelector.One, List<Leaf>> present = read(connection);
        var moved = new LinkedHashSet<TableSelector.One>();
        for (Map.Entry<TableSelector.One, List<Leaf>> root : present.entrySet()) {
            Map<Integer, Long> before = known.get(root.getKey());
            if (before != null
                    && (hasLost(before, root.getValue()) || hasRowsMore(connection, before, root.getValue()))) {
                moved.add(root.getKey());
            }
        }
        known.clear();
        present.forEach((root, leaves) -> known.put(root, files(leaves)));
        return moved;
    }

    private static boolean hasLost(Map<Integer, Long> before, List<Leaf> leaves) {
        return !files(leaves).entrySet().containsAll(before.entrySet());
    }

    private static boolean hasRowsMore(Connection connection, Map<Integer, Long> before, List<Leaf> leaves) {
        return leaves.stream()
                .filter(leaf -> !before.containsKey(leaf.oid()))
                .anyMatch(leaf -> mayHaveRows(connection, leaf.oid()));
    }

    private static boolean mayHaveRows(Connection connection, int leaf) {
        try (PreparedStatement query = connection.prepareStatement(HAS_ROWS)) {
            query.setQueryTimeout(LOOK_SECONDS);
            query.setLong(1, Integer.toUnsignedLong(leaf));
            try (ResultSet row = query.executeQuery()) {
                return row.next() && row.getBoolean(1);
            }
        } catch (SQLException notSeen) {
            return true;
        }
    }

    private static Map<Integer, Long> files(List<Leaf> leaves) {
        return leaves.stream().collect(Collectors.toMap(Leaf::oid, Leaf::file));
    }

    private Map<TableSelector.One, List<Leaf>> read(Connection connection) throws SQLException {
        var roots = new HashMap<TableSelector.One, List<Leaf>>();
        try (PreparedStatement query = connection.prepareStatement(LEAVES)) {
            query.setString(1, publication);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    var root = new TableSelector.One(
                            new TableName(row.getString(2), row.getString(3)), (int) row.getLong(1));
                    roots.computeIfAbsent(root, _ -> new ArrayList<>())
                            .add(new Leaf((int) row.getLong(4), row.getLong(5)));
                }
            }
        }
        return roots;
    }
}

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.route.TableSelector;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.stream.Stream;

/**
 * Whether a publication has carried tables without a break since a snapshot: the rows of the catalog that say so, and those of the tables'
 * row types, which are made and renamed with them, were there already, as they are; written before all that was under way, since a snapshot does not name subtransactions.
 * Rows of partitioned tables come and go with their partitions, of which nothing says when.
 */
final class PublishedSince {
    /** The first publications of schemas (pg_publication_namespace). */
    private static final int SCHEMAS = 15;

    private static final String MEMBERS = """
            select r.xmin::text::bigint from pg_publication_rel r
             where r.prpubid = (select p.oid from pg_publication p where p.pubname = ?) and (r.prrelid = any (?) or ?)
             union all select p.xmin::text::bigint from pg_publication p where p.pubname = ?
             union all select t.xmin::text::bigint from pg_type t where t.typrelid = any (?)
            """;
    private static final String OF_SCHEMAS = """
             union all select s.xmin::text::bigint from pg_publication_namespace s
             where s.pnpubid = (select p.oid from pg_publication p where p.pubname = ?)""";
    private static final String PARTITIONED = """
            select exists (select from pg_class c where c.relkind = 'p' and c.oid = any (?))
                or ? and exists (select from pg_publication_tables p join pg_namespace n on n.nspname = p.schemaname
                                   join pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
                                  where p.pubname = ? and c.relkind = 'p')""";

    private final String publication;

    PublishedSince(String publication) {
        this.publication = publication;
    }

    boolean ask(Connection connection, Collection<TableSelector> tables, StartingPoint start) throws SQLException {
        Object[] oids = tables.stream()
                .flatMap(table -> table instanceof TableSelector.One one
                        ? Stream.of(Integer.toUnsignedLong(one.oid()))
                        : Stream.empty())
                .toArray();
        boolean all = oids.length < tables.size();
        return !isPartitioned(connection, oids, all) && sawMembers(connection, oids, all, start);
    }

    private boolean isPartitioned(Connection connection, Object[] oids, boolean all) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(PARTITIONED)) {
            query.setArray(1, connection.createArrayOf("oid", oids));
            query.setBoolean(2, all);
            query.setString(3, publication);
            try (ResultSet row = query.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    private boolean sawMembers(Connection connection, Object[] oids, boolean all, StartingPoint start)
            throws SQLException {
        boolean schemas = connection.getMetaData().getDatabaseMajorVersion() >= SCHEMAS;
        try (PreparedStatement query = connection.prepareStatement(schemas ? MEMBERS + OF_SCHEMAS : MEMBERS)) {
            query.setString(1, publication);
            query.setArray(2, connection.createArrayOf("oid", oids));
            query.setBoolean(3, all);
            query.setString(4, publication);
            query.setArray(5, connection.createArrayOf("oid", oids));
            if (schemas) {
                query.setString(6, publication);
            }
            try (ResultSet rows = query.executeQuery()) {
                while (rows.next()) {
                    if (!start.seesAllUpTo((int) rows.getLong(1))) {
                        return false;
                    }
                }
                return true;
            }
        }
    }
}

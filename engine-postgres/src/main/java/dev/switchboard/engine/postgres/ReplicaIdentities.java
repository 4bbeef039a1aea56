package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Replica identities that hold a column which the publication does not carry: PostgreSQL 18 refuses every UPDATE and DELETE
 * on such a table (42P10). Virtual generated columns are never carried, stored ones by the publication's setting {@code
 * publish_generated_columns}. Stateless.
 */
public final class ReplicaIdentities {
    /** Since when PostgreSQL has virtual columns and looks at identities that way. */
    private static final String APPLIES = "current_setting('server_version_num')::int >= 180000";

    /** Of published tables; the attribute is generated, and not among what the publication carries. */
    private static final String BROKEN = """
            select n.nspname, c.relname, min(a.attname) as attname
              from pg_publication_tables p
              join pg_namespace n on n.nspname = p.schemaname
              join pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
              join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated <> ''
             where p.pubname = ? and %s and not coalesce(to_jsonb(p) -> 'attnames' ?? a.attname::text, false)
               and case c.relreplident
                     when 'f' then true
                     when 'i' then exists (select from pg_index i where i.indrelid = c.oid and i.indisreplident and a.attnum = any (i.indkey))
                     when 'd' then exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey))
                     else false end
             group by 1, 2 order by 1, 2
            """.formatted(APPLIES);

    /** What of a table a publication would not carry: its generated columns, as its setting says. */
    private static final String UNCARRIED = """
            select min(a.attname) from pg_attribute a
             where a.attrelid = ?::regclass and a.attnum > 0 and not a.attisdropped and %s
               and (a.attgenerated = 'v' or (a.attgenerated = 's' and exists (
                     select from pg_publication p where p.pubname = ? and to_jsonb(p) ->> 'pubgencols' = 'n')))
            """.formatted(APPLIES);

    /** Keys whose columns are all there and carried; the primary key first. */
    private static final String KEYS = """
            select case when i.indisprimary then 'default' else 'using index ' || quote_ident(k.relname) end
              from pg_index i join pg_class k on k.oid = i.indexrelid
             where i.indrelid = ?::regclass and i.indisunique and i.indimmediate and i.indisvalid
               and i.indpred is null and i.indexprs is null
               and not exists (select from pg_attribute a
                                where a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                                  and (not a.attnotnull or a.attgenerated <> ''))
             order by i.indisprimary desc, i.indexrelid limit 1
            """;

    private ReplicaIdentities() {}

    /**
     * A published table on which UPDATE and DELETE fail.
     *
     * @param column that its identity holds and the publication does not carry
     * @param mend   the statement that mends it; empty where the table has no key that would do
     */
    public record Broken(TableName table, String column, Optional<String> mend) {
        /** What is the matter, in words. */
        public String what() {
            return "UPDATE and DELETE on table " + table
                    + " fail (42P10): its replica identity holds the generated column \"" + column
                    + "\", which the publication does not carry";
        }

        /** The statement, or what to do where there is none. */
        public String remedy() {
            return mend.orElse("Give " + table + " a primary key, then: alter table " + table.quoted()
                    + " replica identity default");
        }
    }

    /** All that are in the publication. */
    public static List<Broken> broken(Connection connection, String publication) throws SQLException {
        var broken = new ArrayList<Broken>();
        try (PreparedStatement query = connection.prepareStatement(BROKEN)) {
            query.setString(1, publication);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    var table = new TableName(row.getString("nspname"), row.getString("relname"));
                    broken.add(new Broken(
                            table,
                            row.getString("attname"),
                            working(connection, table)
                                    .map(identity ->
                                            "alter table " + table.quoted() + " replica identity " + identity)));
                }
            }
        }
        return broken;
    }

    /** A column of the table that the publication would not carry, so that FULL cannot be its identity. */
    static Optional<String> uncarried(Connection connection, TableName table, String publication) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(UNCARRIED)) {
            query.setString(1, table.quoted());
            query.setString(2, publication);
            try (ResultSet row = query.executeQuery()) {
                row.next();
                return Optional.ofNullable(row.getString(1));
            }
        }
    }

    /** An identity by a key, as ALTER TABLE takes it. */
    static Optional<String> working(Connection connection, TableName table) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(KEYS)) {
            query.setString(1, table.quoted());
            try (ResultSet row = query.executeQuery()) {
                return row.next() ? Optional.of(row.getString(1)) : Optional.empty();
            }
        }
    }
}

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Adds tables to the publication that subscribers can subscribe to. */
public final class TablePublisher {
    private static final String FACTS = """
            select c.relkind = 'p' as partitioned, c.relrowsecurity, c.relreplident,
                   exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary) as has_key,
                   exists (select from pg_publication_tables p where p.pubname = ?
                            and p.schemaname = n.nspname and p.tablename = c.relname) as published
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = ? and c.relname = ? and c.relkind in ('r', 'p')
            """;

    private static final String PARTITIONS = """
            select n.nspname, c.relname
              from pg_partition_tree(?::regclass) t
              join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace
             where t.isleaf and c.relreplident <> 'f'
            """;

    private final Database database;
    private final String publication;

    /** What becomes of the table's replica identity. */
    public enum Identity {
        FULL,
        KEEP
    }

    /** The table cannot be published; the message says why. */
    public static final class CannotPublishException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        CannotPublishException(String why) {
            super(why);
        }

        CannotPublishException(String why, Throwable cause) {
            super(why, cause);
        }
    }

    private record Facts(boolean rowSecurity, char identity, boolean hasKey, boolean published, boolean partitioned) {}

    public TablePublisher(Database database, String publication) {
        this.database = database;
        this.publication = publication;
    }

    /**
     * Publishes a table, in one transaction.
     *
     * @return what was done, and what to beware of, one sentence each
     */
    public List<String> publish(TableName table, Identity identity) {
        try (Connection connection =
                DriverManager.getConnection(database.url(), database.user(), database.password())) {
            connection.setAutoCommit(false);
            List<String> said = publish(connection, table, identity);
            connection.commit();
            return said;
        } catch (SQLException failed) {
            throw new CannotPublishException("cannot publish " + table + ": " + failed.getMessage(), failed);
        }
    }

    private List<String> publish(Connection connection, TableName table, Identity identity) throws SQLException {
        Facts facts = facts(connection, table);
        if (identity == Identity.KEEP && !facts.hasKey() && facts.identity() == 'd') {
            throw new CannotPublishException("table " + table + " has no primary key: published with its present"
                    + " replica identity, every UPDATE and DELETE on it would fail. Add a key, or leave out"
                    + " --keep-identity");
        }
        var said = new ArrayList<String>();
        Optional<String> uncarried = ReplicaIdentities.uncarried(connection, table, publication);
        boolean full = identity == Identity.FULL && uncarried.isEmpty();
        try (Statement statement = connection.createStatement()) {
            if (uncarried.isPresent() && (identity == Identity.FULL || facts.identity() == 'f')) {
                said.add(byKey(connection, table, uncarried.get(), identity));
            }
            if (full && facts.identity() != 'f') {
                statement.execute("alter table " + table.quoted() + " replica identity full");
                said.add(
                        "REPLICA IDENTITY FULL is set: each UPDATE and DELETE now writes the whole old row to the WAL.");
            }
            if (full && facts.partitioned()) {
                said.addAll(partitions(connection, table));
            }
            if (facts.published()) {
                said.add("Table " + table + " was in publication " + publication + " already.");
            } else {
                statement.execute("alter publication " + TableName.quote(publication) + " add table " + table.quoted());
                said.add("Table " + table + " is in publication " + publication + "; subscribers get its changes.");
            }
        }
        said.addAll(dependencies(connection, table));
        if (!facts.rowSecurity()) {
            said.add("WARNING: row level security is off, so every role with SELECT sees every row. Turn it on with:"
                    + " alter table " + table.quoted() + " enable row level security");
        }
        return said;
    }

    /** What its policies read is published too, where nobody can subscribe to it. */
    private List<String> dependencies(Connection connection, TableName table) throws SQLException {
        var said = new ArrayList<String>();
        for (UnheardTables.Unheard unheard : UnheardTables.of(connection, publication)) {
            if (unheard.readers().contains(table)) {
                Optional<String> make = UnheardTables.missingPublication(connection);
                try (Statement statement = connection.createStatement()) {
                    if (make.isPresent()) {
                        statement.execute(make.get());
                        said.add("Publication " + Publications.DEPENDENCIES
                                + " is made; a server that runs takes it up when it is started again.");
                    }
                    statement.execute(unheard.remedy());
                }
                said.add("Table " + unheard.table() + ", which its policies read, is in publication "
                        + Publications.DEPENDENCIES
                        + ": so they are decided without asking PostgreSQL. Nobody can subscribe to it by that.");
            }
        }
        return said;
    }

    /** FULL would hold a column that the WAL does not carry, and every UPDATE and DELETE would fail. */
    private static String byKey(Connection connection, TableName table, String column, Identity identity)
            throws SQLException {
        String why =
                "column \"" + column + "\" is generated and the publication does not carry it, so that under REPLICA"
                        + " IDENTITY FULL every UPDATE and DELETE on the table would fail";
        Optional<String> key = ReplicaIdentities.working(connection, table);
        if (identity == Identity.KEEP || key.isEmpty()) {
            throw new CannotPublishException("table " + table + " cannot be published: " + why + ". "
                    + (key.isEmpty() ? "Give it a primary key" : "Leave out --keep-identity"));
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("alter table " + table.quoted() + " replica identity " + key.get());
        }
        return "REPLICA IDENTITY "
                + key.get().toUpperCase(Locale.ROOT).replaceFirst("USING INDEX .*", "by a unique key")
                + " is set, not FULL: " + why + ". A DELETE is shown only where policies read nothing but that key.";
    }

    /** What the WAL carries of an old row is decided by the partition that the row is in. */
    private static List<String> partitions(Connection connection, TableName table) throws SQLException {
        var partitions = new ArrayList<TableName>();
        try (PreparedStatement query = connection.prepareStatement(PARTITIONS)) {
            query.setString(1, table.quoted());
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    partitions.add(new TableName(row.getString(1), row.getString(2)));
                }
            }
        }
        try (Statement statement = connection.createStatement()) {
            for (TableName partition : partitions) {
                statement.execute("alter table " + partition.quoted() + " replica identity full");
            }
        }
        return List.of("So it is on its " + partitions.size() + " partitions. Publish it again after attaching another;"
                + " TRUNCATE of a single partition is not seen.");
    }

    private Facts facts(Connection connection, TableName table) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(FACTS)) {
            query.setString(1, publication);
            query.setString(2, table.schema());
            query.setString(3, table.table());
            try (ResultSet row = query.executeQuery()) {
                if (!row.next()) {
                    throw new CannotPublishException("table " + table + " does not exist");
                }
                return new Facts(
                        row.getBoolean("relrowsecurity"),
                        row.getString("relreplident").charAt(0),
                        row.getBoolean("has_key"),
                        row.getBoolean("published"),
                        row.getBoolean("partitioned"));
            }
        }
    }
}

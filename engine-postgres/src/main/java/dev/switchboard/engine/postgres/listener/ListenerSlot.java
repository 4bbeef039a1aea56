package dev.switchboard.engine.postgres.listener;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Locale;
import java.util.zip.CRC32;

/** The slot of a listener and its publication, which have one name: by database, since a cluster has each name once. */
record ListenerSlot(String name, TableName table) {
    private static final int LONGEST_DATABASE = 10;

    static ListenerSlot of(Database database, ListenerSettings settings) throws SQLException {
        try (Connection connection = connect(database);
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select current_database()")) {
            row.next();
            return new ListenerSlot(name(row.getString(1), settings.name()), settings.table());
        }
    }

    /** At most 63 characters; what a name of the database loses is made good by a check sum of the whole. */
    static String name(String database, String listener) {
        var sum = new CRC32();
        sum.update(database.getBytes(StandardCharsets.UTF_8));
        String plain = database.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9_]", "_");
        String start = plain.substring(0, Math.min(plain.length(), LONGEST_DATABASE));
        return "sb_" + start + "_" + Long.toHexString(sum.getValue()) + "_" + listener;
    }

    /**
     * Makes the publication where there is none.
     *
     * @return whether the slot is gone, though the publication says that there was one: changes may be missing
     */
    boolean ensurePublication(Database database) throws SQLException {
        try (Connection connection = connect(database)) {
            boolean published = exists(connection, "select from pg_publication where pubname = ?");
            boolean slot = exists(connection, "select from pg_replication_slots where slot_name = ?");
            if (!published) {
                try (Statement create = connection.createStatement()) {
                    create.execute("create publication " + quoted(name) + " for table " + quoted(table.schema()) + "."
                            + quoted(table.table()) + " with (publish_via_partition_root = true)");
                }
            }
            return published && !slot;
        }
    }

    /** Takes slot and publication away, for a listener that is not to come back. */
    void drop(Database database) throws SQLException {
        try (Connection connection = connect(database)) {
            try (PreparedStatement drop = connection.prepareStatement(
                    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ?")) {
                drop.setString(1, name);
                drop.execute();
            }
            try (Statement drop = connection.createStatement()) {
                drop.execute("drop publication if exists " + quoted(name));
            }
        }
    }

    private boolean exists(Connection connection, String sql) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(sql)) {
            query.setString(1, name);
            try (ResultSet row = query.executeQuery()) {
                return row.next();
            }
        }
    }

    private static Connection connect(Database database) throws SQLException {
        return DriverManager.getConnection(database.url(), database.user(), database.password());
    }

    private static String quoted(String identifier) {
        return "\"" + identifier.replace("\"", "\"\"") + "\"";
    }
}

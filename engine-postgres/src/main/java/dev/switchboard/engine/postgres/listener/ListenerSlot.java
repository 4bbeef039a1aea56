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
    private static final String OBJECT_IN_USE = "55006";
    private static final int DROP_ATTEMPTS = 20;
    private static final String BEGINNING = "listener: begins";
    private static final String GAP = "listener: gap: ";

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
     * How it stands with the slot: kept as the publication's comment, so that no end of a process forgets a gap, and what has
     * not begun yet is none.
     */
    sealed interface State {
        /** The slot was never reached. */
        record Beginning() implements State {}

        /** The slot was reached: if it is gone, changes are missing. */
        record Following() implements State {}

        /** Changes are missing, and the handler has not been told. */
        record Gap(String why) implements State {}
    }

    /**
     * Makes the publication where there is none, and notes where the slot, or the table that it published, is gone.
     *
     * @return whether there is no slot: the next one begins where it is made
     */
    boolean ensurePublication(Database database) throws SQLException {
        try (Connection connection = connect(database)) {
            if (!exists(connection, "select from pg_publication where pubname = ?")) {
                connection.setAutoCommit(false);
                execute(
                        connection,
                        "create publication " + quoted(name) + " for table " + quoted(table.schema()) + "."
                                + quoted(table.table()) + " with (publish_via_partition_root = true)");
                execute(connection, comment(new State.Beginning()));
                connection.commit();
                return true;
            }
            ensurePublished(connection);
            boolean gone = !exists(connection, "select from pg_replication_slots where slot_name = ?");
            if (gone && state(connection) instanceof State.Following) {
                note(connection, new State.Gap("slot " + name + " was dropped; it was made anew, and begins now"));
            }
            return gone;
        }
    }

    /**
     * A table that was dropped and made anew is published again, and that changes of its first moments are missing is noted; by this
     * process or by another, which waits for the slot.
     *
     * @throws GapNotedException if there is a gap to be told
     */
    void ensurePublished(Database database) throws SQLException, GapNotedException {
        try (Connection connection = connect(database)) {
            ensurePublished(connection);
            if (state(connection) instanceof State.Gap(String why)) {
                throw new GapNotedException(why);
            }
        }
    }

    private void ensurePublished(Connection connection) throws SQLException {
        if (publishes(connection)) {
            return;
        }
        connection.setAutoCommit(false);
        execute(connection, "select pg_advisory_xact_lock(hashtext('" + name + "'))");
        execute(
                connection,
                "alter publication " + quoted(name) + " add table " + quoted(table.schema()) + "."
                        + quoted(table.table()));
        execute(
                connection,
                comment(new State.Gap(
                        "table " + table + " was dropped and made anew; what happened to it before now is not known")));
        connection.commit();
        connection.setAutoCommit(true);
    }

    private boolean publishes(Connection connection) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(
                "select from pg_publication_tables where pubname = ? and schemaname = ? and tablename = ?")) {
            query.setString(1, name);
            query.setString(2, table.schema());
            query.setString(3, table.table());
            try (ResultSet row = query.executeQuery()) {
                return row.next();
            }
        }
    }

    /** Changes are missing, which the handler is told when the stream is opened. */
    static final class GapNotedException extends Exception {
        private static final long serialVersionUID = 1L;

        GapNotedException(String message) {
            super(message);
        }
    }

    State state(Database database) throws SQLException {
        try (Connection connection = connect(database)) {
            return state(connection);
        }
    }

    void note(Database database, State state) throws SQLException {
        try (Connection connection = connect(database)) {
            note(connection, state);
        }
    }

    /** Notes it unless something else was noted meanwhile. */
    void replace(Database database, State expected, State state) throws SQLException {
        try (Connection connection = connect(database)) {
            connection.setAutoCommit(false);
            execute(connection, "select pg_advisory_xact_lock(hashtext('" + name + "'))");
            if (expected.equals(state(connection))) {
                execute(connection, comment(state));
            }
            connection.commit();
        }
    }

    /** A publication without a comment of ours was made by hand: its slot counts as reached. */
    private State state(Connection connection) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(
                "select coalesce(obj_description(oid, 'pg_publication'), '') from pg_publication where pubname = ?")) {
            query.setString(1, name);
            try (ResultSet row = query.executeQuery()) {
                String comment = row.next() ? row.getString(1) : "";
                if (comment.startsWith(GAP)) {
                    return new State.Gap(comment.substring(GAP.length()));
                }
                return comment.equals(BEGINNING) ? new State.Beginning() : new State.Following();
            }
        }
    }

    /** One process after the other: a waiting one notes what it finds too. */
    private void note(Connection connection, State state) throws SQLException {
        execute(
                connection,
                "begin; select pg_advisory_xact_lock(hashtext('" + name + "')); " + comment(state) + "; commit");
    }

    private String comment(State state) {
        String text = switch (state) {
            case State.Beginning _ -> BEGINNING;
            case State.Following _ -> "listener: follows";
            case State.Gap(String why) -> GAP + why;
        };
        return "comment on publication " + quoted(name) + " is '" + text.replace("'", "''") + "'";
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Takes slot and publication away, for a listener that is not to come back. */
    void drop(Database database) throws SQLException {
        try (Connection connection = connect(database)) {
            dropSlot(connection);
            execute(connection, "drop publication if exists " + quoted(name));
        }
    }

    /** One whose listener has just ended stays in use for a moment. */
    private void dropSlot(Connection connection) throws SQLException {
        for (int attempt = 1; ; attempt++) {
            try (PreparedStatement drop = connection.prepareStatement(
                    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ?")) {
                drop.setString(1, name);
                drop.execute();
                return;
            } catch (SQLException failed) {
                if (!isInUse(failed) || attempt == DROP_ATTEMPTS) {
                    throw failed;
                }
                execute(connection, "select pg_sleep(0.1)");
            }
        }
    }

    /** Whether another process has the slot. */
    static boolean isInUse(SQLException failed) {
        return OBJECT_IN_USE.equals(failed.getSQLState());
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

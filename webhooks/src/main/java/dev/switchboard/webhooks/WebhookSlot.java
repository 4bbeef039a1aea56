package dev.switchboard.webhooks;

import dev.switchboard.engine.postgres.Database;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * The replication slot that webhooks are read from: there while somebody is to be told, so that nothing keeps WAL for
 * nobody. Stateless.
 */
record WebhookSlot(Database database, String name) {
    boolean exists() throws SQLException {
        return run("select from pg_replication_slots where slot_name = ?");
    }

    /** Makes it where it is not there: what is committed from here on is told. */
    void ensure() throws SQLException {
        if (!exists()) {
            run("select pg_create_logical_replication_slot(?, 'pgoutput')");
        }
    }

    /** One that is in use stays. */
    void drop() throws SQLException {
        run("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ? and not active");
    }

    /** Something that may throw. */
    interface Work {
        void run() throws SQLException;
    }

    /** One at a time: who adds an endpoint makes the slot before it, and who takes the slot away has looked for endpoints. */
    void locked(Work work) throws SQLException {
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                PreparedStatement lock = connection.prepareStatement("select pg_advisory_lock(hashtext(?))")) {
            lock.setString(1, name);
            lock.execute();
            work.run();
        } // the lock goes with its connection
    }

    /** @return whether there is a row */
    private boolean run(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, name);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next();
            }
        }
    }
}

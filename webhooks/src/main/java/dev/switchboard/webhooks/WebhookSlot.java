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

package dev.switchboard.junit;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A database of a test class's own. Its user owns it, may replicate and make roles, and is no superuser. Thread-safe.
 *
 * @param database  as the application's user
 * @param superuser the same as PostgreSQL's superuser
 */
public record TestDatabase(Database database, Database superuser) {
    private static final Duration SLOT_PATIENCE = Duration.ofSeconds(10);

    /** JDBC URL without credentials. */
    public String url() {
        return database.url();
    }

    public String user() {
        return database.user();
    }

    public String password() {
        return database.password();
    }

    /** Runs one or more statements, as psql would. */
    public void execute(String sql) {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException failed) {
            throw new IllegalStateException(sql + ": " + failed.getMessage(), failed);
        }
    }

    /** The first column of what a query gives, as text; {@code null} as {@code "null"}. */
    public List<String> texts(String query) {
        try (Connection connection = connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(query)) {
            var texts = new ArrayList<String>();
            while (rows.next()) {
                texts.add(String.valueOf(rows.getString(1)));
            }
            return texts;
        } catch (SQLException failed) {
            throw new IllegalStateException(query + ": " + failed.getMessage(), failed);
        }
    }

    /** Hears of every change of a table from here on, until it is closed. */
    public RecordedChanges record(TableName table) {
        return RecordedChanges.of(this, table);
    }

    /** Slots whose connection was ended stay active for a moment. */
    void dropSlots(TestDatabase server) {
        String name = url().replaceFirst(".*/", "");
        long start = System.nanoTime();
        String left = "select slot_name from pg_replication_slots where database = '" + name + "'";
        while (!server.texts(left).isEmpty() && System.nanoTime() - start < SLOT_PATIENCE.toNanos()) {
            server.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = '"
                    + name + "' and not active");
        }
    }

    private Connection connect() throws SQLException {
        return DriverManager.getConnection(database.url(), database.user(), database.password());
    }
}

package dev.switchboard.engine.postgres;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import org.postgresql.PGProperty;

/**
 * Where a database is and who connects. The password never appears in text.
 *
 * @param url JDBC URL without credentials
 */
public record Database(String url, String user, String password) {
    public Database as(String otherUser, String otherPassword) {
        return new Database(url, otherUser, otherPassword);
    }

    /** A connection that waits for as long as it takes. */
    Connection connectToListen(String applicationName) throws SQLException {
        Properties properties = properties(applicationName);
        PGProperty.TCP_KEEP_ALIVE.set(properties, true);
        return DriverManager.getConnection(url, properties);
    }

    private Properties properties(String applicationName) {
        var properties = new Properties();
        PGProperty.USER.set(properties, user);
        PGProperty.PASSWORD.set(properties, password);
        PGProperty.APPLICATION_NAME.set(properties, applicationName);
        PGProperty.CONNECT_TIMEOUT.set(properties, 5);
        return properties;
    }

    /** A connection of its own, under {@link SessionSettings}. */
    Connection connect(String applicationName) throws SQLException {
        Properties properties = properties(applicationName);
        PGProperty.SOCKET_TIMEOUT.set(properties, 20);
        Connection connection = DriverManager.getConnection(url, properties);
        try (Statement statement = connection.createStatement()) {
            statement.execute(SessionSettings.forRows());
            return connection;
        } catch (SQLException failed) {
            connection.close();
            throw failed;
        }
    }

    @Override
    public String toString() {
        return user + " at " + url;
    }
}

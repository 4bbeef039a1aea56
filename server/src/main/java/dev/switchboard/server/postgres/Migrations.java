package dev.switchboard.server.postgres;

import dev.switchboard.engine.postgres.Database;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import org.flywaydb.core.Flyway;

/** Brings a database to the state that this program needs: roles, functions and publication, then the application. */
public final class Migrations {
    /** The user whose connections read rows under the roles of tokens. */
    public static final String AUTHENTICATOR = "authenticator";

    private Migrations() {}

    /** Applies what is missing. */
    public static void apply(Database superuser, String authenticatorPassword) {
        Flyway.configure()
                .dataSource(superuser.url(), superuser.user(), superuser.password())
                .schemas("switchboard")
                .defaultSchema("switchboard")
                .locations("classpath:db/platform", "classpath:db/callcenter")
                .outOfOrder(true) // the platform's numbers stay below the application's, also those that come later
                .load()
                .migrate();
        setPassword(superuser, authenticatorPassword);
    }

    private static void setPassword(Database superuser, String password) {
        try (Connection connection =
                        DriverManager.getConnection(superuser.url(), superuser.user(), superuser.password());
                Statement statement = connection.createStatement()) {
            // a utility statement takes no parameters; the generated password has no quote in it, and none passes
            statement.execute(
                    "alter role " + AUTHENTICATOR + " with login password '" + password.replace("'", "''") + "'");
        } catch (SQLException failed) {
            throw new IllegalStateException("cannot set the password of role " + AUTHENTICATOR, failed);
        }
    }
}

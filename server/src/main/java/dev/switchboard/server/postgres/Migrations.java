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
                .locations(
                        "classpath:db/platform",
                        "classpath:db/accounts",
                        "classpath:db/data",
                        "classpath:db/callcenter")
                .outOfOrder(true) // the platform's numbers stay below the application's, also those that come later
                .load()
                .migrate();
        // a utility statement takes no parameters; the generated password has no quote in it, and none passes
        execute(
                superuser,
                "alter role " + AUTHENTICATOR + " with login password '" + authenticatorPassword.replace("'", "''")
                        + "'");
    }

    /** Whether the first user gets an organization, whoever writes users: the server or a person with SQL. */
    public static void setCallCentre(Database superuser, boolean wanted) {
        execute(superuser, "alter database postgres set switchboard.call_centre = '" + (wanted ? "on" : "off") + "'");
    }

    private static void execute(Database superuser, String sql) {
        try (Connection connection =
                        DriverManager.getConnection(superuser.url(), superuser.user(), superuser.password());
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException failed) {
            throw new IllegalStateException("cannot configure the database: " + failed.getMessage(), failed);
        }
    }
}

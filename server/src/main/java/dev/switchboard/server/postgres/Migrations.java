package dev.switchboard.server.postgres;

import dev.switchboard.engine.postgres.Database;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.flywaydb.core.Flyway;

/** Brings a database to the state that this program needs: roles, functions and publication, then the application. */
public final class Migrations {
    /** The user whose connections read rows under the roles of tokens. */
    public static final String AUTHENTICATOR = "authenticator";

    /** A part with tables or functions of its own, beside those that the engine needs. */
    public enum Part {
        ACCOUNTS("classpath:db/accounts"),
        DATA("classpath:db/data"),
        WEBHOOKS("classpath:db/webhooks"),
        CALL_CENTRE("classpath:db/callcenter");

        private final String location;

        Part(String location) {
            this.location = location;
        }
    }

    private Migrations() {}

    /** Applies what is missing of everything. */
    public static void apply(Database superuser, String authenticatorPassword) {
        apply(superuser, authenticatorPassword, EnumSet.allOf(Part.class));
    }

    /** Parts that the database has already; all where it has nothing yet. */
    public static Set<Part> present(Database superuser) {
        try (Connection connection =
                        DriverManager.getConnection(superuser.url(), superuser.user(), superuser.password());
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("""
                        select to_regprocedure('auth.uid()') is null, to_regclass('auth.users') is not null,
                               to_regclass('public.organizations') is not null,
                               to_regprocedure('switchboard.tell_the_data_api()') is not null""")) {
            row.next();
            if (row.getBoolean(1)) {
                return EnumSet.allOf(Part.class);
            }
            var parts =
                    EnumSet.of(Part.WEBHOOKS); // which commands add to, and the call centre's newer migrations presume
            if (row.getBoolean(2)) {
                parts.add(Part.ACCOUNTS);
            }
            if (row.getBoolean(3)) {
                parts.add(Part.CALL_CENTRE);
            }
            if (row.getBoolean(4)) {
                parts.add(Part.DATA);
            }
            return parts;
        } catch (SQLException failed) {
            throw new IllegalStateException("cannot look at the database: " + failed.getMessage(), failed);
        }
    }

    /** Applies what is missing of these parts; what others left behind earlier stays as it is. */
    public static void apply(Database superuser, String authenticatorPassword, Set<Part> parts) {
        var locations = new ArrayList<>(List.of("classpath:db/platform"));
        parts.forEach(part -> locations.add(part.location));
        Flyway.configure()
                .dataSource(superuser.url(), superuser.user(), superuser.password())
                .schemas("switchboard")
                .defaultSchema("switchboard")
                .locations(locations.toArray(String[]::new))
                .ignoreMigrationPatterns("*:missing", "*:future")
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

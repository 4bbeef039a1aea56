package dev.switchboard.accounts;

import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.Preparation;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;

/** The tables of accounts in a database of one's own: the same script that the embedded one is migrated with. */
public final class AccountsSchema {
    private static final List<String> SCRIPTS = List.of(
            "/db/accounts/V003__accounts.sql",
            "/db/accounts/V006__several_sign_ups.sql",
            "/db/accounts/V007__change_of_address.sql");

    /** How many of the scripts a database of ours has had. */
    private static final String APPLIED = """
            select to_regclass('auth.users') is not null,
                   case when to_regprocedure('auth.chain_audit_log()') is null then 0
                   else 1 + (select count(*) from pg_attribute
                              where (attrelid, attname) in ((to_regclass('auth.one_time_tokens'), 'place'),
                                                            (to_regclass('auth.users'), 'email_change_awaits'))) end""";

    private AccountsSchema() {}

    /** What accounts lack there, if anything. */
    public static Optional<Preparation.Lack> lack(DataSource connections) {
        try (Connection connection = connections.getConnection()) {
            return lack(connection);
        } catch (SQLException failed) {
            throw new IllegalStateException("cannot look for the tables of accounts", failed);
        }
    }

    /** What accounts lack there, if anything. */
    public static Optional<Preparation.Lack> lack(Database database) {
        try (Connection connection =
                DriverManager.getConnection(database.url(), database.user(), database.password())) {
            return lack(connection);
        } catch (SQLException failed) {
            throw new IllegalStateException("cannot look for the tables of accounts", failed);
        }
    }

    private static Optional<Preparation.Lack> lack(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(APPLIED)) {
            row.next();
            int applied = row.getInt(2);
            if (applied == SCRIPTS.size()) {
                return Optional.empty();
            }
            if (applied > 0) {
                return Optional.of(new Preparation.Lack(
                        Preparation.Weight.ADVISED,
                        "the tables of accounts are those of an earlier version, so /auth/v1 stays off",
                        scripts(applied),
                        ""));
            }
            boolean others = row.getBoolean(1);
            return Optional.of(new Preparation.Lack(
                    Preparation.Weight.ADVISED,
                    others
                            ? "the table auth.users is another program's, so /auth/v1 stays off"
                            : "the tables of accounts do not exist, so /auth/v1 stays off",
                    others ? List.of() : scripts(0),
                    others
                            ? "Its tokens are accepted where they are signed with the secret, or by --oidc-issuer."
                            : ""));
        }
    }

    private static List<String> scripts(int applied) {
        return SCRIPTS.stream().skip(applied).map(AccountsSchema::script).toList();
    }

    private static String script(String name) {
        try (InputStream in = AccountsSchema.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the program lacks its own " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip().replaceFirst(";$", "");
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import org.postgresql.PGStatement;

/** SQL under the role and the claims of a token. */
final class Impersonation {
    /** Takes on a role and its claims for the transaction. */
    static final String BECOME = "select set_config('role', ?, true), set_config('request.jwt.claims', ?, true)";

    /**
     * A condition is its user's own text, a regular expression perhaps: it must not hold the others up for long. Waiting for who
     * changes the table is told from that by coming first.
     */
    static final String BECOME_BRIEFLY =
            BECOME + ", set_config('statement_timeout', '250', true), set_config('lock_timeout', '200', true)";

    private Impersonation() {}

    /** What a SELECT on the table raises for this group, if it does. */
    static Optional<String> objection(Connection connection, TableSecurity security, ClaimsGroup group)
            throws SQLException {
        if (security.readable().isEmpty()) {
            return Optional.of("permission denied for table " + security.table().table());
        }
        String columns = String.join(
                ", ", security.readable().stream().map(TableName::quote).toList());
        String select = "select " + JdbcText.escape(columns) + " from "
                + JdbcText.escape(security.table().quoted()) + " limit 0";
        return objection(connection, select, group);
    }

    /** What a statement raises for this group, if it does. */
    static Optional<String> objection(Connection connection, String select, ClaimsGroup group) throws SQLException {
        try (PreparedStatement probe =
                connection.prepareStatement("begin read only; " + BECOME + "; " + select + "; rollback")) {
            // never from a prepared plan: what raises while planning under these claims has to raise here
            probe.unwrap(PGStatement.class).setPrepareThreshold(0);
            probe.setString(1, group.role());
            probe.setString(2, group.json());
            probe.execute();
            return Optional.empty();
        } catch (SQLException raised) {
            rollback(connection);
            if (SqlState.isTransient(raised)) {
                throw raised;
            }
            return Optional.of("PostgreSQL says: " + SqlState.text(raised));
        }
    }

    static void rollback(Connection connection) {
        try (Statement statement = connection.createStatement()) {
            statement.execute("rollback");
        } catch (SQLException gone) {
            // the connection is broken, and the pool finds that out
        }
    }
}

package dev.switchboard.engine.postgres;

import java.sql.SQLException;
import java.util.Set;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** What an SQLSTATE means for authorization (PostgreSQL, appendix A). */
final class SqlState {
    /**
     * Connection, resources, operator intervention, rollback, locks, system, authorization of the connection: no answer,
     * ask again. Everything else was raised by what was asked.
     */
    private static final Set<String> TRANSIENT_CLASSES = Set.of("08", "53", "57", "40", "55", "58", "28", "3D");

    private SqlState() {}

    static boolean isTransient(SQLException exception) {
        String state = exception.getSQLState();
        return state == null || state.length() < 2 || TRANSIENT_CLASSES.contains(state.substring(0, 2));
    }

    /** Whether a stream was refused for what was asked of it: a publication that is not there, or does not go with another. */
    static boolean isRefusal(SQLException failed) {
        return Set.of("42704", "0A000", "22023").contains(String.valueOf(failed.getSQLState()));
    }

    /** Whether PostgreSQL as a whole takes no connections: it shuts down, starts, or is not there. */
    static boolean isGoingDown(SQLException refused) {
        String state = String.valueOf(refused.getSQLState());
        return state.startsWith("57P") || state.startsWith("08");
    }

    /** What was raised, without the place in a statement that its reader has never seen. */
    static String text(SQLException raised) {
        ServerErrorMessage server = raised instanceof PSQLException driver ? driver.getServerErrorMessage() : null;
        return String.valueOf(server == null ? raised.getMessage() : server.getMessage());
    }

    /** Whether somebody else's lock was waited for in vain. */
    static boolean isLocked(SQLException failed) {
        return "55P03".equals(failed.getSQLState());
    }

    /** Whether a statement was canceled, by its timeout if nobody else does that. */
    static boolean isTimeout(SQLException failed) {
        return "57014".equals(failed.getSQLState());
    }
}

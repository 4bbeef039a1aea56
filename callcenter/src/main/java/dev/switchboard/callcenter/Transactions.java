package dev.switchboard.callcenter;

import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;

/** Work in one transaction, which is kept only where it came to its end. */
final class Transactions {
    private Transactions() {}

    /** Something within one transaction. */
    interface Work<T> {
        T run(Connection connection) throws SQLException;
    }

    /** Whether what it came to is kept. */
    interface Verdict<T> {
        boolean keeps(T result);
    }

    /** Commits where the verdict is to keep it, and rolls back else, whatever was thrown. */
    static <T> T run(DataSource connections, Work<T> work, Verdict<T> verdict) throws SQLException {
        try (Connection connection = connections.getConnection()) {
            connection.setAutoCommit(false);
            boolean ended = false;
            try {
                T result = work.run(connection);
                if (verdict.keeps(result)) {
                    connection.commit();
                } else {
                    connection.rollback();
                }
                ended = true;
                return result;
            } finally {
                if (!ended) {
                    connection.rollback();
                }
                connection.setAutoCommit(true);
            }
        }
    }
}

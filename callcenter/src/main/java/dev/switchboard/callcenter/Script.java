package dev.switchboard.callcenter;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.UUID;

/**
 * Several statements that go to PostgreSQL together, in one round trip: pgjdbc sends a text of many statements as one
 * sequence of extended-protocol messages. Owned by one command.
 */
final class Script {
    private static final int LONGEST_RUN = 100;

    private final StringBuilder text = new StringBuilder();
    private final List<Object> parameters = new ArrayList<>();

    /** Reads one row of a statement's answer. */
    interface RowReader {
        void read(ResultSet row) throws SQLException;
    }

    /**
     * One statement.
     *
     * @param sql    without a semicolon
     * @param values UUID, String, Integer, Boolean, Instant, byte[], or a list of UUIDs for {@code uuid[]}
     */
    Script add(String sql, Object... values) {
        text.append(text.isEmpty() ? "" : ";\n").append(sql);
        parameters.addAll(List.of(values));
        return this;
    }

    boolean isEmpty() {
        return text.isEmpty();
    }

    /**
     * Runs all of them.
     *
     * @param readers of the answers of those that have rows, in order; what is left over is not looked at
     */
    void run(Connection connection, RowReader... readers) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(text.toString())) {
            for (int i = 0; i < parameters.size(); i++) {
                bind(connection, statement, i + 1, parameters.get(i));
            }
            boolean rows = statement.execute();
            int next = 0;
            for (int result = 0; result < LONGEST_RUN; result++) {
                if (rows) {
                    if (next < readers.length) {
                        read(statement, readers[next]);
                    }
                    next++;
                } else if (statement.getUpdateCount() < 0) {
                    return;
                }
                rows = statement.getMoreResults();
            }
        }
    }

    private static void read(PreparedStatement statement, RowReader reader) throws SQLException {
        try (ResultSet rows = statement.getResultSet()) {
            while (rows.next()) {
                reader.read(rows);
            }
        }
    }

    private static void bind(Connection connection, PreparedStatement statement, int index, Object value)
            throws SQLException {
        switch (value) {
            case Instant instant -> statement.setObject(index, instant.atOffset(ZoneOffset.UTC));
            case Texts(List<?> values) -> statement.setArray(index, connection.createArrayOf("text", values.toArray()));
            case Collection<?> users -> {
                Array array = connection.createArrayOf("uuid", users.toArray());
                statement.setArray(index, array);
            }
            case UUID id -> statement.setObject(index, id);
            default -> statement.setObject(index, value);
        }
    }

    /** A value for {@code text[]}; its elements may be null. */
    record Texts(List<?> values) {}
}

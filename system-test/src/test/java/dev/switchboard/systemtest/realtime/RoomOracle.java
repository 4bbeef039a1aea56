package dev.switchboard.systemtest.realtime;

import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.channel.RoomPolicies.Answer.Rights;
import dev.switchboard.engine.channel.RoomPolicies.Verb;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.List;
import java.util.UUID;

/** What PostgreSQL itself says of a room: SELECT of rows that are there for the moment, INSERT of others. */
final class RoomOracle {
    private RoomOracle() {}

    static Rights rights(Connection connection, Verb verb, RoomPolicies.Question question) throws SQLException {
        return verb == Verb.HEAR ? hear(connection, question) : speak(connection, question);
    }

    private static void become(Connection connection, RoomPolicies.Question question) throws SQLException {
        try (PreparedStatement become = connection.prepareStatement(
                "select set_config('realtime.topic', ?, true),"
                        + " set_config('request.jwt.claims', ?, true), set_config('request.jwt.claim.sub', ?, true),"
                        + " set_config('request.jwt.claim.role', ?, true), set_config('request.headers', ?, true), set_config('role', ?, true)")) {
            become.setString(1, question.topic());
            become.setString(2, question.group().json());
            become.setString(3, question.subject().orElse(""));
            become.setString(4, question.group().role());
            become.setString(5, question.headers().isEmpty() ? "{}" : "{\"x-desk\":\"7\"}");
            become.setString(6, question.group().role());
            become.execute();
        }
    }

    /** As the original asks: rows that are there for the moment, looked at under the identity. */
    private static Rights hear(Connection connection, RoomPolicies.Question question) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            List<UUID> ids = List.of(UUID.randomUUID(), UUID.randomUUID());
            try (PreparedStatement probe = connection.prepareStatement(
                    "insert into realtime.messages (id, topic, extension, private) values (?, ?, 'broadcast', true), (?, ?, 'presence', true)")) {
                probe.setObject(1, ids.get(0));
                probe.setString(2, question.topic());
                probe.setObject(3, ids.get(1));
                probe.setString(4, question.topic());
                probe.execute();
            }
            become(connection, question);
            boolean broadcast = false;
            boolean presence = false;
            try (ResultSet seen = statement.executeQuery("select extension from realtime.messages where id in ('"
                    + ids.get(0) + "', '" + ids.get(1) + "')")) {
                while (seen.next()) {
                    broadcast |= seen.getString(1).equals("broadcast");
                    presence |= seen.getString(1).equals("presence");
                }
            }
            return new Rights(broadcast, presence);
        } catch (SQLException raised) {
            return Rights.NOTHING;
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    private static Rights speak(Connection connection, RoomPolicies.Question question) throws SQLException {
        connection.setAutoCommit(false);
        try {
            become(connection, question);
            boolean broadcast = mayInsert(connection, question.topic(), "broadcast");
            return new Rights(broadcast, mayInsert(connection, question.topic(), "presence"));
        } catch (SQLException noSuchRole) {
            return Rights.NOTHING;
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    private static boolean mayInsert(Connection connection, String topic, String extension) throws SQLException {
        Savepoint before = connection.setSavepoint();
        try (PreparedStatement insert = connection.prepareStatement(
                "insert into realtime.messages (topic, extension, private) values (?, ?, true)")) {
            insert.setString(1, topic);
            insert.setString(2, extension);
            insert.execute();
            return true;
        } catch (SQLException denied) {
            connection.rollback(before);
            return false;
        }
    }
}

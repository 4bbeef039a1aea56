package dev.switchboard.engine.postgres;

import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.protocol.Json;
import dev.switchboard.engine.protocol.JsonBytes;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/** SQL as somebody in a private room: under role and claims, with the topic and the other settings that its policies read (SPEC Y1). */
final class RoomVisitor {
    /**
     * Takes all of them on for the transaction. What is asked is planned for who asks: a policy may raise while it is planned, and one
     * that does allows nothing, however often it was asked for others.
     */
    static final String BECOME = "select set_config('role', ?, true), set_config('realtime.topic', ?, true),"
            + " set_config('request.jwt.claims', ?, true), set_config('request.jwt.claim.sub', ?, true),"
            + " set_config('request.jwt.claim.role', ?, true), set_config('request.headers', ?, true),"
            + " set_config('statement_timeout', ?, true), set_config('plan_cache_mode', 'force_custom_plan', true)";

    private RoomVisitor() {}

    /** Fills in {@link #BECOME}; gives the number of the parameter that comes after it. */
    static int bind(PreparedStatement statement, RoomPolicies.Question question, Duration timeout) throws SQLException {
        statement.setString(1, question.group().role());
        statement.setString(2, question.topic());
        statement.setString(3, question.group().json());
        statement.setString(4, question.subject().orElse(""));
        statement.setString(5, question.group().role());
        statement.setString(6, json(question.headers()));
        statement.setString(7, Long.toString(timeout.toMillis()));
        return 8;
    }

    static String json(Map<String, String> members) {
        var values = new LinkedHashMap<String, Json>();
        members.forEach((name, value) -> values.put(name, new Json.Text(value)));
        return Json.write(new Json.Fields(values), new JsonBytes()).toString();
    }
}

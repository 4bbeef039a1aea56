package dev.switchboard.data;

import dev.switchboard.engine.model.TableName;
import java.sql.SQLException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.StringNode;

/** What PostgreSQL raises, as clients see it: its own code, message, details and hint, under a fitting status. Pure. */
final class SqlErrors {
    /** What a statement of ours asks for that must fail; the number follows. */
    static final String AFFECTED = "switchboard.affected_";

    static final String ROWS = "switchboard.rows_";
    static final String BYTES = "switchboard.bytes_";

    private static final Pattern REFUSED =
            Pattern.compile("^unrecognized configuration parameter \"(switchboard\\.[a-z]+_)(\\d+)\"$");

    private SqlErrors() {}

    private static DataException refused(String what, String number, int maxBytes) {
        return switch (what) {
            case AFFECTED ->
                new DataException(
                        DataError.MAX_AFFECTED,
                        DataError.MAX_AFFECTED.message(),
                        "The query affects " + number + " rows");
            case ROWS ->
                new DataException(
                        DataError.SINGULAR, DataError.SINGULAR.message(), "The result contains " + number + " rows");
            default ->
                new DataException(
                        DataError.TOO_LARGE,
                        "The answer would have " + number + " bytes, and " + maxBytes + " are allowed",
                        "Ask for fewer rows (limit) or columns (select)");
        };
    }

    /** @param maxBytes of an answer */
    static DataException translate(SQLException raised, String role, int maxBytes) {
        ServerErrorMessage server = raised instanceof PSQLException driver ? driver.getServerErrorMessage() : null;
        String state = String.valueOf(raised.getSQLState());
        if (server == null) {
            return new DataException(
                    DataError.CONNECTION, DataError.CONNECTION.message(), String.valueOf(raised.getMessage()));
        }
        String message = String.valueOf(server.getMessage());
        Optional<String> detail = Optional.ofNullable(server.getDetail());
        Optional<String> hint = Optional.ofNullable(server.getHint());
        Matcher own = REFUSED.matcher(message);
        if (state.equals("42704") && own.find()) {
            return refused(own.group(1), own.group(2), maxBytes);
        }
        if (state.equals("PGRST")) {
            return told(message, detail);
        }
        return new DataException(status(state, message, role), state, message, detail.map(StringNode::valueOf), hint);
    }

    /**
     * A function that says itself what is answered: {@code raise sqlstate 'PGRST'} with a JSON object in message (code and message,
     * and if it likes details and hint) and one in detail (status and headers).
     */
    private static DataException told(String message, Optional<String> detail) {
        Optional<JsonNode> body = object(message).filter(json -> json.hasNonNull("code") && json.hasNonNull("message"));
        if (body.isEmpty()) {
            return malformed("MESSAGE", message, "'code' and 'message', and optionally 'details' and 'hint'");
        }
        Optional<JsonNode> answer = detail.flatMap(SqlErrors::object)
                .filter(json -> json.path("status").isInt()
                        && json.path("status").asInt() >= 200
                        && json.path("status").asInt() <= 599
                        && json.path("headers").isObject());
        if (answer.isEmpty()) {
            return malformed("DETAIL", detail.orElse(""), "'status' and 'headers', and optionally 'status_text'");
        }
        return new DataException(
                        answer.get().path("status").asInt(),
                        body.get().path("code").asString(""),
                        body.get().path("message").asString(""),
                        Optional.ofNullable(body.get().get("details")),
                        Optional.ofNullable(body.get().get("hint"))
                                .filter(JsonNode::isString)
                                .map(JsonNode::asString))
                .with(Answers.headers(answer.get().path("headers")));
    }

    private static DataException malformed(String part, String found, String members) {
        return new DataException(
                DataError.RAISED_MALFORMED,
                "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
                Optional.of("Invalid JSON value for " + part + ": '" + found + "'"),
                Optional.of(part + " must be a JSON object with " + members + "."));
    }

    private static Optional<JsonNode> object(String text) {
        try {
            return Optional.of(JsonMapper.shared().readTree(text)).filter(JsonNode::isObject);
        } catch (JacksonException malformed) {
            return Optional.empty();
        }
    }

    /** As PostgreSQL would say it; but no statement is made for who may do nothing with the table. */
    static DataException denied(TableName table, String role) {
        String state = "42501";
        String message = "permission denied for table " + table.table();
        return new DataException(status(state, message, role), state, message, Optional.empty(), Optional.empty());
    }

    static int status(String state, String message, String role) {
        if (state.startsWith("PT") && state.substring(2).matches("[2-5]\\d\\d")) {
            return Integer.parseInt(state.substring(2));
        }
        return switch (state) {
            case "23503", "23505" -> 409;
            case "42501" -> role.equals("anon") ? 401 : 403;
            case "42P01", "42883" -> 404;
            case "25006" -> 405;
            case "22023" -> message.startsWith("role ") ? 401 : 400;
            case "57P01" -> 503;
            case "XX000" ->
                message.startsWith("tsquery ")
                        ? 400
                        : 500; // a search that is nested too deeply has no state of its own
            case "53400", "42P17" -> 500;
            case "P0001" -> 400;
            default -> byClass(state.length() < 2 ? "" : state.substring(0, 2));
        };
    }

    private static int byClass(String stateClass) {
        return switch (stateClass) {
            case "28", "0L", "0P" -> 403;
            case "53", "08" -> 503;
            case "55", "57", "58", "09", "25", "2D", "38", "39", "3B", "40", "F0", "HV", "XX", "P0" -> 500;
            default -> 400;
        };
    }
}

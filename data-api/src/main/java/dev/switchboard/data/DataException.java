package dev.switchboard.data;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.http.Response;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.StringNode;

/** A request that is answered with an error. */
final class DataException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String code;
    private final String text;
    private final transient Optional<JsonNode> details;
    private final transient Optional<String> hint;
    private final transient List<Response.Header> headers;

    DataException(int status, String code, String message, Optional<JsonNode> details, Optional<String> hint) {
        this(status, code, message, details, hint, List.of());
    }

    private DataException(
            int status,
            String code,
            String message,
            Optional<JsonNode> details,
            Optional<String> hint,
            List<Response.Header> headers) {
        super(message, null, false, false);
        this.headers = headers;
        this.status = status;
        this.code = code;
        this.text = message;
        this.details = details;
        this.hint = hint;
    }

    DataException(DataError error, String message) {
        this(error.status(), error.code(), message, Optional.empty(), Optional.empty());
    }

    DataException(DataError error, String message, String details) {
        this(error.status(), error.code(), message, Optional.of(StringNode.valueOf(details)), Optional.empty());
    }

    DataException(DataError error, String message, Optional<String> details, Optional<String> hint) {
        this(error.status(), error.code(), message, details.map(StringNode::valueOf), hint);
    }

    /** The same, with headers of the answer. */
    DataException with(List<Response.Header> others) {
        return new DataException(status, code, text, details, hint, others);
    }

    List<Response.Header> headers() {
        return headers;
    }

    int status() {
        return status;
    }

    String code() {
        return code;
    }

    /** Whether the catalog may have changed since it was read: worth another look. */
    boolean mayBeStale() {
        return switch (code) {
            case "PGRST200",
                    "PGRST202",
                    "PGRST204",
                    "PGRST205",
                    "42501",
                    "42703",
                    "42P01",
                    "42883",
                    "42704",
                    "0A000",
                    "XX000" -> true;
            default -> false;
        };
    }

    /** For who may not see all columns of these tables: a hint that names one of theirs is left out. */
    DataException withoutColumnsOf(Set<TableName> tables) {
        boolean tells = code.equals("42703")
                && tables.stream()
                        .anyMatch(table -> hint.orElse("").contains("\"" + table.table() + ".")
                                || text.contains(" " + table.table() + "."));
        return tells ? new DataException(status, code, text, details, Optional.empty(), headers) : this;
    }

    String json() {
        var body = JsonMapper.shared().createObjectNode();
        body.put("code", code);
        details.ifPresentOrElse(value -> body.set("details", value), () -> body.putNull("details"));
        hint.ifPresentOrElse(value -> body.put("hint", value), () -> body.putNull("hint"));
        body.put("message", text);
        return body.toString();
    }
}

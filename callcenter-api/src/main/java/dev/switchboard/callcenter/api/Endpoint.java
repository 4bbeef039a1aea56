package dev.switchboard.callcenter.api;

import dev.switchboard.http.Response;
import java.util.List;
import java.util.Optional;

/**
 * One thing that can be asked for: what routes a request, checks its body, and describes itself in the OpenAPI document.
 *
 * @param template path below {@code /api}, variables in braces
 * @param fields   of the body; what is not among them is refused
 */
record Endpoint(String method, String template, Who who, String summary, List<Field> fields, Action action) {
    Endpoint {
        fields = List.copyOf(fields);
    }

    /** Who may ask; what their role allows comes after that. */
    enum Who {
        USER,
        SERVICE,
        BOTH
    }

    /** Types of a field, as JSON Schema names them. */
    enum FieldType {
        UUID,
        /** At most 500 characters. */
        TEXT,
        /** At most 100,000 characters. */
        WORDS,
        INTEGER,
        NUMBER,
        BOOLEAN,
        UUIDS,
        OBJECT,
        TIME
    }

    /** A field of a body. */
    record Field(String name, FieldType type, boolean required, String description) {}

    /** What is done. */
    interface Action {
        Response run(Exchange exchange);
    }

    /** The variables of a path that fits; empty where it does not. */
    Optional<List<String>> match(List<String> parts) {
        List<String> wanted = List.of(template.substring(1).split("/", -1));
        if (wanted.size() != parts.size()) {
            return Optional.empty();
        }
        var variables = new java.util.ArrayList<String>();
        for (int i = 0; i < wanted.size(); i++) {
            if (wanted.get(i).startsWith("{")) {
                variables.add(parts.get(i));
            } else if (!wanted.get(i).equals(parts.get(i))) {
                return Optional.empty();
            }
        }
        return Optional.of(variables);
    }
}

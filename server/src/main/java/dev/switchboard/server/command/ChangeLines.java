package dev.switchboard.server.command;

import dev.switchboard.client.Event;
import java.time.Duration;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.StringJoiner;
import tools.jackson.databind.json.JsonMapper;

/** A change as one line of text. Pure. */
final class ChangeLines {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSS");
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final String RESET = "\u001b[0m";
    private static final String DIM = "\u001b[2m";

    private final Style style;

    enum Style {
        COLOURED,
        JSON
    }

    ChangeLines(Style style) {
        this.style = style;
    }

    String line(Event.Change change, Duration latency) {
        return switch (style) {
            case COLOURED -> coloured(change, latency);
            case JSON -> json(change, latency);
        };
    }

    private static String json(Event.Change change, Duration latency) {
        var line = new LinkedHashMap<String, Object>();
        line.put("type", change.kind().name());
        line.put("table", change.schema() + "." + change.table());
        line.put("commit_timestamp", change.committedAt().toString());
        line.put("latency_ms", latency.toMillis());
        line.put("new", change.row());
        line.put("old", change.former());
        return JSON.writeValueAsString(line);
    }

    /** {@code 10:15:30.123  +4 ms  UPDATE calls  id=7 state=ringing→active}. */
    private static String coloured(Event.Change change, Duration latency) {
        String colour = switch (change.kind()) {
            case INSERT -> "\u001b[32m";
            case UPDATE -> "\u001b[33m";
            case DELETE, LEAVE -> "\u001b[31m";
        };
        String time = TIME.format(change.committedAt().atZone(ZoneId.systemDefault()));
        return DIM + time + "%+7d ms  ".formatted(latency.toMillis()) + RESET + colour + "%-6s".formatted(change.kind())
                + RESET + " " + change.table() + "  " + values(change);
    }

    private static String values(Event.Change change) {
        Map<String, Object> row = change.row().isEmpty() ? change.former() : change.row();
        var values = new StringJoiner(" ");
        row.forEach((name, value) -> {
            boolean known =
                    change.kind() == Event.Kind.UPDATE && change.former().containsKey(name);
            Object former = change.former().get(name);
            if (known && !Objects.equals(former, value)) {
                values.add(name + "=" + former + "→" + value);
            } else if (!known || name.equals("id")) {
                values.add(name + "=" + value);
            }
        });
        return values.toString();
    }
}

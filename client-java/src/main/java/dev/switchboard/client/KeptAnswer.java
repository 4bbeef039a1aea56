package dev.switchboard.client;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** The rows of a query that the server keeps, as its operations make them (SPEC I2). Owned by the client's thread. */
final class KeptAnswer {
    private final Map<String, Object> wish;
    private final List<Map<String, Object>> rows = new ArrayList<>();
    private boolean whole;

    KeptAnswer(String table, String query, List<String> key, OptionalDouble maxRate) {
        var wish = new LinkedHashMap<String, Object>(Map.of("table", table, "query", query));
        if (!key.isEmpty()) {
            wish.put("key", key);
        }
        maxRate.ifPresent(rate -> wish.put("max_rate", rate));
        this.wish = Collections.unmodifiableMap(wish);
    }

    /** What the join asks for. */
    Map<String, Object> wish() {
        return wish;
    }

    /** What comes next begins with a {@code reset}. */
    void interrupted() {
        whole = false;
    }

    Event.Answer take(Map<String, Object> payload) {
        if (payload.get("ops") instanceof List<?> operations) {
            for (Object operation : operations) {
                apply(JsonText.object(Map.of("op", operation), "op"));
            }
        }
        return new Event.Answer(List.copyOf(rows), whole && !Boolean.TRUE.equals(payload.get("stale")));
    }

    private void apply(Map<String, Object> operation) {
        String name = JsonText.string(operation, "op");
        whole |= name.equals("reset");
        if (!whole) {
            return;
        }
        switch (name) {
            case "reset" -> {
                rows.clear();
                if (operation.get("rows") instanceof List<?> all) {
                    all.forEach(row -> rows.add(JsonText.object(Map.of("row", row), "row")));
                }
            }
            case "insert" -> rows.add(at(operation, "at"), JsonText.object(operation, "row"));
            case "update" -> rows.set(at(operation, "at"), JsonText.object(operation, "row"));
            case "delete" -> rows.remove(at(operation, "at"));
            case "move" -> rows.add(at(operation, "to"), rows.remove(at(operation, "from")));
            default -> {}
        }
    }

    private static int at(Map<String, Object> operation, String member) {
        return operation.get(member) instanceof Long place ? Math.toIntExact(place) : -1;
    }
}

package dev.switchboard.callcenter.api;

import dev.switchboard.callcenter.api.Endpoint.Action;
import dev.switchboard.callcenter.api.Endpoint.Field;
import dev.switchboard.callcenter.api.Endpoint.FieldType;
import dev.switchboard.callcenter.api.Endpoint.Who;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/** Reads {@code endpoints.txt}, which says of itself how it is written. */
final class EndpointTable {
    private static final String RESOURCE = "endpoints.txt";
    private static final int PARTS = 3;

    private EndpointTable() {}

    /**
     * The endpoints of the program.
     *
     * @param actions by method and path
     * @throws IllegalStateException if one of the table has no action, or an action is of none
     */
    static List<Endpoint> of(Map<String, Action> actions) {
        try (InputStream in = EndpointTable.class.getResourceAsStream(RESOURCE)) {
            String table = new String(Objects.requireNonNull(in, RESOURCE).readAllBytes(), StandardCharsets.UTF_8);
            return parse(table, actions);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    static List<Endpoint> parse(String table, Map<String, Action> actions) {
        var endpoints = new ArrayList<Endpoint>();
        var left = new HashSet<>(actions.keySet());
        for (String block : table.split("\\n\\s*\\n", -1)) {
            List<String> lines = block.lines()
                    .filter(line -> !line.startsWith("#") && !line.isBlank())
                    .toList();
            if (!lines.isEmpty()) {
                endpoints.add(endpoint(lines, actions));
                left.remove(
                        endpoints.getLast().method() + " " + endpoints.getLast().template());
            }
        }
        if (!left.isEmpty()) {
            throw new IllegalStateException(RESOURCE + " lacks " + left);
        }
        return endpoints;
    }

    private static Endpoint endpoint(List<String> lines, Map<String, Action> actions) {
        String[] head = lines.getFirst().split(" ", -1);
        if (head.length != PARTS || lines.size() < 2) {
            throw new IllegalStateException(RESOURCE + ": not METHOD PATH WHO and what it does: " + lines);
        }
        Action action = actions.get(head[0] + " " + head[1]);
        if (action == null) {
            throw new IllegalStateException(RESOURCE + ": nothing is done for " + lines.getFirst());
        }
        return new Endpoint(
                head[0],
                head[1],
                Who.valueOf(head[2].toUpperCase(Locale.ROOT)),
                lines.get(1).strip(),
                lines.stream().skip(2).map(EndpointTable::field).toList(),
                action);
    }

    private static Field field(String line) {
        String[] parts = line.strip().split("\\s+", PARTS);
        if (parts.length != PARTS) {
            throw new IllegalStateException(RESOURCE + ": not NAME TYPE MEANING: " + line);
        }
        boolean required = parts[0].endsWith("*");
        String name = required ? parts[0].substring(0, parts[0].length() - 1) : parts[0];
        return new Field(name, FieldType.valueOf(parts[1].toUpperCase(Locale.ROOT)), required, parts[2]);
    }
}

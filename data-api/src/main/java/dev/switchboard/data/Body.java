package dev.switchboard.data;

import dev.switchboard.http.Request;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The body of a request that writes: objects, whose JSON goes to PostgreSQL as it came.
 *
 * @param json    an array of objects
 * @param columns named by the objects
 * @param rows    how many objects
 */
record Body(String json, Set<String> columns, int rows) {
    private static final JsonFactory JSON = new JsonFactory();

    /** Of what a request sends, in lower case and without parameters. */
    static String mediaType(Request request) {
        return request.header("content-type")
                .orElse("application/json")
                .split(";", 2)[0]
                .strip()
                .toLowerCase(Locale.ROOT);
    }

    /**
     * What a request sends, as its media type says.
     *
     * @param alike whether all objects have to have the same keys
     * @throws DataException if it is none of the known ones, or malformed
     */
    static Body of(Request request, boolean alike) {
        String type = mediaType(request);
        return switch (type) {
            case "application/json", "", "application/vnd.pgrst.array+json", "application/vnd.pgrst.object+json" ->
                json(request.body(), alike);
            case "application/x-www-form-urlencoded" -> form(request.body());
            case "text/csv" -> csv(request.body());
            default -> throw new DataException(DataError.INVALID_BODY, "Content-Type not acceptable: " + type);
        };
    }

    /**
     * Reads JSON.
     *
     * @param alike whether all objects have to have the same keys
     * @throws DataException if it is none, or not an object or an array of objects
     */
    static Body json(byte[] bytes, boolean alike) {
        String text = text(bytes);
        var columns = new LinkedHashSet<String>();
        int rows = 0;
        boolean array = false;
        try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), text)) {
            JsonToken first = parser.nextToken();
            array = first == JsonToken.START_ARRAY;
            JsonToken token = array ? parser.nextToken() : first;
            while (token == JsonToken.START_OBJECT) {
                Set<String> keys = keys(parser);
                if (alike && rows > 0 && !keys.equals(columns)) {
                    throw new DataException(DataError.INVALID_BODY, "All object keys must match");
                }
                columns.addAll(keys);
                rows++;
                token = parser.nextToken();
                if (!array) {
                    break;
                }
            }
            boolean whole =
                    array ? token == JsonToken.END_ARRAY && parser.nextToken() == null : rows == 1 && token == null;
            if (!whole) {
                throw new DataException(DataError.INVALID_BODY, DataError.INVALID_BODY.message());
            }
        } catch (JacksonException malformed) {
            throw new DataException(DataError.INVALID_BODY, DataError.INVALID_BODY.message());
        }
        return new Body(array ? text : "[" + text + "]", columns, rows);
    }

    private static String text(byte[] bytes) {
        return text(new String(bytes, StandardCharsets.UTF_8));
    }

    private static String text(String text) {
        if (text.indexOf('\0') >= 0) {
            throw new DataException(DataError.INVALID_BODY, DataError.INVALID_BODY.message());
        }
        return text;
    }

    private static Set<String> keys(JsonParser parser) {
        var keys = new LinkedHashSet<String>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            keys.add(parser.currentName());
            parser.nextToken();
            parser.skipChildren();
        }
        return keys;
    }

    /** Of {@code application/x-www-form-urlencoded}: one object of texts, the last of each name. */
    static Body form(byte[] bytes) {
        ObjectNode object = JsonMapper.shared().createObjectNode();
        fields(bytes).forEach((name, values) -> object.put(name, values.getLast()));
        return ofRows(List.of(object));
    }

    /** All fields of {@code application/x-www-form-urlencoded}, with all their values. */
    static Map<String, List<String>> fields(byte[] bytes) {
        var fields = new LinkedHashMap<String, List<String>>();
        for (String pair : text(bytes).split("&", -1)) {
            if (!pair.isEmpty()) {
                String[] sides = pair.split("=", 2);
                fields.computeIfAbsent(text(Request.decode(sides[0])), _ -> new ArrayList<>())
                        .add(text(sides.length > 1 ? Request.decode(sides[1]) : ""));
            }
        }
        return fields;
    }

    /** Of {@code text/csv} (RFC 4180): the first line names columns; an empty or NULL cell is null. */
    static Body csv(byte[] bytes) {
        List<List<String>> lines = lines(text(bytes));
        var rows = new ArrayList<ObjectNode>();
        if (lines.isEmpty()) {
            throw new DataException(DataError.INVALID_BODY, "The CSV has no header");
        }
        List<String> names = lines.getFirst();
        for (List<String> line : lines.subList(1, lines.size())) {
            if (line.size() != names.size()) {
                throw new DataException(DataError.INVALID_BODY, "All lines must have same number of fields");
            }
            Map<String, String> cells = new LinkedHashMap<>();
            ObjectNode row = JsonMapper.shared().createObjectNode();
            for (int i = 0; i < names.size(); i++) {
                cells.put(names.get(i), line.get(i));
            }
            cells.forEach((name, cell) -> {
                if (cell.equals("NULL")) {
                    row.putNull(name);
                } else {
                    row.put(name, cell);
                }
            });
            rows.add(row);
        }
        return ofRows(rows);
    }

    private static Body ofRows(List<ObjectNode> rows) {
        ArrayNode array = JsonMapper.shared().createArrayNode();
        rows.forEach(array::add);
        return new Body(
                array.toString(),
                rows.isEmpty() ? Set.of() : new LinkedHashSet<>(rows.getFirst().propertyNames()),
                rows.size());
    }

    private static List<List<String>> lines(String text) {
        var lines = new ArrayList<List<String>>();
        var line = new ArrayList<String>();
        var cell = new StringBuilder();
        boolean quoted = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (quoted) {
                if (c != '"') {
                    cell.append(c);
                } else if (i + 1 < text.length() && text.charAt(i + 1) == '"') {
                    cell.append('"');
                    i++;
                } else {
                    quoted = false;
                }
            } else if (c == '"' && cell.isEmpty()) {
                quoted = true;
            } else if (c == ',' || c == '\n') {
                line.add(cell.toString());
                cell.setLength(0);
                if (c == '\n') {
                    lines.add(List.copyOf(line));
                    line.clear();
                }
            } else if (c != '\r') {
                cell.append(c);
            }
        }
        if (!cell.isEmpty() || !line.isEmpty()) {
            line.add(cell.toString());
            lines.add(List.copyOf(line));
        }
        return lines;
    }
}

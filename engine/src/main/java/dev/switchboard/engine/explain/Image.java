package dev.switchboard.engine.explain;

import dev.switchboard.engine.journal.Passage;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.protocol.Json;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Map;
import java.util.Optional;

/** A row of a table as somebody knows it: the stream, or the database. */
public record Image(Relation relation, Row row) {
    /** Some columns' values, by which a row is named. */
    public record Pattern(String json, Map<String, Json> values) {
        public Pattern {
            values = Map.copyOf(values);
        }

        /** Empty for what is no JSON object with a member. */
        public static Optional<Pattern> parse(String json) {
            return Json.parse(json.getBytes(StandardCharsets.UTF_8)).orElse(Json.NULL)
                                    instanceof Json.Fields(var values)
                            && !values.isEmpty()
                    ? Optional.of(new Pattern(json, values))
                    : Optional.empty();
        }
    }

    /** The row by which a change was decided, if it is of one. */
    public static Optional<Image> of(Passage passage) {
        return passage.row().map(row -> new Image(passage.change().relation(), row));
    }

    /** Whether the row has all of these values; a number or a text is compared as it is written. */
    public boolean matches(Pattern pattern) {
        return pattern.values().entrySet().stream().allMatch(value -> has(value.getKey(), value.getValue()));
    }

    private boolean has(String column, Json value) {
        int index = relation.indexOf(column);
        if (index < 0 || row.isAbsent(index)) {
            return false;
        }
        return switch (value) {
            case Json.Text(var text) -> row.hasValue(index) && row.text(index).equals(text);
            case Json.Literal(var text) when text.equals("null") -> row.isNull(index);
            case Json.Literal(var text) ->
                row.hasValue(index) && row.text(index).equals(outputOf(text));
            case Json.Items _, Json.Fields _ -> false;
        };
    }

    /** As PostgreSQL writes a number or a boolean. */
    private static String outputOf(String literal) {
        return switch (literal) {
            case "true" -> "t";
            case "false" -> "f";
            default -> literal;
        };
    }

    /** Columns and values, in order; {@code -} for one that is not known. */
    public String words() {
        var words = new ArrayList<String>();
        for (int i = 0; i < relation.columns().size() && i < row.size(); i++) {
            String value = row.isNull(i) ? "NULL" : row.isAbsent(i) ? "-" : row.text(i);
            words.add(relation.columns().get(i).name() + " " + value);
        }
        return String.join(", ", words);
    }
}

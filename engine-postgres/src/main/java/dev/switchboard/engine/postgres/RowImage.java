package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import java.util.List;
import java.util.Set;

/**
 * Row images as PostgreSQL literals: an array of composites, {@code {"(\"1\",,\"a\")"}}. Text goes through the types'
 * own input functions, so a jsonb null stays different from an SQL NULL, which a JSON image would lose (PostgreSQL,
 * "Composite Type Input and Output Syntax"). Pure.
 */
final class RowImage {
    private RowImage() {}

    /** Whether the image has a value or NULL for every one of these columns. */
    static boolean covers(Relation relation, Row row, Set<String> columns) {
        for (String column : columns) {
            int index = relation.indexOf(column);
            if (index < 0 || row.isAbsent(index)) {
                return false;
            }
        }
        return true;
    }

    /**
     * The composite literal of an image.
     *
     * @param columns of the table as it is now
     * @param reads   those that matter; the others are NULL
     */
    static String literal(Relation relation, List<String> columns, Set<String> reads, Row image) {
        var literal = new StringBuilder("(");
        for (int i = 0; i < columns.size(); i++) {
            if (i > 0) {
                literal.append(',');
            }
            int index = reads.contains(columns.get(i)) ? relation.indexOf(columns.get(i)) : -1;
            if (index >= 0 && image.hasValue(index)) {
                quote(image.text(index), literal);
            }
        }
        return literal.append(')').toString();
    }

    /** The array literal of composite literals. */
    static String array(List<String> composites) {
        var literal = new StringBuilder("{");
        for (String composite : composites) {
            if (literal.length() > 1) {
                literal.append(',');
            }
            quote(composite, literal);
        }
        return literal.append('}').toString();
    }

    /** Quoting is the same for array elements and composite fields: backslash before quote and backslash. */
    private static void quote(String text, StringBuilder literal) {
        literal.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                literal.append('\\');
            }
            literal.append(c);
        }
        literal.append('"');
    }
}

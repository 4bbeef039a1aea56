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
     * The array literal of these images.
     *
     * @param columns of the table as it is now; a column that an image does not have is NULL
     */
    static String arrayLiteral(Relation relation, List<String> columns, List<Row> images) {
        var literal = new StringBuilder("{");
        for (Row image : images) {
            if (literal.length() > 1) {
                literal.append(',');
            }
            quote(composite(relation, columns, image), literal);
        }
        return literal.append('}').toString();
    }

    private static String composite(Relation relation, List<String> columns, Row image) {
        var literal = new StringBuilder("(");
        for (int i = 0; i < columns.size(); i++) {
            if (i > 0) {
                literal.append(',');
            }
            int index = relation.indexOf(columns.get(i));
            if (index >= 0 && image.hasValue(index)) {
                quote(image.text(index), literal);
            }
        }
        return literal.append(')').toString();
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

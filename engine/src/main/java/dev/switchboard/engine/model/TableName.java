package dev.switchboard.engine.model;

/** A table's schema and name, unquoted. */
public record TableName(String schema, String table) {
    /** {@code schema.table}, or a table of schema {@code public}. */
    public static TableName parse(String text) {
        int dot = text.indexOf('.');
        return dot < 0 ? new TableName("public", text) : new TableName(text.substring(0, dot), text.substring(dot + 1));
    }

    /** Both parts as quoted SQL identifiers. */
    public String quoted() {
        return quote(schema) + "." + quote(table);
    }

    /** One SQL identifier, quoted. */
    public static String quote(String identifier) {
        return "\"" + identifier.replace("\"", "\"\"") + "\"";
    }

    @Override
    public String toString() {
        return schema + "." + table;
    }
}

package dev.switchboard.engine.model;

/** A table's schema and name, unquoted. */
public record TableName(String schema, String table) {
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

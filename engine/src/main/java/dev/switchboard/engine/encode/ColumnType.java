package dev.switchboard.engine.encode;

/** How a column's values become JSON: what PostgreSQL's {@code to_jsonb} does for its type. */
public sealed interface ColumnType {
    /** pg_type.typname, as the wire names it. */
    String name();

    /** A type whose text form alone says all. */
    record Scalar(String name, Form form) implements ColumnType {}

    /** An array of any depth; {@code delimiter} stands between its elements. */
    record Array(String name, ColumnType element, char delimiter) implements ColumnType {}

    /** A type that cannot be sent yet. */
    record Unsupported(String name) implements ColumnType {}

    /** What a scalar's text becomes. */
    enum Form {
        BOOL,
        /** A JSON number, or a string for NaN and the infinities. */
        NUMBER,
        /** A JSON string of the text. */
        TEXT,
        /** The text itself. */
        JSON,
        /** A JSON string in ISO 8601. */
        TIMESTAMP,
        /** The same with a zone. */
        TIMESTAMP_WITH_ZONE
    }
}

package dev.switchboard.engine.encode;

import java.util.List;

/** How a column's values become JSON: what PostgreSQL's {@code to_jsonb} does for its type. */
public sealed interface ColumnType {
    /** pg_type.typname, as the wire names it. */
    String name();

    /** A type whose text form alone says all. */
    record Scalar(String name, Form form) implements ColumnType {}

    /** An array of any depth; {@code delimiter} stands between its elements. */
    record Array(String name, ColumnType element, char delimiter) implements ColumnType {}

    /** A row of its own, an object of its fields in JSON. */
    record Composite(String name, List<Field> fields) implements ColumnType {
        public Composite {
            fields = List.copyOf(fields);
        }
    }

    /** One attribute of a composite type. */
    record Field(String name, ColumnType type) {}

    /** A type that cannot be sent: one with a cast of its own to json, whose function only PostgreSQL can run. */
    record Unsupported(String name) implements ColumnType {}

    /** What a scalar's text becomes. */
    enum Form {
        BOOL,
        /** A JSON number, or a string for NaN and the infinities. */
        NUMBER,
        /** Numbers between blanks, an array of numbers in JSON: int2vector. */
        NUMBER_VECTOR,
        /** The same as an array of strings: oidvector. */
        TEXT_VECTOR,
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

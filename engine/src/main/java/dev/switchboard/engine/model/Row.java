package dev.switchboard.engine.model;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/**
 * The image of a row: per column null, absent, or a slice of the received message in PostgreSQL's text form (UTF-8).
 * Absent means that the WAL did not carry the value: an unchanged TOAST value, or a column outside the replica
 * identity. Immutable as long as nobody writes to the array, and nobody does.
 */
public final class Row {
    private static final int NULL = -1;
    private static final int ABSENT = -2;

    private final byte[] bytes;
    private final int[] spans;

    private Row(byte[] bytes, int[] spans) {
        this.bytes = bytes;
        this.spans = spans;
    }

    /** A row under construction over one message; not shared before {@link #build()}. */
    public static final class Builder {
        private final byte[] bytes;
        private final int[] spans;

        public Builder(byte[] bytes, int columns) {
            this.bytes = bytes;
            this.spans = new int[columns * 2];
            for (int column = 0; column < columns; column++) {
                setAbsent(column);
            }
        }

        public void setNull(int column) {
            spans[column * 2 + 1] = NULL;
        }

        public void setAbsent(int column) {
            spans[column * 2 + 1] = ABSENT;
        }

        public void setText(int column, int offset, int length) {
            spans[column * 2] = offset;
            spans[column * 2 + 1] = length;
        }

        /** Takes over what {@code other} has at that column; both must lie in the same message. */
        public void copy(int column, Row other) {
            spans[column * 2] = other.spans[column * 2];
            spans[column * 2 + 1] = other.spans[column * 2 + 1];
        }

        public Row build() {
            return new Row(bytes, spans.clone());
        }
    }

    /** A row of the given texts, empty for SQL NULL. */
    public static Row ofTexts(List<Optional<String>> texts) {
        byte[] joined = String.join(
                        "", texts.stream().map(text -> text.orElse("")).toList())
                .getBytes(StandardCharsets.UTF_8);
        var row = new Builder(joined, texts.size());
        int offset = 0;
        for (int column = 0; column < texts.size(); column++) {
            row.setNull(column);
            if (texts.get(column).isPresent()) {
                int length = texts.get(column).get().getBytes(StandardCharsets.UTF_8).length;
                row.setText(column, offset, length);
                offset += length;
            }
        }
        return row.build();
    }

    public int size() {
        return spans.length / 2;
    }

    public boolean isNull(int column) {
        return spans[column * 2 + 1] == NULL;
    }

    public boolean isAbsent(int column) {
        return spans[column * 2 + 1] == ABSENT;
    }

    /** Whether the column has a value, neither null nor absent. */
    public boolean hasValue(int column) {
        return spans[column * 2 + 1] >= 0;
    }

    /** The array that the slices point into. Read only. */
    public byte[] bytes() {
        return bytes;
    }

    public int offset(int column) {
        return spans[column * 2];
    }

    public int length(int column) {
        return spans[column * 2 + 1];
    }

    /** The value as a string; only where {@link #hasValue}. */
    public String text(int column) {
        return new String(bytes, offset(column), length(column), StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
        var text = new StringBuilder("(");
        for (int column = 0; column < size(); column++) {
            text.append(column == 0 ? "" : ", ")
                    .append(isNull(column) ? "NULL" : isAbsent(column) ? "-" : text(column));
        }
        return text.append(')').toString();
    }
}

package dev.switchboard.engine.route;

import dev.switchboard.engine.model.Row;

/** A condition on the row that a change is about, resolved against its table. */
public sealed interface Filter {
    String column();

    /** {@code column = value}. */
    record Equal(String column, Equality.Key value) implements Filter {
        boolean accepts(Row row, int index) {
            return row.hasValue(index)
                    && value.rule()
                            .key(row.bytes(), row.offset(index), row.length(index))
                            .equals(value);
        }
    }
}

package dev.switchboard.live;

import java.util.List;

/**
 * What an answer was at one reading.
 *
 * @param shape the same as long as it is the same rows in the same order, though they change; told apart from the one before it alone
 */
record Generation(List<KeptRow> rows, long shape) {
    static final Generation NONE = new Generation(List.of(), 0);

    private static final int ROW_BYTES = 120;

    /** The one after it; itself, where nothing has changed. */
    Generation next(List<KeptRow> read) {
        if (read.equals(rows)) {
            return this;
        }
        return new Generation(List.copyOf(read), KeptRow.areTheSame(rows, read) ? shape : shape + 1);
    }

    /** What it takes, by estimate. */
    long bytes() {
        return rows.stream()
                .mapToLong(row -> ROW_BYTES + row.json().length() + row.key().length())
                .sum();
    }
}

package dev.switchboard.live;

import java.util.List;
import java.util.stream.IntStream;

/**
 * A row of an answer.
 *
 * @param key  tells it from the others of its answer, and is the same as long as it is the same row
 * @param json the row, as a JSON object
 */
public record KeptRow(String key, String json) {
    /** Whether they are the same rows in the same order, changed or not; of rows without a key, whether there are as many. */
    static boolean areTheSame(List<KeptRow> some, List<KeptRow> others) {
        return some.size() == others.size()
                && IntStream.range(0, some.size()).allMatch(at -> some.get(at).isTheSame(others.get(at)));
    }

    private boolean isTheSame(KeptRow other) {
        return key.equals(other.key) || (isKeyless() && other.isKeyless());
    }

    /** Told from others by what it holds. */
    private boolean isKeyless() {
        return key.startsWith(json);
    }
}

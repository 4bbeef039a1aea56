package dev.switchboard.data;

import dev.switchboard.engine.model.TableName;
import java.util.List;
import java.util.Map;

/**
 * A table that an answer hangs on.
 *
 * @param equal what columns of its rows have to hold that matter, as text; there may be more conditions
 * @param key   its primary key
 */
public record Reading(TableName table, Map<String, String> equal, List<String> key) {
    public Reading {
        equal = Map.copyOf(equal);
        key = List.copyOf(key);
    }
}

package dev.switchboard.live;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;

/**
 * What makes one list of rows of another, as JSON: operations that are applied in order, each to the list that the one before left.
 * {@code {"op":"insert","at":2,"row":{...}}}, {@code update} likewise, {@code {"op":"delete","at":2}}, {@code {"op":"move","from":2,"to":0}}
 * (taken out, then put in). Pure.
 */
final class RowOperations {
    /** With more, the list is told as a whole: each is looked for among all. */
    private static final int MOST_MOVES = 64;

    /** Characters by which operations may be more: they say what has become of what. */
    private static final int SLACK = 256;

    private final Map<String, Integer> places = new HashMap<>();
    private final List<KeptRow> rows;
    private final Set<String> there = new HashSet<>();
    private int moves;
    private final StringJoiner operations = new StringJoiner(",", "[", "]");

    private RowOperations(List<KeptRow> before, List<KeptRow> after) {
        rows = new ArrayList<>(before);
        for (int i = 0; i < after.size(); i++) {
            places.put(after.get(i).key(), i);
        }
        delete();
        rows.forEach(row -> there.add(row.key()));
        for (int i = 0; i < after.size() && moves <= MOST_MOVES; i++) {
            settle(i, after.get(i));
        }
    }

    /** A list that its reader does not have. */
    static String reset(List<KeptRow> rows) {
        var all = new StringJoiner(",", "[{\"op\":\"reset\",\"rows\":[", "]}]");
        rows.forEach(row -> all.add(row.json()));
        return all.toString();
    }

    /** @return {@code []} if they are equal; {@link #reset} where that is less */
    static String between(List<KeptRow> before, List<KeptRow> after) {
        var made = new RowOperations(before, after);
        String reset = reset(after);
        return made.moves > MOST_MOVES || made.operations.length() > reset.length() + SLACK
                ? reset
                : made.operations.toString();
    }

    private void delete() {
        for (int i = rows.size() - 1; i >= 0; i--) {
            if (!places.containsKey(rows.get(i).key())) {
                rows.remove(i);
                operations.add("{\"op\":\"delete\",\"at\":" + i + "}");
            }
        }
    }

    private void settle(int at, KeptRow row) {
        if (!isAt(at, row) && isAt(at + 1, row)) {
            move(at, rank(rows.get(at))); // what stands in the way goes where it belongs
        }
        if (!isAt(at, row)) {
            if (!there.contains(row.key())) {
                rows.add(at, row);
                operations.add("{\"op\":\"insert\",\"at\":" + at + ",\"row\":" + row.json() + "}");
                return;
            }
            move(indexOf(row.key()), at);
        }
        if (!rows.get(at).json().equals(row.json())) {
            rows.set(at, row);
            operations.add("{\"op\":\"update\",\"at\":" + at + ",\"row\":" + row.json() + "}");
        }
    }

    private boolean isAt(int index, KeptRow row) {
        return index < rows.size() && rows.get(index).key().equals(row.key());
    }

    /** How many of the rows that are there come before this one in the end. */
    private int rank(KeptRow row) {
        int place = places.getOrDefault(row.key(), 0);
        return (int) rows.stream()
                .filter(other -> places.getOrDefault(other.key(), 0) < place)
                .count();
    }

    private int indexOf(String key) {
        for (int i = 0; i < rows.size(); i++) {
            if (rows.get(i).key().equals(key)) {
                return i;
            }
        }
        return -1;
    }

    private void move(int from, int to) {
        if (from != to) {
            moves++;
            rows.add(to, rows.remove(from));
            operations.add("{\"op\":\"move\",\"from\":" + from + ",\"to\":" + to + "}");
        }
    }
}

package dev.switchboard.engine.protocol;

import java.util.List;
import java.util.Optional;

/**
 * A query that a channel wants to be kept (SPEC I1). Immutable.
 *
 * @param query in the form of the data API's query strings: {@code select=id,state&state=eq.ringing&order=rank,id&limit=20}
 * @param key   members of the answer's rows by which they are told apart
 */
public record LiveQuery(String schema, String table, String query, List<String> key) {
    /** Characters in all. */
    private static final int LONGEST = 8_192;

    private static final int MOST_KEYS = 16;

    public LiveQuery {
        key = List.copyOf(key);
    }

    /** Characters that it takes. */
    public int length() {
        return schema.length()
                + table.length()
                + query.length()
                + String.join("", key).length();
    }

    /** Reads one; the schema is public and the key id where nothing is said. Empty where it is none, or too long. */
    static Optional<LiveQuery> of(Json.Fields wish) {
        String schema = wish.text("schema").orElse("public");
        String query = wish.text("query").orElse("");
        List<String> key = wish.items("key").stream()
                .flatMap(item ->
                        item instanceof Json.Text(String name) ? List.of(name).stream() : List.<String>of().stream())
                .toList();
        return wish.text("table")
                .filter(table -> key.size() <= MOST_KEYS
                        && table.length()
                                        + schema.length()
                                        + query.length()
                                        + String.join("", key).length()
                                <= LONGEST)
                .map(table -> new LiveQuery(schema, table, query, key.isEmpty() ? List.of("id") : key));
    }
}

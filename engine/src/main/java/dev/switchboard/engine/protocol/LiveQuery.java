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
    private static final int LONGEST = 8_192;

    public LiveQuery {
        key = List.copyOf(key);
    }

    /** Reads one; the schema is public and the key id where nothing is said. Empty where it is none. */
    static Optional<LiveQuery> of(Json.Fields wish) {
        String schema = wish.text("schema").orElse("public");
        String query = wish.text("query").orElse("");
        List<String> key = wish.items("key").stream()
                .flatMap(item ->
                        item instanceof Json.Text(String name) ? List.of(name).stream() : List.<String>of().stream())
                .toList();
        return wish.text("table")
                .filter(table -> table.length() + schema.length() + query.length() <= LONGEST)
                .map(table -> new LiveQuery(schema, table, query, key.isEmpty() ? List.of("id") : key));
    }
}

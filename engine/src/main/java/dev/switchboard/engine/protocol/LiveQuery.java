package dev.switchboard.engine.protocol;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A query that a channel wants to be kept (SPEC I1). Immutable.
 *
 * @param query in the form of the data API's query strings: {@code select=id,state&state=eq.ringing&order=rank,id&limit=20}
 * @param key   members of the answer's rows by which they are told apart
 * @param rest  after it was told of rows that have changed, the channel is not told of more such for so long (SPEC I6)
 */
public record LiveQuery(String schema, String table, String query, List<String> key, Duration rest) {
    /** Characters in all. */
    private static final int LONGEST = 8_192;

    private static final int MOST_KEYS = 16;

    /** Times a second. */
    private static final double LOWEST_RATE = 0.01;

    private static final double HIGHEST_RATE = 1_000;
    private static final Pattern RATE = Pattern.compile("[0-9][0-9.eE+-]{0,31}");

    public LiveQuery {
        key = List.copyOf(key);
    }

    /** The same as one wants it who is told of everything at once. */
    public LiveQuery atOnce() {
        return new LiveQuery(schema, table, query, key, Duration.ZERO);
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
        return rest(wish)
                .flatMap(rest -> wish.text("table")
                        .filter(table -> key.size() <= MOST_KEYS
                                && table.length()
                                                + schema.length()
                                                + query.length()
                                                + String.join("", key).length()
                                        <= LONGEST)
                        .map(table -> new LiveQuery(schema, table, query, key.isEmpty() ? List.of("id") : key, rest)));
    }

    /** Of {@code max_rate}, times a second. */
    private static Optional<Duration> rest(Json.Fields wish) {
        Optional<Json> rate = wish.get("max_rate");
        if (rate.isEmpty()) {
            return Optional.of(Duration.ZERO);
        }
        return rate.filter(value -> value instanceof Json.Literal(String text)
                        && RATE.matcher(text).matches())
                .map(value -> Double.parseDouble(((Json.Literal) value).text()))
                .filter(times -> times >= LOWEST_RATE && times <= HIGHEST_RATE)
                .map(times -> Duration.ofNanos((long) (1e9 / times)));
    }
}

package dev.switchboard.data;

import java.time.Duration;
import java.util.List;

/**
 * What the data API shows, and how much of it.
 *
 * @param schemas          whose tables and functions can be asked for; the first is the default
 * @param searchPath       further schemas that queries find types, operators and functions in
 * @param maxRows          of an answer; 0 for no limit
 * @param maxResponseBytes of an answer
 * @param statementTimeout of a request, where the role has none of its own
 * @param aggregates       whether {@code select=total.sum()} is allowed
 * @param plans            whether clients may ask for query plans
 * @param rollback         whether clients may ask with {@code Prefer: tx=rollback} that nothing is kept
 * @param connections      to PostgreSQL
 * @param requirePolicies  whether tables without row level security, and views that pass it by, are left out
 * @param timings          whether answers say how long they took
 */
public record DataSettings(
        List<String> schemas,
        List<String> searchPath,
        int maxRows,
        int maxResponseBytes,
        Duration statementTimeout,
        boolean aggregates,
        boolean plans,
        boolean rollback,
        int connections,
        boolean requirePolicies,
        boolean timings) {
    public DataSettings {
        schemas = List.copyOf(schemas);
        searchPath = List.copyOf(searchPath);
    }

    /** Everything as it is where nothing is set. */
    public static DataSettings defaults() {
        return of(List.of("public"));
    }

    /** The same with these schemas. */
    public static DataSettings of(List<String> schemas) {
        return new DataSettings(
                schemas,
                List.of("public", "extensions"),
                0,
                50_000_000,
                Duration.ofSeconds(8),
                false,
                false,
                false,
                10,
                false,
                false);
    }
}

package dev.switchboard.data;

import java.time.Duration;
import java.util.List;

/**
 * What the data API shows, and how much of it.
 *
 * @param schemas         whose tables and functions can be asked for; the first is the default
 * @param searchPath      further schemas that queries find types, operators and functions in
 * @param offers          what a request may ask for beside rows
 * @param requirePolicies whether tables without row level security, and views that pass it by, are left out
 * @param timings         whether answers say how long they took
 */
public record DataSettings(
        List<String> schemas,
        List<String> searchPath,
        Limits limits,
        Offers offers,
        boolean requirePolicies,
        boolean timings) {
    public DataSettings {
        schemas = List.copyOf(schemas);
        searchPath = List.copyOf(searchPath);
    }

    /**
     * How much of anything.
     *
     * @param rows             of an answer; 0 for no limit
     * @param responseBytes    of an answer
     * @param statementTimeout of a request, where the role has none of its own
     * @param connections      to PostgreSQL
     */
    public record Limits(int rows, int responseBytes, Duration statementTimeout, int connections) {
        public static Limits defaults() {
            return new Limits(0, 50_000_000, Duration.ofSeconds(8), 10);
        }
    }

    /**
     * What a request may ask for beside rows.
     *
     * @param aggregates {@code select=total.sum()}
     * @param plans      query plans
     * @param rollback   with {@code Prefer: tx=rollback}, that nothing is kept
     */
    public record Offers(boolean aggregates, boolean plans, boolean rollback) {
        public static final Offers NONE = new Offers(false, false, false);
    }

    /** Everything as it is where nothing is set. */
    public static DataSettings defaults() {
        return of(List.of("public"));
    }

    /** The same with these schemas. */
    public static DataSettings of(List<String> schemas) {
        return new DataSettings(schemas, List.of("public", "extensions"), Limits.defaults(), Offers.NONE, false, false);
    }

    public DataSettings with(Limits other) {
        return new DataSettings(schemas, searchPath, other, offers, requirePolicies, timings);
    }

    public DataSettings with(Offers other) {
        return new DataSettings(schemas, searchPath, limits, other, requirePolicies, timings);
    }

    /** The same, with nothing shown that no policy guards. */
    public DataSettings requiringPolicies() {
        return new DataSettings(schemas, searchPath, limits, offers, true, timings);
    }

    /** The same, with answers that say how long they took. */
    public DataSettings withTimings() {
        return new DataSettings(schemas, searchPath, limits, offers, requirePolicies, true);
    }
}

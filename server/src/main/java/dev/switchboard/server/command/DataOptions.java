package dev.switchboard.server.command;

import dev.switchboard.data.DataSettings;
import java.time.Duration;
import java.util.List;
import picocli.CommandLine.Option;

/** Options of {@code start} about the data API. */
final class DataOptions {
    @Option(
            names = "--data-schemas",
            split = ",",
            description = "Schemas whose tables and functions the data API shows; the first is the default.",
            defaultValue = "public")
    private List<String> schemas = List.of();

    @Option(
            names = "--data-search-path",
            split = ",",
            description = "Further schemas in which queries find types, operators and functions.",
            defaultValue = "public,extensions")
    private List<String> searchPath = List.of();

    @Option(names = "--data-max-rows", description = "Rows of an answer, 0 for no limit.", defaultValue = "0")
    private int maxRows;

    @Option(names = "--data-max-bytes", description = "Bytes of an answer.", defaultValue = "50000000")
    private int maxBytes;

    @Option(
            names = "--data-timeout-seconds",
            description = "Time of a request, where its role has no statement_timeout of its own.",
            defaultValue = "8")
    private int timeoutSeconds;

    @Option(names = "--data-aggregates", description = "Clients may ask for sums, averages and the like.")
    private boolean aggregates;

    @Option(names = "--data-plans", description = "Clients may ask for query plans; for development.")
    private boolean plans;

    @Option(
            names = "--data-rollback",
            description = "Clients may ask with Prefer: tx=rollback that nothing is kept; for tests.")
    private boolean rollback;

    @Option(names = "--data-connections", description = "To PostgreSQL.", defaultValue = "10")
    private int connections;

    @Option(
            names = "--data-require-policies",
            description = "Leaves out tables without row level security, and views that are not security_invoker.")
    private boolean requirePolicies;

    @Option(names = "--data-timings", description = "Answers say in Server-Timing how long they took.")
    private boolean timings;

    DataSettings settings() {
        AccountOptions.between("--data-max-rows", maxRows, 0, Integer.MAX_VALUE);
        AccountOptions.between("--data-max-bytes", maxBytes, 1_000, 1_000_000_000);
        AccountOptions.between("--data-timeout-seconds", timeoutSeconds, 1, 3600);
        AccountOptions.between("--data-connections", connections, 1, 1000);
        return new DataSettings(
                schemas,
                searchPath,
                new DataSettings.Limits(maxRows, maxBytes, Duration.ofSeconds(timeoutSeconds), connections),
                new DataSettings.Offers(aggregates, plans, rollback),
                requirePolicies,
                timings);
    }
}

package dev.switchboard.server;

import dev.switchboard.engine.Engine;
import dev.switchboard.engine.memory.ClientMemory;
import dev.switchboard.engine.pipeline.Progress;
import dev.switchboard.engine.postgres.PostgresRoomPolicies;
import dev.switchboard.engine.postgres.PostgresRowAccess;
import dev.switchboard.http.Metrics;
import dev.switchboard.live.Evaluations;
import java.time.InstantSource;

/** The engine's counts as metrics: the engine itself knows no library for them. */
final class EngineMetrics {
    private EngineMetrics() {}

    static void measure(
            Engine engine,
            PostgresRowAccess rows,
            PostgresRoomPolicies rooms,
            ClientMemory memory,
            InstantSource clock,
            Metrics metrics) {
        Progress progress = engine.progress();
        metrics.gauge("rooms", "Topics that somebody is joined to", engine::roomCount);
        metrics.gauge("subscriptions", "Live subscriptions to changes", progress::subscriptions);
        metrics.counter("changes.in", "Changes decoded from the WAL", progress::changesIn);
        metrics.counter(
                "database.broadcasts", "Rows of realtime.messages that were broadcast", progress::databaseBroadcasts);
        metrics.counter("deliveries.out", "Frames handed to channels for changes", progress::deliveries);
        metrics.counter("denied", "Changes withheld from a subscription by policies or grants", progress::denied);
        metrics.counter("refetches", "Channels told to refetch", progress::refetches);
        metrics.counter("resumes", "Channels that went on where they had been", progress::resumes);
        metrics.counter("sights_changed", "Channels told that they may see other rows", progress::sightsChanged);
        metrics.counter("resyncs", "Channels that could not, and begin now", progress::resyncs);
        metrics.counter("replayed", "Frames handed to channels for changes that they had missed", progress::replayed);
        metrics.gauge(
                "history.bytes",
                "Memory taken by changes that are kept for those who come back",
                () -> engine.history().bytes());
        metrics.counter("wal.breaks", "Breaks of the WAL stream", progress::streamBreaks);
        metrics.counter("authorization.retries", "Rounds of authorization asked again", progress::accessRetries);
        metrics.counter("unknown.events", "Messages of clients whose event nobody knows", engine::unknownEvents);
        metrics.gauge("decisions.aside", "Changes that wait for policies that take long", progress::aside);
        metrics.gauge("lag.bytes", "WAL received and not yet delivered", progress::lagBytes);
        metrics.gauge(
                "lag.seconds",
                "Age of the newest delivered commit while there is a lag",
                () -> progress.lagSeconds(clock.instant()));
        measure(rows, metrics);
        measure(rooms, metrics);
        measure(memory, metrics);
    }

    static void measure(Evaluations queries, Metrics metrics) {
        metrics.gauge("live.queries", "Queries that are kept for channels", queries::size);
        metrics.counter("live.reads", "How often one was read", queries::reads);
        metrics.gauge("live.bytes", "Memory taken by their rows", queries::bytes);
    }

    private static void measure(PostgresRoomPolicies rooms, Metrics metrics) {
        metrics.counter("rooms.asked", "Questions of PostgreSQL who may be in a private room", rooms::asked);
        metrics.gauge(
                "rooms.held",
                "Answers who may be in a private room that hold until the stream tells otherwise",
                rooms::held);
    }

    private static void measure(PostgresRowAccess rows, Metrics metrics) {
        metrics.counter("decisions.here", "Questions who may see rows, decided without PostgreSQL", rows::decidedHere);
        metrics.counter(
                "decisions.remembered",
                "Questions who may see rows, answered by what PostgreSQL had said of rows like these",
                rows::remembered);
        metrics.counter("decisions.asked", "Questions who may see rows, asked of PostgreSQL", rows::asked);
        metrics.counter(
                "decisions.disagreements",
                "Decisions without PostgreSQL that were found to be other than its own",
                rows::disagreements);
    }

    private static void measure(ClientMemory memory, Metrics metrics) {
        metrics.counter(
                "memory.refusals",
                "Times that a client's wish did not fit into memory",
                () -> memory.kept().refusals() + memory.passing().refusals());
        metrics.gauge(
                "memory.kept.bytes",
                "Memory taken by joins and presence, by estimate",
                () -> memory.kept().taken());
        metrics.gauge(
                "memory.passing.bytes",
                "Memory taken by bodies, messages and answers",
                () -> memory.passing().taken());
    }
}

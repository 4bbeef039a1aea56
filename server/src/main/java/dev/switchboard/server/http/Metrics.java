package dev.switchboard.server.http;

import dev.switchboard.engine.Engine;
import dev.switchboard.engine.memory.ClientMemory;
import dev.switchboard.engine.pipeline.Progress;
import dev.switchboard.server.gateway.Gateway;
import dev.switchboard.server.gateway.GatewayCounters;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** What the server measures, in Prometheus' text format. Thread-safe. */
public final class Metrics {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    /** What counters ask: the registry itself holds them weakly, and a counter whose source is gone stands still. */
    private final List<Supplier<Number>> counted = new ArrayList<>();

    private final Timer commitToSocket = Timer.builder("switchboard.commit.to.socket")
            .description("Time from a change's commit to the hand-over of its frame to the sockets")
            .serviceLevelObjectives(
                    Duration.ofMillis(1),
                    Duration.ofMillis(2),
                    Duration.ofMillis(5),
                    Duration.ofMillis(10),
                    Duration.ofMillis(25),
                    Duration.ofMillis(50),
                    Duration.ofMillis(100),
                    Duration.ofMillis(250),
                    Duration.ofMillis(500),
                    Duration.ofSeconds(1),
                    Duration.ofSeconds(5))
            .register(registry);

    /** Takes one delivery's latency. */
    public void commitToSocket(long nanos) {
        commitToSocket.record(Math.max(0, nanos), TimeUnit.NANOSECONDS);
    }

    /** Binds the counters of the parts. */
    public void bind(Engine engine, Gateway gateway, ClientMemory memory, InstantSource clock) {
        Progress progress = engine.progress();
        GatewayCounters sockets = gateway.counters();
        gauge("connections", "Open WebSockets", () -> sockets.connections().get());
        gauge("channels", "Joined channels", gateway::channelCount);
        gauge("rooms", "Topics that somebody is joined to", engine::roomCount);
        gauge("subscriptions", "Live subscriptions to changes", progress::subscriptions);
        counter("changes.in", "Changes decoded from the WAL", progress::changesIn);
        counter("deliveries.out", "Frames handed to channels for changes", progress::deliveries);
        counter("denied", "Changes withheld from a subscription by policies or grants", progress::denied);
        counter("refetches", "Channels told to refetch", progress::refetches);
        counter("wal.breaks", "Breaks of the WAL stream", progress::streamBreaks);
        counter("authorization.retries", "Rounds of authorization asked again", progress::accessRetries);
        counter("messages.in", "Messages of clients", () -> sockets.messagesIn().sum());
        counter("unknown.events", "Messages of clients whose event nobody knows", engine::unknownEvents);
        counter(
                "malformed",
                "Messages of clients that were none",
                () -> sockets.malformed().sum());
        counter(
                "overflows",
                "Connections ended by a full outbox",
                () -> sockets.overflows().sum());
        counter(
                "throttled",
                "Times that a sender was not read because too much waited to be broadcast",
                () -> sockets.throttled().sum());
        counter(
                "memory.refusals",
                "Times that a client's wish did not fit into memory",
                () -> memory.kept().refusals() + memory.passing().refusals());
        gauge(
                "memory.kept.bytes",
                "Memory taken by joins and presence, by estimate",
                () -> memory.kept().taken());
        gauge(
                "memory.passing.bytes",
                "Memory taken by bodies, messages and answers",
                () -> memory.passing().taken());
        gauge("lag.bytes", "WAL received and not yet delivered", progress::lagBytes);
        gauge(
                "lag.seconds",
                "Age of the newest delivered commit while there is a lag",
                () -> progress.lagSeconds(clock.instant()));
    }

    /** Everything, as Prometheus reads it. */
    public String scrape() {
        return registry.scrape();
    }

    private void gauge(String name, String description, Supplier<Number> value) {
        Gauge.builder("switchboard." + name, value).description(description).register(registry);
    }

    private void counter(String name, String description, Supplier<Number> value) {
        counted.add(value);
        FunctionCounter.builder(
                        "switchboard." + name, value, supplier -> supplier.get().doubleValue())
                .description(description)
                .register(registry);
    }
}

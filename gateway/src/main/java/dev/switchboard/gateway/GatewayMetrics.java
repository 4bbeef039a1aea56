package dev.switchboard.gateway;

import dev.switchboard.http.Metrics;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** What the gateway measures. Thread-safe. */
final class GatewayMetrics {
    private final Metrics metrics;
    private final Timer commitToSocket;

    GatewayMetrics(Metrics metrics) {
        this.metrics = metrics;
        commitToSocket = metrics.timer(
                "commit.to.socket",
                "Time from a change's commit to the hand-over of its frame to the sockets",
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
                Duration.ofSeconds(5));
    }

    /** Takes one delivery's latency. */
    void commitToSocket(long nanos) {
        commitToSocket.record(Math.max(0, nanos), TimeUnit.NANOSECONDS);
    }

    void count(Gateway gateway) {
        GatewayCounters sockets = gateway.counters();
        metrics.gauge(
                "connections", "Open WebSockets", () -> sockets.connections().get());
        metrics.gauge("channels", "Joined channels", gateway::channelCount);
        metrics.counter(
                "messages.in", "Messages of clients", () -> sockets.messagesIn().sum());
        metrics.counter(
                "malformed",
                "Messages of clients that were none",
                () -> sockets.malformed().sum());
        metrics.counter(
                "overflows",
                "Connections ended by a full outbox",
                () -> sockets.overflows().sum());
        metrics.counter(
                "throttled",
                "Times that a sender was not read because too much waited to be broadcast",
                () -> sockets.throttled().sum());
    }
}

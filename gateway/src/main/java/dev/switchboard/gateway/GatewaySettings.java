package dev.switchboard.gateway;

import dev.switchboard.engine.deliver.OutboxLimit;
import dev.switchboard.engine.deliver.OverflowRule;
import java.time.Duration;

/**
 * What one WebSocket may take.
 *
 * @param maxConnections  WebSockets at the same time
 * @param maxFrameBytes   of one message of a client, also of a broadcast over HTTP
 * @param outbox          of one connection
 * @param sendBufferBytes of one connection's kernel send buffer
 * @param idleTimeout     without any frame, after which a connection is closed
 * @param drain           over which connections are closed when the server stops
 * @param compression     whether messages are compressed for clients that offer it
 */
public record GatewaySettings(
        int maxConnections,
        int maxFrameBytes,
        OutboxLimit outbox,
        int sendBufferBytes,
        Duration idleTimeout,
        Duration drain,
        boolean compression) {
    /** Everything as it is where nothing is set. */
    public static GatewaySettings defaults() {
        return new GatewaySettings(
                16_384,
                5_000_000,
                new OutboxLimit(256 * 1024, OverflowRule.DISCONNECT),
                64 * 1024,
                Duration.ofSeconds(60),
                Duration.ZERO,
                true);
    }
}

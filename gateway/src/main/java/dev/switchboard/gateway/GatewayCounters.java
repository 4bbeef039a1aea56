package dev.switchboard.gateway;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/**
 * What the sockets' side counts. Thread-safe.
 *
 * @param connections open WebSockets
 * @param messagesIn  messages of clients
 * @param malformed   messages that are none, ignored
 * @param overflows   connections ended because their outbox was full
 * @param throttled   times that a sender was not read because too much waited to be broadcast
 */
public record GatewayCounters(
        AtomicInteger connections,
        LongAdder messagesIn,
        LongAdder malformed,
        LongAdder overflows,
        LongAdder throttled) {
    public GatewayCounters() {
        this(new AtomicInteger(), new LongAdder(), new LongAdder(), new LongAdder(), new LongAdder());
    }
}

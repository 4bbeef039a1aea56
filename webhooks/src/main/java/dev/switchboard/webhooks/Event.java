package dev.switchboard.webhooks;

import dev.switchboard.engine.protocol.JsonBytes;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.UUID;

/**
 * What one endpoint is told of.
 *
 * @param position tells it from all others of the endpoint, and is the same if the stream is read again
 * @param key      one after the other go those with the same one
 * @param type     {@code public.calls.update}, or {@link #GAP}
 * @param body     the message: {@code {"type", "timestamp", "data"}} (Standard Webhooks, "Payload structure")
 */
record Event(UUID endpoint, String position, UUID key, String type, String body) {
    /** Changes may be missing. */
    static final String GAP = "switchboard.gap";

    /**
     * That changes may be missing, which the receiver is to read for itself.
     *
     * @param where what tells this gap from others
     */
    static Event ofGap(UUID endpoint, String where, Optional<String> table, String why, Instant at) {
        var data = new JsonBytes(256).raw("{\"reason\":").string(why);
        table.ifPresent(name -> data.raw(",\"table\":").string(name));
        return new Event(
                endpoint,
                "gap " + where,
                Keys.of("gap"),
                GAP,
                body(GAP, at, data.raw('}').toBytes()));
    }

    /** @param data as subscribers are told it (SPEC C) */
    static String body(String type, Instant at, byte[] data) {
        byte[] whole = new JsonBytes(data.length + 128)
                .raw("{\"type\":")
                .string(type)
                .raw(",\"timestamp\":")
                .string(at.truncatedTo(ChronoUnit.MILLIS).toString())
                .raw(",\"data\":")
                .raw(data)
                .raw('}')
                .toBytes();
        return new String(whole, StandardCharsets.UTF_8);
    }
}

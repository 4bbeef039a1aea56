package dev.switchboard.client;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/**
 * What happens on a channel, in the order in which the server said it. JSON values are maps, lists, strings, booleans,
 * {@link Long}, {@link java.math.BigInteger}, {@link java.math.BigDecimal}, and null.
 */
public sealed interface Event {
    /**
     * The channel is live: what commits from now on comes.
     *
     * @param resumed whether it goes on where it was ({@link Channel#resuming}): what was missed comes next, then {@link CaughtUp};
     *     where not, take a fresh snapshot after an interruption
     */
    record Subscribed(boolean resumed) implements Event {}

    /** Of a channel that is {@link Channel#resuming}: it has been told all that it had missed. */
    record CaughtUp() implements Event {}

    /** To one that asked for it ({@link Changes#andLeaving}): rows may have come into sight, or left it, that nobody touched; read them again. */
    record RightsChanged() implements Event {}

    /** The channel is not live now; the client tries again by itself. */
    record Interrupted(String reason) implements Event {}

    /** The channel has ended and does not come back. */
    record Closed(String reason) implements Event {}

    /** What the server has to say of the channel. */
    record Notice(String status, String message) implements Event {}

    /**
     * A change of a row.
     *
     * @param row    the new values; empty for DELETE and LEAVE
     * @param former the old values, as far as they are shown
     * @param isDelta whether both hold the key and what was changed alone ({@link Changes#asDeltas})
     */
    record Change(
            String schema,
            String table,
            Kind kind,
            Instant committedAt,
            Map<String, Object> row,
            Map<String, Object> former,
            boolean isDelta)
            implements Event {}

    /** What was done to a row. */
    enum Kind {
        INSERT,
        UPDATE,
        DELETE,
        /** It is there, and not for this reader any more ({@link Changes#andLeaving}). */
        LEAVE
    }

    /**
     * The answer of a query that is kept ({@link Channel#keeping}), as it is now.
     *
     * @param rows      in order
     * @param isCurrent whether they are what the server has: not while it cannot read them
     */
    record Answer(List<Map<String, Object>> rows, boolean isCurrent) implements Event {}

    /** A broadcast of JSON. */
    record Broadcast(String event, Map<String, Object> payload) implements Event {}

    /** A broadcast of raw bytes. */
    record BroadcastBytes(String event, byte[] payload) implements Event {}

    /** Everyone who is present now, by key: what each of the key's channels tracks. */
    record Presence(Map<String, List<Map<String, Object>>> present) implements Event {}
}

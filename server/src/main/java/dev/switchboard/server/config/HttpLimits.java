package dev.switchboard.server.config;

import java.time.Duration;

/**
 * What one client may take of the HTTP port.
 *
 * @param lineBytes         of a request's first line, which holds the query
 * @param headerBytes       of all headers of a request together
 * @param bodyBytes         of a request
 * @param waitingBytes      of all bodies and of all answers that clients have not read yet, together
 * @param bodyTime          until a request's body is there
 * @param headerTime        until a request's headers are there, from its first byte or the connection's start
 * @param idleTime          of a connection kept alive without a request
 * @param trustForwardedFor whether the address of a client is the last one in {@code X-Forwarded-For}
 */
public record HttpLimits(
        int lineBytes,
        int headerBytes,
        int bodyBytes,
        long waitingBytes,
        Duration bodyTime,
        Duration headerTime,
        Duration idleTime,
        boolean trustForwardedFor) {
    /** Everything as it is where nothing is set. */
    public static HttpLimits defaults() {
        return new HttpLimits(
                16 * 1024,
                16 * 1024,
                5_000_000,
                Runtime.getRuntime().maxMemory() / 4,
                Duration.ofSeconds(30),
                Duration.ofSeconds(15),
                Duration.ofSeconds(75),
                false);
    }
}

package dev.switchboard.http;

import java.time.Duration;
import java.util.Optional;

/**
 * What one client may take of the HTTP port.
 *
 * @param lineBytes         of a request's first line, which holds the query
 * @param headerBytes       of all headers of a request together
 * @param bodyBytes         of a request
 * @param bodyTime          until a request's body is there
 * @param headerTime        until a request's headers are there, from its first byte or the connection's start
 * @param idleTime          of a connection kept alive without a request
 * @param trustForwardedFor whether the address of a client is the last one in {@code X-Forwarded-For}
 * @param operatorsToken    that health and metrics are told for; empty: to everybody
 */
public record HttpLimits(
        int lineBytes,
        int headerBytes,
        int bodyBytes,
        Duration bodyTime,
        Duration headerTime,
        Duration idleTime,
        boolean trustForwardedFor,
        Optional<String> operatorsToken) {
    /** Everything as it is where nothing is set. */
    public static HttpLimits defaults() {
        return new HttpLimits(
                16 * 1024,
                16 * 1024,
                5_000_000,
                Duration.ofSeconds(30),
                Duration.ofSeconds(15),
                Duration.ofSeconds(75),
                false,
                Optional.empty());
    }
}

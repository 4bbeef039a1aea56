package dev.switchboard.http;

import java.util.List;
import java.util.Optional;

/**
 * The one port.
 *
 * @param host        address to listen on
 * @param port        0 for any free one
 * @param tls         empty for plain HTTP
 * @param publicUrl   of the server as its users see it, without a slash at the end; empty for host and port
 * @param corsOrigins pages that may read answers, {@code *} for all
 * @param corsHeaders headers that their requests may have beside those of the clients, {@code *} for all
 */
public record HttpSettings(
        String host,
        int port,
        Optional<TlsIdentity> tls,
        Optional<String> publicUrl,
        List<String> corsOrigins,
        List<String> corsHeaders,
        HttpLimits limits) {
    public HttpSettings {
        corsOrigins = List.copyOf(corsOrigins);
        corsHeaders = List.copyOf(corsHeaders);
    }

    /** Everything as it is where nothing is set, on this machine alone. */
    public static HttpSettings defaults() {
        return new HttpSettings(
                "127.0.0.1", 0, Optional.empty(), Optional.empty(), List.of("*"), List.of("*"), HttpLimits.defaults());
    }

    /**
     * The server's address as its users see it.
     *
     * @param opened where port is 0, the one that was chosen
     */
    public String url(int opened) {
        return publicUrl.orElseGet(() -> {
            String reached = host.equals("0.0.0.0") || host.equals("::") ? "127.0.0.1" : host;
            return (tls.isPresent() ? "https://" : "http://") + (reached.contains(":") ? "[" + reached + "]" : reached)
                    + ":" + opened;
        });
    }
}

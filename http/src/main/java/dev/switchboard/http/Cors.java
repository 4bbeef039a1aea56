package dev.switchboard.http;

import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Which pages may read answers (Fetch standard, CORS protocol). Tokens are sent in headers by the page itself, never by the
 * browser on its own, and credentials are not allowed: so every origin may by default, as with the original. Immutable.
 */
public final class Cors {
    private static final String METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    private static final String CLIENTS =
            "authorization, apikey, x-client-info, content-type, accept, accept-profile, content-profile, prefer,"
                    + " range, range-unit, x-retry-count, x-supabase-api-version, traceparent, tracestate, baggage";
    private static final String EXPOSED =
            "Content-Range, Content-Profile, Content-Location, Preference-Applied, Location,"
                    + " Retry-After, X-Supabase-Api-Version, X-Total-Count, Link, Switchboard-Fence, Switchboard-Position";

    /** A name of a header field (RFC 9110, section 5.6.2), as it may be asked for. */
    private static final Pattern NAME = Pattern.compile("[!#$%&'*+.^_`|~0-9a-z-]{1,100}");

    private static final int MOST_NAMES = 100;

    private final Set<String> origins;
    private final Set<String> headers;

    /**
     * @param origins allowed ones, {@code *} for every
     * @param headers that requests may have beside those of the clients, {@code *} for whatever a page asks for
     */
    public Cors(List<String> origins, List<String> headers) {
        this.origins = Set.copyOf(origins);
        this.headers =
                headers.stream().map(name -> name.toLowerCase(Locale.ROOT)).collect(Collectors.toSet());
    }

    /** Says on the answer what the page may read. */
    public void allow(HttpServerRequest request) {
        HttpServerResponse response = request.response();
        String origin = request.getHeader("Origin");
        if (origins.contains("*")) {
            response.putHeader("Access-Control-Allow-Origin", "*");
        } else {
            response.putHeader("Vary", "Origin");
            if (origin == null || !origins.contains(origin)) {
                return;
            }
            response.putHeader("Access-Control-Allow-Origin", origin);
        }
        response.putHeader("Access-Control-Expose-Headers", EXPOSED);
    }

    /** Whether a browser asks what a page may do, and nobody else (Fetch standard, CORS-preflight request). */
    static boolean isPreflight(HttpServerRequest request) {
        return request.method().equals(HttpMethod.OPTIONS)
                && request.headers().contains("Access-Control-Request-Method");
    }

    void preflight(HttpServerRequest request) {
        preflight(request, METHODS);
    }

    private String headers(HttpServerRequest request) {
        var allowed = new LinkedHashSet<>(List.of(CLIENTS.split(",\\s*")));
        String wanted = request.getHeader("Access-Control-Request-Headers");
        Arrays.stream(
                        wanted == null
                                ? new String[0]
                                : wanted.toLowerCase(Locale.ROOT).split(","))
                .map(String::strip)
                .filter(name -> NAME.matcher(name).matches() && (headers.contains("*") || headers.contains(name)))
                .limit(MOST_NAMES)
                .forEach(allowed::add);
        return String.join(", ", allowed);
    }

    /**
     * Answers a browser that asks.
     *
     * @param methods that the path has
     */
    public void preflight(HttpServerRequest request, String methods) {
        request.response().headers().add("Vary", "Access-Control-Request-Headers");
        request.response()
                .putHeader("Access-Control-Allow-Methods", methods)
                .putHeader("Access-Control-Allow-Headers", headers(request))
                .putHeader("Access-Control-Max-Age", "86400")
                .setStatusCode(204)
                .end();
    }
}

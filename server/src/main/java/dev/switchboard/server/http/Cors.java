package dev.switchboard.server.http;

import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.List;
import java.util.Set;

/**
 * Which pages may read answers (Fetch standard, CORS protocol). Tokens are sent in headers by the page itself, never by the
 * browser on its own, and credentials are not allowed: so every origin may by default, as with the original. Immutable.
 */
public final class Cors {
    private static final String METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    private static final String HEADERS =
            "authorization, apikey, x-client-info, content-type, accept, accept-profile, content-profile, prefer,"
                    + " range, range-unit, x-retry-count, x-supabase-api-version, traceparent, tracestate, baggage";
    private static final String EXPOSED =
            "Content-Range, Content-Profile, Content-Location, Preference-Applied, Location,"
                    + " Retry-After, X-Supabase-Api-Version, X-Total-Count, Link";

    private final Set<String> origins;

    /** @param origins allowed ones, {@code *} for every */
    public Cors(List<String> origins) {
        this.origins = Set.copyOf(origins);
    }

    void allow(HttpServerRequest request) {
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

    void preflight(HttpServerRequest request) {
        preflight(request, METHODS);
    }

    /** @param methods that the path has */
    void preflight(HttpServerRequest request, String methods) {
        request.response()
                .putHeader("Access-Control-Allow-Methods", methods)
                .putHeader("Access-Control-Allow-Headers", HEADERS)
                .putHeader("Access-Control-Max-Age", "86400")
                .setStatusCode(204)
                .end();
    }
}

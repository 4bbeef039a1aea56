package dev.switchboard.http;

import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** {@code /healthz}: the process answers. {@code /readyz}: changes flow, or which part does not work. */
final class HealthRoutes {
    private final Map<String, Supplier<Optional<String>>> parts;

    /** @param parts by name, in order: each says in words of ours what is the matter with it, if something is */
    HealthRoutes(Map<String, Supplier<Optional<String>>> parts) {
        this.parts = parts;
    }

    void healthz(HttpServerRequest request) {
        answer(request, 200, new JsonObject().put("status", "ok"));
    }

    void readyz(HttpServerRequest request) {
        var states = new JsonObject();
        boolean ready = true;
        for (var part : parts.entrySet()) {
            Optional<String> trouble = part.getValue().get();
            states.put(part.getKey(), trouble.orElse("ok"));
            ready &= trouble.isEmpty();
        }
        answer(request, ready ? 200 : 503, new JsonObject().put("ready", ready).put("parts", states));
    }

    private static void answer(HttpServerRequest request, int status, JsonObject body) {
        request.response()
                .setStatusCode(status)
                .putHeader("Content-Type", "application/json")
                .putHeader("Cache-Control", "no-store")
                .end(body.encode());
    }
}

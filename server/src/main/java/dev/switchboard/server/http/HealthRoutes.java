package dev.switchboard.server.http;

import dev.switchboard.engine.pipeline.Progress;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/** {@code /healthz}: the process answers. {@code /readyz}: changes flow, or which part does not work. */
final class HealthRoutes {
    private final Progress progress;

    HealthRoutes(Progress progress) {
        this.progress = progress;
    }

    void healthz(HttpServerRequest request) {
        answer(request, 200, new JsonObject().put("status", "ok"));
    }

    void readyz(HttpServerRequest request) {
        Optional<String> wal = progress.streamTrouble();
        Optional<String> rows = progress.accessTrouble();
        boolean ready = wal.isEmpty() && rows.isEmpty();
        var parts = new JsonObject().put("wal", wal.orElse("ok")).put("authorization", rows.orElse("ok"));
        answer(request, ready ? 200 : 503, new JsonObject().put("ready", ready).put("parts", parts));
    }

    private static void answer(HttpServerRequest request, int status, JsonObject body) {
        request.response()
                .setStatusCode(status)
                .putHeader("Content-Type", "application/json")
                .putHeader("Cache-Control", "no-store")
                .end(body.encode());
    }
}

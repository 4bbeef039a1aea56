package dev.switchboard.http;

import dev.switchboard.engine.memory.MemoryBudget;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From Vert.x' requests to {@link Handler}s and back: reads the whole body on the event loop, runs the handler on a
 * virtual thread, and writes its answer.
 */
final class BlockingRoutes {
    private static final Logger LOG = LoggerFactory.getLogger(BlockingRoutes.class);

    /** Bytes of an answer that nobody counts. */
    private static final int UNCOUNTED = 16 * 1024;

    private final HttpLimits limits;
    private final Cors cors;
    private final BodyReader bodies;
    private final MemoryBudget memory;

    /** @param memory of bodies that arrive or are worked on, and of answers that clients have not read yet */
    BlockingRoutes(HttpLimits limits, Cors cors, MemoryBudget memory) {
        this.limits = limits;
        this.cors = cors;
        this.memory = memory;
        this.bodies = new BodyReader(limits.bodyBytes(), limits.bodyTime(), memory);
    }

    void handle(HttpServerRequest request, Handler handler) {
        cors.allow(request);
        if (Cors.isPreflight(request) || (request.method().equals(HttpMethod.OPTIONS) && !handler.answersOptions())) {
            cors.preflight(request);
            return;
        }
        bodies.atMost(handler.mostBodyBytes())
                .read(
                        request,
                        (status, message) -> refuse(request, status, message),
                        body -> start(request, handler, body));
    }

    private static void refuse(HttpServerRequest request, int status, String message) {
        if (!request.response().ended()) {
            request.response()
                    .setStatusCode(status)
                    .putHeader("Content-Type", "application/json")
                    .putHeader("Connection", "close")
                    .end(new JsonObject()
                            .put("code", Integer.toString(status))
                            .put("message", message)
                            .encode());
        }
    }

    private void start(HttpServerRequest request, Handler handler, BodyReader.Read body) {
        var client = new WaitingClient();
        request.response().closeHandler(_ -> client.leave());
        Request value;
        try {
            value = value(request, body.bytes());
        } catch (RuntimeException malformed) {
            body.release();
            throw malformed;
        }
        Thread.ofVirtual().name("http").start(() -> {
            try {
                Response response = answer(handler, value, client);
                client.answered();
                write(request, response);
            } catch (RuntimeException | Error unwritable) { // whatever it is, nobody waits for ever
                LOG.error("{} {} could not be answered: {}", value.method(), value.path(), unwritable.toString());
                request.connection().close();
            } finally {
                body.release();
            }
        });
    }

    private static Response answer(Handler handler, Request request, Handler.Client client) {
        try {
            return handler.handle(request, client);
        } catch (RuntimeException failed) {
            LOG.error("{} {} failed: {}", request.method(), request.path(), failed.toString());
            return Response.json(500, "{\"code\":\"500\",\"message\":\"Internal error; the log has its cause\"}");
        }
    }

    private Request value(HttpServerRequest request, byte[] body) {
        Map<String, String> headers = new HashMap<>();
        request.headers()
                .forEach(header -> headers.merge(
                        header.getKey().toLowerCase(Locale.ROOT),
                        header.getValue(),
                        (one, other) -> one + "," + other));
        String query = request.query();
        return new Request(
                request.method().name(),
                String.valueOf(request.path()),
                query == null ? "" : query,
                headers,
                body,
                address(request, headers));
    }

    /** What a trusted proxy says last is what it saw itself. */
    private String address(HttpServerRequest request, Map<String, String> headers) {
        String forwarded = headers.getOrDefault("x-forwarded-for", "");
        if (limits.trustForwardedFor() && !forwarded.isBlank()) {
            return forwarded.substring(forwarded.lastIndexOf(',') + 1).strip();
        }
        return String.valueOf(request.remoteAddress().hostAddress());
    }

    private void write(HttpServerRequest request, Response response) {
        HttpServerResponse target = request.response();
        if (target.closed() || target.ended()) {
            return;
        }
        target.setStatusCode(response.status());
        response.headers().forEach(header -> target.headers().remove(header.name())); // its own go before ours
        response.headers().forEach(header -> target.headers().add(header.name(), header.value()));
        if (request.method().equals(HttpMethod.HEAD) || response.body().length == 0) {
            target.end();
        } else {
            int length = response.body().length;
            long counted = length > UNCOUNTED ? length : 0;
            if (!memory.take(counted)) {
                target.headers().clear();
                refuse(request, 503, "Too many bytes of requests and answers are under way; try again later");
                return;
            }
            target.end(Buffer.buffer(response.body())).onComplete(_ -> memory.give(counted));
        }
    }

    /** Runs what was left with it when the client goes, once; nothing after the answer. Guarded by {@code this}. */
    private static final class WaitingClient implements Handler.Client {
        private Optional<Runnable> action = Optional.empty();
        private boolean gone;
        private boolean answered;

        @Override
        public synchronized void whenGone(Runnable wanted) {
            action = Optional.of(wanted);
            runIfGone();
        }

        synchronized void leave() {
            gone = true;
            runIfGone();
        }

        synchronized void answered() {
            answered = true;
        }

        private void runIfGone() {
            if (gone && !answered) {
                action.ifPresent(left -> Thread.ofVirtual().name("gone").start(left));
                action = Optional.empty();
            }
        }
    }
}

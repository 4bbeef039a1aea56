package dev.switchboard.server.http;

import dev.switchboard.server.config.HttpLimits;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From Vert.x' requests to {@link Handler}s and back: reads the whole body on the event loop, within a bound of size and
 * time, runs the handler on a virtual thread, and writes its answer.
 */
final class BlockingRoutes {
    private static final Logger LOG = LoggerFactory.getLogger(BlockingRoutes.class);

    private final HttpLimits limits;
    private final Cors cors;
    /** Bytes of bodies that arrive or are worked on, and of answers that clients have not read yet. */
    private final AtomicLong waiting = new AtomicLong();

    BlockingRoutes(HttpLimits limits, Cors cors) {
        this.limits = limits;
        this.cors = cors;
    }

    void handle(HttpServerRequest request, Handler handler) {
        secure(request);
        cors.allow(request);
        if (request.method().equals(HttpMethod.OPTIONS)) {
            cors.preflight(request);
            return;
        }
        var body = Buffer.buffer();
        var held = new Held();
        Vertx vertx = Objects.requireNonNull(Vertx.currentContext(), "requests come on event loops")
                .owner();
        long timer = vertx.setTimer(limits.bodyTime().toMillis(), _ -> {
            held.release();
            refuse(
                    request,
                    408,
                    "The request's body did not arrive within "
                            + limits.bodyTime().toSeconds() + " s");
            request.connection().close();
        });
        request.exceptionHandler(_ -> {
            held.release();
            vertx.cancelTimer(timer);
        });
        int most = Math.min(limits.bodyBytes(), handler.mostBodyBytes());
        request.handler(part -> {
            if (body.length() + part.length() > most) {
                held.release();
                refuse(request, 413, "The body is larger than " + most + " bytes");
            } else if (held.take(part.length())) {
                body.appendBuffer(part);
            } else {
                refuse(request, 503, "Too many bytes of requests and answers are under way; try again later");
            }
        });
        request.endHandler(_ -> {
            vertx.cancelTimer(timer);
            if (held.handOver()) {
                start(request, handler, body.getBytes());
            }
        });
    }

    private static void secure(HttpServerRequest request) {
        HttpServerResponse response = request.response();
        response.putHeader("X-Content-Type-Options", "nosniff");
        response.putHeader("Referrer-Policy", "no-referrer");
        response.putHeader("X-Frame-Options", "DENY");
        response.putHeader("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
        if (request.isSSL()) {
            response.putHeader("Strict-Transport-Security", "max-age=31536000");
        }
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

    private void start(HttpServerRequest request, Handler handler, byte[] body) {
        var client = new WaitingClient();
        request.response().closeHandler(_ -> client.leave());
        Request value = value(request, body);
        Thread.ofVirtual().name("http").start(() -> {
            try {
                Response response = answer(handler, value, client);
                client.answered();
                write(request, response);
            } catch (RuntimeException | Error unwritable) { // whatever it is, nobody waits for ever
                LOG.error("{} {} could not be answered: {}", value.method(), value.path(), unwritable.toString());
                request.connection().close();
            } finally {
                waiting.addAndGet(-body.length);
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
            Future<Void> read = target.end(Buffer.buffer(response.body()));
            waiting.addAndGet(length);
            read.onComplete(_ -> waiting.addAndGet(-length));
        }
    }

    /** The bytes of one body while it arrives, counted with all others'. Owned by one event loop. */
    private final class Held {
        private int bytes;
        private boolean over;

        boolean take(int more) {
            if (over) {
                return false;
            }
            if (waiting.addAndGet(more) > limits.waitingBytes()) {
                waiting.addAndGet(-more);
                release();
                return false;
            }
            bytes += more;
            return true;
        }

        /** From here on, who answers counts them. */
        boolean handOver() {
            boolean whole = !over;
            over = true;
            return whole;
        }

        void release() {
            if (!over) {
                over = true;
                waiting.addAndGet(-bytes);
            }
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

package dev.switchboard.http;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.memory.MemoryBudget;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.net.ServerSSLOptions;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The one port: health and metrics, and what the parts answer; one listener per event loop. */
public final class HttpFront {
    /** Vert.x: a negative port is chosen by the system, and shared by the listeners of one deployment. */
    private static final int SHARED_RANDOM_PORT = -1;

    private final HttpSettings settings;
    private final HealthRoutes health;
    private final Supplier<String> metrics;
    private final List<EventLoopRoute> routes;
    private final Map<String, Handler> handlers;
    private final Handler pages;
    private final BlockingRoutes blocking;
    private final RequestDeadlines deadlines;
    private final List<HttpServer> servers = new CopyOnWriteArrayList<>();

    /**
     * @param memory   of bodies and answers, all together
     * @param routes   are asked before the handlers, in order
     * @param handlers by the prefix of their paths, {@code /auth/v1}
     * @param pages    answers every other path
     */
    public HttpFront(
            HttpSettings settings,
            MemoryBudget memory,
            Operations operations,
            List<EventLoopRoute> routes,
            Map<String, Handler> handlers,
            Handler pages) {
        this.settings = settings;
        this.routes = List.copyOf(routes);
        this.handlers = Map.copyOf(handlers);
        this.pages = pages;
        this.blocking =
                new BlockingRoutes(settings.limits(), new Cors(settings.corsOrigins(), settings.corsHeaders()), memory);
        this.deadlines = new RequestDeadlines(settings.limits());
        this.health = new HealthRoutes(operations.health());
        this.metrics = operations.metrics();
    }

    /**
     * Opens the port.
     *
     * @param loops number of event loops
     * @return the port, chosen by the system where 0 was asked for
     */
    public int listen(Vertx vertx, int loops) {
        HttpLimits limits = settings.limits();
        var options = new HttpServerOptions()
                .setHost(settings.host())
                .setPort(settings.port() == 0 ? SHARED_RANDOM_PORT : settings.port())
                .setHttp2ClearTextEnabled(false) // its upgrade handler does not survive the take-over of a pipeline
                .setMaxInitialLineLength(limits.lineBytes())
                .setMaxHeaderSize(limits.headerBytes());
        settings.tls().ifPresent(identity -> options.setSsl(true).setKeyCertOptions(identity.options()));
        var port = new AtomicInteger();
        try {
            vertx.deployVerticle(() -> new Listener(options, port), new DeploymentOptions().setInstances(loops))
                    .toCompletionStage()
                    .toCompletableFuture()
                    .join();
        } catch (CompletionException failed) {
            throw new InvalidSettingException("cannot listen on " + settings.host() + ":" + settings.port() + ": "
                    + failed.getMessage() + "; choose another --port or --host");
        }
        return port.get();
    }

    /** Takes over a certificate that was renewed; connections that are open keep theirs. */
    public void reloadTls(TlsIdentity identity) {
        var fresh = new ServerSSLOptions();
        fresh.setKeyCertOptions(identity.options());
        for (HttpServer server : servers) {
            server.updateSSLOptions(fresh, true)
                    .toCompletionStage()
                    .toCompletableFuture()
                    .join();
        }
    }

    private final class Listener extends VerticleBase {
        private final HttpServerOptions options;
        private final AtomicInteger port;

        Listener(HttpServerOptions options, AtomicInteger port) {
            this.options = options;
            this.port = port;
        }

        @Override
        public Future<?> start() {
            return vertx.createHttpServer(options)
                    .connectionHandler(deadlines::start)
                    .requestHandler(HttpFront.this::route)
                    .listen()
                    .onSuccess(server -> {
                        servers.add(server);
                        port.set(server.actualPort());
                    });
        }
    }

    private void route(HttpServerRequest request) {
        deadlines.met(request);
        secure(request);
        if (!hasOneHost(request)) {
            request.response()
                    .setStatusCode(400)
                    .putHeader("Content-Type", "application/json")
                    .putHeader("Connection", "close")
                    .end("{\"code\":\"400\",\"message\":\"A request has exactly one Host header\"}");
            return;
        }
        switch (String.valueOf(request.path())) {
            case "/healthz" -> forOperators(request, health::healthz);
            case "/readyz" -> forOperators(request, health::readyz);
            case "/metrics" -> forOperators(request, this::scrape);
            case String path -> {
                if (routes.stream().noneMatch(route -> route.take(request))) {
                    blocking.handle(request, handler(path).orElse(pages));
                }
            }
        }
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

    /** RFC 9112, section 3.2: two would be read as one by us and as the other by a proxy. */
    private static boolean hasOneHost(HttpServerRequest request) {
        int hosts = request.headers().getAll("Host").size();
        return hosts == 1 || (hosts == 0 && request.version() != HttpVersion.HTTP_1_1);
    }

    /** Where a token of operators is set, nobody else learns how the server is. */
    private void forOperators(HttpServerRequest request, Consumer<HttpServerRequest> route) {
        boolean allowed = settings.limits()
                .operatorsToken()
                .map(token -> isBearer(request, token))
                .orElse(true);
        if (allowed) {
            route.accept(request);
        } else {
            request.response()
                    .setStatusCode(401)
                    .putHeader("WWW-Authenticate", "Bearer")
                    .putHeader("Content-Type", "application/json")
                    .end("{\"code\":\"401\",\"message\":\"The token of --operators-token is needed\"}");
        }
    }

    private static boolean isBearer(HttpServerRequest request, String token) {
        String given = String.valueOf(request.getHeader("Authorization"));
        return MessageDigest.isEqual(
                given.getBytes(StandardCharsets.UTF_8), ("Bearer " + token).getBytes(StandardCharsets.UTF_8));
    }

    private Optional<Handler> handler(String path) {
        for (Map.Entry<String, Handler> entry : handlers.entrySet()) {
            String prefix = entry.getKey();
            if (path.startsWith(prefix) && (path.length() == prefix.length() || path.charAt(prefix.length()) == '/')) {
                return Optional.of(entry.getValue());
            }
        }
        return Optional.empty();
    }

    /** Asking the event loops for their channels waits, so it is done on a virtual thread. */
    private void scrape(HttpServerRequest request) {
        var context = request.response();
        Thread.ofVirtual()
                .start(() -> context.putHeader("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                        .end(metrics.get()));
    }
}

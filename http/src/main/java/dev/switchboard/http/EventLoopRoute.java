package dev.switchboard.http;

import io.vertx.core.http.HttpServerRequest;

/** Takes requests on their event loop and never blocks: WebSockets, and what is answered from memory. Thread-safe. */
@FunctionalInterface
public interface EventLoopRoute {
    /** @return whether the request's path is of this route; then it is, or will be, answered */
    boolean take(HttpServerRequest request);
}

package dev.switchboard.http;

import io.netty.util.AttributeKey;
import io.netty.util.concurrent.ScheduledFuture;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.impl.ConnectionBase;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Closes connections that do not get a request's headers done in time, however steadily they trickle (Slowloris), and those
 * kept alive without a request. One timer per connection, on its event loop.
 */
final class RequestDeadlines {
    private static final AttributeKey<ScheduledFuture<?>> TIMER = AttributeKey.valueOf("switchboard.deadline");

    private final HttpLimits limits;

    RequestDeadlines(HttpLimits limits) {
        this.limits = limits;
    }

    /** A connection was accepted. */
    void start(HttpConnection connection) {
        schedule(connection, limits.headerTime());
    }

    /** A request's headers are there; the next one may follow its answer. A WebSocket has no more requests. */
    void met(HttpServerRequest request) {
        HttpConnection connection = request.connection();
        cancel(connection);
        request.response().endHandler(_ -> schedule(connection, limits.idleTime()));
    }

    private static void cancel(HttpConnection connection) {
        ScheduledFuture<?> timer = channel(connection).attr(TIMER).getAndSet(null);
        if (timer != null) {
            timer.cancel(false);
        }
    }

    private static void schedule(HttpConnection connection, Duration time) {
        var channel = channel(connection);
        cancel(connection);
        channel.attr(TIMER)
                .set(channel.eventLoop().schedule(() -> channel.close(), time.toMillis(), TimeUnit.MILLISECONDS));
    }

    private static io.netty.channel.Channel channel(HttpConnection connection) {
        return ((ConnectionBase) connection).channel();
    }
}

package dev.switchboard.webhooks;

import dev.switchboard.webhooks.Addresses.RefusedAddressException;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.SocketAddress;
import java.net.InetAddress;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Sends one message and says how it was answered. Follows no redirect. Thread-safe; blocks its caller. */
final class Poster implements AutoCloseable {
    private static final Duration CONNECT = Duration.ofSeconds(5);
    /** Of an answer, which nobody reads. */
    private static final long MOST_ANSWER_BYTES = 64 * 1024;

    private static final int CONNECTIONS_PER_HOST = 64;
    private static final int HTTPS_PORT = 443;
    private static final int HTTP_PORT = 80;

    private final HttpClient client;
    private final WebhookSettings settings;

    Poster(Vertx vertx, WebhookSettings settings) {
        this.settings = settings;
        client = vertx.createHttpClient(
                new HttpClientOptions()
                        .setConnectTimeout((int) CONNECT.toMillis())
                        .setIdleTimeout((int) Duration.ofMinutes(1).toSeconds()),
                new PoolOptions().setHttp1MaxSize(CONNECTIONS_PER_HOST));
    }

    /**
     * How an attempt ended.
     *
     * @param status     of the answer, if there was one
     * @param error      why it counts as not taken; empty where it was taken
     * @param retryAfter how long the receiver wants to be left alone
     */
    record Answer(Optional<Integer> status, Optional<String> error, Optional<Duration> retryAfter) {
        static Answer refused(String why) {
            return new Answer(Optional.empty(), Optional.of(why), Optional.empty());
        }
    }

    Answer post(String url, Map<String, String> headers, byte[] body) {
        URI target = URI.create(url);
        boolean secure = "https".equalsIgnoreCase(target.getScheme());
        if (!secure && !settings.privateAddresses()) {
            return Answer.refused(
                    url + " is no https: messages go out encrypted, unless --webhooks-to-private-addresses");
        }
        String host = target.getHost();
        if (host == null) {
            return Answer.refused(url + " names no host");
        }
        var sent = new AtomicReference<@Nullable HttpClientRequest>();
        try {
            int port = target.getPort() >= 0 ? target.getPort() : secure ? HTTPS_PORT : HTTP_PORT;
            InetAddress address = Addresses.resolve(
                    host.startsWith("[") ? host.substring(1, host.length() - 1) : host, settings.privateAddresses());
            var options = new RequestOptions()
                    .setMethod(HttpMethod.POST)
                    .setServer(SocketAddress.inetSocketAddress(port, address.getHostAddress()))
                    .setHost(host)
                    .setPort(port)
                    .setSsl(secure)
                    .setURI(path(target))
                    .setTimeout(settings.timeout().toMillis())
                    .setFollowRedirects(false);
            headers.forEach(options::putHeader);
            return client.request(options)
                    .compose(request -> {
                        sent.set(request);
                        return send(request, body);
                    })
                    .toCompletionStage()
                    .toCompletableFuture()
                    .orTimeout(settings.timeout().toMillis(), TimeUnit.MILLISECONDS)
                    .join();
        } catch (RefusedAddressException refused) {
            return Answer.refused(String.valueOf(refused.getMessage()));
        } catch (CompletionException failed) {
            HttpClientRequest request = sent.get();
            if (request != null) { // an answer that drips would keep its connection
                request.reset();
            }
            Throwable cause = failed.getCause() == null ? failed : failed.getCause();
            return Answer.refused(
                    cause instanceof java.util.concurrent.TimeoutException
                            ? "no answer within " + settings.timeout().toSeconds() + " s"
                            : String.valueOf(cause.getMessage()));
        }
    }

    private static String path(URI target) {
        String path = target.getRawPath() == null || target.getRawPath().isEmpty() ? "/" : target.getRawPath();
        return target.getRawQuery() == null ? path : path + "?" + target.getRawQuery();
    }

    private static Future<Answer> send(HttpClientRequest request, byte[] body) {
        return request.send(Buffer.buffer(body)).compose(response -> {
            Promise<Answer> answered = Promise.promise();
            var read = new long[1];
            response.handler(part -> {
                read[0] += part.length();
                if (read[0] > MOST_ANSWER_BYTES) {
                    answered.tryComplete(answer(response));
                    request.reset();
                }
            });
            response.exceptionHandler(_ -> answered.tryComplete(answer(response)));
            response.endHandler(_ -> answered.tryComplete(answer(response)));
            return answered.future();
        });
    }

    private static Answer answer(HttpClientResponse response) {
        int status = response.statusCode();
        if (status >= 200 && status < 300) {
            return new Answer(Optional.of(status), Optional.empty(), Optional.empty());
        }
        String why = status >= 300 && status < 400
                ? "answered by a redirect (" + status + "), which is not followed"
                : "answered with " + status;
        return new Answer(Optional.of(status), Optional.of(why), retryAfter(response));
    }

    private static Optional<Duration> retryAfter(HttpClientResponse response) {
        String seconds = response.getHeader("retry-after");
        return seconds != null && seconds.matches("[0-9]{1,6}")
                ? Optional.of(Duration.ofSeconds(Long.parseLong(seconds)))
                : Optional.empty();
    }

    @Override
    public void close() {
        client.close();
    }
}

package dev.switchboard.client;

import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A connection to a Switchboard server that keeps itself up: one socket, many channels. Lost, it comes back after a pause
 * of full jitter, 0.25 s doubling to 10 s, joins its channels again and says so. Thread-safe.
 *
 * <pre>{@code
 * try (var client = SwitchboardClient.builder(URI.create("http://127.0.0.1:8000"), key).token(() -> token).build();
 *         var calls = client.channel("calls").changes(Changes.of("public", "calls")).open(100)) {
 *     while (true) {
 *         System.out.println(calls.take());
 *     }
 * }
 * }</pre>
 */
public final class SwitchboardClient implements AutoCloseable {
    private final Loop loop;

    private SwitchboardClient(Builder builder) {
        loop = new Loop(builder.uri(), builder.token, builder.heartbeat);
    }

    /**
     * @param url    of the server, {@code http} or {@code https}
     * @param apiKey a JWT with a role, the anonymous one for example
     */
    public static Builder builder(URI url, String apiKey) {
        return new Builder(url, apiKey);
    }

    /** A channel, not joined yet. One channel per topic. */
    public Channel channel(String name) {
        return loop.channel(name);
    }

    /** Closes the socket; nothing comes any more on any channel. */
    @Override
    public void close() {
        loop.close();
    }

    /** How the client connects. */
    public static final class Builder {
        private final URI url;
        private final String apiKey;
        private Supplier<Optional<String>> token = Optional::empty;
        private Duration heartbeat = Duration.ofSeconds(10);

        private Builder(URI url, String apiKey) {
            this.url = url;
            this.apiKey = apiKey;
        }

        /**
         * The user's token, asked for at every join and every heartbeat, so that a refreshed one reaches the server in
         * time. Called on the client's thread: it must not block.
         */
        public Builder token(Supplier<String> supplier) {
            token = () -> Optional.ofNullable(supplier.get());
            return this;
        }

        /** How often the connection is tried, 10 s unless said; one that does not answer until the next time is given up. */
        public Builder heartbeat(Duration every) {
            heartbeat = every;
            return this;
        }

        public SwitchboardClient build() {
            return new SwitchboardClient(this);
        }

        private URI uri() {
            String base = url.toString().replaceFirst("^http", "ws").replaceFirst("/$", "");
            return URI.create(base + "/realtime/v1/websocket?vsn=2.0.0&apikey="
                    + URLEncoder.encode(apiKey, StandardCharsets.UTF_8));
        }
    }
}

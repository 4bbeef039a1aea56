package dev.switchboard.systemtest.harness;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Who is told by webhooks: keeps what comes in the order in which it took it, and answers as the test says. */
public final class WebhookReceiver implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final List<Message> all = new CopyOnWriteArrayList<>();
    private final Object taking = new Object();
    private final List<Message> taken = new ArrayList<>(); // guarded by taking
    private volatile Function<Message, Integer> answers = _ -> 204;

    /** One attempt. */
    public record Message(String id, long timestamp, Set<String> signatures, String body, JsonNode json) {
        public String type() {
            return json.path("type").asString();
        }

        public JsonNode row() {
            return json.path("data").path("record");
        }

        /** By an implementation of its own of what Standard Webhooks asks receivers for. */
        public boolean isSignedWith(String secret) {
            byte[] key = Base64.getDecoder().decode(secret.replace("whsec_", ""));
            try {
                Mac mac = Mac.getInstance("HmacSHA256");
                mac.init(new SecretKeySpec(key, "HmacSHA256"));
                byte[] digest = mac.doFinal((id + "." + timestamp + "." + body).getBytes(StandardCharsets.UTF_8));
                return Math.abs(Instant.now().getEpochSecond() - timestamp) < 300
                        && signatures.contains("v1," + Base64.getEncoder().encodeToString(digest));
            } catch (GeneralSecurityException impossible) {
                throw new IllegalStateException(impossible);
            }
        }
    }

    public WebhookReceiver() {
        this(0);
    }

    public WebhookReceiver(int port) {
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1_000);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        server.setExecutor(threads);
        server.createContext("/", this::take);
        server.start();
    }

    /** What it answers each attempt with; what is taken is kept before the answer goes out. */
    public WebhookReceiver answering(Function<Message, Integer> status) {
        answers = status;
        return this;
    }

    public String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/hook?of=test";
    }

    public int port() {
        return server.getAddress().getPort();
    }

    private void take(HttpExchange exchange) throws IOException {
        try (exchange) {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            var message = new Message(
                    exchange.getRequestHeaders().getFirst("webhook-id"),
                    Long.parseLong(exchange.getRequestHeaders().getFirst("webhook-timestamp")),
                    Arrays.stream(exchange.getRequestHeaders()
                                    .getFirst("webhook-signature")
                                    .split(" "))
                            .collect(Collectors.toSet()),
                    body,
                    JsonMapper.shared().readTree(body));
            all.add(message);
            int status = answers.apply(message);
            if (status / 100 == 2) {
                synchronized (taking) {
                    taken.add(message);
                }
            }
            if (status / 100 == 3) {
                exchange.getResponseHeaders().add("location", url());
            }
            exchange.sendResponseHeaders(status, -1);
        }
    }

    /** Every attempt. */
    public List<Message> all() {
        return List.copyOf(all);
    }

    /** Those that it took, each time that it did. */
    public List<Message> taken() {
        synchronized (taking) {
            return List.copyOf(taken);
        }
    }

    /** Waits until it has taken so many. */
    public List<Message> await(int count) {
        org.awaitility.Awaitility.await()
                .atMost(PATIENCE)
                .untilAsserted(() -> assertThat(taken()).hasSizeGreaterThanOrEqualTo(count));
        return taken();
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}

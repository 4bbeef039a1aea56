package dev.switchboard.telephony.fake;

import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;

/** Sends messages, signed; with the accidents of their way. Called from the provider's loop alone. */
final class Webhooks {
    private static final Duration PATIENCE = Duration.ofSeconds(15);

    private final HttpClient client;
    private final String token;
    private final Noise noise;
    private final Random random;
    private final LongAdder sent = new LongAdder();
    private volatile boolean down;

    Webhooks(Executor executor, String token, Noise noise) {
        this.client = HttpClient.newBuilder()
                .executor(executor)
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(Duration.ofSeconds(2))
                .build();
        this.token = token;
        this.noise = noise;
        this.random = new Random(noise.seed());
    }

    /** Nothing is sent while the provider is down. */
    void down(boolean now) {
        down = now;
    }

    long sent() {
        return sent.sum();
    }

    /** A question for a document: asked again once where nobody is reached. Empty where there is no answer. */
    CompletableFuture<Optional<String>> ask(String url, Map<String, String> fields) {
        String once = UUID.randomUUID().toString();
        return post(url, fields, once)
                .exceptionallyCompose(_ -> post(url, fields, once))
                .thenApply(answer -> answer.statusCode() == 200 ? Optional.of(answer.body()) : Optional.<String>empty())
                .exceptionally(_ -> Optional.empty());
    }

    /** A message that only tells. */
    void tell(String url, Map<String, String> fields) {
        if (down || random.nextDouble() < noise.lost()) {
            return;
        }
        String once = UUID.randomUUID().toString();
        boolean late = random.nextDouble() < noise.reordered();
        long wait = late ? random.nextLong(Math.max(1, noise.delay().toMillis())) : 0;
        later(wait, () -> tellNow(url, fields, once));
        if (random.nextDouble() < noise.doubled()) {
            later(wait + random.nextLong(50), () -> tellNow(url, fields, once));
        }
    }

    private static void later(long millis, Runnable work) {
        if (millis == 0) {
            work.run();
        } else {
            CompletableFuture.delayedExecutor(millis, TimeUnit.MILLISECONDS).execute(work);
        }
    }

    private void tellNow(String url, Map<String, String> fields, String once) {
        post(url, fields, once)
                .exceptionallyCompose(_ -> post(url, fields, once))
                .whenComplete((_, _) -> {}); // one who is not reached twice is not told
    }

    private CompletableFuture<HttpResponse<String>> post(String url, Map<String, String> fields, String once) {
        sent.increment();
        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
                .timeout(PATIENCE)
                .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
                .header("X-Twilio-Signature", Signature.of(token, url, fields))
                .header("I-Twilio-Idempotency-Token", once)
                .POST(HttpRequest.BodyPublishers.ofString(form(fields)))
                .build();
        return client.sendAsync(request, HttpResponse.BodyHandlers.ofString());
    }

    static String form(Map<String, String> fields) {
        return new TreeMap<>(fields)
                .entrySet().stream()
                        .map(field -> URLEncoder.encode(field.getKey(), StandardCharsets.UTF_8)
                                + "="
                                + URLEncoder.encode(field.getValue(), StandardCharsets.UTF_8))
                        .collect(Collectors.joining("&"));
    }

    void close() {
        client.shutdownNow();
    }
}

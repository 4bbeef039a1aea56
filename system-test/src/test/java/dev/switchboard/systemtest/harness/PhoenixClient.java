package dev.switchboard.systemtest.harness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A bare client of wire version 2.0.0 over the JDK's WebSocket: keeps every message, decides nothing. */
public final class PhoenixClient implements WebSocket.Listener, AutoCloseable {
    public static final JsonMapper JSON = JsonMapper.shared();
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final StringBuilder partial = new StringBuilder();
    private final List<JsonNode> messages = new CopyOnWriteArrayList<>();
    private final ByteArrayOutputStream partialBinary = new ByteArrayOutputStream();
    private final List<byte[]> binaries = new CopyOnWriteArrayList<>();
    private final List<String> changes = new ArrayList<>();
    private final CompletableFuture<Integer> closed = new CompletableFuture<>();
    private final AtomicInteger refs = new AtomicInteger();
    private WebSocket socket;

    public static PhoenixClient connect(int port, String apiKey, String version) {
        var client = new PhoenixClient();
        client.socket = HTTP.newWebSocketBuilder()
                .buildAsync(
                        URI.create("ws://127.0.0.1:" + port + "/realtime/v1/websocket?apikey=" + apiKey + "&vsn="
                                + version),
                        client)
                .join();
        return client;
    }

    @Override
    public CompletionStage<?> onText(WebSocket webSocket, CharSequence data, boolean last) {
        partial.append(data);
        if (last) {
            keep(partial.toString());
            partial.setLength(0);
        }
        webSocket.request(1);
        return CompletableFuture.completedStage(null);
    }

    /** Changes are only kept: parsing them as they come would make a slow client of a fast one. */
    private void keep(String text) {
        if (text.startsWith("[null,null,") && text.contains("\"postgres_changes\",{\"ids\"")) {
            synchronized (changes) {
                changes.add(text);
            }
        } else {
            messages.add(JSON.readTree(text));
        }
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket webSocket, ByteBuffer data, boolean last) {
        byte[] part = new byte[data.remaining()];
        data.get(part);
        partialBinary.writeBytes(part);
        if (last) {
            binaries.add(partialBinary.toByteArray());
            partialBinary.reset();
        }
        webSocket.request(1);
        return CompletableFuture.completedStage(null);
    }

    @Override
    public CompletionStage<?> onClose(WebSocket webSocket, int statusCode, String reason) {
        closed.complete(statusCode);
        return CompletableFuture.completedStage(null);
    }

    @Override
    public void onError(WebSocket webSocket, Throwable error) {
        closed.complete(1006);
    }

    public void sendText(String text) {
        socket.sendText(text, true).join();
    }

    public void sendBinary(byte[] frame) {
        socket.sendBinary(ByteBuffer.wrap(frame), true).join();
    }

    /** Binary messages so far. */
    public List<byte[]> binaries() {
        return List.copyOf(binaries);
    }

    /** A frame of kind 3: a broadcast with its payload, JSON or raw. */
    public static byte[] kind3(
            String joinRef, String ref, String topic, String event, String metadata, boolean json, byte[] payload) {
        var frame = new ByteArrayOutputStream();
        List<byte[]> parts = Stream.of(joinRef, ref, topic, event, metadata)
                .map(part -> part.getBytes(StandardCharsets.UTF_8))
                .toList();
        frame.write(3);
        parts.forEach(part -> frame.write(part.length));
        frame.write(json ? 1 : 0);
        parts.forEach(frame::writeBytes);
        frame.writeBytes(payload);
        return frame.toByteArray();
    }

    /** Joins without changes, under that config, and expects it to succeed; returns the join's reference. */
    public String joinedRoom(String topic, String config) {
        String ref = Integer.toString(refs.incrementAndGet());
        ObjectNode payload = JSON.createObjectNode();
        payload.set("config", JSON.readTree(config));
        send(ref, ref, topic, "phx_join", payload);
        assertThat(reply(ref).get("status").asString()).isEqualTo("ok");
        return ref;
    }

    /** Keeps the connection, which is closed after a minute of silence. */
    public void heartbeat() {
        sendText("[null,\"" + refs.incrementAndGet() + "\",\"phoenix\",\"heartbeat\",{}]");
    }

    /** Sends a push and returns its reference. */
    public String push(String joinRef, String topic, String event, String payload) {
        String ref = Integer.toString(refs.incrementAndGet());
        send(joinRef, ref, topic, event, (ObjectNode) JSON.readTree(payload));
        return ref;
    }

    public static ObjectNode binding(String event, String schema, String table, String filter) {
        ObjectNode binding = JSON.createObjectNode().put("event", event).put("schema", schema);
        if (table != null) {
            binding.put("table", table);
        }
        if (filter != null) {
            binding.put("filter", filter);
        }
        return binding;
    }

    public static ObjectNode select(ObjectNode binding, String... columns) {
        ArrayNode selected = binding.putArray("select");
        List.of(columns).forEach(selected::add);
        return binding;
    }

    /** Joins and returns the reply's payload. */
    public JsonNode join(String topic, String token, ObjectNode... bindings) {
        return joinUnder(JSON.createObjectNode(), topic, token, bindings);
    }

    /** The same with other members of the config. */
    public JsonNode joinUnder(ObjectNode config, String topic, String token, ObjectNode... bindings) {
        String ref = Integer.toString(refs.incrementAndGet());
        ArrayNode wanted = JSON.createArrayNode();
        List.of(bindings).forEach(wanted::add);
        ObjectNode payload = JSON.createObjectNode();
        payload.putObject("config").setAll(config).set("postgres_changes", wanted);
        if (token != null) {
            payload.put("access_token", token);
        }
        send(ref, ref, topic, "phx_join", payload);
        return reply(ref);
    }

    /** Joins and expects it to succeed. */
    public PhoenixClient joined(String topic, String token, ObjectNode... bindings) {
        assertThat(join(topic, token, bindings).get("status").asString()).isEqualTo("ok");
        return this;
    }

    public void send(String joinRef, String ref, String topic, String event, ObjectNode payload) {
        ArrayNode message =
                JSON.createArrayNode().add(joinRef).add(ref).add(topic).add(event);
        message.add(payload);
        sendText(message.toString());
    }

    public JsonNode reply(String ref) {
        return message(message -> message.get(3).asString().equals("phx_reply")
                        && message.get(1).asString().equals(ref))
                .get(4);
    }

    /** The first message, past or coming, that fits. */
    public JsonNode message(Predicate<JsonNode> wanted) {
        return await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(5))
                .until(() -> messages.stream().filter(wanted).findFirst(), Optional::isPresent)
                .orElseThrow();
    }

    public JsonNode event(String topic, String event) {
        return message(message -> message.get(2).asString().equals(topic)
                && message.get(3).asString().equals(event));
    }

    public List<JsonNode> messages() {
        return List.copyOf(messages);
    }

    /** The data of every change so far, in order. */
    public List<JsonNode> changes() {
        return changes(0);
    }

    /** The same of those that came after the first so many. */
    public List<JsonNode> changes(int from) {
        return frames(from).stream().map(frame -> frame.get(4).get("data")).toList();
    }

    /** How many changes there are so far. */
    public int changeCount() {
        synchronized (changes) {
            return changes.size();
        }
    }

    /** The whole messages of those. */
    public List<JsonNode> frames(int from) {
        List<String> texts;
        synchronized (changes) {
            texts = List.copyOf(changes.subList(from, changes.size()));
        }
        return texts.stream().map(JSON::readTree).toList();
    }

    /** The frames of the same, as they came. */
    public List<String> changeTexts() {
        synchronized (changes) {
            return List.copyOf(changes);
        }
    }

    public List<JsonNode> awaitChanges(int count) {
        return awaitChanges(count, PATIENCE);
    }

    public List<JsonNode> awaitChanges(int count, Duration patience) {
        await().atMost(patience)
                .pollInterval(Duration.ofMillis(5))
                .until(() -> changeTexts().size() >= count);
        return changes();
    }

    public boolean isOpen() {
        return !closed.isDone();
    }

    public int closeCode() {
        return closed.orTimeout(PATIENCE.toSeconds(), java.util.concurrent.TimeUnit.SECONDS)
                .join();
    }

    @Override
    public void close() {
        socket.abort();
    }
}

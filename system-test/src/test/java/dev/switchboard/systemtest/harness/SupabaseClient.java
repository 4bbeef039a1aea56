package dev.switchboard.systemtest.harness;

import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The unmodified official client in a Node process, remote-controlled by {@code clients/client.mjs}. */
public final class SupabaseClient implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Process process;
    private final PrintWriter commands;
    private final List<JsonNode> events = new CopyOnWriteArrayList<>();

    public SupabaseClient() {
        try {
            process = new ProcessBuilder("node", "client.mjs")
                    .directory(Path.of("clients").toFile())
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        commands = new PrintWriter(process.getOutputStream(), true, StandardCharsets.UTF_8);
        Thread.ofVirtual().start(this::read);
        event(event -> is(event, "kind", "ready"));
    }

    private void read() {
        try (var lines = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                events.add(JSON.readTree(line));
            }
        } catch (IOException ended) {
            events.add(JSON.createObjectNode().put("kind", "ended"));
        }
    }

    public static boolean is(JsonNode event, String field, String value) {
        return event.path(field).asString("").equals(value);
    }

    /** @param token null for none but the key */
    public void connect(String client, String library, TestServer server, String token, String version) {
        connect(client, library, server.url(), server.anonKey(), token, version);
    }

    public void connect(String client, String library, String url, String key, String token, String version) {
        ObjectNode command = command("connect", client)
                .put("library", library)
                .put("url", url)
                .put("key", key)
                .put("token", token);
        if (version != null) {
            command.put("vsn", version);
        }
        commands.println(command);
        event(event -> is(event, "kind", "connected") && is(event, "client", client));
    }

    /**
     * Connects with options of {@code auth}, as a JSON object, and the anon key.
     */
    public void connectWithAuth(String client, String library, TestServer server, String key, String auth) {
        ObjectNode command = command("connect", client)
                .put("library", library)
                .put("url", server.url())
                .put("key", key);
        command.set("auth", JSON.readTree(auth));
        commands.println(command);
        event(event -> is(event, "kind", "connected") && is(event, "client", client));
    }

    /**
     * Runs a chain of calls, {@code [["from","films"],["select","*"]]}, with single quotes for double ones, and gives what
     * came of it: {@code data}, {@code error}, {@code status} ...
     */
    public JsonNode run(String client, String chain) {
        String id = java.util.UUID.randomUUID().toString();
        ObjectNode command = command("run", client).put("id", id);
        command.set("chain", JSON.readTree(chain.replace('\'', '"')));
        commands.println(command);
        JsonNode event = event(candidate -> is(candidate, "id", id)
                || (is(candidate, "kind", "failed") && is(candidate.path("command"), "id", id)));
        if (is(event, "kind", "failed")) {
            throw new AssertionError(event.path("error").asString());
        }
        return event.get("result");
    }

    public void subscribe(String client, String channel, ObjectNode... bindings) {
        ObjectNode command = command("subscribe", client).put("channel", channel);
        List.of(bindings).forEach(command.withArray("bindings")::add);
        commands.println(command);
    }

    /** Subscribes under a config, to changes where bindings are given. */
    public void subscribeRoom(String client, String channel, String config, ObjectNode... bindings) {
        ObjectNode command = command("subscribe", client).put("channel", channel);
        command.set("config", JSON.readTree(config));
        List.of(bindings).forEach(command.withArray("bindings")::add);
        commands.println(command);
        awaitStatus(client, channel, "SUBSCRIBED", 1);
    }

    /**
     * Another command on a channel.
     *
     * @param fields of the command, as a JSON object
     */
    public void tell(String command, String client, String channel, String fields) {
        ObjectNode all = command(command, client).put("channel", channel);
        all.setAll((ObjectNode) JSON.readTree(fields));
        commands.println(all);
    }

    /** Connects and subscribes in one tick, before the client knows its user's token, which takes it so many milliseconds. */
    public void connectSubscribed(
            String client,
            String library,
            TestServer server,
            String token,
            int delay,
            String channel,
            ObjectNode binding) {
        ObjectNode command = command("connectSubscribed", client)
                .put("library", library)
                .put("url", server.url())
                .put("key", server.anonKey())
                .put("token", token)
                .put("tokenDelay", delay)
                .put("channel", channel);
        command.withArray("bindings").add(binding);
        commands.println(command);
    }

    public void subscribed(String client, String channel, ObjectNode... bindings) {
        subscribe(client, channel, bindings);
        awaitStatus(client, channel, "SUBSCRIBED", 1);
    }

    public void awaitStatus(String client, String channel, String status, int times) {
        await().atMost(PATIENCE)
                .until(() -> statuses(client, channel).stream()
                                .filter(status::equals)
                                .count()
                        >= times);
    }

    public void awaitListening(String client, String channel) {
        event(event -> is(event, "kind", "system")
                && is(event, "client", client)
                && is(event, "channel", channel)
                && is(event.path("payload"), "status", "ok"));
    }

    /** Waits for an operation on the list of a kept query (SPEC I2). */
    public JsonNode awaitOperation(String client, String operation) {
        return event(event -> is(event, "kind", "live")
                        && is(event, "client", client)
                        && is(event.path("ops").path(0), "op", operation))
                .get("ops")
                .get(0);
    }

    public void removeChannel(String client, String channel) {
        commands.println(command("removeChannel", client).put("channel", channel));
        event(event -> is(event, "kind", "removed") && is(event, "channel", channel));
    }

    public void setToken(String client, String token) {
        commands.println(command("setToken", client).put("token", token));
    }

    private static ObjectNode command(String name, String client) {
        return JSON.createObjectNode().put("command", name).put("client", client);
    }

    public JsonNode event(Predicate<JsonNode> wanted) {
        return await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(10))
                .until(() -> events.stream().filter(wanted).findFirst(), Optional::isPresent)
                .orElseThrow();
    }

    public List<String> statuses(String client, String channel) {
        return events.stream()
                .filter(event ->
                        is(event, "kind", "status") && is(event, "client", client) && is(event, "channel", channel))
                .map(event -> event.get("status").asString())
                .toList();
    }

    /** Who is present, as a client has seen it last. */
    public Optional<JsonNode> presence(String client) {
        return events.stream()
                .filter(said -> is(said, "kind", "presence") && is(said, "client", client))
                .reduce((_, later) -> later)
                .map(said -> said.get("state"));
    }

    /** Names of the broadcasts that a client has got so far. */
    public List<String> broadcasts(String client) {
        return events.stream()
                .filter(said -> is(said, "kind", "broadcast") && is(said, "client", client))
                .map(said -> said.get("event").asString())
                .toList();
    }

    /** The error that a channel's status came with, once one says that. */
    public String awaitError(String client, String channel, String part) {
        return event(event -> is(event, "kind", "status")
                        && is(event, "client", client)
                        && is(event, "channel", channel)
                        && event.path("error").asString("").contains(part))
                .get("error")
                .asString();
    }

    public List<JsonNode> changes(String client) {
        return events.stream()
                .filter(event -> is(event, "kind", "change") && is(event, "client", client))
                .map(event -> event.get("change"))
                .toList();
    }

    public List<JsonNode> awaitChanges(String client, int count) {
        await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(10))
                .until(() -> changes(client).size() >= count);
        return changes(client);
    }

    @Override
    public void close() {
        process.destroy();
    }
}

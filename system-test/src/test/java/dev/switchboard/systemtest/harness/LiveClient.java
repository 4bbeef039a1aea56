package dev.switchboard.systemtest.harness;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** A channel whose query is kept: its rows, as the server's operations make them (SPEC I2). Owned by one thread. */
public final class LiveClient implements AutoCloseable {
    private final PhoenixClient client;
    private final String topic;
    private final List<JsonNode> rows = new ArrayList<>();
    private final List<String> operations = new ArrayList<>();
    private int taken;
    private boolean shown;
    private boolean stale;
    private boolean polled;

    public LiveClient(PhoenixClient client, String topic, String token, String table, String query) {
        this(
                client,
                topic,
                token,
                PhoenixClient.JSON.createObjectNode().put("table", table).put("query", query));
    }

    public LiveClient(PhoenixClient client, String topic, String token, ObjectNode live) {
        this.client = client;
        this.topic = topic;
        ObjectNode config = PhoenixClient.JSON.createObjectNode();
        config.putObject("switchboard").set("live", live);
        client.joinUnder(config, topic, token);
    }

    private void take() {
        List<JsonNode> messages = client.messages();
        for (JsonNode message : messages.subList(taken, messages.size())) {
            if (message.get(2).asString().equals(topic)
                    && message.get(3).asString().equals("live")) {
                JsonNode payload = message.get(4);
                payload.get("ops").forEach(this::apply);
                stale = payload.get("stale").asBoolean();
                polled = payload.get("polled").asBoolean();
            }
        }
        taken = messages.size();
    }

    private void apply(JsonNode operation) {
        String name = operation.get("op").asString();
        operations.add(name);
        switch (name) {
            case "reset" -> {
                rows.clear();
                operation.get("rows").forEach(rows::add);
                shown = true;
            }
            case "insert" -> rows.add(operation.get("at").asInt(), operation.get("row"));
            case "update" -> rows.set(operation.get("at").asInt(), operation.get("row"));
            case "delete" -> rows.remove(operation.get("at").asInt());
            case "move" ->
                rows.add(
                        operation.get("to").asInt(),
                        rows.remove(operation.get("from").asInt()));
            default -> throw new AssertionError(operation);
        }
    }

    /** Whether it has been told what the answer is. */
    public boolean isShown() {
        take();
        return shown;
    }

    public List<JsonNode> rows() {
        take();
        return List.copyOf(rows);
    }

    /** One member of each row, as text. */
    public List<String> all(String member) {
        return rows().stream().map(row -> row.get(member).asString()).toList();
    }

    /** What was done to the rows so far. */
    public List<String> operations() {
        take();
        return List.copyOf(operations);
    }

    public boolean isStale() {
        take();
        return stale;
    }

    /** Whether nobody can tell when it changes. */
    public boolean isPolled() {
        take();
        return polled;
    }

    public PhoenixClient connection() {
        return client;
    }

    @Override
    public void close() {
        client.close();
    }
}

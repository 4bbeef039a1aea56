package dev.switchboard.systemtest.harness;

import dev.switchboard.engine.model.Position;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Subscribes to a table, and goes on where it was told everything before, over one connection after the other. Owned by one thread. */
public final class ResumingClient implements AutoCloseable {
    private final String topic;
    private final String token;
    private final ObjectNode[] bindings;
    private final List<JsonNode> heard = new ArrayList<>();
    private final List<String> resyncs = new ArrayList<>();
    private Optional<PhoenixClient> connection = Optional.empty();
    private Optional<String> since = Optional.empty();
    private Optional<Position> told = Optional.empty();
    private int taken;

    public ResumingClient(String topic, String token, ObjectNode... bindings) {
        this.topic = topic;
        this.token = token;
        this.bindings = bindings.clone();
    }

    /** Joins, where it was if it was there before; returns what the reply says of that. */
    public JsonNode join(Supplier<PhoenixClient> connect) {
        leave();
        PhoenixClient client = connect.get();
        connection = Optional.of(client);
        ObjectNode config = PhoenixClient.JSON.createObjectNode();
        ObjectNode wish = config.putObject("switchboard").put("positions", true);
        since().ifPresent(place -> wish.put("since", place));
        JsonNode reply = client.joinUnder(config, topic, token, bindings);
        JsonNode place = reply.at("/response/switchboard");
        if (!place.isObject()) {
            throw new AssertionError("no place in " + reply);
        }
        since = Optional.of(place.get("since").asString());
        if (place.has("resync")) {
            resyncs.add(place.get("resync").asString());
            told = Optional.empty();
        }
        return place;
    }

    /** With what it would come back. */
    public Optional<String> since() {
        take();
        return since.map(fence -> fence + told.map(position -> "@" + position).orElse(""));
    }

    /** Whether it has been told that nothing is missing any more. */
    public boolean isCaughtUp() {
        return connection.orElseThrow().messages().stream()
                .anyMatch(message -> message.get(3).asString().equals("system")
                        && message.at("/4/message").asString().equals("Caught up"));
    }

    /** Whether the server has ended its channel. */
    public boolean hasFailed() {
        return connection.orElseThrow().messages().stream()
                .anyMatch(message -> message.get(3).asString().equals("phx_error"));
    }

    /** Asks up to where it has been told everything. */
    public void askPosition() {
        PhoenixClient client = connection.orElseThrow();
        boolean caughtUp = isCaughtUp();
        String ref = client.push(null, "phoenix", "heartbeat", "{\"behind\":true}");
        JsonNode position = client.reply(ref).at("/response/position");
        take();
        if (caughtUp && position.isString()) {
            tell(Position.parse(position.asString()));
        }
    }

    private void take() {
        connection.ifPresent(client -> {
            for (JsonNode change : client.changes(taken)) {
                heard.add(change);
                tell(Position.parse(change.get("position").asString()));
                taken++;
            }
        });
    }

    private void tell(Position position) {
        if (told.isEmpty() || told.get().compareTo(position) < 0) {
            told = Optional.of(position);
        }
    }

    /** What it has heard over all connections, in order. */
    public List<JsonNode> heard() {
        take();
        return List.copyOf(heard);
    }

    /** What of that has come since this was last asked; it is not kept. */
    public List<JsonNode> next() {
        List<JsonNode> next = heard();
        heard.clear();
        return next;
    }

    /** Why it could not go on, each time that it could not. */
    public List<String> resyncs() {
        return List.copyOf(resyncs);
    }

    public PhoenixClient connection() {
        return connection.orElseThrow();
    }

    /** Its connection ends; what has arrived by then counts. */
    public void leave() {
        connection.ifPresent(PhoenixClient::close);
        take();
        connection = Optional.empty();
        taken = 0;
    }

    @Override
    public void close() {
        leave();
    }
}

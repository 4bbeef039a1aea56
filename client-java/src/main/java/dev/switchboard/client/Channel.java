package dev.switchboard.client;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * One topic. Say first what is wanted, then {@link #subscribe} or {@link #open}, once; after that it may be spoken to from
 * any thread. Its state belongs to the client's thread.
 */
public final class Channel {
    enum State {
        IDLE,
        JOINING,
        JOINED,
        LEFT
    }

    private static final System.Logger LOG = System.getLogger(Channel.class.getName());

    private final Loop loop;
    private final String topic;
    private final List<Changes> changes = new ArrayList<>();
    private final Presences presences = new Presences();
    private boolean presence;
    private String presenceKey = "";
    private boolean self;
    private boolean wantsBroadcasts;
    private Optional<Place> place = Optional.empty();
    private Optional<KeptAnswer> kept = Optional.empty();
    private Consumer<Event> listener = _ -> {};
    final Backoff backoff;
    State state = State.IDLE;
    String joinRef = "";
    Optional<String> token = Optional.empty();

    Channel(Loop loop, String name, Backoff backoff) {
        this.loop = loop;
        this.topic = "realtime:" + name;
        this.backoff = backoff;
    }

    String topic() {
        return topic;
    }

    /** Asks for changes; several bindings may be given. */
    public Channel changes(Changes wanted) {
        changes.add(wanted);
        return this;
    }

    /** Asks for broadcasts of the topic. */
    public Channel broadcasts() {
        wantsBroadcasts = true;
        return this;
    }

    /** Asks for its own broadcasts too. */
    public Channel self() {
        self = true;
        wantsBroadcasts = true;
        return this;
    }

    /**
     * Goes on where it was after an interruption, where the server still knows what was missed: no snapshot is needed then
     * ({@link Event.Subscribed}). An original server knows nothing of it.
     */
    public Channel resuming() {
        place = Optional.of(new Place());
        return this;
    }

    /**
     * Asks for the answer of a query of the data API and for what becomes of it: with embedded tables, order, window and sums, exact whatever
     * changes (SPEC I). Each time it is another one comes an {@link Event.Answer}; a query that the server does not keep, and a server that
     * keeps none, close the channel.
     *
     * @param query as in the URL of {@code GET /rest/v1/<table>}, without the question mark
     * @param key   what tells rows apart; {@code id} where nothing is said
     */
    public Channel keeping(String table, String query, String... key) {
        kept = Optional.of(new KeptAnswer(table, query, List.of(key), OptionalDouble.empty()));
        return this;
    }

    /**
     * The same for who needs no more: rows that only change are told of at most so often a second, the last of their values; what comes,
     * goes or moves at once (SPEC I6).
     *
     * @param maxRate 0.01 to 1000
     * @throws IllegalArgumentException if it is not
     */
    public Channel keepingAtMost(double maxRate, String table, String query, String... key) {
        if (!(maxRate >= 0.01 && maxRate <= 1000)) {
            throw new IllegalArgumentException("a rate is 0.01 to 1000 times a second; this one is " + maxRate);
        }
        kept = Optional.of(new KeptAnswer(table, query, List.of(key), OptionalDouble.of(maxRate)));
        return this;
    }

    /** Whether a server that answers a join so does what was asked for. */
    boolean isServed(Map<String, Object> response) {
        return kept.isEmpty()
                || Boolean.TRUE.equals(JsonText.object(response, "switchboard").get("live"));
    }

    /** Attempts are counted anew; where a query is kept, from its first answer on, since it may still be refused. */
    void joined() {
        state = State.JOINED;
        if (kept.isEmpty()) {
            backoff.reset();
        }
    }

    /** What the way to the server was known by is not any more. */
    void interrupted() {
        place.ifPresent(Place::interrupted);
        kept.ifPresent(KeptAnswer::interrupted);
    }

    /** Where it is, if that is wanted. */
    Optional<Place> place() {
        return place;
    }

    /**
     * Asks who is present.
     *
     * @param key under which this channel tracks; empty for one of the server's making
     */
    public Channel presence(String key) {
        presence = true;
        presenceKey = key;
        return this;
    }

    /**
     * Joins, and stays joined until {@link #leave}.
     *
     * @param events called on the client's thread, one at a time; it must not block
     */
    public Channel subscribe(Consumer<Event> events) {
        listener = events;
        loop.run(() -> loop.add(this));
        return this;
    }

    /**
     * Joins, for a thread that waits for events.
     *
     * @param capacity of the queue, in events
     */
    public EventQueue open(int capacity) {
        var queue = new EventQueue(this, loop::isClosed, capacity);
        subscribe(queue::put);
        return queue;
    }

    /** Tells everyone in the room; done once the server has answered, failed where it refuses or the socket ends. */
    public CompletionStage<Void> broadcast(String event, Map<String, Object> payload) {
        return loop.push(this, "broadcast", Map.of("type", "broadcast", "event", event, "payload", payload));
    }

    /** Is present with that content, until untracked or left; said again by itself after an interruption. */
    public CompletionStage<Void> track(Map<String, Object> payload) {
        return loop.track(this, payload);
    }

    public CompletionStage<Void> untrack() {
        return loop.untrack(this);
    }

    /**
     * Waits for what was sent: the blocking style.
     *
     * @throws ChannelException if it failed
     */
    public static void await(CompletionStage<Void> sent) {
        try {
            sent.toCompletableFuture().join();
        } catch (CompletionException failed) {
            throw new ChannelException(String.valueOf(failed.getCause()), failed);
        }
    }

    /** Leaves; nothing comes any more. */
    public void leave() {
        loop.run(() -> loop.leave(this));
    }

    Map<String, Object> joinPayload(Optional<String> present) {
        var config = new LinkedHashMap<String, Object>();
        config.put("broadcast", Map.of("ack", true, "self", self));
        config.put("presence", Map.of("enabled", presence, "key", presenceKey));
        config.put("postgres_changes", changes.stream().map(Changes::json).toList());
        var own = new LinkedHashMap<String, Object>();
        place.ifPresent(wanted -> own.putAll(wanted.wish()));
        kept.ifPresent(wanted -> own.put("live", wanted.wish()));
        if (!own.isEmpty()) {
            config.put("switchboard", own);
        }
        var payload = new LinkedHashMap<String, Object>();
        payload.put("config", config);
        present.ifPresent(text -> payload.put("access_token", text));
        return payload;
    }

    /** A listener that throws hears what comes next all the same, and so do others. */
    void tell(Event event) {
        try {
            listener.accept(event);
        } catch (RuntimeException thrown) {
            LOG.log(System.Logger.Level.ERROR, "a listener of " + topic + " threw", thrown);
        }
    }

    /** What the server said on this channel. */
    void receive(String event, Map<String, Object> payload) {
        switch (event) {
            case "postgres_changes" -> {
                Map<String, Object> data = JsonText.object(payload, "data");
                tell(change(data));
                place.ifPresent(wanted -> wanted.told(data));
            }
            case "live" ->
                kept.ifPresent(answer -> {
                    backoff.reset();
                    tell(answer.take(payload));
                });
            case "broadcast" -> {
                if (wantsBroadcasts) {
                    tell(new Event.Broadcast(JsonText.string(payload, "event"), JsonText.object(payload, "payload")));
                }
            }
            case "presence_state" -> {
                presences.state(payload);
                tell(new Event.Presence(presences.present()));
            }
            case "presence_diff" -> {
                presences.diff(payload);
                tell(new Event.Presence(presences.present()));
            }
            case "system" -> {
                boolean caughtUp = place.map(wanted -> wanted.hears(payload)).orElse(false);
                tell(caughtUp ? new Event.CaughtUp() : notice(payload));
            }
            default -> {}
        }
    }

    void receiveBytes(String event, byte[] payload) {
        if (wantsBroadcasts) {
            tell(new Event.BroadcastBytes(event, payload));
        }
    }

    private static Event.Change change(Map<String, Object> data) {
        return new Event.Change(
                JsonText.string(data, "schema"),
                JsonText.string(data, "table"),
                Boolean.TRUE.equals(data.get("left"))
                        ? Event.Kind.LEAVE
                        : Event.Kind.valueOf(JsonText.string(data, "type")),
                Instant.parse(JsonText.string(data, "commit_timestamp")),
                JsonText.object(data, "record"),
                JsonText.object(data, "old_record"),
                Boolean.TRUE.equals(data.get("delta")));
    }

    private static Event notice(Map<String, Object> payload) {
        String message = JsonText.string(payload, "message");
        return JsonText.string(payload, "extension").equals("switchboard") && message.equals("Rights changed")
                ? new Event.RightsChanged()
                : new Event.Notice(JsonText.string(payload, "status"), message);
    }
}

package dev.switchboard.engine.protocol;

import dev.switchboard.engine.model.WireVersion;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** Frames of a client to messages. What is not a message is empty: the connection stays (SPEC W6). */
public final class ClientCodec {
    private static final Json.Fields NO_PAYLOAD = new Json.Fields(Map.of());

    /** The end of the year 9999: what is later was never said, whatever is made of it. */
    private static final long LAST_MILLISECOND = 253_402_300_799_999L;

    private ClientCodec() {}

    /** Reads one text frame. */
    public static Optional<ClientMessage> decode(WireVersion version, byte[] frame) {
        Optional<Json> json = Json.parse(frame);
        return switch (version) {
            case V1 -> json.flatMap(ClientCodec::object);
            case V2 -> json.flatMap(ClientCodec::array);
        };
    }

    /** Reads one binary frame; version 1.0.0 has none. */
    public static Optional<ClientMessage> decodeBinary(WireVersion version, byte[] frame) {
        return switch (version) {
            case V1 -> Optional.empty();
            case V2 -> BinaryFrames.decode(frame);
        };
    }

    private static Optional<ClientMessage> object(Json json) {
        if (!(json instanceof Json.Fields fields)
                || !fields.values().keySet().containsAll(List.of("topic", "event", "payload", "ref"))) {
            return Optional.empty();
        }
        return message(
                reference(fields.get("join_ref")),
                reference(fields.get("ref")),
                fields.get("topic"),
                fields.get("event"),
                fields.get("payload"));
    }

    private static Optional<ClientMessage> array(Json json) {
        if (!(json instanceof Json.Items(var items)) || items.size() < 5) {
            return Optional.empty();
        }
        return message(
                reference(Optional.of(items.get(0))),
                reference(Optional.of(items.get(1))),
                Optional.of(items.get(2)),
                Optional.of(items.get(3)),
                Optional.of(items.get(4)));
    }

    /** References are strings; a number is taken by its text. */
    private static Optional<String> reference(Optional<Json> json) {
        return json.flatMap(value -> switch (value) {
            case Json.Text text -> Optional.of(text.value());
            case Json.Literal literal -> Optional.of(literal.text()).filter(text -> !text.equals("null"));
            case Json.Items _, Json.Fields _ -> Optional.empty();
        });
    }

    private static Optional<ClientMessage> message(
            Optional<String> joinRef,
            Optional<String> ref,
            Optional<Json> topicJson,
            Optional<Json> eventJson,
            Optional<Json> payloadJson) {
        if (!(topicJson.orElse(Json.NULL) instanceof Json.Text topic)
                || !(eventJson.orElse(Json.NULL) instanceof Json.Text event)) {
            return Optional.empty();
        }
        Json.Fields payload = payloadJson.orElse(Json.NULL) instanceof Json.Fields fields ? fields : NO_PAYLOAD;
        return Optional.of(message(joinRef, ref, topic.value(), event.value(), payload));
    }

    private static ClientMessage message(
            Optional<String> joinRef, Optional<String> ref, String topic, String event, Json.Fields payload) {
        if (topic.equals("phoenix") && event.equals("heartbeat")) {
            return payload.isTrue("behind")
                    ? new ClientMessage.CurrencyQuestion(topic, ref, joinRef)
                    : new ClientMessage.Heartbeat(topic, ref, joinRef);
        }
        return switch (event) {
            case "phx_join" -> join(topic, ref, joinRef, payload);
            case "phx_leave" -> new ClientMessage.Leave(topic, ref, joinRef);
            case "access_token" -> new ClientMessage.AccessToken(topic, ref, joinRef, token(payload, "access_token"));
            case "broadcast" -> broadcast(topic, ref, joinRef, payload);
            case "presence" -> presence(topic, ref, joinRef, payload);
            default -> new ClientMessage.Push(topic, ref, joinRef, event, payload);
        };
    }

    /** The payload goes on as it came; it needs an event, by which clients tell broadcasts apart. */
    private static ClientMessage broadcast(
            String topic, Optional<String> ref, Optional<String> joinRef, Json.Fields payload) {
        if (payload.text("event").isEmpty()) {
            return new ClientMessage.Invalid(
                    topic, ref, joinRef, ErrorCode.INVALID_PAYLOAD, "a broadcast is an object with a string `event`");
        }
        byte[] json = Json.write(payload, new JsonBytes()).toBytes();
        return ClientMessage.Broadcast.of(topic, ref, joinRef, new BroadcastContent.Text(json), payload);
    }

    private static ClientMessage presence(
            String topic, Optional<String> ref, Optional<String> joinRef, Json.Fields payload) {
        return switch (payload.text("event").orElse("").toLowerCase(Locale.ROOT)) {
            case "track" ->
                payload.fields("payload")
                        .<ClientMessage>map(tracked -> new ClientMessage.Track(topic, ref, joinRef, tracked))
                        .orElseGet(() -> new ClientMessage.Invalid(
                                topic, ref, joinRef, ErrorCode.PRESENCE_PAYLOAD, ErrorCode.PRESENCE_PAYLOAD.message()));
            case "untrack" -> new ClientMessage.Untrack(topic, ref, joinRef);
            default ->
                new ClientMessage.Invalid(
                        topic,
                        ref,
                        joinRef,
                        ErrorCode.INVALID_PAYLOAD,
                        "the event of a presence message is track or untrack");
        };
    }

    private static ClientMessage join(
            String topic, Optional<String> ref, Optional<String> joinRef, Json.Fields payload) {
        Json.Fields config = payload.fields("config").orElse(NO_PAYLOAD);
        List<Json> entries = config.items("postgres_changes");
        List<Binding> bindings =
                entries.stream().flatMap(entry -> Binding.of(entry).stream()).toList();
        boolean list =
                config.get("postgres_changes").map(Json.Items.class::isInstance).orElse(true);
        return new ClientMessage.Join(
                topic,
                ref,
                joinRef.or(() -> ref),
                token(payload, "user_token").or(() -> token(payload, "access_token")),
                options(config),
                bindings,
                !list || bindings.size() < entries.size() || isMalformed(config));
    }

    private static ClientMessage.Options options(Json.Fields config) {
        Json.Fields broadcast = config.fields("broadcast").orElse(NO_PAYLOAD);
        Json.Fields presence = config.fields("presence").orElse(NO_PAYLOAD);
        return new ClientMessage.Options(
                config.isTrue("private"),
                broadcast.isTrue("ack"),
                broadcast.isTrue("self"),
                presence(presence),
                presence.text("key").filter(key -> !key.isEmpty()),
                config.fields("postgres_changes_options").orElse(NO_PAYLOAD).isTrue("wait"),
                replay(broadcast),
                broadcast.isTrue("replication_ready"),
                positions(config),
                own(config)
                        .flatMap(wish -> wish.fields("live").stream())
                        .flatMap(live -> LiveQuery.of(live).stream())
                        .findFirst());
    }

    /** Whether a query is to be kept that is none. */
    private static boolean isMalformed(Json.Fields config) {
        return own(config)
                .flatMap(wish -> wish.get("live").stream())
                .anyMatch(live -> !(live instanceof Json.Fields fields)
                        || LiveQuery.of(fields).isEmpty());
    }

    /** What is beyond the original: of the channel, or of its bindings, since official clients send no other members of {@code config}. */
    private static Stream<Json.Fields> own(Json.Fields config) {
        return Stream.concat(Stream.of(config), config.items("postgres_changes").stream())
                .flatMap(place ->
                        place instanceof Json.Fields fields ? fields.fields("switchboard").stream() : Stream.empty());
    }

    private static ClientMessage.Positions positions(Json.Fields config) {
        return own(config)
                .findFirst()
                .map(wish -> new ClientMessage.Positions(
                        wish.isTrue("positions") || wish.text("since").isPresent(), wish.text("since")))
                .orElse(ClientMessage.Positions.NONE);
    }

    private static ClientMessage.Presence presence(Json.Fields config) {
        if (config.isTrue("enabled")) {
            return ClientMessage.Presence.TOLD;
        }
        return config.get("enabled").equals(Optional.of(new Json.Literal("false")))
                ? ClientMessage.Presence.NOT_TOLD
                : ClientMessage.Presence.TOLD_WHILE_PRESENT;
    }

    private static ClientMessage.Replay replay(Json.Fields broadcast) {
        Json wish = broadcast.get("replay").orElse(Json.NULL);
        if (wish.equals(Json.NULL)) {
            return new ClientMessage.Replay.None();
        }
        if (!(wish instanceof Json.Fields fields)) {
            return new ClientMessage.Replay.Malformed();
        }
        Json limit = fields.get("limit").orElse(Json.NULL);
        OptionalLong most = limit.equals(Json.NULL) ? OptionalLong.of(ClientMessage.Replay.MOST) : integer(limit);
        OptionalLong since = integer(fields.get("since").orElse(Json.NULL));
        return since.isEmpty() || most.isEmpty()
                ? new ClientMessage.Replay.Malformed()
                : new ClientMessage.Replay.Wanted(
                        Instant.ofEpochMilli(Math.clamp(since.getAsLong(), 0, LAST_MILLISECOND)),
                        Math.clamp(most.getAsLong(), 1, ClientMessage.Replay.MOST));
    }

    private static OptionalLong integer(Json json) {
        try {
            return json instanceof Json.Literal(String text)
                    ? OptionalLong.of(Long.parseLong(text))
                    : OptionalLong.empty();
        } catch (NumberFormatException another) {
            return OptionalLong.empty();
        }
    }

    /** A token that starts with {@code sb_} is an API key, not a JWT; the connection's own key counts then. */
    private static Optional<String> token(Json.Fields payload, String name) {
        return payload.text(name).filter(token -> !token.startsWith("sb_"));
    }
}

package dev.switchboard.engine.protocol;

import dev.switchboard.engine.model.WireVersion;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Text frames of a client to messages. What is not a message is empty: the connection stays (SPEC W6). */
public final class ClientCodec {
    private static final Json.Fields NO_PAYLOAD = new Json.Fields(Map.of());

    private ClientCodec() {}

    /** Reads one text frame. */
    public static Optional<ClientMessage> decode(WireVersion version, byte[] frame) {
        Optional<Json> json = Json.parse(frame);
        return switch (version) {
            case V1 -> json.flatMap(ClientCodec::object);
            case V2 -> json.flatMap(ClientCodec::array);
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
            return new ClientMessage.Heartbeat(topic, ref, joinRef);
        }
        return switch (event) {
            case "phx_join" -> join(topic, ref, joinRef, payload);
            case "phx_leave" -> new ClientMessage.Leave(topic, ref, joinRef);
            case "access_token" -> new ClientMessage.AccessToken(topic, ref, joinRef, token(payload, "access_token"));
            default -> new ClientMessage.Push(topic, ref, joinRef, event, payload);
        };
    }

    private static ClientMessage join(
            String topic, Optional<String> ref, Optional<String> joinRef, Json.Fields payload) {
        Json.Fields config = payload.fields("config").orElse(NO_PAYLOAD);
        List<Binding> bindings = config.items("postgres_changes").stream()
                .flatMap(entry -> entry instanceof Json.Fields fields ? Stream.of(Binding.of(fields)) : Stream.empty())
                .toList();
        return new ClientMessage.Join(
                topic,
                ref,
                joinRef.or(() -> ref),
                token(payload, "user_token").or(() -> token(payload, "access_token")),
                config.isTrue("private"),
                config.fields("presence").orElse(NO_PAYLOAD).isTrue("enabled"),
                config.fields("postgres_changes_options").orElse(NO_PAYLOAD).isTrue("wait"),
                bindings);
    }

    /** A token that starts with {@code sb_} is an API key, not a JWT; the connection's own key counts then. */
    private static Optional<String> token(Json.Fields payload, String name) {
        return payload.text(name).filter(token -> !token.startsWith("sb_"));
    }
}

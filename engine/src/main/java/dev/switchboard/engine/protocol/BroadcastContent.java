package dev.switchboard.engine.protocol;

import dev.switchboard.engine.model.WireVersion;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * What a broadcast carries. JSON goes as text to both wire versions, so that every Phoenix client understands it; raw
 * bytes go as a binary frame of kind 4, which version 1.0.0 does not have.
 */
public sealed interface BroadcastContent {
    /** The longest topic and event that a binary frame can name, in bytes of UTF-8. */
    int LONGEST_NAME = 255;

    /** The message's id, where it has one: whoever knows it has had the message. */
    Optional<String> id();

    /** @param payload the whole payload, a JSON object with {@code type}, {@code event} and {@code payload} */
    record Text(byte[] payload, Optional<String> id) implements BroadcastContent {
        public Text(byte[] payload) {
            this(payload, Optional.empty());
        }
    }

    /**
     * @param event    the user's event, at most {@link #LONGEST_NAME} bytes
     * @param id       a message id that goes along
     * @param replayed whether it was said before its receiver came
     */
    record Binary(String event, byte[] payload, Optional<String> id, boolean replayed) implements BroadcastContent {
        public Binary(String event, byte[] payload) {
            this(event, payload, Optional.empty(), false);
        }
    }

    /**
     * JSON under a user's event, as a channel's {@code send} makes it.
     *
     * @param json one valid JSON document in UTF-8
     * @param id   a message id that goes along as {@code meta.id}
     */
    static Text of(String event, byte[] json, Optional<String> id) {
        return of(event, json, id, false);
    }

    /** The same, told to who was not there when it was said: {@code meta.replayed} is true. */
    static Text replayed(String event, byte[] json, String id) {
        return of(event, json, Optional.of(id), true);
    }

    private static Text of(String event, byte[] json, Optional<String> id, boolean replayed) {
        var out = new JsonBytes(json.length + 64)
                .raw("{\"type\":\"broadcast\",\"event\":")
                .string(event)
                .raw(",\"payload\":")
                .raw(json);
        id.ifPresent(value -> out.raw(",\"meta\":").raw(meta(value, replayed)));
        return new Text(out.raw('}').toBytes(), id);
    }

    private static byte[] meta(String id, boolean replayed) {
        return new JsonBytes(64)
                .raw(replayed ? "{\"replayed\":true,\"id\":" : "{\"id\":")
                .string(id)
                .raw('}')
                .toBytes();
    }

    /** The frame for receivers of that version, where they can be told. */
    default Optional<Frame> frame(WireVersion version, String topic) {
        return frame(version, topic, Optional.empty());
    }

    /** The same for one channel alone, which knows it by the reference of its join. */
    default Optional<Frame> frame(WireVersion version, String topic, Optional<String> joinRef) {
        return switch (this) {
            case Text text -> Optional.of(text(version, topic, joinRef, text.payload()));
            case Binary binary -> version == WireVersion.V2 ? Optional.of(kind4(topic, binary)) : Optional.empty();
        };
    }

    /** Size of the content, roughly that of its frames. */
    default int size() {
        return switch (this) {
            case Text text -> text.payload().length;
            case Binary binary -> binary.payload().length;
        };
    }

    private static Frame text(WireVersion version, String topic, Optional<String> joinRef, byte[] payload) {
        var out = new JsonBytes(payload.length + topic.length() + 64);
        return Frame.text(
                switch (version) {
                    case V1 ->
                        out.raw("{\"topic\":")
                                .string(topic)
                                .raw(",\"event\":\"broadcast\",\"payload\":")
                                .raw(payload)
                                .raw(",\"ref\":null}")
                                .toBytes();
                    case V2 ->
                        out.raw('[')
                                .stringOrNull(joinRef.orElse(null))
                                .raw(",null,")
                                .string(topic)
                                .raw(",\"broadcast\",")
                                .raw(payload)
                                .raw(']')
                                .toBytes();
                });
    }

    /** kind, lengths of topic, event and metadata, encoding; then those, then the payload. */
    private static Frame kind4(String topic, Binary binary) {
        byte[] name = topic.getBytes(StandardCharsets.UTF_8);
        byte[] event = binary.event().getBytes(StandardCharsets.UTF_8);
        if (name.length > LONGEST_NAME || event.length > LONGEST_NAME) {
            throw new IllegalArgumentException("topic or event longer than " + LONGEST_NAME + " bytes: " + topic);
        }
        byte[] metadata = binary.id().map(id -> meta(id, binary.replayed())).orElse(new byte[0]);
        ByteBuffer frame =
                ByteBuffer.allocate(5 + name.length + event.length + metadata.length + binary.payload().length);
        frame.put(BinaryFrames.BROADCAST).put((byte) name.length).put((byte) event.length);
        frame.put((byte) metadata.length).put((byte) 0);
        return Frame.binary(
                frame.put(name).put(event).put(metadata).put(binary.payload()).array());
    }
}

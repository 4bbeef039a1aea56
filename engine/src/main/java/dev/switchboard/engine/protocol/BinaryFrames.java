package dev.switchboard.engine.protocol;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * Binary frames of a client, wire version 2.0.0. Kind 0 is Phoenix' push with raw bytes, kind 3 Supabase's broadcast.
 * All lengths are one unsigned byte; what follows the named parts is the payload. Anything whose lengths do not fit is no
 * message.
 */
final class BinaryFrames {
    static final byte PUSH = 0;
    static final byte BROADCAST_PUSH = 3;
    static final byte BROADCAST = 4;
    private static final int RAW = 0;
    private static final Json NOTHING = new Json.Fields(Map.of());

    private BinaryFrames() {}

    static Optional<ClientMessage> decode(byte[] frame) {
        if (frame.length == 0) {
            return Optional.empty();
        }
        return switch (frame[0]) {
            case PUSH -> push(frame);
            case BROADCAST_PUSH -> broadcast(frame);
            default -> Optional.empty();
        };
    }

    /** Four lengths: join_ref, ref, topic, event. No event takes raw bytes this way, so the payload is not looked at. */
    private static Optional<ClientMessage> push(byte[] frame) {
        return Parts.of(frame, 5, 4)
                .map(parts -> new ClientMessage.Push(
                        parts.text(2),
                        parts.reference(1),
                        parts.reference(0),
                        parts.text(3),
                        new Json.Fields(Map.of())));
    }

    /** Five lengths and the encoding: join_ref, ref, topic, user event, metadata. */
    private static Optional<ClientMessage> broadcast(byte[] frame) {
        return Parts.of(frame, 7, 5)
                .filter(parts -> parts.text(3).getBytes(StandardCharsets.UTF_8).length <= BroadcastContent.LONGEST_NAME)
                .map(parts -> broadcast(frame, parts));
    }

    private static ClientMessage broadcast(byte[] frame, Parts parts) {
        String event = parts.text(3);
        byte[] metadata = parts.bytes(4);
        Json wish = metadata.length == 0 ? NOTHING : Json.parse(metadata).orElse(Json.NULL);
        if (!(wish instanceof Json.Fields fields)) {
            return invalid(parts, "the metadata of broadcast '" + event + "' is no object");
        }
        byte[] payload = parts.rest();
        if (frame[6] == RAW) {
            return message(parts, new BroadcastContent.Binary(event, payload), fields);
        }
        return Json.isValid(payload)
                ? message(parts, BroadcastContent.of(event, payload, Optional.empty()), fields)
                : invalid(parts, "the payload of broadcast '" + event + "' is not JSON");
    }

    private static ClientMessage message(Parts parts, BroadcastContent content, Json.Fields wish) {
        return ClientMessage.Broadcast.of(parts.text(2), parts.reference(1), parts.reference(0), content, wish);
    }

    private static ClientMessage invalid(Parts parts, String reason) {
        return new ClientMessage.Invalid(
                parts.text(2), parts.reference(1), parts.reference(0), ErrorCode.INVALID_PAYLOAD, reason);
    }

    /** A frame cut into its named parts. */
    private record Parts(byte[] frame, int[] starts) {
        /**
         * @param header where the first part starts
         * @param count  of the parts, whose lengths follow the kind
         */
        static Optional<Parts> of(byte[] frame, int header, int count) {
            if (frame.length < header) {
                return Optional.empty();
            }
            int[] starts = new int[count + 1];
            starts[0] = header;
            for (int i = 0; i < count; i++) {
                starts[i + 1] = starts[i] + Byte.toUnsignedInt(frame[1 + i]);
            }
            return starts[count] <= frame.length ? Optional.of(new Parts(frame, starts)) : Optional.empty();
        }

        byte[] bytes(int part) {
            return Arrays.copyOfRange(frame, starts[part], starts[part + 1]);
        }

        byte[] rest() {
            return Arrays.copyOfRange(frame, starts[starts.length - 1], frame.length);
        }

        /** UTF-8; older clients write Latin-1, which is read as such where it is no UTF-8. */
        String text(int part) {
            byte[] bytes = bytes(part);
            try {
                return StandardCharsets.UTF_8
                        .newDecoder()
                        .decode(ByteBuffer.wrap(bytes))
                        .toString();
            } catch (CharacterCodingException older) {
                return new String(bytes, StandardCharsets.ISO_8859_1);
            }
        }

        Optional<String> reference(int part) {
            return Optional.of(text(part)).filter(text -> !text.isEmpty());
        }
    }
}

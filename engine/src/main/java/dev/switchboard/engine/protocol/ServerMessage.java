package dev.switchboard.engine.protocol;

import dev.switchboard.engine.model.WireVersion;
import java.util.List;
import java.util.Optional;

/** What the server says on a channel; {@link #encode} makes the frame of either wire version. */
public sealed interface ServerMessage {
    /** The reply to a join that succeeded: the bindings echoed in order, each with its id. */
    record Joined(
            Optional<String> joinRef, Optional<String> ref, String topic, List<Binding> bindings, List<Integer> ids)
            implements ServerMessage {
        public Joined {
            bindings = List.copyOf(bindings);
            ids = List.copyOf(ids);
        }
    }

    record Ok(Optional<String> joinRef, Optional<String> ref, String topic) implements ServerMessage {}

    record Refused(Optional<String> joinRef, Optional<String> ref, String topic, String reason)
            implements ServerMessage {}

    /** @param extension who speaks: {@code postgres_changes} or {@code system} */
    record Notice(Optional<String> joinRef, String topic, String extension, Status status, String message)
            implements ServerMessage {}

    /** The presence of a channel on which nobody can be present yet. */
    record NobodyPresent(Optional<String> joinRef, String topic) implements ServerMessage {}

    /** The channel has failed; the client joins again by itself. */
    record Failed(Optional<String> joinRef, String topic) implements ServerMessage {}

    /** The channel is closed; the client does not come back by itself. */
    record Closed(Optional<String> joinRef, String topic) implements ServerMessage {}

    enum Status {
        OK,
        ERROR;

        String word() {
            return this == OK ? "ok" : "error";
        }
    }

    /** The prefix of every topic. */
    String TOPIC_PREFIX = "realtime:";

    /** The frame of this message. */
    default Frame encode(WireVersion version) {
        return switch (this) {
            case Joined joined ->
                envelope(version, joined.joinRef(), joined.ref(), joined.topic(), "phx_reply", echoes(joined));
            case Ok ok ->
                envelope(
                        version,
                        ok.joinRef(),
                        ok.ref(),
                        ok.topic(),
                        "phx_reply",
                        "{\"status\":\"ok\",\"response\":{}}");
            case Refused refused ->
                envelope(version, refused.joinRef(), refused.ref(), refused.topic(), "phx_reply", reason(refused));
            case Notice notice ->
                envelope(version, notice.joinRef(), Optional.empty(), notice.topic(), "system", payload(notice));
            case NobodyPresent nobody ->
                envelope(version, nobody.joinRef(), Optional.empty(), nobody.topic(), "presence_state", "{}");
            case Failed failed ->
                envelope(version, failed.joinRef(), failed.joinRef(), failed.topic(), "phx_error", "{}");
            case Closed closed ->
                envelope(version, closed.joinRef(), closed.joinRef(), closed.topic(), "phx_close", "{}");
        };
    }

    private static String echoes(Joined joined) {
        var out = new JsonBytes().raw("{\"status\":\"ok\",\"response\":{\"postgres_changes\":[");
        for (int i = 0; i < joined.bindings().size(); i++) {
            joined.bindings()
                    .get(i)
                    .echo(out.raw(i == 0 ? "" : ","), joined.ids().get(i));
        }
        return out.raw("]}}").toString();
    }

    private static String reason(Refused refused) {
        return new JsonBytes()
                .raw("{\"status\":\"error\",\"response\":{\"reason\":")
                .string(refused.reason())
                .raw("}}")
                .toString();
    }

    private static String payload(Notice notice) {
        return new JsonBytes()
                .raw("{\"extension\":")
                .string(notice.extension())
                .raw(",\"status\":")
                .string(notice.status().word())
                .raw(",\"message\":")
                .string(notice.message())
                .raw(",\"channel\":")
                .string(notice.topic().substring(TOPIC_PREFIX.length()))
                .raw('}')
                .toString();
    }

    private static Frame envelope(
            WireVersion version,
            Optional<String> joinRef,
            Optional<String> ref,
            String topic,
            String event,
            String payload) {
        var out = new JsonBytes();
        switch (version) {
            case V1 ->
                out.raw("{\"topic\":")
                        .string(topic)
                        .raw(",\"event\":")
                        .string(event)
                        .raw(",\"payload\":")
                        .raw(payload)
                        .raw(",\"ref\":")
                        .stringOrNull(ref.orElse(null))
                        .raw('}');
            case V2 ->
                out.raw('[')
                        .stringOrNull(joinRef.orElse(null))
                        .raw(',')
                        .stringOrNull(ref.orElse(null))
                        .raw(',')
                        .string(topic)
                        .raw(',')
                        .string(event)
                        .raw(',')
                        .raw(payload)
                        .raw(']');
        }
        return new Frame(out.toBytes());
    }
}

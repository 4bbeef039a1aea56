package dev.switchboard.engine.protocol;

import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.presence.PresenceDiff;
import dev.switchboard.engine.presence.PresenceMeta;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What the server says on a channel; {@link #encode} makes the frame of either wire version. */
public sealed interface ServerMessage {
    /**
     * The reply to a join that succeeded: the bindings echoed in order, each with its id.
     *
     * @param place where the channel goes on, if it asked for that
     * @param live  whether a query is kept for it
     */
    record Joined(
            Optional<String> joinRef,
            Optional<String> ref,
            String topic,
            List<Binding> bindings,
            List<Integer> ids,
            Optional<Place> place,
            boolean live)
            implements ServerMessage {
        public Joined {
            bindings = List.copyOf(bindings);
            ids = List.copyOf(ids);
        }

        public Joined(
                Optional<String> joinRef,
                Optional<String> ref,
                String topic,
                List<Binding> bindings,
                List<Integer> ids) {
            this(joinRef, ref, topic, bindings, ids, Optional.empty(), false);
        }
    }

    /**
     * Where a channel goes on.
     *
     * @param since   with which it can be joined again, with the position added up to which it was told everything
     * @param resumed whether it goes on where it was told before; what it missed follows
     * @param resync  why it does not, though it was to: it begins now
     */
    record Place(String since, boolean resumed, Optional<ErrorCode> resync) {}

    record Ok(Optional<String> joinRef, Optional<String> ref, String topic) implements ServerMessage {}

    /**
     * The answer to a heartbeat that asks how current the server is.
     *
     * @param behind how long ago everything that had been committed is known to have been delivered; empty: not known yet
     * @param told   all channels of the connection that are not being told of what they missed have been told everything before it
     */
    record Alive(Optional<String> ref, String topic, Optional<Duration> behind, Optional<Position> told)
            implements ServerMessage {}

    /** @param join whether it is a join that is refused; whoever sent something else reads {@code error} too */
    record Refused(Optional<String> joinRef, Optional<String> ref, String topic, String reason, boolean join)
            implements ServerMessage {}

    /** @param extension who speaks: {@code postgres_changes} or {@code system} */
    record Notice(Optional<String> joinRef, String topic, String extension, Status status, String message)
            implements ServerMessage {}

    /**
     * What has become of a query's answer (SPEC I2).
     *
     * @param payload as JSON
     */
    record Live(Optional<String> joinRef, String topic, String payload) implements ServerMessage {}

    /** Everyone who is present, told once to a channel; diffs follow. */
    record PresenceState(Optional<String> joinRef, String topic, Map<String, List<PresenceMeta>> present)
            implements ServerMessage {}

    /** Who came and who went. */
    record PresenceChange(String topic, PresenceDiff diff) implements ServerMessage {}

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
            case Alive alive ->
                envelope(version, Optional.empty(), alive.ref(), alive.topic(), "phx_reply", proof(alive));
            case Refused refused ->
                envelope(version, refused.joinRef(), refused.ref(), refused.topic(), "phx_reply", reason(refused));
            case Notice notice ->
                envelope(version, notice.joinRef(), Optional.empty(), notice.topic(), "system", payload(notice));
            case Live live -> envelope(version, live.joinRef(), Optional.empty(), live.topic(), "live", live.payload());
            case PresenceState state ->
                envelope(
                        version,
                        state.joinRef(),
                        Optional.empty(),
                        state.topic(),
                        "presence_state",
                        presences(new JsonBytes(), state.present()).toString());
            case PresenceChange change ->
                envelope(version, Optional.empty(), Optional.empty(), change.topic(), "presence_diff", diff(change));
            case Failed failed ->
                envelope(version, failed.joinRef(), failed.joinRef(), failed.topic(), "phx_error", "{}");
            case Closed closed ->
                envelope(version, closed.joinRef(), closed.joinRef(), closed.topic(), "phx_close", "{}");
        };
    }

    private static String proof(Alive alive) {
        String response = Stream.concat(
                        alive.behind().map(behind -> "\"behind_ms\":" + behind.toMillis()).stream(),
                        alive.told().map(told -> "\"position\":\"" + told + '"').stream())
                .collect(Collectors.joining(","));
        return "{\"status\":\"ok\",\"response\":{" + response + "}}";
    }

    private static String echoes(Joined joined) {
        var out = new JsonBytes().raw("{\"status\":\"ok\",\"response\":{\"postgres_changes\":[");
        for (int i = 0; i < joined.bindings().size(); i++) {
            joined.bindings()
                    .get(i)
                    .echo(out.raw(i == 0 ? "" : ","), joined.ids().get(i));
        }
        out.raw(']');
        String own = Stream.concat(
                        joined.place().map(ServerMessage::place).stream(),
                        joined.live() ? Stream.of("\"live\":true") : Stream.empty())
                .collect(Collectors.joining(","));
        out.raw(own.isEmpty() ? "" : ",\"switchboard\":{" + own + '}');
        return out.raw("}}").toString();
    }

    private static String place(Place place) {
        var out = new JsonBytes()
                .raw("\"since\":")
                .string(place.since())
                .raw(",\"resumed\":")
                .raw(Boolean.toString(place.resumed()));
        place.resync().ifPresent(why -> out.raw(",\"resync\":").string(why.reason()));
        return out.toString();
    }

    private static String reason(Refused refused) {
        var out = new JsonBytes()
                .raw("{\"status\":\"error\",\"response\":{\"reason\":")
                .string(refused.reason());
        if (!refused.join()) {
            out.raw(",\"error\":").string(refused.reason());
        }
        return out.raw("}}").toString();
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

    private static String diff(PresenceChange change) {
        var out = new JsonBytes().raw("{\"joins\":");
        presences(out, change.diff().joins()).raw(",\"leaves\":");
        return presences(out, change.diff().leaves()).raw('}').toString();
    }

    private static JsonBytes presences(JsonBytes out, Map<String, List<PresenceMeta>> presences) {
        out.raw('{');
        String separator = "";
        for (var entry : presences.entrySet()) {
            out.raw(separator).string(entry.getKey()).raw(":{\"metas\":[");
            for (int i = 0; i < entry.getValue().size(); i++) {
                meta(i == 0 ? out : out.raw(','), entry.getValue().get(i));
            }
            out.raw("]}");
            separator = ",";
        }
        return out.raw('}');
    }

    private static void meta(JsonBytes out, PresenceMeta meta) {
        out.raw("{\"phx_ref\":").string(meta.ref());
        meta.previousRef().ifPresent(ref -> out.raw(",\"phx_ref_prev\":").string(ref));
        if (!meta.members().isEmpty()) {
            out.raw(',').raw(meta.members());
        }
        out.raw('}');
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
        return Frame.text(out.toBytes());
    }
}

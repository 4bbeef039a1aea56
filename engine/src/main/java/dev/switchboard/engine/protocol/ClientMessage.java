package dev.switchboard.engine.protocol;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** What a client says on the socket, in either wire version. */
public sealed interface ClientMessage {
    String topic();

    Optional<String> ref();

    Optional<String> joinRef();

    /**
     * phx_join.
     *
     * @param token     {@code access_token} of the payload, where it is a JWT
     * @param malformed whether something among the bindings is none; it is not among {@code bindings}
     */
    record Join(
            String topic,
            Optional<String> ref,
            Optional<String> joinRef,
            Optional<String> token,
            Options options,
            List<Binding> bindings,
            boolean malformed)
            implements ClientMessage {
        public Join {
            bindings = List.copyOf(bindings);
        }
    }

    /**
     * What a join asks of its channel.
     *
     * @param privateChannel whether policies decide who may be in the room
     * @param acknowledged   whether broadcasts are answered
     * @param self           whether the channel's own broadcasts come back to it
     * @param presence       whether it is told who is present
     * @param presenceKey    under which its own presence is listed; empty for one that the server makes up
     * @param waits          {@code postgres_changes_options.wait}: an invalid binding refuses the whole join
     * @param replay         what of the room's past it is told first
     * @param replicationReady whether it is told once what the database says reaches it
     * @param positions whether changes say where they stand, and where the channel goes on
     * @param live      a query whose answer is kept for it
     */
    record Options(
            boolean privateChannel,
            boolean acknowledged,
            boolean self,
            Presence presence,
            Optional<String> presenceKey,
            boolean waits,
            Replay replay,
            boolean replicationReady,
            Positions positions,
            Optional<LiveQuery> live) {}

    /**
     * Whether a channel is told where its changes stand in the stream, so that it can go on there when it comes back.
     *
     * @param since where it goes on, as it was told before; empty for one that begins
     */
    record Positions(boolean wanted, Optional<String> since) {
        public static final Positions NONE = new Positions(false, Optional.empty());
    }

    /** Whether a channel is told who is present. */
    enum Presence {
        TOLD,
        /** Once it is present itself. */
        TOLD_WHILE_PRESENT,
        NOT_TOLD
    }

    /** What of its room's past a join wants to be told. */
    sealed interface Replay {
        record None() implements Replay {}

        /**
         * @param since the first moment that is meant
         * @param limit the most messages, the latest ones, 1 to {@link #MOST}
         */
        record Wanted(Instant since, int limit) implements Replay {}

        /** Wanted, and nothing that can be understood. */
        record Malformed() implements Replay {}

        /** The most messages of one join. */
        int MOST = 25;
    }

    /**
     * That a broadcast is to be kept, so that who comes later can have it replayed.
     *
     * @param ttl for how long, where it is less than messages are kept
     */
    record Persistence(Optional<Duration> ttl) {
        private static final String MEMBER = "persist";

        /** Whether the member {@code persist} is there, and is not {@code false}. */
        public static boolean isWanted(Json.Fields fields) {
            return fields.get(MEMBER)
                    .filter(persist -> !persist.equals(new Json.Literal("false")))
                    .isPresent();
        }

        /** By its member {@code persist}: {@code true}, or an object with {@code ttl}, a number of seconds; empty for anything else. */
        private static Optional<Persistence> of(Json.Fields fields) {
            return fields.get(MEMBER).flatMap(persist -> switch (persist) {
                case Json.Literal(String text)
                when text.equals("true") -> Optional.of(new Persistence(Optional.empty()));
                case Json.Fields object ->
                    object.get("ttl")
                            .flatMap(
                                    ttl -> ttl instanceof Json.Literal(String text) ? seconds(text) : Optional.empty());
                default -> Optional.empty();
            });
        }

        /** For that number of seconds, 1 to 9,999,999; empty where it is none. */
        public static Optional<Persistence> seconds(String text) {
            return text.matches("[1-9]\\d{0,6}")
                    ? Optional.of(new Persistence(Optional.of(Duration.ofSeconds(Long.parseLong(text)))))
                    : Optional.empty();
        }
    }

    record Leave(String topic, Optional<String> ref, Optional<String> joinRef) implements ClientMessage {}

    /** Asks for a sign of life. */
    record Heartbeat(String topic, Optional<String> ref, Optional<String> joinRef) implements ClientMessage {}

    /** A heartbeat that also asks how current the server is: {@code behind: true} in its payload. */
    record CurrencyQuestion(String topic, Optional<String> ref, Optional<String> joinRef) implements ClientMessage {}

    record AccessToken(String topic, Optional<String> ref, Optional<String> joinRef, Optional<String> token)
            implements ClientMessage {}

    /**
     * A message for everyone in the room.
     *
     * @param persistence if it is to be kept
     */
    record Broadcast(
            String topic,
            Optional<String> ref,
            Optional<String> joinRef,
            BroadcastContent content,
            Optional<Persistence> persistence)
            implements ClientMessage {
        /**
         * One that is kept as a member of an object says.
         *
         * @param wish the object; without {@code persist} it is not kept
         * @return it, or {@link Invalid} where that cannot be understood
         */
        static ClientMessage of(
                String topic,
                Optional<String> ref,
                Optional<String> joinRef,
                BroadcastContent content,
                Json.Fields wish) {
            Optional<Persistence> persistence = Persistence.of(wish);
            return Persistence.isWanted(wish) && persistence.isEmpty()
                    ? new Invalid(
                            topic, ref, joinRef, ErrorCode.PERSISTENCE_INVALID, ErrorCode.PERSISTENCE_INVALID.message())
                    : new Broadcast(topic, ref, joinRef, content, persistence);
        }
    }

    /** Appears in the room, or shows something else than before. */
    record Track(String topic, Optional<String> ref, Optional<String> joinRef, Json.Fields payload)
            implements ClientMessage {}

    /** Disappears from the room, but stays joined. */
    record Untrack(String topic, Optional<String> ref, Optional<String> joinRef) implements ClientMessage {}

    /** An event that is known, with a payload that it cannot have. */
    record Invalid(String topic, Optional<String> ref, Optional<String> joinRef, ErrorCode code, String reason)
            implements ClientMessage {}

    /** Any other event. */
    record Push(String topic, Optional<String> ref, Optional<String> joinRef, String event, Json.Fields payload)
            implements ClientMessage {}
}

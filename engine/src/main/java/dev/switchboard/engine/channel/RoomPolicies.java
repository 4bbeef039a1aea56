package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.ClaimsGroup;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Port to what policies say of private rooms: those of {@code realtime.messages}, for SELECT of who hears, for INSERT of who speaks.
 * {@link #ask} blocks, and is called on virtual threads; nothing else does but for a moment.
 */
public interface RoomPolicies {
    /** Where there is nothing that says who may be in a private room: nobody may. */
    RoomPolicies NONE = (_, _) -> new Answer.Unsupported();

    Answer ask(Verb verb, Question question);

    /** What can be told of an earlier answer without asking. */
    default Known known(Verb verb, Question question) {
        return new Known.Nothing();
    }

    /** What the stream of changes tells, in its order: answers may hang on it. */
    default void passing(List<Batch> round) {}

    /** What changes the stream brings from now on; nothing that was known before holds by what it tells. */
    default void carried(List<String> publications) {}

    /**
     * Looks whether the policies are what they were; called about every second, and blocks.
     *
     * @param current whether the stream is
     */
    default void look(boolean current) {}

    /** What is known of an answer. */
    sealed interface Known {
        /**
         * It is this one still.
         *
         * @param asOf when that was certain
         */
        record Holds(Answer.Rights rights, Instant asOf) implements Known {}

        /** Something has changed that it hangs on: it is to be asked now. */
        record Over() implements Known {}

        /** The same, and others are asked about first. */
        record Later() implements Known {}

        /** Whether it holds cannot be told, since the stream is not current. */
        record Stale() implements Known {}

        /** There is none that could hold. */
        record Nothing() implements Known {}
    }

    /** What somebody wants in a room. */
    enum Verb {
        HEAR,
        SPEAK
    }

    /**
     * Who asks, and about which room.
     *
     * @param topic   without the prefix {@code realtime:}
     * @param headers of the handshake or the request that policies may read, in lower case
     */
    record Question(ClaimsGroup group, Optional<String> subject, String topic, Map<String, String> headers) {
        public Question {
            headers = Map.copyOf(headers);
        }
    }

    /** What is allowed. */
    sealed interface Answer {
        record Rights(boolean broadcast, boolean presence) implements Answer {
            public static final Rights NOTHING = new Rights(false, false);

            public boolean isNothing() {
                return !broadcast && !presence;
            }

            /** Whether everything is allowed still that was. */
            public boolean covers(Rights former) {
                return (broadcast || !former.broadcast) && (presence || !former.presence);
            }
        }

        /** The database has no such table. */
        record Unsupported() implements Answer {}

        /** It cannot be asked now. */
        record Unavailable() implements Answer {}
    }
}

package dev.switchboard.engine.channel;

import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.ClientMessage;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/** Port to what is kept of what is said in private rooms. Blocking; called on virtual threads. */
public interface RoomHistory {
    /** Where nothing is kept. */
    RoomHistory NONE = new RoomHistory() {
        @Override
        public Past past(RoomPolicies.Question who, ClientMessage.Replay.Wanted wanted, Set<Integer> said) {
            return new Past.Unavailable();
        }

        @Override
        public Outcome keep(RoomPolicies.Question who, Said said) {
            return Outcome.FAILED;
        }
    };

    /**
     * The latest messages of the room that are meant, of those that whoever asks may read.
     *
     * @param said low 32 bits of transactions whose messages have been told: what is given is of a moment at which all of
     *             them are visible
     */
    Past past(RoomPolicies.Question who, ClientMessage.Replay.Wanted wanted, Set<Integer> said);

    /** Keeps a message, which the stream then brings to the room as all that is kept. */
    Outcome keep(RoomPolicies.Question who, Said said);

    /** @param id that the message will have */
    record Said(UUID id, BroadcastContent content, ClientMessage.Persistence persistence) {}

    /** What was said before. */
    sealed interface Past {
        /** Bytes of it, roughly. */
        default int size() {
            return this instanceof Messages past
                    ? past.messages().stream().mapToInt(BroadcastContent::size).sum()
                    : 0;
        }

        /**
         * @param messages marked as replayed, each with its id, the oldest first
         * @param cut      whether earlier ones that are meant are left out, since all together are too large
         */
        record Messages(List<BroadcastContent> messages, boolean cut) implements Past {
            public Messages {
                messages = List.copyOf(messages);
            }
        }

        /** It cannot be asked now. */
        record Unavailable() implements Past {}
    }

    /** What became of a message that is to be kept. */
    enum Outcome {
        KEPT,
        /** Whoever said it may not. */
        DENIED,
        /** It is nothing that the table can hold. */
        INVALID,
        /** It is not known to be kept. */
        FAILED
    }
}

package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ServerMessage;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** What a channel asks of the pipeline. Calls return at once. */
public interface ChangeFeed {
    /**
     * Makes the subscriptions of a channel live. {@code answer} runs on the channel's event loop, after every frame that
     * was authorised before the subscriptions were there and before every frame of theirs.
     *
     * @param notices what there is to say of the whole channel later on, on its event loop
     */
    void open(Request request, Consumer<Answer> answer, Consumer<Notice> notices);

    /** Ends the subscriptions of a channel; an unknown one is no error. */
    void close(ChannelRef channel);

    /**
     * @param replaces the channel under its former claims, removed at the very place in the stream where the new one
     *                 begins
     * @param positions whether it wants to know where its changes stand, and where it goes on
     */
    record Request(
            ChannelRef channel,
            Claims claims,
            List<Wanted> wanted,
            Optional<ChannelRef> replaces,
            ClientMessage.Positions positions) {
        public Request {
            wanted = List.copyOf(wanted);
        }
    }

    /** A binding with the id that its client will know it by. */
    record Wanted(Binding binding, int id) {}

    /** What came of it. */
    sealed interface Answer {
        /**
         * Those that were not refused are live.
         *
         * @param hiding whether policies may hide rows of them from these claims
         * @param place  where it goes on, if it wanted to know
         * @param told   whether it will be told of whatever makes rows come or go, of bindings that want to know
         */
        record Live(List<Refusal> refusals, boolean hiding, Optional<ServerMessage.Place> place, boolean told)
                implements Answer {
            public Live {
                refusals = List.copyOf(refusals);
            }

            public Live(List<Refusal> refusals, boolean hiding) {
                this(refusals, hiding, Optional.empty(), true);
            }
        }

        /** PostgreSQL could not be asked; nothing is live. */
        record Unavailable() implements Answer {}
    }

    /** What is said of a channel in its order, after what it was told before. */
    enum Notice {
        /** To one that wanted positions: it has been told all that it had missed (SPEC H2). */
        CAUGHT_UP("Caught up"),
        /** Rows may have come into its sight or left it that nobody touched (SPEC A14). */
        RIGHTS_CHANGED("Rights changed");

        private final String text;

        Notice(String text) {
            this.text = text;
        }

        String text() {
            return text;
        }
    }

    /** @param message names the table and the cause */
    record Refusal(int id, String message) {
        static String messages(List<Refusal> refusals) {
            return String.join("; ", refusals.stream().map(Refusal::message).toList());
        }
    }
}

package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.state.CallState;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** What can be asked of a call that exists. Agents are named by their user's id. */
public sealed interface CallCommand {
    /** Into this queue. */
    record Enqueue(UUID queue) implements CallCommand {}

    /**
     * Lets it ring.
     *
     * @param agents at most {@link CallRules#MOST_OFFERED}; none: whoever of the queue (of the organization, without one) is
     *               available, at most {@link CallRules#MOST_CHOSEN}
     */
    record Offer(List<UUID> agents) implements CallCommand {
        public Offer {
            agents = List.copyOf(agents);
        }
    }

    /** Offers it to whoever of its queue is available, if it waits; nothing, if it does not. */
    record Route() implements CallCommand {}

    /**
     * Who waits is called back when it is their turn; they may hang up meanwhile.
     *
     * @param number E.164; by default the one they call from
     */
    record RequestCallback(Optional<String> number) implements CallCommand {}

    /** The agent calls the customer. */
    record Dial(UUID agent) implements CallCommand {}

    record Decline(UUID agent) implements CallCommand {}

    /** Takes a ringing call for the length of a lease; one winner. */
    record Claim(UUID agent) implements CallCommand {}

    /**
     * The agent's leg is connected; where nobody has claimed the call, that is its claim.
     *
     * @param number what colleagues see of the caller; by default the customer's number
     */
    record Start(UUID agent, Optional<String> number) implements CallCommand {}

    /**
     * The provider says that the agent talks with the customer. Nobody has claimed the call: it is theirs, also if it does
     * not ring at them any more.
     */
    record Connected(UUID agent) implements CallCommand {}

    /**
     * The provider says after the call's end that the agent had answered before it.
     *
     * @param at when; the end itself where only that is known
     */
    record AnswerHeard(UUID agent, Instant at) implements CallCommand {}

    /** The agent's leg could not be connected. */
    record LegFailed(UUID agent) implements CallCommand {}

    /** The connected leg of who has the call ended, on a line: they hung up, or their browser is loaded anew. */
    record LegLost(UUID agent) implements CallCommand {}

    /**
     * By now their socket has told.
     *
     * @param away whether it was gone too: then they come back, and are rung at again
     */
    record LegGone(UUID agent, boolean away) implements CallCommand {}

    /** The agent has the call, and no leg on it any more. */
    record Strand(UUID agent) implements CallCommand {}

    record Hold() implements CallCommand {}

    record Unhold() implements CallCommand {}

    record Mute(boolean muted) implements CallCommand {}

    /**
     * Puts it aside for any colleague.
     *
     * @param slot by default the lowest free one
     */
    record Park(Optional<Integer> slot, Optional<String> comment, Duration timeout) implements CallCommand {}

    record Unpark(UUID agent) implements CallCommand {}

    /** How a call changes hands. */
    enum TransferKind {
        BLIND,
        /** The agents talk before. */
        ATTENDED
    }

    /** @param force also where they are busy */
    record Transfer(TransferKind kind, UUID to, boolean force) implements CallCommand {}

    record TransferToQueue(UUID queue) implements CallCommand {}

    record CompleteTransfer() implements CallCommand {}

    record CancelTransfer() implements CallCommand {}

    /** How a supervisor is on a call. */
    enum Monitoring {
        /** Hears both sides. */
        LISTEN,
        /** The agent hears them too. */
        WHISPER,
        /** Both sides hear them too. */
        BARGE
    }

    /** A supervisor's phone is put on the call. */
    record Monitor(UUID supervisor, Monitoring how) implements CallCommand {}

    /** Ends it from our side. */
    record End(Optional<String> reason) implements CallCommand {}

    /** The customer hung up. */
    record HangUp() implements CallCommand {}

    /** The provider says how the customer's leg ended before an answer. */
    record Fail(CallState.Terminal outcome) implements CallCommand {}

    /** It came in while its queue takes no calls: it is over, and whoever called is told why. */
    record Closed() implements CallCommand {}

    /** It is the same as another call. */
    record Discard() implements CallCommand {}

    /** Whatever its state waits for did not come in time; nothing, where the time is not over. */
    record TimeOut() implements CallCommand {}

    /** It rings nowhere any more, because those at whom it rang are busy or gone. */
    record Settle() implements CallCommand {}

    /** What the call was about; ends the agent's wrap-up. */
    record WrapUp(Optional<String> code) implements CallCommand {}
}

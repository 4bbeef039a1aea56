package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.command.Effect.Reason;
import dev.switchboard.callcenter.command.Effect.RingEvent;
import dev.switchboard.callcenter.state.CallEvent;
import dev.switchboard.callcenter.state.CallState.Live;
import dev.switchboard.callcenter.state.CallState.Terminal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What each command does to a call (DOMAIN 4.2 to 4.4, SPEC part L): from a situation to a decision. The call's row is the
 * authority; agents, cards and announcements follow from the same decision, and are written with it.
 */
public final class CallRules {
    /** How long a claim holds until the agent's leg is connected. */
    public static final Duration LEASE = Duration.ofSeconds(10);
    /** How long a call rings where no queue says otherwise. */
    public static final Duration RING = Duration.ofSeconds(20);
    /** How long an outbound call may ring at the customer. */
    public static final Duration DIAL = Duration.ofSeconds(60);
    /** How long a parked call waits for its parker, once that was not there. */
    public static final Duration PARKED_ON = Duration.ofSeconds(60);
    /** Agents that are chosen for an offer: what one Dial of TwiML takes. */
    public static final int MOST_CHOSEN = 10;
    /** Agents that an offer can name. */
    public static final int MOST_OFFERED = 200;

    /** Within it, a browser's socket has told that it is gone. */
    public static final Duration GONE_IS_NOTICED = Duration.ofSeconds(2);
    /** Within it, a browser that is loaded anew has registered its phone again. */
    public static final Duration REJOINED = Duration.ofSeconds(30);
    /** So long who is to be called back keeps their place. */
    public static final Duration CALLBACK_WAITS = Duration.ofHours(4);
    /** So long after its begin a call without a queue waits for somebody to be free. */
    public static final Duration WAITS_WITHOUT_QUEUE = Duration.ofMinutes(10);

    /** So long at most an agent writes who has to say what the call was about. */
    public static final Duration CODE_IS_AWAITED = Duration.ofHours(1);

    private final Situation it;
    private final Call call;

    private CallRules(Situation situation) {
        this.it = situation;
        this.call = situation.call();
    }

    /** The decision; nothing is changed by it. */
    public static Decision decide(Situation situation, CallCommand command) {
        return new CallRules(situation).decide(command);
    }

    private Decision decide(CallCommand command) {
        if (it.actor() instanceof Actor.User && !it.actor().may("calls.handle")) {
            return Standing.notPermitted("handle calls");
        }
        if (call.state() instanceof Terminal && !(command instanceof CallCommand.WrapUp)) {
            return afterItsEnd(command);
        }
        return switch (command) {
            case CallCommand.Enqueue _ -> new Waiting(it).enqueue();
            case CallCommand.Offer(List<UUID> agents) -> new Waiting(it).offer(agents);
            case CallCommand.Route _ -> new Waiting(it).route();
            case CallCommand.RequestCallback(Optional<String> number) -> new Waiting(it).requestCallback(number);
            case CallCommand.Dial(UUID agent) -> new Taking(it).dial(agent);
            case CallCommand.Decline(UUID agent) -> new Waiting(it).decline(agent);
            case CallCommand.Claim(UUID agent) -> new Taking(it).claim(agent);
            case CallCommand.Start(UUID agent, Optional<String> number) -> new Taking(it).start(agent, number);
            case CallCommand.Connected(UUID agent) -> new Taking(it).connected(agent);
            case CallCommand.LegFailed(UUID agent) -> new Taking(it).legFailed(agent);
            case CallCommand.AnswerHeard _ -> new Decision.Unchanged(); // it lives: its start is told as one
            case CallCommand.LegLost(UUID agent) -> new Holding(it).legLost(agent);
            case CallCommand.LegGone(UUID agent, boolean away) -> new Holding(it).legGone(agent, away);
            case CallCommand.Strand(UUID agent) -> new HandingOver(it).stranded(agent);
            case CallCommand.Hold _ -> new Holding(it).hold();
            case CallCommand.Unhold _ -> new Holding(it).unhold();
            case CallCommand.Mute(boolean muted) -> new Holding(it).mute(muted);
            case CallCommand.Park park -> new Holding(it).park(park);
            case CallCommand.Unpark(UUID agent) -> new Taking(it).unpark(agent);
            case CallCommand.Transfer transfer -> new HandingOver(it).transfer(transfer);
            case CallCommand.TransferToQueue _ -> new HandingOver(it).requeue();
            case CallCommand.CompleteTransfer _ -> new HandingOver(it).completeTransfer();
            case CallCommand.CancelTransfer _ -> new HandingOver(it).cancelTransfer();
            case CallCommand.Monitor monitor -> new Holding(it).monitor(monitor);
            case CallCommand.End(Optional<String> reason) -> new Ending(it).end(reason);
            case CallCommand.HangUp _ -> new Ending(it).hangUp();
            case CallCommand.Fail(Terminal outcome) -> new Ending(it).fail(outcome);
            case CallCommand.Closed _ -> new Ending(it).closed();
            case CallCommand.Discard _ ->
                new Ending(it)
                        .finish(CallEvent.VOID, Terminal.VOIDED, "voided", Reason.ENDED)
                        .done();
            case CallCommand.TimeOut _ -> timeOut();
            case CallCommand.Settle _ -> new Waiting(it).settle();
            case CallCommand.WrapUp(Optional<String> code) -> new Ending(it).wrapUp(code);
        };
    }

    /** The same once more, or too late: neither changes anything. */
    private Decision afterItsEnd(CallCommand command) {
        return switch (command) {
            case CallCommand.AnswerHeard(UUID agent, Instant at) -> new Ending(it).answerHeard(agent, at);
            case CallCommand.End _,
                    CallCommand.HangUp _,
                    CallCommand.Fail _,
                    CallCommand.Closed _,
                    CallCommand.Discard _,
                    CallCommand.TimeOut _,
                    CallCommand.Settle _,
                    CallCommand.Route _,
                    CallCommand.LegFailed _,
                    CallCommand.Strand _,
                    CallCommand.LegLost _,
                    CallCommand.LegGone _,
                    CallCommand.Decline _ -> new Decision.Unchanged();
            default ->
                Decision.refused(
                        Refusal.CALL_OVER, "The call is over: " + call.state().wire());
        };
    }

    private Decision timeOut() {
        if (call.due().isEmpty() || it.now().isBefore(call.due().get())) {
            return new Decision.Unchanged();
        }
        return switch ((Live) call.state()) {
            case RINGING ->
                it.ringing().isEmpty()
                        ? new Waiting(it).settle()
                        : new Waiting(it)
                                .noLongerAt(CallEvent.RING_TIMEOUT, RingEvent.MISSED, it.ringing(), Reason.TIMEOUT)
                                .done();
            case QUEUED -> new Waiting(it).waitTimedOut();
            case CLAIMED -> new Taking(it).leaseExpired();
            case PARKED -> new Holding(it).parkTimedOut();
            case TRANSFERRING ->
                new HandingOver(it).transferFailed(Reason.TIMEOUT).done();
            case NEW ->
                new Ending(it)
                        .finish(CallEvent.WAIT_TIMEOUT, Terminal.MISSED, "timeout", Reason.TIMEOUT)
                        .done();
            case ACTIVE, HELD ->
                call.lostLeg().filter(Call.LostLeg::asked).isPresent()
                        ? new HandingOver(it).stranded(call.claimedBy().orElseThrow())
                        : new Decision.Unchanged(); // their socket tells
        };
    }
}

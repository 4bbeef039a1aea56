package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.command.Agent.Hand;
import dev.switchboard.callcenter.command.Effect.Instruction;
import dev.switchboard.callcenter.command.Effect.Outcome;
import dev.switchboard.callcenter.command.Effect.Reason;
import dev.switchboard.callcenter.command.Effect.RingEvent;
import dev.switchboard.callcenter.command.Effect.Segment;
import dev.switchboard.callcenter.command.Situation.Row;
import dev.switchboard.callcenter.state.CallEvent;
import dev.switchboard.callcenter.state.CallState.Live;
import dev.switchboard.callcenter.state.CallState.Terminal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** A call that somebody takes: claims and their leases, the start, a call out, one taken from its slot. */
final class Taking {
    private final Situation it;
    private final Call call;
    private final Instant now;
    private final Standing standing;

    Taking(Situation situation) {
        this.it = situation;
        this.call = situation.call();
        this.now = situation.now();
        this.standing = new Standing(situation);
    }

    Decision claim(UUID agent) {
        return hindered(agent, "claimed")
                .orElseGet(() -> call.state() == Live.TRANSFERRING
                        ? new HandingOver(it)
                                .acceptTransfer(agent, Optional.empty())
                                .done()
                        : leased(
                                        taken(new Change(it).to(CallEvent.CLAIM, Live.CLAIMED), agent),
                                        agent,
                                        call.dialsOut() ? CallRules.DIAL : CallRules.LEASE)
                                .done());
    }

    /** Why not, or that it is so already; empty where the agent takes the ringing call now. */
    private Optional<Decision> hindered(UUID agent, String what) {
        Optional<Decision> stranger = standing.refuseStranger(agent);
        if (stranger.isPresent()) {
            return stranger;
        }
        boolean handedOver = call.state() == Live.TRANSFERRING && it.ringsAt(agent);
        if (call.isOwned() && !handedOver) {
            return Optional.of(standing.ownedAlready(agent));
        }
        if (!it.ringsAt(agent)) {
            return Optional.of(call.state() == Live.RINGING ? standing.notOffered(agent) : standing.wrongState(what));
        }
        return standing.refuseUnfit(agent);
    }

    /** All cards clear at once, also the winner's own: from here on calls.claimed_by says whose it is. */
    Change taken(Change change, UUID agent) {
        List<UUID> others =
                it.ringing().stream().filter(user -> !user.equals(agent)).toList();
        change.with(new Effect.CloseSegments(List.of()))
                .clearCards()
                .busy(agent, Hand.TALKING)
                .set(CallColumn.CLAIMED_BY, agent)
                .forgetMissed()
                .announce(RingEvent.RING_CANCEL, Optional.of(agent), Reason.ANSWERED_ELSEWHERE);
        return others.isEmpty()
                ? change
                : change.tell(Instruction.STOP_RINGING, Map.of("agents", Standing.joined(others)));
    }

    Decision dial(UUID agent) {
        return standing.refuseStranger(agent)
                .or(() -> call.state() == Live.NEW ? Optional.empty() : Optional.of(standing.wrongState("dialled")))
                .or(() -> standing.refuseUnfit(agent))
                .orElseGet(() -> new Change(it)
                        .to(CallEvent.DIAL, Live.CLAIMED)
                        .set(CallColumn.CLAIMED_BY, agent)
                        .set(CallColumn.CLAIMED_AT, now)
                        .due(now.plus(CallRules.DIAL))
                        .busy(agent, Hand.TALKING)
                        .tell(Instruction.DIAL, Map.of("agent", agent.toString(), "to", call.number()))
                        .done());
    }

    Change leased(Change change, UUID agent, Duration lease) {
        return change.set(CallColumn.CLAIMED_AT, now)
                .set(CallColumn.CLAIM_EXPIRES_AT, now.plus(lease))
                .due(now.plus(lease))
                .tell(Instruction.CONNECT, Map.of("agent", agent.toString()));
    }

    Decision start(UUID agent, Optional<String> number) {
        if (Standing.tooLong(number)) {
            return Decision.refused(
                    Refusal.INVALID_REQUEST, "phoneNumber is longer than " + Standing.LONGEST_TEXT + " characters");
        }
        if (call.state() == Live.CLAIMED
                && standing.holds(agent)
                && standing.refuseStranger(agent).isEmpty()) {
            return talking(new Change(it).to(CallEvent.START, Live.ACTIVE), agent, number)
                    .busy(agent, Hand.TALKING)
                    .done();
        }

        boolean inHand = call.state() == Live.ACTIVE || call.state() == Live.HELD;
        if (inHand && call.lostLeg().isPresent() && standing.holds(agent)) {
            return new Holding(it).rejoined();
        }
        return hindered(agent, "started").orElseGet(() -> {
            if (call.state() == Live.TRANSFERRING) {
                return new HandingOver(it).acceptTransfer(agent, number).done();
            }
            Change change = taken(new Change(it).to(CallEvent.START, Live.ACTIVE), agent)
                    .set(CallColumn.CLAIMED_AT, now);
            return talking(change, agent, number).done();
        });
    }

    Decision connected(UUID agent) {
        boolean unclaimed = call.state() == Live.NEW || call.state() == Live.QUEUED || call.state() == Live.RINGING;
        if (!unclaimed || call.dialsOut() || it.ringsAt(agent)) {
            return start(agent, Optional.empty());
        }
        return standing.refuseStranger(agent)
                .or(() -> standing.refuseUnfit(agent))
                .orElseGet(() -> {
                    Change change = taken(new Change(it).to(CallEvent.START, Live.ACTIVE), agent)
                            .set(CallColumn.CLAIMED_AT, now);
                    return talking(change, agent, Optional.empty()).done();
                });
    }

    Change talking(Change change, UUID agent, Optional<String> number) {
        if (!call.isAnswered()) {
            change.set(CallColumn.ANSWERED_AT, now).set(CallColumn.WAIT_S, call.waitedUntil(now));
            if (call.queue().filter(Call.Queue::record).isPresent()) {
                change.tell(Instruction.RECORD, Map.of());
            }
            if (call.queue().filter(Call.Queue::transcribe).isPresent()) {
                change.tell(Instruction.TRANSCRIBE, Map.of());
            }
        }

        if (call.lostLeg().isPresent()) { // of who had it before
            change.set(CallColumn.REJOIN_ASKED, false).clear(CallColumn.LEG_LOST_AT);
        }
        return change.set(CallColumn.ANSWERED_BY, agent)
                .clear(CallColumn.CLAIM_EXPIRES_AT, CallColumn.DUE_AT)
                .with(new Effect.CloseVisit(Outcome.ANSWERED))
                .with(new Effect.SetRow(agent, Row.ACTIVE))
                .with(new Effect.OpenSegments(List.of(agent), Segment.TALK))
                .shows(agent, number.orElse(call.number()), now)
                .announce(RingEvent.ANSWERED, Optional.of(agent));
    }

    Decision legFailed(UUID agent) {
        if (call.state() == Live.CLAIMED && standing.holds(agent)) {
            return leaseExpired();
        }
        if (it.ringsAt(agent) || it.rows().get(agent) == Row.CONSULTING) {
            return call.state() == Live.TRANSFERRING
                    ? new HandingOver(it).transferFailed(Reason.TIMEOUT).done()
                    : new Waiting(it)
                            .noLongerAt(CallEvent.DECLINE, RingEvent.MISSED, List.of(agent), Reason.TIMEOUT)
                            .done();
        }
        return new Decision.Unchanged();
    }

    /** The agent's leg never came: the others are offered it. */
    Decision leaseExpired() {
        UUID late = call.claimedBy().orElseThrow();
        var change = new Change(it)
                .missedBy(List.of(late))
                .free(late)
                .clear(CallColumn.CLAIMED_BY, CallColumn.CLAIM_EXPIRES_AT)
                .announce(RingEvent.MISSED, Optional.of(late))
                .tell(Instruction.STOP_RINGING, Map.of("agents", late.toString()));
        boolean called = call.outbound()
                || call.callback().filter(Call.Callback::dialled).isPresent();
        if (called && !call.isAnswered()) {
            return new Ending(it)
                    .finish(change, CallEvent.LEASE_EXPIRED, Terminal.NO_ANSWER, "timeout", Reason.TIMEOUT)
                    .done();
        }
        List<UUID> others = it.candidates().stream()
                .filter(user -> !user.equals(late) && standing.isEligible(user))
                .limit(CallRules.MOST_CHOSEN)
                .toList();
        if (call.isAnswered()) { // it waits once more
            change.set(CallColumn.QUEUED_AT, now)
                    .with(new Effect.OpenVisit(call.queue().map(Call.Queue::id)));
        }
        if (!others.isEmpty()) {
            return new Waiting(it)
                    .ringAt(change.to(CallEvent.LEASE_EXPIRED, Live.RINGING), others)
                    .done();
        }
        var waiting = new Waiting(it);
        return (call.isAnswered()
                        ? waiting.unanswered(change, CallEvent.LEASE_EXPIRED, Reason.TIMEOUT, now)
                        : waiting.unanswered(change, CallEvent.LEASE_EXPIRED, Reason.TIMEOUT))
                .done();
    }

    Decision unpark(UUID agent) {
        return standing.refuseStranger(agent)
                .or(() -> call.isOwned() ? Optional.of(standing.ownedAlready(agent)) : Optional.empty())
                .or(() -> call.state() == Live.PARKED
                        ? Optional.empty()
                        : Optional.of(standing.wrongState("taken from its slot")))
                .or(() -> standing.refuseUnfit(agent))
                .orElseGet(() -> leased(
                                new Change(it)
                                        .to(CallEvent.UNPARK, Live.CLAIMED)
                                        .set(CallColumn.CLAIMED_BY, agent)
                                        .with(new Effect.UnparkRow())
                                        .busy(agent, Hand.TALKING)
                                        .forgetMissed()
                                        .announce(RingEvent.UNPARKED, Optional.of(agent)),
                                agent,
                                CallRules.LEASE)
                        .done());
    }
}

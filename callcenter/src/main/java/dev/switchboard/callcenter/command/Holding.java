package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.command.Agent.Hand;
import dev.switchboard.callcenter.command.Effect.Instruction;
import dev.switchboard.callcenter.command.Effect.Reason;
import dev.switchboard.callcenter.command.Effect.RingEvent;
import dev.switchboard.callcenter.command.Effect.Segment;
import dev.switchboard.callcenter.command.Situation.Row;
import dev.switchboard.callcenter.state.CallEvent;
import dev.switchboard.callcenter.state.CallState.Live;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** A call in hand that waits: on hold, muted, parked. */
final class Holding {
    private final Situation it;
    private final Call call;
    private final Instant now;
    private final Standing standing;

    Holding(Situation situation) {
        this.it = situation;
        this.call = situation.call();
        this.now = situation.now();
        this.standing = new Standing(situation);
    }

    Decision hold() {
        if (call.state() == Live.HELD) {
            return standing.ownersOr(() -> new Decision.Unchanged());
        }
        return standing.inHand(
                "held",
                Live.ACTIVE,
                owner -> new Change(it)
                        .to(CallEvent.HOLD, Live.HELD)
                        .with(new Effect.SetRow(owner, Row.HELD))
                        .with(new Effect.OpenSegments(List.of(owner), Segment.HOLD))
                        .hand(owner, Hand.HOLDING)
                        .tell(Instruction.HOLD, Map.of())
                        .done());
    }

    Decision unhold() {
        if (call.state() == Live.ACTIVE) {
            return standing.ownersOr(() -> new Decision.Unchanged());
        }
        return standing.inHand(
                "taken off hold",
                Live.HELD,
                owner -> new Change(it)
                        .to(CallEvent.UNHOLD, Live.ACTIVE)
                        .with(new Effect.SetRow(owner, Row.ACTIVE))
                        .with(new Effect.OpenSegments(List.of(owner), Segment.TALK))
                        .hand(owner, Hand.TALKING)
                        .tell(Instruction.UNHOLD, Map.of())
                        .done());
    }

    Decision mute(boolean muted) {
        return standing.ownersOr(() -> {
            if (call.state() != Live.ACTIVE && call.state() != Live.HELD) {
                return standing.wrongState(muted ? "muted" : "unmuted");
            }
            if (call.muted() == muted) {
                return new Decision.Unchanged();
            }
            return new Change(it)
                    .named(muted ? "mute" : "unmute")
                    .set(CallColumn.MUTED, muted)
                    .tell(muted ? Instruction.MUTE : Instruction.UNMUTE, Map.of())
                    .done();
        });
    }

    Decision legLost(UUID agent) {
        if (!isInHandOf(agent)) {
            return new Ending(it).end(Optional.of("agent_hangup"));
        }
        return call.lostLeg().isPresent()
                ? new Decision.Unchanged()
                : new Change(it)
                        .named("leg_lost")
                        .set(CallColumn.LEG_LOST_AT, now)
                        .due(now.plus(CallRules.GONE_IS_NOTICED))
                        .done();
    }

    Decision legGone(UUID agent, boolean away) {
        if (!isInHandOf(agent) || call.lostLeg().filter(leg -> !leg.asked()).isEmpty()) {
            return new Decision.Unchanged();
        }
        return away
                ? new Change(it)
                        .named("rejoin")
                        .set(CallColumn.REJOIN_ASKED, true)
                        .due(now.plus(CallRules.REJOINED))
                        .tell(Instruction.CONNECT, Map.of("agent", agent.toString()))
                        .done()
                : new Ending(it).end(Optional.of("agent_hangup"));
    }

    private boolean isInHandOf(UUID agent) {
        return (call.state() == Live.ACTIVE || call.state() == Live.HELD)
                && call.claimedBy().filter(agent::equals).isPresent();
    }

    /** They are on the call again. */
    Decision rejoined() {
        return new Change(it)
                .named("rejoined")
                .set(CallColumn.REJOIN_ASKED, false)
                .clear(CallColumn.LEG_LOST_AT, CallColumn.DUE_AT)
                .done();
    }

    /** Of their own accord alone, and it goes into the audit log: nobody is listened to in secret. */
    Decision monitor(CallCommand.Monitor wish) {
        if (!it.actor().may("calls.listen")) {
            return Standing.notPermitted("listen to calls");
        }
        Optional<Decision> unfit = standing.refuseStranger(wish.supervisor())
                .or(() -> call.claimedBy().filter(wish.supervisor()::equals).isPresent()
                        ? Optional.of(Decision.refused(Refusal.INVALID_REQUEST, "You have this call yourself"))
                        : Optional.empty())
                .or(() -> standing.refuseUnfit(wish.supervisor()));
        if (unfit.isPresent()) {
            return unfit.get();
        }
        if (call.state() != Live.ACTIVE && call.state() != Live.HELD && call.state() != Live.TRANSFERRING) {
            return standing.wrongState("listened to");
        }
        String how = Change.wire(wish.how());
        return new Change(it)
                .named(how)
                .with(new Effect.Audit("call." + how))
                .tell(Instruction.MONITOR, Map.of("agent", wish.supervisor().toString(), "mode", how))
                .done();
    }

    Decision park(CallCommand.Park wish) {
        return standing.ownersOr(() -> {
            if (call.state() != Live.ACTIVE && call.state() != Live.HELD) {
                return standing.wrongState("parked");
            }
            if (wish.slot().isPresent() && (wish.slot().get() < 1 || wish.slot().get() > Standing.LAST_SLOT)) {
                return Decision.refused(
                        Refusal.INVALID_REQUEST,
                        "slot is not between 1 and " + Standing.LAST_SLOT + ": "
                                + wish.slot().get());
            }
            if (Standing.tooLong(wish.comment())) {
                return Decision.refused(
                        Refusal.INVALID_REQUEST, "comment is longer than " + Standing.LONGEST_TEXT + " characters");
            }
            if (wish.slot().filter(it.slots()::contains).isPresent()) {
                return Decision.refused(
                        Refusal.SLOT_TAKEN, "Slot " + wish.slot().get() + " is taken");
            }
            int slot = wish.slot().orElseGet(standing::lowestFree);
            if (slot > Standing.LAST_SLOT) {
                return Decision.refused(Refusal.NO_FREE_SLOT, Refusal.NO_FREE_SLOT.title());
            }
            return parkAt(slot, wish);
        });
    }

    Decision parkAt(int slot, CallCommand.Park wish) {
        UUID owner = call.claimedBy().orElseThrow();
        Instant timeout = now.plus(wish.timeout());
        return new Change(it)
                .to(CallEvent.PARK, Live.PARKED)
                .clear(CallColumn.CLAIMED_BY, CallColumn.LEG_LOST_AT)
                .set(CallColumn.REJOIN_ASKED, false)
                .set(CallColumn.MUTED, false)
                .due(timeout)
                .with(new Effect.CloseSegments(List.of()))
                .clearCards()
                .with(new Effect.ParkRow(slot, owner, wish.comment(), timeout))
                .free(owner)
                .announce(RingEvent.PARKED, Optional.of(owner))
                .announce(RingEvent.RING_CANCEL, Optional.of(owner), Reason.PARKED)
                .tell(Instruction.PARK, Map.of("slot", Integer.toString(slot)))
                .done();
    }

    /** Back to who parked it, else to its queue, else it stays for a while. */
    Decision parkTimedOut() {
        Optional<UUID> parker = it.parked().map(Situation.Parked::by).filter(standing::isEligible);
        if (parker.isPresent()) {
            return new Waiting(it)
                    .ringAt(
                            new Change(it)
                                    .to(CallEvent.PARK_TIMEOUT, Live.RINGING)
                                    .set(CallColumn.QUEUED_AT, now)
                                    .with(new Effect.UnparkRow())
                                    .with(new Effect.OpenVisit(call.queue().map(Call.Queue::id))),
                            List.of(parker.get()))
                    .done();
        }
        if (call.queue().isPresent()) {
            var change = new Change(it).with(new Effect.UnparkRow());
            return new Waiting(it)
                    .intoQueue(change, CallEvent.PARK_TIMEOUT, call.queue().get(), false)
                    .done();
        }
        Instant later = now.plus(CallRules.PARKED_ON);
        return new Change(it)
                .named("park_extended")
                .due(later)
                .with(new Effect.ExtendParking(later))
                .done();
    }
}

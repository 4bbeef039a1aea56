package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.command.Agent.Hand;
import dev.switchboard.callcenter.command.CallCommand.TransferKind;
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

/** A call that changes hands: blindly, after a talk, or back into a queue. */
final class HandingOver {
    private final Situation it;
    private final Call call;
    private final Instant now;
    private final Standing standing;

    HandingOver(Situation situation) {
        this.it = situation;
        this.call = situation.call();
        this.now = situation.now();
        this.standing = new Standing(situation);
    }

    Decision transfer(CallCommand.Transfer wish) {
        return standing.ownersOr(() -> {
            if (call.state() != Live.ACTIVE && call.state() != Live.HELD) {
                return standing.wrongState("transferred");
            }
            UUID owner = call.claimedBy().orElseThrow();
            if (owner.equals(wish.to())) {
                return Decision.refused(Refusal.INVALID_REQUEST, "The call is with that agent already");
            }
            Optional<Decision> unfit = refuseTarget(wish);
            if (unfit.isPresent()) {
                return unfit.get();
            }
            var change = new Change(it)
                    .to(CallEvent.TRANSFER, Live.TRANSFERRING)
                    .set(CallColumn.TRANSFER_KIND, Change.wire(wish.kind()))
                    .set(CallColumn.TRANSFER_TO, wish.to())
                    .with(new Effect.SetRow(owner, Row.ACTIVE))
                    .with(new Effect.OpenSegments(List.of(owner), Segment.TALK))
                    .hand(owner, Hand.TALKING)
                    .tell(Instruction.TRANSFER, Map.of("kind", Change.wire(wish.kind())));
            return new Waiting(it).ringAt(change, List.of(wish.to())).done();
        });
    }

    Optional<Decision> refuseTarget(CallCommand.Transfer wish) {
        Agent target = it.agents().get(wish.to());
        if (target == null) {
            return Optional.of(Decision.refused(Refusal.NOT_FOUND, "No agent " + wish.to() + " in this organization"));
        }
        if (target.isBusy()) {
            return wish.force()
                    ? Optional.empty()
                    : Optional.of(Decision.refused(
                            Refusal.AGENT_BUSY,
                            target.name() + " has a call; force it to let this one ring beside it"));
        }
        return target.isEligible()
                ? Optional.empty()
                : Optional.of(Decision.refused(
                        Refusal.AGENT_UNAVAILABLE,
                        target.name() + " is " + target.derived().wire()));
    }

    /** The target takes it: at once where it is blind, else they talk first. */
    Change acceptTransfer(UUID agent, Optional<String> number) {
        if (call.transferKind().orElse(TransferKind.BLIND) == TransferKind.BLIND) {
            return transferred(new Change(it), agent, number);
        }
        return new Change(it)
                .named("consult")
                .clear(CallColumn.DUE_AT)
                .clearCards(List.of(agent))
                .busy(agent, Hand.TALKING)
                .with(new Effect.SetRow(agent, Row.CONSULTING))
                .with(new Effect.OpenSegments(List.of(agent), Segment.CONSULT))
                .tell(Instruction.CONNECT, Map.of("agent", agent.toString()));
    }

    Change transferred(Change change, UUID agent, Optional<String> number) {
        UUID owner = call.claimedBy().orElseThrow();
        change.to(CallEvent.TRANSFER_DONE, Live.ACTIVE)
                .with(new Effect.CloseSegments(List.of()))
                .clearCards()
                .wrapUp(owner)
                .busy(agent, Hand.TALKING)
                .set(CallColumn.CLAIMED_BY, agent)
                .set(CallColumn.CLAIMED_AT, now)
                .set(CallColumn.MUTED, false)
                .clear(CallColumn.TRANSFER_KIND, CallColumn.TRANSFER_TO);
        return new Taking(it)
                .talking(change, agent, number)
                .announce(RingEvent.TRANSFERRED, Optional.of(agent))
                .announce(RingEvent.RING_CANCEL, Optional.of(agent), Reason.TRANSFERRED)
                .tell(Instruction.CONNECT, Map.of("agent", agent.toString()));
    }

    Decision completeTransfer() {
        return standing.ownersOr(() -> {
            Optional<UUID> consulted = call.transferTo().filter(to -> it.rows().get(to) == Row.CONSULTING);
            if (call.state() != Live.TRANSFERRING || consulted.isEmpty()) {
                return standing.wrongState("handed over: the other agent has not taken it");
            }
            return transferred(new Change(it), consulted.get(), Optional.empty())
                    .done();
        });
    }

    Decision cancelTransfer() {
        return standing.ownersOr(() -> call.state() == Live.TRANSFERRING
                ? transferFailed(Reason.ENDED).done()
                : standing.wrongState("taken back: it is not being transferred"));
    }

    /** The call stays with who has it. */
    Change transferFailed(Reason reason) {
        UUID target = call.transferTo().orElseThrow();
        boolean consulted = it.rows().get(target) == Row.CONSULTING;
        var change = new Change(it)
                .to(CallEvent.TRANSFER_FAILED, Live.ACTIVE)
                .clear(CallColumn.TRANSFER_KIND, CallColumn.TRANSFER_TO, CallColumn.DUE_AT)
                .clearCards(List.of(target))
                .announceTo(RingEvent.RING_CANCEL, Optional.empty(), List.of(target), Optional.of(reason))
                .tell(Instruction.STOP_RINGING, Map.of("agents", target.toString()));
        return consulted ? change.free(target) : change;
    }

    Decision requeue() {
        return standing.ownersOr(() -> call.state() == Live.ACTIVE || call.state() == Live.HELD
                ? requeueInto(it.target().orElseThrow())
                : standing.wrongState("transferred to a queue"));
    }

    private Decision requeueInto(Call.Queue queue) {
        UUID owner = call.claimedBy().orElseThrow();
        var change = new Change(it)
                .clear(CallColumn.CLAIMED_BY, CallColumn.LEG_LOST_AT)
                .set(CallColumn.REJOIN_ASKED, false)
                .set(CallColumn.MUTED, false)
                .with(new Effect.CloseSegments(List.of()))
                .clearCards()
                .wrapUp(owner)
                .announce(RingEvent.TRANSFERRED, Optional.of(owner))
                .announce(RingEvent.RING_CANCEL, Optional.of(owner), Reason.TRANSFERRED);
        return new Waiting(it)
                .intoQueue(change, CallEvent.REQUEUE, queue, false)
                .done();
    }

    /** Who has it has no phone on it any more: the customer does not stay alone, but waits where all see them. */
    Decision stranded(UUID agent) {
        boolean theirs = call.claimedBy().filter(agent::equals).isPresent()
                && (call.state() == Live.ACTIVE || call.state() == Live.HELD);
        if (!theirs) {
            return new Decision.Unchanged();
        }
        return call.queue().isPresent()
                ? requeueInto(call.queue().get())
                : new Holding(it)
                        .parkAt(
                                standing.lowestFree(),
                                new CallCommand.Park(Optional.empty(), Optional.empty(), CallRules.PARKED_ON));
    }
}

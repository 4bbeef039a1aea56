package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.command.Effect.Instruction;
import dev.switchboard.callcenter.command.Effect.Outcome;
import dev.switchboard.callcenter.command.Effect.Reason;
import dev.switchboard.callcenter.command.Effect.RingEvent;
import dev.switchboard.callcenter.command.Situation.Row;
import dev.switchboard.callcenter.state.CallEvent;
import dev.switchboard.callcenter.state.CallState.Live;
import dev.switchboard.callcenter.state.CallState.Terminal;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** A call on its way to somebody: queues, offers, cards that are let pass, and where it goes when nobody takes it. */
final class Waiting {
    private final Situation it;
    private final Call call;
    private final Instant now;
    private final Standing standing;

    Waiting(Situation situation) {
        this.it = situation;
        this.call = situation.call();
        this.now = situation.now();
        this.standing = new Standing(situation);
    }

    Decision enqueue() {
        if (!it.actor().may("calls.control")) {
            return Standing.notPermitted("put a call into a queue");
        }
        if (call.state() != Live.NEW && call.state() != Live.QUEUED) {
            return standing.wrongState("put into a queue");
        }
        return intoQueue(
                        new Change(it),
                        CallEvent.ENQUEUE,
                        it.target().orElseThrow(),
                        call.queuedAt().isPresent())
                .done();
    }

    /** @param waits whether a visit is open, which flows out into the next */
    Change intoQueue(Change change, CallEvent event, Call.Queue queue, boolean waits) {
        if (waits) {
            change.with(new Effect.CloseVisit(Outcome.FLOWED_OUT));
        }

        Optional<Call.Callback> pending = call.pendingCallback();
        change.to(event, Live.QUEUED)
                .set(CallColumn.QUEUE_ID, queue.id())
                .set(CallColumn.QUEUED_AT, now)
                .due(pending.map(Call.Callback::keptUntil).orElse(now.plusSeconds(queue.maxWaitSeconds())))
                .forgetMissed();
        if (pending.isEmpty()) { // who is to be called back waits in no figure
            change.with(new Effect.OpenVisit(Optional.of(queue.id())));
        }
        return change.tell(Instruction.ENQUEUE, Map.of("queue", queue.id().toString()));
    }

    /** The place stays, and the visit flows out: who is called back waits in no figure. */
    Decision requestCallback(Optional<String> wish) {
        if (it.actor() instanceof Actor.User && !it.actor().may("calls.control")) {
            return Standing.notPermitted("have somebody called back");
        }
        if (call.callback().isPresent()) {
            return new Decision.Unchanged();
        }
        if (call.outbound() || call.isAnswered() || (call.state() != Live.QUEUED && call.state() != Live.RINGING)) {
            return standing.wrongState("called back");
        }

        if (call.queue().isEmpty()) {
            return Decision.refused(Refusal.WRONG_STATE, "The call waits in no queue");
        }
        String number = wish.orElse(call.number());
        if (!number.matches("\\+[1-9][0-9]{6,14}")) {
            return Decision.refused(Refusal.INVALID_REQUEST, "number is not of the form +14155550100: " + number);
        }
        List<UUID> ringing = it.ringing();
        var change = new Change(it);
        if (call.state() == Live.RINGING) { // their phones ring for who is about to hang up
            change.to(CallEvent.DECLINE, Live.QUEUED)
                    .clearCards(ringing)
                    .announceTo(RingEvent.RING_CANCEL, Optional.empty(), ringing, Optional.of(Reason.ENDED))
                    .tell(Instruction.STOP_RINGING, Map.of("agents", Standing.joined(ringing)));
        }
        return change.named("callback_requested")
                .set(CallColumn.CALLBACK_NUMBER, number)
                .set(CallColumn.CALLBACK_REQUESTED_AT, now)
                .due(now.plus(CallRules.CALLBACK_WAITS))
                .with(new Effect.CloseVisit(Outcome.FLOWED_OUT))
                .tell(
                        Instruction.ENQUEUE,
                        Map.of("queue", call.queue().get().id().toString()))
                .done();
    }

    /** Found waiting by who looks at queues; by now somebody else may have offered it. */
    Decision route() {
        boolean waits = call.state() == Live.NEW || call.state() == Live.QUEUED;
        boolean anybody = it.candidates().stream().anyMatch(this::mayBeChosen);
        return waits && anybody ? offer(List.of()) : new Decision.Unchanged();
    }

    /** A queue's call is offered to who has nothing to do; one without a queue may ring beside another. */
    private boolean mayBeChosen(UUID user) {
        return call.queue().isPresent() ? standing.isAvailable(user) : standing.isEligible(user);
    }

    Decision offer(List<UUID> named) {
        if (!it.actor().may("calls.control")) {
            return Standing.notPermitted("offer a call to agents");
        }
        if (call.state() != Live.NEW && call.state() != Live.QUEUED && call.state() != Live.RINGING) {
            return standing.wrongState("offered");
        }
        List<UUID> agents = (named.isEmpty() ? it.candidates() : named)
                .stream()
                        .distinct()
                        .filter(user -> !it.ringsAt(user))
                        .filter(named.isEmpty() ? this::mayBeChosen : standing::isEligible)
                        .limit(named.isEmpty() ? CallRules.MOST_CHOSEN : CallRules.MOST_OFFERED)
                        .toList();
        if (agents.isEmpty()) {
            return Decision.refused(
                    Refusal.NOBODY_AVAILABLE,
                    named.isEmpty() ? "No agent is available" : "None of the agents named is available");
        }
        var change = new Change(it).to(CallEvent.OFFER, Live.RINGING);
        if (call.state() == Live.NEW) {
            change.with(new Effect.OpenVisit(call.queue().map(Call.Queue::id)));
        }
        return ringAt(change, agents).done();
    }

    Change ringAt(Change change, List<UUID> agents) {
        if (call.firstRingAt().isEmpty()) {
            change.set(CallColumn.FIRST_RING_AT, now);
        }
        return change.due(now.plusSeconds(
                        call.queue().map(Call.Queue::ringSeconds).orElse((int) CallRules.RING.toSeconds())))
                .ring(agents)
                .announceTo(RingEvent.OFFERED, it.actor().user(), agents, Optional.empty())
                .tell(Instruction.RING, Map.of("agents", Standing.joined(agents)));
    }

    Decision decline(UUID agent) {
        Optional<Decision> stranger = standing.refuseStranger(agent);
        if (stranger.isPresent()) {
            return stranger.get();
        }
        if (it.rows().get(agent) == Row.CONSULTING) {
            return new HandingOver(it).transferFailed(Reason.DECLINED).done();
        }
        if (!it.ringsAt(agent)) {
            return call.missedBy().contains(agent) ? new Decision.Unchanged() : standing.notOffered(agent);
        }
        if (call.state() == Live.TRANSFERRING) {
            return new HandingOver(it).transferFailed(Reason.DECLINED).done();
        }
        return noLongerAt(CallEvent.DECLINE, RingEvent.DECLINED, List.of(agent), Reason.DECLINED)
                .done();
    }

    /** Some cards go; where none is left, the call waits on or is missed. */
    Change noLongerAt(CallEvent event, RingEvent what, List<UUID> agents, Reason reason) {
        var change = new Change(it).missedBy(agents);
        agents.forEach(agent -> change.announce(what, Optional.of(agent)));
        boolean all = agents.containsAll(it.ringing());
        if (!all) {
            return change.to(event, Live.RINGING)
                    .clearCards(agents)
                    .announceTo(RingEvent.RING_CANCEL, Optional.empty(), agents, Optional.of(reason))
                    .tell(Instruction.STOP_RINGING, Map.of("agents", Standing.joined(agents)));
        }
        return unanswered(change, event, reason);
    }

    /**
     * Nobody took it: back to its queue while its time lasts, else over. One without a queue is not hung up on because an
     * agent took another: it waits for a while.
     */
    Change unanswered(Change change, CallEvent event, Reason reason) {
        return unanswered(change, event, reason, call.waitingSince());
    }

    /** @param since its wait is counted from then, as the change has it */
    Change unanswered(Change change, CallEvent event, Reason reason, Instant since) {

        Optional<Instant> end = call.pendingCallback()
                .map(Call.Callback::keptUntil)
                .or(() -> call.queue().map(queue -> since.plusSeconds(queue.maxWaitSeconds())));
        if (end.isPresent() && now.isBefore(end.get())) {
            List<UUID> ringing = it.ringing();
            return change.to(event, Live.QUEUED)
                    .due(end.get())
                    .clearCards(ringing)
                    .announceTo(RingEvent.RING_CANCEL, Optional.empty(), ringing, Optional.of(reason))
                    .tell(Instruction.STOP_RINGING, Map.of("agents", Standing.joined(ringing)));
        }
        Instant patience = call.startedAt().plus(CallRules.WAITS_WITHOUT_QUEUE);
        if (reason == Reason.BUSY && end.isEmpty() && !call.isAnswered() && now.isBefore(patience)) {
            return change.to(event, Live.NEW) // whoever is free next is offered it
                    .due(patience)
                    .tell(Instruction.STOP_RINGING, Map.of("agents", ""));
        }
        int slot = standing.lowestFree();
        if (call.answeredBy().isPresent() && slot <= Standing.LAST_SLOT) {
            return parkedAgain(change, event, reason, slot);
        }
        return new Ending(it)
                .finish(
                        change,
                        event,
                        call.isAnswered() ? Terminal.COMPLETED : Terminal.MISSED,
                        reason == Reason.DECLINED || reason == Reason.BUSY ? "declined" : "timeout",
                        Reason.TIMEOUT);
    }

    /** Somebody spoke to this customer: they are not hung up on because nobody is there, but wait where all see them. */
    Change parkedAgain(Change change, CallEvent event, Reason reason, int slot) {
        UUID last = call.answeredBy().orElseThrow();
        Instant timeout = now.plus(CallRules.PARKED_ON);
        List<UUID> ringing = it.ringing();
        return change.to(event, Live.PARKED)
                .due(timeout)
                .clearCards(ringing)
                .with(new Effect.CloseVisit(Outcome.MISSED))
                .with(new Effect.ParkRow(slot, last, Optional.empty(), timeout))
                .announceTo(RingEvent.RING_CANCEL, Optional.empty(), ringing, Optional.of(reason))
                .announce(RingEvent.PARKED, Optional.empty())
                .tell(Instruction.PARK, Map.of("slot", Integer.toString(slot)));
    }

    Decision settle() {
        if (call.state() != Live.RINGING) {
            return new Decision.Unchanged();
        }
        if (!it.ringing().isEmpty()) { // it rings on at others, and at who is busy now no more
            return new Change(it)
                    .named("settled")
                    .tell(Instruction.STOP_RINGING, Map.of("agents", ""))
                    .done();
        }
        return unanswered(new Change(it), CallEvent.DECLINE, Reason.BUSY).done();
    }

    Decision waitTimedOut() {

        if (it.target().isPresent() && call.pendingCallback().isEmpty()) { // where its queue flows over to
            return intoQueue(new Change(it), CallEvent.ENQUEUE, it.target().get(), true)
                    .done();
        }
        return new Ending(it)
                .finish(
                        CallEvent.WAIT_TIMEOUT,
                        call.isAnswered() ? Terminal.COMPLETED : Terminal.MISSED,
                        "timeout",
                        Reason.TIMEOUT)
                .done();
    }
}

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
import java.util.stream.Collectors;

/** The end of a call, which clears everybody (DOMAIN 4.4), and the wrap-up after it. */
final class Ending {
    /** As calls name it. */
    private static final String CLOSED = "closed";

    private final Situation it;
    private final Call call;
    private final Instant now;
    private final Standing standing;

    Ending(Situation situation) {
        this.it = situation;
        this.call = situation.call();
        this.now = situation.now();
        this.standing = new Standing(situation);
    }

    Decision end(Optional<String> reason) {
        if (!it.actor().may("calls.control")
                && !call.claimedBy().filter(it.actor()::is).isPresent()) {
            return call.isOwned() ? standing.notYours() : Standing.notPermitted("end a call that is not theirs");
        }
        if (Standing.tooLong(reason)) {
            return Decision.refused(
                    Refusal.INVALID_REQUEST, "reason is longer than " + Standing.LONGEST_TEXT + " characters");
        }
        Terminal outcome = call.isAnswered() ? Terminal.COMPLETED : Terminal.CANCELED;
        boolean forced = it.actor() instanceof Actor.User
                && call.claimedBy().filter(it.actor()::is).isEmpty();
        var change = new Change(it);
        if (forced) {
            change.with(new Effect.Audit("call.force_end"));
        }
        return finish(change, CallEvent.END, outcome, reason.orElse("ended"), Reason.ENDED)
                .done();
    }

    Decision hangUp() {
        if (call.pendingCallback().isPresent()) {
            return new Decision.Unchanged(); // they were told that they may
        }
        Terminal outcome = call.isAnswered() ? Terminal.COMPLETED : Terminal.ABANDONED;
        return finish(CallEvent.HANGUP, outcome, "caller_hangup", Reason.CALLER_HANGUP)
                .done();
    }

    Decision fail(Terminal outcome) {
        Terminal real = call.isAnswered() ? Terminal.COMPLETED : outcome;
        return finish(CallEvent.END, real, Change.wire(outcome), Reason.ENDED).done();
    }

    /** It waited for nobody and counts in no queue; the line is not cut, because the caller hears why first. */
    Decision closed() {
        if (call.state() != Live.NEW) {
            return standing.wrongState("turned away");
        }
        return new Change(it)
                .to(CallEvent.WAIT_TIMEOUT, Terminal.MISSED)
                .set(CallColumn.ENDED_AT, now)
                .set(CallColumn.END_REASON, CLOSED)
                .set(CallColumn.WAIT_S, 0)
                .clear(CallColumn.DUE_AT)
                .announce(RingEvent.ENDED, Optional.empty(), Reason.ENDED)
                .done();
    }

    Change finish(CallEvent event, Terminal outcome, String endReason, Reason reason) {
        return finish(new Change(it), event, outcome, endReason, reason);
    }

    /** Clears everybody (DOMAIN 4.4): cards, slot, agents, and says so. */
    Change finish(Change change, CallEvent event, Terminal outcome, String endReason, Reason reason) {
        change.to(event, outcome)
                .set(CallColumn.ENDED_AT, now)
                .set(CallColumn.END_REASON, endReason)
                .clear(CallColumn.DUE_AT, CallColumn.CLAIM_EXPIRES_AT, CallColumn.TRANSFER_KIND, CallColumn.TRANSFER_TO)
                .with(new Effect.CloseSegments(List.of()))
                .clearCards();
        if (it.parked().isPresent()) {
            change.with(new Effect.UnparkRow());
        }
        if (!call.isAnswered()) {
            change.set(CallColumn.WAIT_S, call.waitedUntil(now));
        }
        change.with(
                outcome == Terminal.VOIDED
                        ? new Effect.DropVisits()
                        : new Effect.CloseVisit(reason == Reason.CALLER_HANGUP ? Outcome.ABANDONED : Outcome.MISSED));
        if (call.isOwned()) {
            UUID owner = call.claimedBy().orElseThrow();
            if (call.state() == Live.CLAIMED) {
                change.free(owner);
            } else {
                change.wrapUp(owner);
            }
        }
        call.transferTo().filter(to -> it.rows().get(to) == Row.CONSULTING).ifPresent(change::free);
        return change.announce(RingEvent.RING_CANCEL, it.actor().user(), reason)
                .announce(RingEvent.ENDED, it.actor().user(), reason)
                .tell(Instruction.HANG_UP, Map.of());
    }

    /**
     * What should have been heard before the end: where the caller hung up on an agent the call was no abandoned one, and
     * where the agent's end came before the answer, the talk began earlier. The agent has gone on to other things.
     */
    Decision answerHeard(UUID agent, Instant at) {
        boolean answeredByThem = call.answeredBy().filter(agent::equals).isPresent();
        Optional<Instant> ended = call.endedAt();
        Instant since = call.waitingSince();
        Instant from = at.isBefore(since) ? since : ended.filter(at::isAfter).orElse(at);
        boolean completed = (call.state() == Terminal.ABANDONED || call.state() == Terminal.MISSED)
                && !call.isAnswered()
                && it.agents().containsKey(agent);
        boolean earlier = call.state() == Terminal.COMPLETED
                && answeredByThem
                && call.answeredAt().filter(from::isBefore).isPresent();
        if (ended.isEmpty() || !(completed || earlier)) {
            return new Decision.Unchanged();
        }
        var change = new Change(it);
        return (completed ? change.to(CallEvent.ANSWER_HEARD, Terminal.COMPLETED) : change.named("answer_heard"))
                .set(CallColumn.CLAIMED_BY, agent)
                .set(CallColumn.ANSWERED_BY, agent)
                .set(CallColumn.ANSWERED_AT, from)
                .set(CallColumn.WAIT_S, call.waitedUntil(from))
                .with(new Effect.AnswerVisit(from))
                .with(new Effect.RecordTalk(agent, from, ended.get()))
                .done();
    }

    /** By who wraps it up now, or answered it last; or for them by who controls all calls. */
    Decision wrapUp(Optional<String> code) {
        Optional<UUID> wrapping = it.wrappingUp().stream()
                .filter(agent -> it.actor().is(agent) || it.actor().may("calls.control"))
                .min(UUID::compareTo);
        boolean answered = call.answeredBy().filter(it.actor()::is).isPresent();
        if (wrapping.isEmpty() && !answered && !it.actor().may("calls.control")) {
            return standing.notYours();
        }
        if (Standing.tooLong(code)) {
            return Decision.refused(
                    Refusal.INVALID_REQUEST, "code is longer than " + Standing.LONGEST_TEXT + " characters");
        }
        boolean asked = call.queue().filter(Call.Queue::codeRequired).isPresent()
                && call.answeredBy().filter(it.actor()::is).isPresent();
        if (asked && code.or(it.codes()::said).isEmpty()) {
            return Decision.refused(Refusal.CODE_REQUIRED, Refusal.CODE_REQUIRED.title() + codes());
        }
        if (code.isPresent()
                && !it.codes().seconds().isEmpty()
                && !it.codes().seconds().containsKey(code.get())) {
            return Decision.refused(Refusal.INVALID_REQUEST, "code is none of this queue's: " + code.get() + codes());
        }
        Optional<Instant> until = code.flatMap(it.codes()::secondsOf)
                .map(seconds -> call.endedAt().orElse(now).plusSeconds(seconds))
                .filter(now::isBefore)
                .filter(_ -> wrapping.isPresent());
        if (until.isPresent() && it.codes().said().equals(code)) {
            return new Decision.Unchanged(); // the same once more: their time is running
        }
        var change = new Change(it).named("wrap_up");
        code.ifPresent(value -> change.set(CallColumn.WRAP_UP_CODE, value));
        if (until.isPresent()) {
            return change.set(CallColumn.WRAP_UP_UNTIL, until.get())
                    .wrapsUpUntil(wrapping.get(), until.get())
                    .done();
        }
        change.clear(CallColumn.WRAP_UP_UNTIL);
        wrapping.ifPresent(agent -> change.with(new Effect.CloseWrapUp(agent)).wrappedUp(agent));
        return change.done();
    }

    private String codes() {
        return it.codes().seconds().isEmpty()
                ? ""
                : "; its codes are "
                        + it.codes().seconds().keySet().stream().sorted().collect(Collectors.joining(", "));
    }
}

package dev.switchboard.callcenter.command;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.state.CallState.Live;
import dev.switchboard.callcenter.state.CallTransitions;
import dev.switchboard.callcenter.state.WorkState;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** The rules as a total table: every command in every state by everybody is a legal change, a repetition or a refusal. */
class CallRulesTest {
    private static final Instant NOW = Instant.parse("2026-11-21T12:00:00Z");
    private static final UUID OWNER = new UUID(1, 1);
    private static final UUID OTHER = new UUID(1, 2);
    private static final Call.Queue QUEUE =
            new Call.Queue(new UUID(2, 1), 20, 30, 600, Optional.empty(), false, false, false);
    private static final Set<String> AGENT = Set.of("calls.handle", "calls.read");
    private static final Set<String> SUPERVISOR =
            Set.of("calls.handle", "calls.read", "calls.control", "agents.control");
    private static final List<Actor> ACTORS = List.of(
            new Actor.User(OWNER, AGENT),
            new Actor.User(OTHER, AGENT),
            new Actor.User(new UUID(1, 3), SUPERVISOR),
            new Actor.User(new UUID(1, 4), Set.of("organization.read")),
            new Actor.Server());

    private static List<CallCommand> commands() {
        return List.of(
                new CallCommand.Enqueue(QUEUE.id()),
                new CallCommand.Offer(List.of(OTHER)),
                new CallCommand.Offer(List.of()),
                new CallCommand.Dial(OTHER),
                new CallCommand.Decline(OTHER),
                new CallCommand.Claim(OTHER),
                new CallCommand.Claim(OWNER),
                new CallCommand.Start(OWNER, Optional.empty()),
                new CallCommand.Start(OTHER, Optional.of("+1")),
                new CallCommand.LegFailed(OWNER),
                new CallCommand.LegFailed(OTHER),
                new CallCommand.Hold(),
                new CallCommand.Unhold(),
                new CallCommand.Mute(true),
                new CallCommand.Park(Optional.empty(), Optional.empty(), Duration.ofMinutes(1)),
                new CallCommand.Unpark(OTHER),
                new CallCommand.Transfer(CallCommand.TransferKind.BLIND, OTHER, false),
                new CallCommand.Transfer(CallCommand.TransferKind.ATTENDED, OTHER, true),
                new CallCommand.TransferToQueue(QUEUE.id()),
                new CallCommand.CompleteTransfer(),
                new CallCommand.CancelTransfer(),
                new CallCommand.End(Optional.empty()),
                new CallCommand.HangUp(),
                new CallCommand.Fail(CallState.Terminal.BUSY),
                new CallCommand.Discard(),
                new CallCommand.AnswerHeard(OTHER, NOW.minusSeconds(30)),
                new CallCommand.AnswerHeard(OWNER, NOW.minusSeconds(70)),
                new CallCommand.TimeOut(),
                new CallCommand.Settle(),
                new CallCommand.WrapUp(Optional.of("sale")));
    }

    @Test
    void L1_everyCommandInEveryStateIsALegalChangeARepetitionOrARefusal() {
        int changes = 0;
        for (CallState state : CallState.all()) {
            for (Situation.Row target : Situation.Row.values()) {
                for (boolean answered : new boolean[] {true, false}) {
                    for (boolean queued : new boolean[] {true, false}) {
                        for (Actor actor : ACTORS) {
                            Situation situation = situation(state, target, answered, queued, actor);
                            for (CallCommand command : commands()) {
                                changes += check(situation, command);
                            }
                        }
                    }
                }
            }
        }
        assertThat(changes).isGreaterThan(1_000);
    }

    private static int check(Situation situation, CallCommand command) {
        String what = command + " in " + situation.call().state() + " by " + situation.actor();
        Decision decision = CallRules.decide(situation, command);
        if (decision instanceof Decision.Refused(Refusal refusal, String detail, var _)) {
            assertThat(detail).as(what).isNotBlank();
            assertThat(refusal.status()).as(what).isBetween(400, 499);
            return 0;
        }
        if (!(decision instanceof Decision.Changed changed)) {
            return 0;
        }
        CallState from = situation.call().state();
        assertThat(changed.state().equals(from)
                        || CallTransitions.ways().stream()
                                .anyMatch(way ->
                                        way.from().equals(from) && way.to().equals(changed.state())))
                .as(what)
                .isTrue();
        assertThat(changed.kind()).as(what).isNotBlank();
        boolean ends = changed.state() instanceof CallState.Terminal && from instanceof Live;
        assertThat(changed.columns().containsKey(CallColumn.ENDED_AT)).as(what).isEqualTo(ends);
        for (Agent agent : changed.agents()) {
            WorkState before =
                    Objects.requireNonNull(situation.agents().get(agent.user())).state();
            WorkState after = agent.settled().state();
            assertThat(before == after || before.followers().contains(after))
                    .as(what + ": " + before + " to " + after)
                    .isTrue();
        }
        if (situation.actor() instanceof Actor.User user) {
            assertThat(user.permissions()).as(what).contains("calls.handle");
        }
        return 1;
    }

    /** The owner has the call where it is owned; it rings (or more) at the other. */
    private static Situation situation(
            CallState state, Situation.Row target, boolean answered, boolean queued, Actor actor) {
        boolean owned = state instanceof Live live && live.isOwned();
        boolean transferring = state == Live.TRANSFERRING;
        Map<UUID, Situation.Row> rows = new HashMap<>();
        if (owned && state != Live.CLAIMED) {
            rows.put(OWNER, state == Live.HELD ? Situation.Row.HELD : Situation.Row.ACTIVE);
        }
        if (state == Live.RINGING) {
            rows.put(OTHER, Situation.Row.RINGING);
        } else if (transferring && (target == Situation.Row.RINGING || target == Situation.Row.CONSULTING)) {
            rows.put(OTHER, target);
        }
        boolean talks = answered || owned;
        var call = new Call(
                new UUID(3, 1),
                new UUID(4, 1),
                "CA1",
                false,
                "+14155550001",
                state,
                queued ? Optional.of(QUEUE) : Optional.empty(),
                owned ? Optional.of(OWNER) : Optional.empty(),
                talks ? Optional.of(OWNER) : Optional.empty(),
                NOW.minusSeconds(100),
                queued ? Optional.of(NOW.minusSeconds(90)) : Optional.empty(),
                Optional.of(NOW.minusSeconds(80)),
                talks ? Optional.of(NOW.minusSeconds(60)) : Optional.empty(),
                state instanceof Live ? Optional.empty() : Optional.of(NOW.minusSeconds(1)),
                Optional.of(NOW),
                transferring
                        ? Optional.of(
                                target == Situation.Row.CONSULTING
                                        ? CallCommand.TransferKind.ATTENDED
                                        : CallCommand.TransferKind.BLIND)
                        : Optional.empty(),
                transferring ? Optional.of(OTHER) : Optional.empty(),
                false,
                Set.of(),
                Optional.empty(),
                Optional.empty());
        var agents = new ArrayList<>(List.of(
                agent(OWNER, owned, 0),
                agent(
                        OTHER,
                        rows.get(OTHER) == Situation.Row.CONSULTING,
                        rows.get(OTHER) == Situation.Row.RINGING ? 1 : 0)));
        Map<UUID, Agent> byUser = new HashMap<>();
        agents.forEach(agent -> byUser.put(agent.user(), agent));
        return new Situation(
                call,
                byUser,
                rows,
                state == Live.PARKED ? Optional.of(new Situation.Parked(1, OWNER)) : Optional.empty(),
                Set.of(1),
                Set.of(),
                Situation.Codes.NONE,
                Optional.of(QUEUE),
                List.of(OTHER),
                actor,
                NOW);
    }

    private static Agent agent(UUID user, boolean busy, int rings) {
        return new Agent(
                        user,
                        user,
                        "Agent",
                        AgentCommand.Choice.AVAILABLE,
                        Optional.empty(),
                        true,
                        busy ? Agent.Hand.TALKING : Agent.Hand.EMPTY,
                        rings,
                        Optional.empty(),
                        Optional.empty(),
                        WorkState.OFFLINE)
                .settled();
    }
}

package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.command.Agent.Hand;
import dev.switchboard.callcenter.command.Effect.Reason;
import dev.switchboard.callcenter.command.Effect.RingEvent;
import dev.switchboard.callcenter.command.Effect.Segment;
import dev.switchboard.callcenter.state.CallEvent;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.state.CallTransitions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** A decision while it is put together. Owned by one decision. */
final class Change {
    private final Situation situation;
    private final Call call;
    private final Map<CallColumn, Optional<?>> columns = new LinkedHashMap<>();
    private final Map<UUID, Agent> agents = new HashMap<>();
    private final List<Effect> effects = new ArrayList<>();
    private final Set<UUID> missed;
    private CallState state;
    private String kind = "";

    Change(Situation situation) {
        this.situation = situation;
        this.call = situation.call();
        this.state = call.state();
        this.missed = new HashSet<>(call.missedBy());
    }

    Decision.Changed done() {
        if (!missed.equals(call.missedBy())) {
            columns.put(CallColumn.MISSED_BY, Optional.of(Set.copyOf(missed)));
        }
        return new Decision.Changed(kind, state, columns, List.copyOf(agents.values()), effects);
    }

    /** By this event into that state; a way that does not exist is a fault of the rules. */
    Change to(CallEvent event, CallState next) {
        if (!CallTransitions.allows(call.state(), event, next)) {
            throw new IllegalStateException("no way from " + call.state() + " by " + event + " to " + next);
        }
        state = next;
        return named(event.wire());
    }

    /** What happened, where the state stays. */
    Change named(String what) {
        kind = what;
        return this;
    }

    Change set(CallColumn column, Object value) {
        columns.put(column, Optional.of(value));
        return this;
    }

    Change clear(CallColumn... gone) {
        for (CallColumn column : gone) {
            columns.put(column, Optional.empty());
        }
        return this;
    }

    /** Nothing of the state's time is left; it runs out then. */
    Change due(Instant when) {
        return set(CallColumn.DUE_AT, when);
    }

    Change with(Effect effect) {
        effects.add(effect);
        return this;
    }

    Change announce(RingEvent event, Optional<UUID> agent, Reason reason) {
        return with(new Effect.Announce(event, agent, List.of(), Optional.of(reason)));
    }

    Change announce(RingEvent event, Optional<UUID> agent) {
        return with(new Effect.Announce(event, agent, List.of(), Optional.empty()));
    }

    Change announceTo(RingEvent event, Optional<UUID> agent, Collection<UUID> targets, Optional<Reason> reason) {
        return targets.isEmpty() ? this : with(new Effect.Announce(event, agent, List.copyOf(targets), reason));
    }

    Change tell(Effect.Instruction instruction, Map<String, String> details) {
        return with(new Effect.Tell(instruction, details));
    }

    /** It begins to ring at them. */
    Change ring(List<UUID> users) {
        with(new Effect.Ring(users));
        with(new Effect.OpenSegments(users, Segment.RING));
        for (UUID user : users) {
            agent(user).ifPresent(agent -> put(agent.withRings(agent.rings() + 1)));
        }
        return this;
    }

    /** Its cards go everywhere; whoever had it in hand keeps that for {@link #free}. */
    Change clearCards() {
        with(new Effect.ClearAll());
        for (UUID user : situation.ringing()) {
            unring(user);
        }
        return this;
    }

    Change clearCards(List<UUID> users) {
        if (users.isEmpty()) {
            return this;
        }
        with(new Effect.Clear(users));
        with(new Effect.CloseSegments(users));
        users.stream().filter(situation::ringsAt).forEach(this::unring);
        return this;
    }

    private void unring(UUID user) {
        agent(user).ifPresent(agent -> put(agent.withRings(agent.rings() - 1)));
    }

    /** The agent has this call in hand, and nothing else rings there. */
    Change busy(UUID user, Hand hand) {
        Agent agent = agent(user).orElseThrow();
        if (agent.rings() > 0) {
            with(new Effect.ClearElsewhere(user));
        }
        if (agent.wrapUpUntil().isPresent()) {
            with(new Effect.CloseWrapUp(user));
        }
        put(agent.withRings(0).withHand(hand));
        return this;
    }

    Change shows(UUID user, String number, Instant answeredAt) {
        agent(user).ifPresent(agent -> put(agent.withCurrent(new Agent.Current(call.id(), number, answeredAt))));
        return this;
    }

    Change hand(UUID user, Hand hand) {
        agent(user).ifPresent(agent -> put(agent.withHand(hand)));
        return this;
    }

    Change wrapsUpUntil(UUID user, Instant until) {
        agent(user).ifPresent(agent -> put(agent.freed(Optional.of(until))));
        return this;
    }

    Change wrappedUp(UUID user) {
        agent(user).ifPresent(agent -> put(agent.wrappedUp()));
        return this;
    }

    Change free(UUID user) {
        agent(user).ifPresent(agent -> put(agent.freed(Optional.empty())));
        return this;
    }

    /** The agent is done with the call, and wraps up where the queue gives time for it. */
    Change wrapUp(UUID user) {
        int seconds = call.queue().map(this::wrapUpSeconds).orElse(0);
        if (seconds == 0) {
            return free(user);
        }
        Instant until = situation.now().plusSeconds(seconds);
        agent(user).ifPresent(agent -> put(agent.freed(Optional.of(until))));
        with(new Effect.OpenSegments(List.of(user), Segment.WRAP_UP));
        return set(CallColumn.WRAP_UP_UNTIL, until);
    }

    /** Who ends the call says what it was about, where that is wanted; a code that was said during the talk has its time. */
    private int wrapUpSeconds(Call.Queue queue) {
        boolean isOver = state instanceof CallState.Terminal;
        Optional<String> said = situation.codes().said();
        if (isOver && queue.codeRequired() && said.isEmpty()) {
            return (int) CallRules.CODE_IS_AWAITED.toSeconds();
        }
        return said.filter(_ -> isOver).flatMap(situation.codes()::secondsOf).orElse(queue.wrapUpSeconds());
    }

    Change missedBy(Collection<UUID> users) {
        missed.addAll(users);
        return this;
    }

    Change forgetMissed() {
        missed.clear();
        return this;
    }

    private Optional<Agent> agent(UUID user) {
        return Optional.ofNullable(agents.get(user))
                .or(() -> Optional.ofNullable(situation.agents().get(user)));
    }

    private void put(Agent agent) {
        agents.put(agent.user(), agent);
    }

    static String wire(Enum<?> constant) {
        return Objects.requireNonNull(constant).name().toLowerCase(Locale.ROOT);
    }
}

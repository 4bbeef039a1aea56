package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.state.WorkState;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * An agent as commands read them, under their lock. Immutable; the work state is what follows from the rest.
 *
 * @param id           of the row in voip_users
 * @param hand         what they have in hand
 * @param rings        at how many of their cards a call rings
 * @param current      the call that colleagues see
 */
public record Agent(
        UUID id,
        UUID user,
        String name,
        AgentCommand.Choice chosen,
        Optional<String> reason,
        boolean reachable,
        Hand hand,
        int rings,
        Optional<Instant> wrapUpUntil,
        Optional<Current> current,
        WorkState state) {
    /** A call in hand. */
    public enum Hand {
        EMPTY,
        /** Claimed, not connected yet; or talking. */
        TALKING,
        HOLDING
    }

    /** What colleagues see of it (F001-01). */
    public record Current(UUID call, String number, Instant answeredAt) {}

    /** The work state that follows. */
    WorkState derived() {
        if (hand == Hand.HOLDING) {
            return WorkState.ON_HOLD;
        }
        if (hand == Hand.TALKING) {
            return WorkState.ON_CALL;
        }
        if (wrapUpUntil.isPresent()) {
            return WorkState.WRAP_UP;
        }
        return switch (chosen) {
            case OFFLINE -> WorkState.OFFLINE;
            case PAUSED -> WorkState.PAUSED;
            case AVAILABLE -> !reachable ? WorkState.UNREACHABLE : rings > 0 ? WorkState.OFFERED : WorkState.AVAILABLE;
        };
    }

    /** With the work state that follows from the rest. */
    public Agent settled() {
        return new Agent(id, user, name, chosen, reason, reachable, hand, rings, wrapUpUntil, current, derived());
    }

    /** Whether a call may ring there. */
    boolean isEligible() {
        WorkState now = derived();
        return now == WorkState.AVAILABLE || now == WorkState.OFFERED;
    }

    boolean isBusy() {
        return hand != Hand.EMPTY;
    }

    Agent withRings(int count) {
        return new Agent(
                id, user, name, chosen, reason, reachable, hand, Math.max(0, count), wrapUpUntil, current, state);
    }

    Agent withHand(Hand next) {
        return new Agent(id, user, name, chosen, reason, reachable, next, rings, Optional.empty(), current, state);
    }

    Agent withCurrent(Current next) {
        return new Agent(id, user, name, chosen, reason, reachable, hand, rings, wrapUpUntil, Optional.of(next), state);
    }

    /** Has no call any more, and wraps up until then. */
    Agent freed(Optional<Instant> until) {
        return new Agent(id, user, name, chosen, reason, reachable, Hand.EMPTY, rings, until, Optional.empty(), state);
    }

    Agent wrappedUp() {
        return new Agent(id, user, name, chosen, reason, reachable, hand, rings, Optional.empty(), current, state);
    }

    Agent choosing(AgentCommand.Choice choice, Optional<String> why) {
        return new Agent(id, user, name, choice, why, reachable, hand, rings, wrapUpUntil, current, state);
    }

    Agent reachable(boolean now) {
        return new Agent(id, user, name, chosen, reason, now, hand, rings, wrapUpUntil, current, state);
    }
}

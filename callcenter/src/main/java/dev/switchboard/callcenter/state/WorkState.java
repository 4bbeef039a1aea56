package dev.switchboard.callcenter.state;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/**
 * What an agent is doing (DOMAIN 2.3). It follows from what they chose, whether their phone can be reached, and their
 * calls; {@link #followers()} are the only ways, as in {@code app.agent_transitions}.
 */
public enum WorkState {
    OFFLINE,
    AVAILABLE,
    /** A call rings. */
    OFFERED,
    ON_CALL,
    ON_HOLD,
    WRAP_UP,
    PAUSED,
    /** Would be available, and their phone is not there. */
    UNREACHABLE;

    private final String wire = name().toLowerCase(Locale.ROOT);

    /** As PostgreSQL and clients name it. */
    public String wire() {
        return wire;
    }

    /** @throws IllegalArgumentException where there is no such state */
    public static WorkState of(String wire) {
        return Arrays.stream(values())
                .filter(state -> state.wire.equals(wire))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no such state of an agent: " + wire));
    }

    /** The states that can come next: who holds was on a call, who wraps up had one. */
    public Set<WorkState> followers() {
        EnumSet<WorkState> others = EnumSet.allOf(WorkState.class);
        others.remove(this);
        if (!isBusy()) {
            others.remove(ON_HOLD);
            others.remove(WRAP_UP);
        }
        return others;
    }

    /** Whether they have a call in hand, and can have no other. */
    public boolean isBusy() {
        return switch (this) {
            case ON_CALL, ON_HOLD -> true;
            case OFFLINE, AVAILABLE, OFFERED, WRAP_UP, PAUSED, UNREACHABLE -> false;
        };
    }
}

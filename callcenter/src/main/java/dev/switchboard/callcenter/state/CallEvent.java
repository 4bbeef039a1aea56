package dev.switchboard.callcenter.state;

import java.util.Locale;

/** What happens to a call; {@link CallTransitions} says where it leads. */
public enum CallEvent {
    /** Into a queue, or from one into the next. */
    ENQUEUE,
    OFFER,
    /** An agent calls out. */
    DIAL,
    CLAIM,
    /** The agent's leg is connected. */
    START,
    DECLINE,
    RING_TIMEOUT,
    WAIT_TIMEOUT,
    LEASE_EXPIRED,
    HOLD,
    UNHOLD,
    PARK,
    UNPARK,
    PARK_TIMEOUT,
    TRANSFER,
    TRANSFER_DONE,
    TRANSFER_FAILED,
    /** From an agent back into a queue. */
    REQUEUE,
    /** The customer hung up. */
    HANGUP,
    /** It turns out after the end that an agent had answered before it. */
    ANSWER_HEARD,
    /** An agent, a supervisor or the provider ended it. */
    END,
    VOID;

    private final String wire = name().toLowerCase(Locale.ROOT);

    /** As PostgreSQL and clients name it. */
    public String wire() {
        return wire;
    }
}

package dev.switchboard.callcenter.state;

import java.util.Optional;

/**
 * What telephone providers say of a leg, and what it means for us (DOMAIN 3.1, 4.2): provider status to event to state, in
 * one table. Ranks only rise within a leg: a message that comes late changes nothing.
 */
public enum ProviderStatus {
    QUEUED("queued", 0, Optional.empty()),
    INITIATED("initiated", 1, Optional.empty()),
    RINGING("ringing", 2, Optional.empty()),
    IN_PROGRESS("in-progress", 3, Optional.empty()),
    /** The name that some providers send beside in-progress. */
    ANSWERED("answered", 3, Optional.empty()),
    COMPLETED("completed", 4, Optional.of(CallState.Terminal.COMPLETED)),
    BUSY("busy", 4, Optional.of(CallState.Terminal.BUSY)),
    NO_ANSWER("no-answer", 4, Optional.of(CallState.Terminal.NO_ANSWER)),
    CANCELED("canceled", 4, Optional.of(CallState.Terminal.CANCELED)),
    FAILED("failed", 4, Optional.of(CallState.Terminal.FAILED));

    private final String wire;
    private final int rank;
    private final Optional<CallState.Terminal> ends;

    ProviderStatus(String wire, int rank, Optional<CallState.Terminal> ends) {
        this.wire = wire;
        this.rank = rank;
        this.ends = ends;
    }

    public String wire() {
        return wire;
    }

    public int rank() {
        return rank;
    }

    /** The state of a call whose customer's leg ended so, before an answer; empty while the leg lives. */
    public Optional<CallState.Terminal> ends() {
        return ends;
    }

    /** Whether somebody speaks on that leg. */
    public boolean isConnected() {
        return rank == IN_PROGRESS.rank;
    }

    public static Optional<ProviderStatus> of(String wire) {
        for (ProviderStatus status : values()) {
            if (status.wire.equals(wire)) {
                return Optional.of(status);
            }
        }
        return Optional.empty();
    }
}

package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.state.CallState;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * A call as commands read it, under its lock. Immutable.
 *
 * @param sid       the provider's id
 * @param number    the customer's, E.164
 * @param queue     where it waits or waited
 * @param claimedBy whose it is, by user id; the authority over all projections
 * @param missedBy  the agents who let the present offer pass
 * @param lostLeg   where nobody knows yet whether the agent who has it comes back
 * @param callback  where the customer wants to be called back
 * @param due       when its state runs out of time
 */
public record Call(
        UUID id,
        UUID organization,
        String sid,
        boolean outbound,
        String number,
        CallState state,
        Optional<Queue> queue,
        Optional<UUID> claimedBy,
        Optional<UUID> answeredBy,
        Instant startedAt,
        Optional<Instant> queuedAt,
        Optional<Instant> firstRingAt,
        Optional<Instant> answeredAt,
        Optional<Instant> endedAt,
        Optional<Instant> due,
        Optional<CallCommand.TransferKind> transferKind,
        Optional<UUID> transferTo,
        boolean muted,
        Set<UUID> missedBy,
        Optional<Callback> callback,
        Optional<LostLeg> lostLeg) {
    public Call {
        missedBy = Set.copyOf(missedBy);
    }

    /** What of its queue a call needs. */
    public record Queue(
            UUID id,
            int ringSeconds,
            int wrapUpSeconds,
            int maxWaitSeconds,
            Optional<UUID> overflow,
            boolean record,
            boolean transcribe,
            boolean codeRequired) {}

    /**
     * A wish to be called back.
     *
     * @param dialled whether they were; it is done once
     */
    public record Callback(String number, Instant requestedAt, boolean dialled) {
        /** Until when their place is kept. */
        Instant keptUntil() {
            return requestedAt.plus(CallRules.CALLBACK_WAITS);
        }
    }

    /**
     * The leg of the agent who has it is gone.
     *
     * @param asked whether they are rung at again
     */
    public record LostLeg(Instant at, boolean asked) {}

    /** In this queue, whose row is read after the call's lock is held. */
    public Call in(Queue other) {
        return new Call(
                id,
                organization,
                sid,
                outbound,
                number,
                state,
                Optional.of(other),
                claimedBy,
                answeredBy,
                startedAt,
                queuedAt,
                firstRingAt,
                answeredAt,
                endedAt,
                due,
                transferKind,
                transferTo,
                muted,
                missedBy,
                callback,
                lostLeg);
    }

    /** The customer is not on the line: an agent is there first, and the customer's leg says when it is answered. */
    boolean dialsOut() {
        return outbound || (callback.isPresent() && answeredAt.isEmpty());
    }

    /** A place that is kept for who is to be called back, and was not yet. */
    Optional<Callback> pendingCallback() {
        return callback.filter(wish -> !wish.dialled() && !isAnswered());
    }

    boolean isAnswered() {
        return answeredAt.isPresent();
    }

    /** From when on the caller waited for an answer. */
    Instant waitingSince() {
        return queuedAt.or(() -> firstRingAt).orElse(startedAt);
    }

    /** How long the caller had waited then, in whole seconds. */
    int waitedUntil(Instant then) {
        return (int) Math.max(0, Duration.between(waitingSince(), then).toSeconds());
    }

    boolean isOwned() {
        return state instanceof CallState.Live live && live.isOwned();
    }
}

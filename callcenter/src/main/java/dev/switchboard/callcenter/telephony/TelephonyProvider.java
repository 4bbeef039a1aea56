package dev.switchboard.callcenter.telephony;

import dev.switchboard.callcenter.state.ProviderStatus;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** A telephone provider, as the call centre speaks to it. Thread-safe. */
public interface TelephonyProvider {
    /**
     * Something to do for a call.
     *
     * @param id          the same whenever this one is sent again: the provider does it once
     * @param attempt     which try it is, from 1
     * @param provider    the call's, as calls.provider names it
     * @param instruction as telephony_commands names it: dial, ring, stop_ringing, connect, hold, park, hang_up ...
     * @param payload     JSON: sid of the call, and what the instruction needs
     */
    record Command(
            UUID id, UUID organization, UUID call, int attempt, String provider, String instruction, String payload) {}

    /**
     * What a provider says of a leg that it has or had.
     *
     * @param provider as calls.provider names it
     * @param sid    the provider's
     * @param parent the leg that dialled it
     * @param from   who calls, as the provider writes it
     * @param to     who is called
     */
    record Existing(
            String provider,
            String sid,
            Optional<String> parent,
            String from,
            String to,
            boolean inbound,
            ProviderStatus status,
            Optional<Instant> startedAt,
            Optional<Instant> endedAt) {}

    /** What an agent's device registers with. */
    record DeviceToken(String provider, String identity, String token, Instant expiresAt) {}

    /**
     * Does it, or has done it already.
     *
     * @throws ProviderException where it may work later
     * @throws CustomerGoneException where there is nobody to do it for
     */
    void carryOut(Command command);

    /**
     * The legs that live at an organization's accounts now.
     *
     * @throws ProviderException where it cannot be told
     */
    default List<Existing> living(UUID organization) {
        return List.of();
    }

    /**
     * One leg, living or ended; empty where the provider knows none.
     *
     * @throws ProviderException where it cannot be told
     */
    default Optional<Existing> leg(UUID organization, String sid) {
        return Optional.empty();
    }

    /**
     * The legs that one dialled, living and ended, in the order in which they ended.
     *
     * @throws ProviderException where it cannot be told
     */
    default List<Existing> dialledBy(UUID organization, String sid) {
        return List.of();
    }

    /**
     * Whether somebody who called in, of whom we know nothing, waits for us: the number leads here, and they talk to nobody.
     *
     * @throws ProviderException where it cannot be told
     */
    default boolean waitsForUs(UUID organization, Existing leg) {
        return false;
    }

    /**
     * Ends a leg that has no business to live.
     *
     * @throws ProviderException where it may work later
     */
    default void end(UUID organization, String sid) {}

    /** For the device of an agent; empty where the organization has no line to which devices are connected. */
    default Optional<DeviceToken> deviceToken(UUID organization, String identity, Instant now) {
        return Optional.empty();
    }

    /** It did not work; it is tried again. */
    final class ProviderException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public ProviderException(String message) {
            super(message);
        }
    }

    /** The customer's leg is over, of which nobody has told us. */
    final class CustomerGoneException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public CustomerGoneException(String message) {
            super(message);
        }
    }
}

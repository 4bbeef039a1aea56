package dev.switchboard.callcenter.telephony;

import java.util.UUID;

/** A telephone provider, as the call centre speaks to it. Thread-safe. */
public interface TelephonyProvider {
    /**
     * Something to do for a call.
     *
     * @param id          the same whenever this one is sent again: the provider does it once
     * @param instruction as telephony_commands names it: dial, ring, stop_ringing, connect, hold, park, hang_up ...
     * @param payload     JSON: sid of the call, and what the instruction needs
     */
    record Command(UUID id, UUID organization, UUID call, String instruction, String payload) {}

    /**
     * Does it, or has done it already.
     *
     * @throws ProviderException where it may work later
     */
    void carryOut(Command command);

    /** It did not work; it is tried again. */
    final class ProviderException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public ProviderException(String message) {
            super(message);
        }
    }
}

package dev.switchboard.simulation;

import dev.switchboard.callcenter.command.CallCommand;
import java.util.Optional;
import java.util.UUID;

/** The telephones of customers and agents, whichever way they reach the books. */
interface Phones {
    /** Somebody calls a number; what their end of it is called. */
    String call(String from, String to);

    /** The customer hangs up. */
    void hangUp(String customer);

    /**
     * The agent takes what rings.
     *
     * @return whether they have the call, as far as is known at once
     */
    boolean answer(Ring ring);

    /** The agent does something with the call that they have; false where it was refused. */
    boolean command(UUID agent, UUID call, CallCommand command);

    /** Whether a customer's end is still connected, or rings. */
    boolean isOnTheLine(String customer);

    /** It rings at an agent. */
    record Ring(UUID agent, UUID call, String customer, Optional<String> leg) {}
}

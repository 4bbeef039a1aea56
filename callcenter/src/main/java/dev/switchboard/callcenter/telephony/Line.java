package dev.switchboard.callcenter.telephony;

import dev.switchboard.callcenter.state.CallState;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A call as its provider has to have it: who is on it, and what each of them is to hear. Immutable.
 *
 * @param account   of the number that the call came in at or goes out from; empty where it is nobody's
 * @param sid       the provider's id of the call
 * @param dialled   whether the customer was called, from an agent's leg
 * @param answered  whether an agent ever spoke
 * @param attended  whether the agents talk first, where it changes hands
 * @param turnedAway whether it came in while its queue takes no calls
 * @param callback  the number at which who waits is to be called back, and was not yet
 * @param queue     how it is treated that waits
 * @param parties   agents at whom it rings or who have it
 * @param legs      that live; of ended ones nothing is to be done
 */
public record Line(
        UUID call,
        UUID organization,
        String provider,
        Optional<UUID> account,
        String sid,
        boolean outbound,
        boolean dialled,
        String from,
        String to,
        CallState state,
        boolean answered,
        boolean attended,
        boolean muted,
        boolean turnedAway,
        Optional<String> callback,
        Queue queue,
        List<Party> parties,
        List<Leg> legs) {
    public Line {
        parties = List.copyOf(parties);
        legs = List.copyOf(legs);
    }

    /** What an agent is to the call. */
    public enum Part {
        RINGING,
        /** Has the call; their phone may still be on its way. */
        OWNER,
        /** Talks to the owner first. */
        CONSULTING
    }

    /**
     * An agent, by user id and by the name of their device.
     *
     * @param offeredAt since when it rings at them, where it does
     */
    public record Party(UUID agent, String identity, Optional<Instant> offeredAt, Part part) {}

    /** What of a call's queue a provider needs. */
    public record Queue(int ringSeconds, boolean record, boolean transcribe, boolean offersCallback) {}

    /**
     * A leg that lives.
     *
     * @param inRoom whether it lives apart from the leg that dialled it
     */
    public record Leg(String sid, Role role, Optional<UUID> agent, boolean connected, boolean inRoom) {}

    /** Whose leg it is. */
    public enum Role {
        CUSTOMER,
        AGENT,
        SUPERVISOR,
        EXTERNAL
    }

    public boolean isOver() {
        return state instanceof CallState.Terminal;
    }

    public Optional<Party> owner() {
        return parties.stream().filter(party -> party.part() == Part.OWNER).findFirst();
    }

    public List<Party> ringing() {
        return parties.stream().filter(party -> party.part() == Part.RINGING).toList();
    }

    public Optional<Party> party(UUID agent) {
        return parties.stream().filter(party -> party.agent().equals(agent)).findFirst();
    }

    /** The newest one that an agent has. */
    public Optional<Leg> legOf(UUID agent) {
        return legs.stream()
                .filter(leg -> leg.agent().filter(agent::equals).isPresent())
                .reduce((_, newer) -> newer);
    }

    public Optional<Leg> customerLeg() {
        return legs.stream().filter(leg -> leg.role() == Role.CUSTOMER).findFirst();
    }

    /** Whom an agent is connected with by being called. */
    public String theirs() {
        return callback.orElse(outbound ? to : from);
    }

    /** The provider's number of ours in it. */
    public String ours() {
        return outbound ? from : to;
    }
}

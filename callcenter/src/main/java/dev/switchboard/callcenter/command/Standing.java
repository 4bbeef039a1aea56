package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.command.Situation.Row;
import dev.switchboard.callcenter.state.CallState.Live;
import dev.switchboard.callcenter.state.WorkState;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;

/** Where a command stands: who asks, whose the call is, and how a refusal is put. Immutable. */
final class Standing {
    static final int LAST_SLOT = 99;
    static final int LONGEST_TEXT = 500;

    private final Situation it;
    private final Call call;

    interface WithOwner {
        Decision decide(UUID owner);
    }

    interface Deciding {
        Decision decide();
    }

    Standing(Situation situation) {
        this.it = situation;
        this.call = situation.call();
    }

    Decision inHand(String what, Live needed, WithOwner then) {
        return ownersOr(
                () -> call.state() == needed ? then.decide(call.claimedBy().orElseThrow()) : wrongState(what));
    }

    /** For who has the call, and for who controls all of them. */
    Decision ownersOr(Deciding then) {
        if (call.claimedBy().filter(it.actor()::is).isPresent() || it.actor().may("calls.control")) {
            return then.decide();
        }
        return call.isOwned() ? notYours() : wrongState("handled: nobody has it");
    }

    /** An agent acts for themselves; the server and programs with the service key for any. */
    Optional<Decision> refuseStranger(UUID agent) {
        if (it.actor() instanceof Actor.User && !it.actor().is(agent)) {
            return Optional.of(
                    Decision.refused(Refusal.NOT_YOURSELF, "agentId is not the user of the token: " + agent));
        }
        if (!it.agents().containsKey(agent)) {
            return Optional.of(Decision.refused(Refusal.NOT_AN_AGENT, Refusal.NOT_AN_AGENT.title()));
        }
        return Optional.empty();
    }

    Optional<Decision> refuseUnfit(UUID agent) {
        Agent candidate = it.agents().get(agent);
        if (candidate == null || candidate.isBusy()) {
            return Optional.of(
                    Decision.refused(Refusal.AGENT_BUSY, "You have a call; end, hold and park, or transfer it first"));
        }
        if (candidate.chosen() == AgentCommand.Choice.OFFLINE && it.actor() instanceof Actor.User) {
            return Optional.of(Decision.refused(Refusal.AGENT_UNAVAILABLE, "You are offline; become available first"));
        }
        return Optional.empty();
    }

    boolean isAvailable(UUID user) {
        Agent agent = it.agents().get(user);
        return agent != null && agent.derived() == WorkState.AVAILABLE;
    }

    boolean isEligible(UUID user) {
        Agent agent = it.agents().get(user);
        return agent != null && agent.isEligible();
    }

    boolean holds(UUID agent) {
        return call.claimedBy().filter(agent::equals).isPresent()
                || call.transferTo()
                        .filter(to -> to.equals(agent) && it.rows().get(to) == Row.CONSULTING)
                        .isPresent();
    }

    /** The agent's own: it is so already. Another's: they are told whose. */
    Decision ownedAlready(UUID agent) {
        return holds(agent) ? new Decision.Unchanged() : alreadyClaimed();
    }

    private Decision alreadyClaimed() {
        UUID holder = call.claimedBy().orElseThrow();
        Agent agent = it.agents().get(holder);
        String name = agent == null ? "Another agent" : agent.name();
        return new Decision.Refused(
                Refusal.ALREADY_CLAIMED, name + " is already handling the call", Optional.of(holder));
    }

    Decision notOffered(UUID agent) {
        return Decision.refused(Refusal.NOT_OFFERED, "The call does not ring at agent " + agent);
    }

    Decision wrongState(String what) {
        return Decision.refused(
                Refusal.WRONG_STATE, "The call is " + call.state().wire() + " and cannot be " + what);
    }

    Decision notYours() {
        return new Decision.Refused(Refusal.NOT_YOUR_CALL, Refusal.NOT_YOUR_CALL.title(), call.claimedBy());
    }

    static Decision notPermitted(String what) {
        return Decision.refused(Refusal.NOT_PERMITTED, "Your role may not " + what);
    }

    static boolean tooLong(Optional<String> text) {
        return text.filter(value -> value.length() > LONGEST_TEXT).isPresent();
    }

    static String joined(List<UUID> agents) {
        return agents.stream().map(UUID::toString).collect(Collectors.joining(","));
    }

    int lowestFree() {
        int slot = 1;
        while (it.slots().contains(slot)) {
            slot++;
        }
        return slot;
    }
}

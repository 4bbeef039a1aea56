package dev.switchboard.callcenter.command;

import java.time.Instant;
import java.util.Optional;

/** What each command does to an agent; calls that ring at somebody who is gone go with them. */
public final class AgentRules {
    private static final int LONGEST_REASON = 100;

    private AgentRules() {}

    /** What an agent's command comes to. */
    public sealed interface Outcome {
        /**
         * The agent as they are from now on.
         *
         * @param cardsGo whether what rings at them stops
         * @param forced  whether a supervisor did it: it goes into the audit log
         */
        record Changed(Agent agent, boolean cardsGo, boolean forced) implements Outcome {}

        record Unchanged() implements Outcome {}

        record Refused(Refusal refusal, String detail) implements Outcome {}
    }

    /**
     * The decision; nothing is changed by it.
     *
     * @param owesCode whether they wrap up a call of which its queue wants to know what it was about
     */
    public static Outcome decide(Agent agent, AgentCommand command, Actor actor, boolean owesCode, Instant now) {
        boolean own = actor.is(agent.user());
        if (!own && !actor.may("agents.control")) {
            return new Outcome.Refused(Refusal.NOT_PERMITTED, "Your role may not change the state of others");
        }
        if (own && !actor.may("calls.handle")) {
            return new Outcome.Refused(Refusal.NOT_PERMITTED, "Your role handles no calls");
        }
        return switch (command) {
            case AgentCommand.Choose(AgentCommand.Choice choice, Optional<String> reason) -> {
                if (reason.filter(text -> text.length() > LONGEST_REASON).isPresent()) {
                    yield new Outcome.Refused(
                            Refusal.INVALID_REQUEST, "reason is longer than " + LONGEST_REASON + " characters");
                }
                if (choice == AgentCommand.Choice.PAUSED
                        && reason.filter(text -> !text.isBlank()).isEmpty()) {
                    yield new Outcome.Refused(Refusal.INVALID_REQUEST, "a pause needs a reason, as lunch or training");
                }
                if (own && owesCode && choice == AgentCommand.Choice.AVAILABLE) {
                    yield new Outcome.Refused(Refusal.CODE_REQUIRED, Refusal.CODE_REQUIRED.title());
                }
                Agent chosen = agent.choosing(choice, reason);
                yield changed(
                        agent, own && owesCode ? chosen : chosen.wrappedUp(), !own && actor instanceof Actor.User);
            }
            case AgentCommand.Reach(boolean reachable) -> changed(agent, agent.reachable(reachable), false);
            case AgentCommand.Socket(boolean there) -> changed(agent, agent.reachable(there), false);
            case AgentCommand.WrapUpOver _ ->
                agent.wrapUpUntil().filter(until -> !now.isBefore(until)).isPresent()
                        ? changed(agent, agent.wrappedUp(), false)
                        : new Outcome.Unchanged();
        };
    }

    private static Outcome changed(Agent before, Agent after, boolean forced) {
        boolean gone = after.rings() > 0 && (after.chosen() != AgentCommand.Choice.AVAILABLE || !after.reachable());
        Agent settled = gone ? after.withRings(0) : after;
        return before.equals(settled) ? new Outcome.Unchanged() : new Outcome.Changed(settled, gone, forced);
    }
}

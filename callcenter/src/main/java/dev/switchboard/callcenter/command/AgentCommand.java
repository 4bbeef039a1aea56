package dev.switchboard.callcenter.command;

import java.util.Optional;

/** What can be asked of an agent. */
public sealed interface AgentCommand {
    /** What an agent, or a supervisor for them, wants. During a call it is noted, and comes after it. */
    record Choose(Choice choice, Optional<String> reason) implements AgentCommand {}

    /** Their phone registered or went. */
    record Reach(boolean reachable) implements AgentCommand {}

    /** Their last socket has gone for good, or one is there again; a device that said itself what it is has the last word. */
    record Socket(boolean there) implements AgentCommand {}

    /** The time for wrap-up is over; nothing, where it is not. */
    record WrapUpOver() implements AgentCommand {}

    /** What can be chosen. */
    enum Choice {
        OFFLINE,
        AVAILABLE,
        PAUSED
    }
}

package dev.switchboard.telephony.twilio;

import java.time.Instant;
import java.util.List;
import java.util.UUID;

/**
 * Where Twilio asks and tells. What is in a URL of ours was signed with it, so it is ours when it comes back.
 *
 * @param base where Twilio reaches this server
 */
record TwilioUrls(String base) {
    static final String PREFIX = "/telephony/twilio";

    /** A call comes in. */
    String voice() {
        return base + PREFIX + "/voice";
    }

    /** How a number's calls get on; the number itself names it. */
    String status() {
        return base + PREFIX + "/status";
    }

    /** How a leg of a call gets on. */
    String customerStatus(UUID call) {
        return base + PREFIX + "/status?call=" + call + "&role=customer";
    }

    String agentStatus(UUID call, UUID agent) {
        return base + PREFIX + "/status?call=" + call + "&role=agent&agent=" + agent;
    }

    String supervisorStatus(UUID call, UUID supervisor) {
        return base + PREFIX + "/status?call=" + call + "&role=supervisor&agent=" + supervisor;
    }

    /** What the customer hears now. */
    String flow(UUID call, String step) {
        return base + PREFIX + "/flow?call=" + call + "&step=" + step;
    }

    /** What an agent's leg does now. */
    String join(UUID call, UUID agent, String step) {
        return base + PREFIX + "/join?call=" + call + "&agent=" + agent + "&step=" + step;
    }

    /** The agent is on the line who calls somebody. */
    String dial(UUID call, UUID agent) {
        return base + PREFIX + "/dial?call=" + call + "&agent=" + agent;
    }

    /** A supervisor's leg. */
    String monitor(UUID call, UUID supervisor, String mode) {
        return base + PREFIX + "/monitor?call=" + call + "&agent=" + supervisor + "&mode=" + mode;
    }

    /** An agent's dial is over. */
    String dialledCustomer(UUID call) {
        return base + PREFIX + "/dialled?call=" + call + "&leg=agent";
    }

    /** The customer's dial is over, which was begun then, at these agents. */
    String dialledAgents(UUID call, List<UUID> agents, Instant begun) {
        return base + PREFIX + "/dialled?call=" + call + "&leg=customer&at=" + begun.toEpochMilli() + "&agents="
                + String.join(".", agents.stream().map(UUID::toString).toList());
    }

    String room(UUID call) {
        return base + PREFIX + "/room?call=" + call;
    }

    String recording(UUID call) {
        return base + PREFIX + "/recording?call=" + call;
    }

    String transcription(UUID call) {
        return base + PREFIX + "/transcription?call=" + call;
    }

    /** What who waits hears, again and again. */
    String wait(UUID call) {
        return base + PREFIX + "/wait?call=" + call;
    }

    /** What who waits pressed. */
    String digits(UUID call) {
        return base + PREFIX + "/digits?call=" + call;
    }

    /** The call left the queue in which it waited. */
    String left(UUID call) {
        return base + PREFIX + "/left?call=" + call;
    }
}

package dev.switchboard.telephony.twilio;

import com.twilio.rest.api.v2010.account.Call;
import com.twilio.rest.api.v2010.account.call.Recording;
import com.twilio.rest.api.v2010.account.call.Transcription;
import com.twilio.type.Client;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.telephony.Line;
import dev.switchboard.callcenter.telephony.Lines;
import dev.switchboard.callcenter.telephony.TelephonyProvider;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One command for one call. What a leg does follows from the call's state when it asks ({@link Documents}), so a command is
 * mostly "ask again": which legs, and in which order. A leg that is in another's dial is moved first, because moving the
 * dialling one ends it. Owned by one thread.
 */
final class Carrying {

    private static final int RING_SECONDS = 30;
    private static final int MOST_RUNG_AT_ONE = 20;
    private static final List<String> EVENTS = List.of("initiated", "ringing", "answered", "completed");

    private final Jdbi jdbi;
    private final TwilioRest rest;
    private final TwilioAccount account;
    private final TwilioUrls urls;
    private final Line line;
    private final String step;
    private final int attempt;
    private final String instruction;
    private final JsonNode details;

    Carrying(Jdbi jdbi, TwilioRest rest, Line line, TelephonyProvider.Command command) {
        this.jdbi = jdbi;
        this.rest = rest;
        this.account = rest.account();
        this.urls = account.urls();
        this.line = line;
        this.step = command.id().toString();
        this.attempt = command.attempt();
        this.instruction = command.instruction();
        this.details = JsonMapper.shared().readTree(command.payload());
    }

    void carryOut() {
        if (line.isOver()) {
            endAll();
            return;
        }
        switch (instruction) {
            case "enqueue", "park" -> {
                if (line.callback().isEmpty()) {
                    moveCustomer();
                } else {
                    rest.move(customer(), urls.flow(line.call(), step)); // they may have hung up already
                }
                endStrangers();
            }
            case "ring" -> ring();
            case "stop_ringing" -> stopRinging();
            case "connect" -> connect();
            case "hold", "mute", "unmute" -> intoRoom();
            case "unhold" -> moveCustomer();
            case "transfer" -> {
                // who was dialled from the agent's leg would end with it
                if ((line.attended() || line.dialled()) && line.state() == CallState.Live.TRANSFERRING) {
                    intoRoom();
                }
            }
            case "dial" -> device(agent(), urls.dial(line.call(), agent()));
            case "monitor" -> monitor();
            case "record" -> record();
            case "transcribe" -> transcribe();
            case "hang_up" -> {} // the call lives on: nothing of it is to be ended
            default -> throw new TelephonyProvider.ProviderException("Twilio is told nothing by " + instruction);
        }
    }

    private UUID agent() {
        return UUID.fromString(details.path("agent").asString());
    }

    private List<UUID> agents() {
        return List.of(details.path("agents").asString().split(",", -1)).stream()
                .filter(id -> !id.isEmpty())
                .map(UUID::fromString)
                .toList();
    }

    /** By their dial where nobody rings yet; else one more device each, so that those who ring are not disturbed. */
    private void ring() {
        List<Line.Party> wanted = agents().stream()
                .flatMap(agent -> line.party(agent).stream())
                .filter(party -> line.legOf(party.agent()).isEmpty())
                .toList();
        if (wanted.isEmpty()) {
            return;
        }
        if (line.callback().isPresent()) { // there is no customer's leg to dial from
            wanted.forEach(party -> device(party.agent(), urls.dial(line.call(), party.agent())));
            return;
        }
        boolean ringing = line.legs().stream()
                .anyMatch(leg -> leg.agent().flatMap(line::party).isPresent());
        if (ringing || line.state() == CallState.Live.TRANSFERRING) {
            lookForCustomer();
            wanted.forEach(party -> device(party.agent(), urls.join(line.call(), party.agent(), step)));
        } else if (line.state() == CallState.Live.RINGING) {
            moveCustomer();
            line.parties().stream() // as many as one dial takes are in it
                    .filter(party -> line.legOf(party.agent()).isEmpty())
                    .skip(Documents.MOST_RUNG)
                    .forEach(party -> device(party.agent(), urls.join(line.call(), party.agent(), step)));
        }
    }

    private void stopRinging() {
        endStrangers();
        Optional<Line.Party> owner = line.owner();
        if (line.state() != CallState.Live.ACTIVE || owner.isEmpty()) {
            return;
        }
        UUID agent = owner.get().agent();
        Optional<Line.Leg> leg = line.legOf(agent);
        if (leg.isEmpty()) { // they hung up, and have the call again: they are rung at
            device(agent, urls.join(line.call(), agent, step));
        } else if (leg.get().inRoom()) { // from an attended transfer that came to nothing
            moveCustomer();
        }
    }

    private void connect() {
        Optional<Line.Leg> leg = line.owner().flatMap(owner -> line.legOf(owner.agent()));
        if (line.state() == CallState.Live.CLAIMED) {
            if (leg.isEmpty() && line.callback().isEmpty()) {
                moveCustomer();
            }
        } else if ((line.state() == CallState.Live.ACTIVE || line.state() == CallState.Live.HELD) && leg.isEmpty()) {
            line.owner().ifPresent(owner -> device(owner.agent(), urls.join(line.call(), owner.agent(), step)));
        } else if (line.state() == CallState.Live.ACTIVE && leg.get().connected()) {
            if (leg.get().inRoom()) {
                moveCustomer();
            }
            endStrangers(); // not before the new agent is there: the customer would be alone
        }
    }

    /** Both into the room, whoever dialled the other first; what they hear there follows from the state. */
    private void intoRoom() {
        Optional<Line.Leg> agents = line.owner().flatMap(owner -> line.legOf(owner.agent()));
        if (agents.isEmpty()) {
            return;
        }
        Line.Leg leg = agents.get();
        String there = urls.join(line.call(), leg.agent().orElseThrow(), step);
        boolean customerMoves = !leg.inRoom() || instruction.equals("hold") || instruction.equals("transfer");
        mark(List.of(leg.sid()));
        if (line.dialled() && customerMoves) { // the agent's leg dialled the customer's
            moveCustomer();
        }
        if (!leg.inRoom() || instruction.endsWith("mute")) {
            rest.move(leg.sid(), there);
        }
        if (!line.dialled() && customerMoves) {
            moveCustomer();
        }
    }

    private void mark(List<String> moved) {
        try {
            jdbi.useHandle(handle -> Lines.moveIntoRoom(handle.getConnection(), line.call(), moved));
        } catch (SQLException failed) {
            throw new TelephonyProvider.ProviderException("the legs could not be written down: " + failed.getMessage());
        }
    }

    /** Marked before, so that the end of a dial that they are taken out of is not taken for theirs. */
    private void moveCustomer() {
        mark(List.of(customer()));
        if (!rest.move(customer(), urls.flow(line.call(), step))) {
            lookForCustomer();
        }
    }

    private String customer() {
        return line.customerLeg().map(Line.Leg::sid).orElse(line.sid());
    }

    /** Who is not in progress may still be on the way there, in the dial of an answer. */
    private void lookForCustomer() {
        boolean there = rest.leg(customer())
                .filter(leg -> leg.status().ends().isEmpty())
                .isPresent();
        if (!there) {
            throw new TelephonyProvider.CustomerGoneException("its customer is gone, of which Twilio did not tell");
        }
    }

    /** Legs of agents who have nothing to do with the call any more. */
    private void endStrangers() {
        for (Line.Leg leg : line.legs()) {
            if (leg.role() == Line.Role.AGENT
                    && leg.agent().flatMap(line::party).isEmpty()) {
                rest.end(leg.sid());
            }
        }
    }

    private void endAll() {
        if (!line.outbound()) {
            rest.end(line.sid());
        }
        line.legs().forEach(leg -> rest.end(leg.sid()));
    }

    private void monitor() {
        String mode = details.path("mode").asString();
        intoRoom();
        device(agent(), urls.monitor(line.call(), agent(), mode));
    }

    /** Rings one device by itself; not again where that was done, though it was not heard that it was. */
    private void device(UUID user, String url) {
        String identity = identity(user);
        if (line.legOf(user).isPresent()
                || (attempt > 1 && TwilioRest.ask(() -> wasDialled(identity)).orElse(false))) {
            return;
        }
        String status = instruction.equals("monitor")
                ? urls.supervisorStatus(line.call(), user)
                : urls.agentStatus(line.call(), user);
        TwilioRest.ask(() -> Call.creator(
                        account.sid(),
                        new Client("client:" + identity),
                        new com.twilio.type.PhoneNumber(line.ours()),
                        java.net.URI.create(url))
                .setTimeout(RING_SECONDS)
                .setStatusCallback(status)
                .setStatusCallbackEvent(EVENTS)
                .create(rest.client()));
    }

    /** By a try whose answer was lost: a leg rings there that no call of ours knows. */
    private boolean wasDialled(String identity) {
        for (Call.Status status : List.of(Call.Status.QUEUED, Call.Status.RINGING)) {
            for (Call call : Call.reader(account.sid())
                    .setTo("client:" + identity)
                    .setStatus(status)
                    .limit(MOST_RUNG_AT_ONE)
                    .read(rest.client())) {
                if (!isKnown(call.getSid())) {
                    return true;
                }
            }
        }
        return false;
    }

    private boolean isKnown(String leg) {
        return jdbi.withHandle(
                handle -> handle.createQuery("select exists (select from public.call_legs where provider_leg_sid = ?)")
                        .bind(0, leg)
                        .mapTo(Boolean.class)
                        .one());
    }

    private String identity(UUID user) {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select client_identity from public.voip_users where organization_id = ? and user_id = ?")
                .bind(0, line.organization())
                .bind(1, user)
                .mapTo(String.class)
                .one());
    }

    private void record() {
        boolean recorded = TwilioRest.ask(() -> Recording.reader(account.sid(), customer())
                        .limit(1)
                        .read(rest.client())
                        .iterator()
                        .hasNext())
                .orElse(false);
        if (recorded) {
            return;
        }

        begun(TwilioRest.ask(() -> Recording.creator(account.sid(), customer())
                .setRecordingChannels("dual")
                .setRecordingStatusCallback(urls.recording(line.call()))
                .setRecordingStatusCallbackEvent(List.of("in-progress", "completed", "absent"))
                .create(rest.client())));
    }

    private void transcribe() {
        begun(TwilioRest.ask(() -> Transcription.creator(account.sid(), customer())
                .setTrack(Transcription.Track.BOTH_TRACKS)
                .setPartialResults(true)
                .setStatusCallbackUrl(urls.transcription(line.call()))
                .create(rest.client())));
    }

    /** Who is not connected yet is not recorded yet. */
    private static void begun(Optional<?> answer) {
        if (answer.isEmpty()) {
            throw new TelephonyProvider.ProviderException("the customer is not connected yet");
        }
    }
}

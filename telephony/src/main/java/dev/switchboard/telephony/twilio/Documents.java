package dev.switchboard.telephony.twilio;

import com.twilio.twiml.TwiMLException;
import com.twilio.twiml.VoiceResponse;
import com.twilio.twiml.voice.Client;
import com.twilio.twiml.voice.Conference;
import com.twilio.twiml.voice.Dial;
import com.twilio.twiml.voice.Enqueue;
import com.twilio.twiml.voice.Gather;
import com.twilio.twiml.voice.Hangup;
import com.twilio.twiml.voice.Number;
import com.twilio.twiml.voice.Parameter;
import com.twilio.twiml.voice.Pause;
import com.twilio.twiml.voice.Redirect;
import com.twilio.twiml.voice.Reject;
import com.twilio.twiml.voice.Say;
import dev.switchboard.callcenter.Receiving;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.telephony.Line;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;

/**
 * What each leg of a call does, by the state of the call alone: the same call answers the same document, however often it
 * is asked for. An agent is dialled by the customer's leg, so that ten phones ring at once by one document; whoever is put
 * on hold, handed over, muted or listened to is moved into the room of the call first (ADR 19).
 */
final class Documents {
    /** As many as one dial takes. */
    static final int MOST_RUNG = 10;

    private static final List<Client.Event> CLIENT_EVENTS =
            List.of(Client.Event.INITIATED, Client.Event.RINGING, Client.Event.ANSWERED, Client.Event.COMPLETED);
    private static final List<Number.Event> NUMBER_EVENTS =
            List.of(Number.Event.INITIATED, Number.Event.RINGING, Number.Event.ANSWERED, Number.Event.COMPLETED);
    private static final List<Conference.Event> ROOM_EVENTS =
            List.of(Conference.Event.START, Conference.Event.END, Conference.Event.JOIN, Conference.Event.LEAVE);
    private static final int DIAL_SECONDS = 45;
    private static final int PATIENCE_SECONDS = 30;

    private final TwilioUrls urls;
    private final Instant now;

    Documents(TwilioUrls urls, Instant now) {
        this.urls = urls;
        this.now = now;
    }

    /** Of the customer. */
    String customer(Line line) {
        if (line.callback().isPresent() && !line.isOver()) {
            return farewell();
        }
        return switch (line.state()) {
            case CallState.Terminal _ -> line.turnedAway() ? closed() : hangup();
            case CallState.Live live ->
                switch (live) {
                    case NEW, QUEUED, HELD, PARKED -> waiting(line);
                    case RINGING, CLAIMED -> ring(line);
                    case ACTIVE ->
                        room(line, line.customerLeg().map(Line.Leg::sid).orElse(""), false);
                    case TRANSFERRING ->
                        line.attended()
                                ? waiting(line)
                                : room(
                                        line,
                                        line.customerLeg().map(Line.Leg::sid).orElse(""),
                                        false);
                };
        };
    }

    /** Of an agent: into the room of the call, if they have to do with it. */
    String agent(Line line, UUID agent, String leg) {
        boolean theirs = line.party(agent)
                .filter(party -> party.part() != Line.Part.RINGING)
                .isPresent();
        boolean muted = line.muted()
                && line.owner().filter(owner -> owner.agent().equals(agent)).isPresent();
        return theirs && !line.isOver() ? room(line, leg, muted) : hangup();
    }

    /** Of an agent who calls somebody: the customer is dialled from their leg. */
    String dialOut(Line line, UUID agent) {
        boolean theirs =
                line.owner().filter(owner -> owner.agent().equals(agent)).isPresent();
        if (!theirs || line.state() != CallState.Live.CLAIMED) {
            return agent(line, agent, "");
        }
        var number = new Number.Builder(line.theirs())
                .statusCallback(urls.customerStatus(line.call()))
                .statusCallbackEvents(NUMBER_EVENTS)
                .build();
        return xml(new VoiceResponse.Builder()
                .dial(new Dial.Builder()
                        .callerId(line.ours())
                        .timeout(DIAL_SECONDS)
                        .answerOnBridge(true)
                        .action(urls.dialledCustomer(line.call()))
                        .number(number)
                        .build()));
    }

    /** Of a supervisor. */
    String supervisor(Line line, CallCommand.Monitoring how) {
        var leg = line.owner().flatMap(owner -> line.legOf(owner.agent()));
        if (line.isOver() || leg.isEmpty()) {
            return hangup();
        }
        Conference.Builder room = conference(line).startConferenceOnEnter(false).participantLabel("supervisor");
        switch (how) {
            case LISTEN -> room.muted(true);
            case WHISPER -> room.coach(leg.get().sid());
            case BARGE -> {}
        }
        return xml(new VoiceResponse.Builder()
                .dial(new Dial.Builder().conference(room.build()).build()));
    }

    private String waiting(Line line) {
        var enqueue = new Enqueue.Builder().name("calls_" + line.organization()).action(urls.left(line.call()));
        boolean asks = line.queue().offersCallback()
                && !line.answered()
                && line.callback().isEmpty();
        if (asks && line.state() != CallState.Live.PARKED) {
            enqueue.waitUrl(urls.wait(line.call()));
        }
        return xml(new VoiceResponse.Builder().enqueue(enqueue.build()));
    }

    /** Of who waits: where they stand, and what they may press. */
    String place(Line line, Receiving.Place place) {
        int minutes = Math.max(1, Math.round(place.waitSeconds() / 60f));
        String where = "You are number " + place.place() + " in line. We estimate a wait of about " + minutes
                + (minutes == 1 ? " minute." : " minutes.") + " To be called back instead, press 1.";
        return xml(new VoiceResponse.Builder()
                .gather(new Gather.Builder()
                        .numDigits(1)
                        .timeout(PATIENCE_SECONDS)
                        .action(urls.digits(line.call()))
                        .say(new Say.Builder(where).build())
                        .build()));
    }

    /** Of who is called back: they may hang up. */
    String farewell() {
        return xml(new VoiceResponse.Builder()
                .say(new Say.Builder("Thank you. You keep your place, and we call you back.").build())
                .hangup(new Hangup.Builder().build()));
    }

    /** Of who calls outside the hours. */
    private static String closed() {
        return xml(new VoiceResponse.Builder()
                .say(new Say.Builder("We are closed at the moment. Please call again during our opening hours.")
                        .build())
                .hangup(new Hangup.Builder().build()));
    }

    /** At all who have no leg yet; who has one was dialled by itself, and comes into the room. */
    private String ring(Line line) {
        List<Line.Party> rung = line.parties().stream()
                .filter(party -> line.legOf(party.agent()).isEmpty())
                .limit(MOST_RUNG)
                .toList();
        if (rung.isEmpty()) {
            return waiting(line);
        }
        var dial = new Dial.Builder()
                .timeout(line.queue().ringSeconds())
                .answerOnBridge(true)
                .action(urls.dialledAgents(
                        line.call(), rung.stream().map(Line.Party::agent).toList(), begun(rung)));
        rung.forEach(party -> dial.client(client(line, party)));
        return xml(new VoiceResponse.Builder().dial(dial.build()));
    }

    /** Not before the newest of the offers that it is for. */
    private Instant begun(List<Line.Party> rung) {
        return rung.stream()
                .flatMap(party -> party.offeredAt().stream())
                .max(Comparator.naturalOrder())
                .orElse(now)
                .plusMillis(1); // offers are told by the microsecond
    }

    private Client client(Line line, Line.Party party) {
        return new Client.Builder(party.identity())
                .statusCallback(urls.agentStatus(line.call(), party.agent()))
                .statusCallbackEvents(CLIENT_EVENTS)
                .parameter(new Parameter.Builder()
                        .name("callId")
                        .value(line.call().toString())
                        .build())
                .build();
    }

    private String room(Line line, String leg, boolean muted) {
        Conference.Builder room = conference(line).startConferenceOnEnter(true).muted(muted);
        if (!leg.isEmpty()) {
            room.participantLabel(leg);
        }
        return xml(new VoiceResponse.Builder()
                .dial(new Dial.Builder().conference(room.build()).build()));
    }

    private Conference.Builder conference(Line line) {
        return new Conference.Builder(name(line.call()))
                .beep(Conference.Beep.FALSE)
                .endConferenceOnExit(false)
                .statusCallback(urls.room(line.call()))
                .statusCallbackEvents(ROOM_EVENTS);
    }

    /** Of the room of a call. */
    static String name(UUID call) {
        return "call_" + call;
    }

    static String hangup() {
        return xml(new VoiceResponse.Builder().hangup(new Hangup.Builder().build()));
    }

    /** Of a call at a number that is nobody's: it costs nobody anything. */
    static String reject() {
        return xml(new VoiceResponse.Builder().reject(new Reject.Builder().build()));
    }

    /** Where there is no answer at the moment: the same question again, and nobody is hung up on. */
    static String askAgain(String url) {
        return xml(new VoiceResponse.Builder()
                .pause(new Pause.Builder().length(1).build())
                .redirect(new Redirect.Builder(url).build()));
    }

    /** Of a message that only tells. */
    static String nothing() {
        return xml(new VoiceResponse.Builder());
    }

    private static String xml(VoiceResponse.Builder response) {
        try {
            return response.build().toXml();
        } catch (TwiMLException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}

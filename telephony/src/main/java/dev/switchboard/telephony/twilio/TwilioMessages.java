package dev.switchboard.telephony.twilio;

import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.ProviderEvents;
import dev.switchboard.callcenter.Receiving;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.state.ProviderStatus;
import dev.switchboard.callcenter.telephony.Line;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** What each of Twilio's messages does, and what it is answered. No state of its own. */
final class TwilioMessages {
    /** Further from now no clock of a provider is. */
    private static final Duration BELIEVED = Duration.ofDays(1);

    private final UUID organization;
    private final Documents documents;
    private final Form form;
    private final InstantSource clock;

    TwilioMessages(TwilioAccount account, Form form, InstantSource clock) {
        this.organization = account.organization();
        this.documents = new Documents(account.urls(), clock.instant());
        this.form = form;
        this.clock = clock;
    }

    /** By the last part of the path. */
    String apply(String kind, Receiving receiving) throws SQLException {
        return switch (kind) {
            case "voice" -> voice(receiving);
            case "flow" -> flow(receiving);
            case "join" -> join(receiving);
            case "dial" -> dial(receiving);
            case "wait" -> waits(receiving);
            case "digits" -> digits(receiving);
            case "monitor" -> monitor(receiving);
            case "dialled" -> dialled(receiving);
            case "status" -> status(receiving);
            case "recording" -> recording(receiving);
            case "room" -> room(receiving);
            case "transcription" -> new TranscriptionMessages(form).apply(receiving);
            case "left" -> left(receiving);
            default -> Documents.nothing();
        };
    }

    private String voice(Receiving receiving) throws SQLException {
        Optional<UUID> call = receiving.incoming(
                organization,
                TwilioAccounts.PROVIDER,
                form.sid(),
                form.text("From").orElse("unknown"),
                form.required("To"));
        if (call.isEmpty()) {
            return Documents.reject();
        }
        receiving.heard(
                call.get(),
                new ProviderEvents.Event(
                        form.sid(), Line.Role.CUSTOMER, Optional.empty(), ProviderStatus.IN_PROGRESS, 0, at()));
        String answer = documents.customer(receiving.line(call.get()).orElseThrow());
        receiving.saidInTheAnswer(call.get());
        return answer;
    }

    private String flow(Receiving receiving) throws SQLException {
        return receiving.line(call()).map(documents::customer).orElseGet(Documents::hangup);
    }

    /** An agent's own leg is answered, or was moved. */
    private String join(Receiving receiving) throws SQLException {
        UUID call = call();
        UUID agent = agent();
        receiving.heard(call, connected(Line.Role.AGENT, agent));
        receiving.moveIntoRoom(call, form.sid());
        Optional<Line> line = receiving.line(call);
        if (line.isEmpty()) {
            return Documents.hangup();
        }
        boolean has =
                line.get().owner().filter(owner -> owner.agent().equals(agent)).isPresent();
        boolean customerWaits =
                line.get().customerLeg().filter(Line.Leg::inRoom).isEmpty();
        if (has
                && customerWaits
                && line.get().state() == CallState.Live.ACTIVE) { // the customer may still be where they waited
            receiving.tell(call, "connect", agent);
        }
        return documents.agent(line.get(), agent, form.sid());
    }

    private String dial(Receiving receiving) throws SQLException {
        UUID call = call();
        receiving.heard(call, connected(Line.Role.AGENT, agent()));
        Optional<Line> line = receiving.line(call);
        if (line.isEmpty()) {
            return Documents.hangup();
        }
        boolean again = !line.get().outbound()
                && line.get()
                        .owner()
                        .filter(owner -> owner.agent().equals(agent()))
                        .isPresent()
                && !receiving.callsBack(call);
        return again ? Documents.hangup() : documents.dialOut(line.get(), agent());
    }

    /** Who was thrown out of the queue goes on as the call is; who hung up is told of otherwise. */
    private String left(Receiving receiving) throws SQLException {
        boolean thrownOut = form.text("QueueResult")
                .filter(result -> result.equals("queue-full") || result.endsWith("error"))
                .isPresent();
        return thrownOut ? flow(receiving) : Documents.nothing();
    }

    private String waits(Receiving receiving) throws SQLException {
        UUID call = call();
        Optional<Line> line = receiving.line(call);
        return line.isEmpty() ? Documents.hangup() : documents.place(line.get(), receiving.place(call));
    }

    private String digits(Receiving receiving) throws SQLException {
        UUID call = call();
        if (form.text("Digits").filter("1"::equals).isPresent()) {
            receiving.execute(call, new CallCommand.RequestCallback(Optional.empty()));
        }
        Optional<Line> line = receiving.line(call);
        if (line.isPresent() && line.get().callback().isPresent()) {
            return documents.farewell();
        }
        return waits(receiving); // pressed something else, or was answered in between
    }

    private String monitor(Receiving receiving) throws SQLException {
        receiving.heard(call(), connected(Line.Role.SUPERVISOR, agent()));
        CallCommand.Monitoring how = CallCommand.Monitoring.valueOf(
                form.parameter("mode").orElse("listen").toUpperCase(Locale.ROOT));
        return receiving
                .line(call())
                .map(line -> documents.supervisor(line, how))
                .orElseGet(Documents::hangup);
    }

    private ProviderEvents.Event connected(Line.Role role, UUID user) {
        return new ProviderEvents.Event(form.sid(), role, Optional.of(user), ProviderStatus.IN_PROGRESS, 0, at());
    }

    /** A dial is over. Who was moved into the room from it is not: the call goes on there. */
    private String dialled(Receiving receiving) throws SQLException {
        UUID call = call();
        Optional<Line> before = receiving.line(call);
        if (before.isEmpty()) {
            return Documents.hangup();
        }
        boolean ofAgent = form.parameter("leg").filter("agent"::equals).isPresent();
        Optional<String> dialled = form.said("DialCallSid");
        boolean apart = before.get().legs().stream()
                .anyMatch(
                        leg -> leg.inRoom() && dialled.filter(leg.sid()::equals).isPresent());
        if (!apart) {
            dialEnded(receiving, before.get(), ofAgent, dialled);
        }
        Line line = receiving.line(call).orElseThrow();
        if (!ofAgent) {
            return documents.customer(line);
        }
        return line.owner()
                .filter(_ -> apart)
                .map(owner -> documents.agent(line, owner.agent(), form.sid()))
                .orElseGet(Documents::hangup);
    }

    private void dialEnded(Receiving receiving, Line line, boolean ofAgent, Optional<String> dialled)
            throws SQLException {
        boolean answered = form.said("DialCallStatus")
                .filter(status -> status.equals("completed") || status.equals("answered"))
                .isPresent();
        if (ofAgent) {
            ProviderStatus status = answered
                    ? ProviderStatus.COMPLETED
                    : form.said("DialCallStatus").flatMap(ProviderStatus::of).orElse(ProviderStatus.FAILED);
            if (dialled.isPresent()) {
                receiving.heard(
                        line.call(),
                        new ProviderEvents.Event(dialled.get(), Line.Role.CUSTOMER, Optional.empty(), status, 0, at()));
            }
            return;
        }
        if (answered) {
            Optional<UUID> who = line.legs().stream()
                    .filter(leg -> dialled.filter(leg.sid()::equals).isPresent())
                    .flatMap(leg -> leg.agent().stream())
                    .findFirst()
                    .or(() -> line.owner().map(Line.Party::agent));
            if (dialled.isPresent() && who.isPresent()) {
                receiving.heard(
                        line.call(),
                        new ProviderEvents.Event(
                                dialled.get(), Line.Role.AGENT, who, ProviderStatus.COMPLETED, 0, at()));
                if (form.text("CallStatus").filter("in-progress"::equals).isPresent()) { // the customer is still there
                    receiving.hungUp(line.call(), dialled.get());
                }
            }
            return;
        }
        nobodyAnswered(receiving, line);
    }

    /** It ends the offers that the dial was for, and none that was made since. */
    private void nobodyAnswered(Receiving receiving, Line line) throws SQLException {
        Set<String> rung =
                new HashSet<>(List.of(form.parameter("agents").orElse("").split("\\.", -1)));
        Instant begun = Instant.ofEpochMilli(
                form.parameter("at").flatMap(Form::longNumber).orElse(0L));
        for (Line.Party party : line.parties()) {
            boolean since = party.offeredAt().filter(begun::isBefore).isPresent();
            if (rung.contains(party.agent().toString()) && !since) {
                receiving.execute(line.call(), new CallCommand.LegFailed(party.agent()));
            }
        }
    }

    private String status(Receiving receiving) throws SQLException {
        Optional<UUID> call =
                form.parameter("call").isPresent() ? Optional.of(call()) : receiving.callOf(organization, form.sid());
        Optional<ProviderStatus> status = form.text("CallStatus").flatMap(ProviderStatus::of);
        if (call.isEmpty() || status.isEmpty()) {
            return Documents.nothing();
        }
        Line.Role role = form.parameter("role")
                .map(name -> Line.Role.valueOf(name.toUpperCase(Locale.ROOT)))
                .orElse(Line.Role.CUSTOMER);
        int sequence = form.number("SequenceNumber").orElse(0);
        boolean mayMeanElse = status.get() == ProviderStatus.NO_ANSWER || status.get() == ProviderStatus.BUSY;
        boolean calledOut =
                mayMeanElse && receiving.line(call.get()).filter(Line::dialled).isPresent();
        receiving.heard(
                call.get(),
                new ProviderEvents.Event(
                        form.sid(),
                        role,
                        form.parameter("agent").map(Form::uuid),
                        meant(status.get(), role, calledOut),
                        sequence,
                        at()));
        return Documents.nothing();
    }

    private ProviderStatus meant(ProviderStatus status, Line.Role role, boolean calledOut) {
        return TwilioRest.meant(
                status,
                role == Line.Role.CUSTOMER && !calledOut,
                role == Line.Role.AGENT && form.text("ParentCallSid").isPresent());
    }

    /** Who left a room of their own accord hung up. */
    private String room(Receiving receiving) throws SQLException {
        UUID call = call();
        boolean hungUp = form.text("StatusCallbackEvent")
                        .filter("participant-leave"::equals)
                        .isPresent()
                && form.text("ReasonParticipantLeft")
                        .filter("participant_hung_up"::equals)
                        .isPresent();
        if (hungUp) {
            receiving.hungUp(call, form.sid());
        }
        return Documents.nothing();
    }

    private String recording(Receiving receiving) throws SQLException {
        String sid = form.required("RecordingSid");
        Optional<String> status = switch (form.text("RecordingStatus").orElse("")) {
            case "in-progress" -> Optional.of("recording");
            case "completed" -> Optional.of("ready");
            case "absent" -> Optional.of("failed");
            default -> Optional.empty();
        };
        if (status.isEmpty()) {
            return Documents.nothing();
        }
        UUID call = call();
        receiving.line(call);
        UUID id = UUID.nameUUIDFromBytes((call + " " + sid).getBytes(StandardCharsets.UTF_8));
        var body = tools.jackson.databind.json.JsonMapper.shared().createObjectNode();
        body.put("call_id", call.toString()).put("provider_sid", sid).put("status", status.get());
        form.text("RecordingUrl").ifPresent(url -> body.put("url_key", url));
        form.number("RecordingDuration").ifPresent(seconds -> body.put("duration_s", seconds));
        form.number("RecordingChannels")
                .filter(channels -> channels == 1 || channels == 2)
                .ifPresent(channels -> body.put("channels", channels));
        if (status.get().equals("failed")) {
            body.put("error", "the provider recorded nothing");
        }
        receiving.write(Ingest.Kind.RECORDING, id, body.toString());
        return Documents.nothing();
    }

    private UUID call() {
        return Form.uuid(form.parameter("call").orElse(""));
    }

    private UUID agent() {
        return Form.uuid(form.parameter("agent").orElse(""));
    }

    /** As Twilio says, where that can be. */
    private Optional<Instant> at() {
        Instant now = clock.instant();
        return form.text("Timestamp")
                .flatMap(TwilioMessages::time)
                .filter(at -> Duration.between(at, now).abs().compareTo(BELIEVED) < 0);
    }

    private static Optional<Instant> time(String text) {
        try {
            return Optional.of(OffsetDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME)
                    .toInstant());
        } catch (DateTimeParseException malformed) {
            return Optional.empty();
        }
    }
}

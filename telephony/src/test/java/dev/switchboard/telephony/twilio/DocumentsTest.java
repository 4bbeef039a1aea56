package dev.switchboard.telephony.twilio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.telephony.Line;
import dev.switchboard.callcenter.telephony.Line.Leg;
import dev.switchboard.callcenter.telephony.Line.Part;
import dev.switchboard.callcenter.telephony.Line.Party;
import dev.switchboard.callcenter.telephony.Line.Role;
import dev.switchboard.telephony.fake.DocumentsRead;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What each leg does by the state of its call. SPEC L19, ADR 19. */
class DocumentsTest {
    private static final UUID CALL = new UUID(1, 1);
    private static final UUID DOUG = new UUID(3, 1);
    private static final UUID RHONDA = new UUID(3, 2);
    private static final Leg CUSTOMER = new Leg("CAcustomer", Role.CUSTOMER, Optional.empty(), true, false);

    private final Documents documents = new Documents(new TwilioUrls("https://calls.example.com"), Instant.EPOCH);

    private static Line line(CallState state, List<Party> parties, List<Leg> legs) {
        return line(state, parties, legs, false, false);
    }

    private static Line line(CallState state, List<Party> parties, List<Leg> legs, boolean attended, boolean muted) {
        return line(state, parties, legs, attended, muted, false);
    }

    private static Line line(
            CallState state, List<Party> parties, List<Leg> legs, boolean attended, boolean muted, boolean turnedAway) {
        var all = new ArrayList<>(legs);
        all.add(CUSTOMER);
        return new Line(
                CALL,
                new UUID(2, 1),
                "twilio",
                Optional.of(new UUID(4, 1)),
                "CAcustomer",
                false,
                false,
                "+14155550001",
                "+18005550100",
                state,
                false,
                attended,
                muted,
                turnedAway,
                Optional.empty(),
                new Line.Queue(25, false, false, false),
                parties,
                all);
    }

    private static Leg leg(UUID agent, boolean inRoom) {
        return new Leg("CA" + agent, Role.AGENT, Optional.of(agent), true, inRoom);
    }

    @Test
    void F001_17_everyAvailableAgentIsDialledAndNoMoreThanTen() {
        List<Party> twelve = IntStream.range(0, 12)
                .mapToObj(i -> new Party(new UUID(3, i), "agent_" + i, Optional.empty(), Part.RINGING))
                .toList();

        String three = documents.customer(line(CallState.Live.RINGING, twelve.subList(0, 3), List.of()));
        assertThat(DocumentsRead.shape(three)).isEqualTo("Dial(Client, Client, Client)");
        assertThat(DocumentsRead.dialled(three)).containsExactly("agent_0", "agent_1", "agent_2");
        assertThat(DocumentsRead.noun(three, "statusCallbackEvent")).isEqualTo("initiated ringing answered completed");
        assertThat(three).contains("timeout=\"25\"").contains("answerOnBridge=\"true\"");

        assertThat(DocumentsRead.dialled(documents.customer(line(CallState.Live.RINGING, twelve, List.of()))))
                .hasSize(10);
    }

    @Test
    void L19_whoHasALegAlreadyIsNotDialledASecondTime() {
        var rings = List.of(
                new Party(DOUG, "doug", Optional.empty(), Part.RINGING),
                new Party(RHONDA, "rhonda", Optional.empty(), Part.RINGING));

        assertThat(DocumentsRead.dialled(
                        documents.customer(line(CallState.Live.RINGING, rings, List.of(leg(DOUG, true))))))
                .containsExactly("rhonda");
        assertThat(DocumentsRead.shape(documents.customer(
                        line(CallState.Live.RINGING, rings, List.of(leg(DOUG, true), leg(RHONDA, true))))))
                .as("all come by themselves: the customer waits for them")
                .isEqualTo("Enqueue");
    }

    @Test
    void L19_everyStateHasADocumentThatTheProviderCarriesOut() {
        var owner = List.of(new Party(DOUG, "doug", Optional.empty(), Part.OWNER));
        for (CallState.Live state : CallState.Live.values()) {
            String expected = switch (state) {
                case NEW, QUEUED, HELD, PARKED -> "Enqueue";
                case RINGING, CLAIMED -> "Dial(Client)";
                case ACTIVE, TRANSFERRING -> "Dial(Conference)";
            };
            assertThat(DocumentsRead.shape(documents.customer(line(state, owner, List.of()))))
                    .as(state.wire())
                    .isEqualTo(expected);
        }
        for (CallState.Terminal state : CallState.Terminal.values()) {
            assertThat(DocumentsRead.shape(documents.customer(line(state, List.of(), List.of()))))
                    .isEqualTo("Hangup");
        }
        assertThat(DocumentsRead.shape(
                        documents.customer(line(CallState.Live.TRANSFERRING, owner, List.of(), true, false))))
                .as("the agents talk first")
                .isEqualTo("Enqueue");
        String closed = documents.customer(line(CallState.Terminal.MISSED, List.of(), List.of(), false, false, true));
        assertThat(DocumentsRead.shape(closed))
                .as("who calls outside the hours")
                .isEqualTo("Say Hangup");
        assertThat(closed).contains("We are closed");
        assertThat(DocumentsRead.shape(Documents.reject())).isEqualTo("Reject");
        assertThat(DocumentsRead.shape(Documents.nothing())).isEmpty();
    }

    @Test
    void L19_anAgentEntersTheRoomOnlyOfACallThatIsTheirs() {
        var parties = List.of(
                new Party(DOUG, "doug", Optional.empty(), Part.OWNER),
                new Party(RHONDA, "rhonda", Optional.empty(), Part.RINGING));
        Line line = line(CallState.Live.ACTIVE, parties, List.of(leg(DOUG, true)), false, true);

        String owner = documents.agent(line, DOUG, "CAdoug");
        assertThat(DocumentsRead.shape(owner)).isEqualTo("Dial(Conference)");
        assertThat(DocumentsRead.noun(owner, "muted")).isEqualTo("true");
        assertThat(DocumentsRead.noun(owner, "endConferenceOnExit")).isEqualTo("false");
        assertThat(DocumentsRead.shape(documents.agent(line, RHONDA, "CArhonda")))
                .isEqualTo("Hangup");
        assertThat(DocumentsRead.shape(documents.agent(line, new UUID(3, 9), "CAother")))
                .isEqualTo("Hangup");
    }

    @Test
    void L19_aSupervisorIsHeardByNobodyByTheAgentOrByBoth() {
        var parties = List.of(new Party(DOUG, "doug", Optional.empty(), Part.OWNER));
        Line line = line(CallState.Live.ACTIVE, parties, List.of(leg(DOUG, true)));

        String listen = documents.supervisor(line, CallCommand.Monitoring.LISTEN);
        assertThat(DocumentsRead.noun(listen, "muted") + " " + DocumentsRead.noun(listen, "coach"))
                .isEqualTo("true -");
        String whisper = documents.supervisor(line, CallCommand.Monitoring.WHISPER);
        assertThat(DocumentsRead.noun(whisper, "muted") + " " + DocumentsRead.noun(whisper, "coach"))
                .isEqualTo("- CA" + DOUG);
        String barge = documents.supervisor(line, CallCommand.Monitoring.BARGE);
        assertThat(DocumentsRead.noun(barge, "muted") + " " + DocumentsRead.noun(barge, "coach"))
                .isEqualTo("- -");
        assertThat(DocumentsRead.noun(barge, "startConferenceOnEnter"))
                .as("nobody hears a supervisor in an empty room")
                .isEqualTo("false");
    }
}

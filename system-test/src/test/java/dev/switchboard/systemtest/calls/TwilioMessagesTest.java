package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoneLine;
import dev.switchboard.telephony.fake.Noise;
import dev.switchboard.telephony.fake.Signature;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What is sent to {@code /telephony/twilio} by who is not Twilio, or as Twilio would not. SPEC L19. */
class TwilioMessagesTest extends ApiFixture {
    private static final String FORM = "application/x-www-form-urlencoded";
    private static final String VOICE = "/telephony/twilio/voice";

    private static String sid() {
        return "CA" + UUID.randomUUID().toString().replace("-", "");
    }

    private static Map<String, String> incoming(PhoneLine line, CallCentreWorld world, String sid) {
        return new HashMap<>(Map.of(
                "AccountSid",
                line.provider().account(),
                "CallSid",
                sid,
                "CallStatus",
                "ringing",
                "Direction",
                "inbound",
                "From",
                PhoneLine.CALLER,
                "To",
                world.number(),
                "SomethingNew",
                "kept"));
    }

    private static String form(Map<String, String> fields) {
        return fields.entrySet().stream()
                .map(field -> URLEncoder.encode(field.getKey(), StandardCharsets.UTF_8) + "="
                        + URLEncoder.encode(field.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
    }

    private static Http.Answer send(String path, Map<String, String> fields, String token) {
        return http.post(
                path,
                form(fields),
                "Content-Type",
                FORM,
                "X-Twilio-Signature",
                Signature.of(token, server.url() + path, fields));
    }

    /** How many messages and calls there are. */
    private static String books(CallCentreWorld world) {
        return world.one(
                "select (select count(*) from provider_events) || ' ' || (select count(*) from calls where organization_id = ?)",
                world.organization());
    }

    @Test
    void L19_whatIsNotSignedByItsAccountIsRefusedAndNotStored() {
        CallCentreWorld world = world(1);
        CallCentreWorld other = world(1);
        try (var line = new PhoneLine(server, world, Noise.NONE);
                var others = new PhoneLine(server, other, Noise.NONE)) {
            String before = books(world);
            Map<String, String> fields = incoming(line, world, sid());

            assertThat(send(VOICE, fields, "another token").code()).isEqualTo("not_signed");
            assertThat(http.post(VOICE, form(fields), "Content-Type", FORM).code())
                    .isEqualTo("not_signed");
            var changed = new HashMap<>(fields);
            changed.put("From", "+19995550100");
            assertThat(http.post(
                                    VOICE,
                                    form(changed),
                                    "Content-Type",
                                    FORM,
                                    "X-Twilio-Signature",
                                    Signature.of(PhoneLine.TOKEN, server.url() + VOICE, fields))
                            .code())
                    .isEqualTo("not_signed");
            var unknown = new HashMap<>(fields);
            unknown.put("AccountSid", "AC" + "0".repeat(32));
            assertThat(send(VOICE, unknown, PhoneLine.TOKEN).code()).isEqualTo("not_signed");
            assertThat(send("/telephony/twilio/elsewhere", fields, PhoneLine.TOKEN)
                            .code())
                    .isEqualTo("not_found");
            assertThat(http.send("GET", VOICE, "").code()).isEqualTo("method_not_allowed");
            assertThat(http.post(VOICE, "{}", "Content-Type", "application/json")
                            .code())
                    .isEqualTo("unsupported_type");
            assertThat(http.post(VOICE, "a=" + "x".repeat(10_000_000), "Content-Type", FORM)
                            .status())
                    .isEqualTo(413);
            for (Map.Entry<String, String> absurd : Map.of("CallSid", "CA1", "From", "x".repeat(20_000), "To", "\0")
                    .entrySet()) {
                var wrong = new HashMap<>(fields);
                wrong.put(absurd.getKey(), absurd.getValue());
                assertThat(send(VOICE, wrong, PhoneLine.TOKEN).code())
                        .as(absurd.getKey())
                        .isEqualTo("invalid_request");
            }
            assertThat(books(world)).as("nothing is half stored").isEqualTo(before);

            // a good signature of one's own account says nothing of others' calls
            String caller = line.callIn();
            UUID call = line.call(caller);
            var foreign = new HashMap<>(
                    Map.of("AccountSid", others.provider().account(), "CallSid", caller, "CallStatus", "completed"));
            assertThat(send("/telephony/twilio/status?call=" + call, foreign, PhoneLine.TOKEN)
                            .status())
                    .isEqualTo(200);
            assertThat(send("/telephony/twilio/status", foreign, PhoneLine.TOKEN)
                            .status())
                    .isEqualTo(200);

            assertThat(world.state(call)).isEqualTo("ringing");
            var stolen = incoming(others, world, sid());
            assertThat(send(VOICE, stolen, PhoneLine.TOKEN).body())
                    .as("a number that is another organization's")
                    .contains("<Reject");
            assertThat(world.one("select count(*) from calls where organization_id = ?", world.organization()))
                    .isEqualTo("1");
        }
    }

    @Test
    void L19_aMessageIsTakenOnceAndAnsweredTheSameEachTime() {
        CallCentreWorld world = world(1);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            Map<String, String> fields = incoming(line, world, sid());
            Http.Answer first = send(VOICE, fields, PhoneLine.TOKEN);
            assertThat(first.body()).contains("<Client").contains("callId");
            Http.Answer again = send(VOICE, fields, PhoneLine.TOKEN);

            assertThat(again.body()).isEqualTo(first.body());
            Http.Answer replayed = http.post(
                    VOICE,
                    form(fields),
                    "Content-Type",
                    FORM,
                    "I-Twilio-Idempotency-Token",
                    "another",
                    "X-Twilio-Signature",
                    Signature.of(PhoneLine.TOKEN, server.url() + VOICE, fields));
            assertThat(replayed.body()).as("an unsigned header changes nothing").isEqualTo(first.body());
            assertThat(world.one("select count(*) from calls where organization_id = ?", world.organization()))
                    .isEqualTo("1");
            assertThat(world.one(
                            "select (body ->> 'SomethingNew') || ' ' || applied || ' ' || result from provider_events where body ->> 'CallSid' = ?",
                            fields.get("CallSid")))
                    .isEqualTo("kept true applied");
        }
    }

    @Test
    void L19_aCallAtANumberThatIsNobodysIsRejectedAndKept() {
        CallCentreWorld world = world(1);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            Map<String, String> fields = incoming(line, world, sid());
            fields.put("To", "+19995550123");
            assertThat(send(VOICE, fields, PhoneLine.TOKEN).body()).contains("<Reject");
            assertThat(world.one(
                            "select result from provider_events where body ->> 'CallSid' = ?", fields.get("CallSid")))
                    .isEqualTo("unknown_number");
        }
    }
}

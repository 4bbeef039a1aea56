package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.PhoneLine;
import dev.switchboard.telephony.fake.Noise;
import dev.switchboard.telephony.fake.Signature;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What people who build call boards meet again and again, each by its number, over a line with devices. SPEC L19, L20. */
class TelephonyPainsTest extends ApiFixture {
    private static final Duration SOON = Duration.ofSeconds(10);

    private static void soon(String what, Callable<Boolean> condition) {
        await(what).atMost(SOON).until(condition);
    }

    private static void asked(UUID user, UUID call, String verb, String body) {
        Http.Answer answer = post("/calls/" + call + "/" + verb, body, user);
        assertThat(answer.status()).as(verb + ": " + answer.body()).isEqualTo(200);
    }

    /** Two agents, and a call that the first has. */
    private record Talk(CallCentreWorld world, PhoneLine line, String caller, UUID call, String leg)
            implements AutoCloseable {
        static Talk begin(int agents) {
            CallCentreWorld world = ApiFixture.world(agents);
            for (UUID agent : world.agents().subList(1, agents)) {
                choose(agent, "paused");
            }
            var line = new PhoneLine(server, world, Noise.NONE);
            String caller = line.callIn();
            UUID call = line.call(caller);
            String leg = line.answer(world.agent(0));
            line.awaitState(call, "active");
            line.awaitTalk(caller, leg);
            for (UUID agent : world.agents().subList(1, agents)) {
                choose(agent, "available");
            }
            return new Talk(world, line, caller, call, leg);
        }

        UUID doug() {
            return world.agent(0);
        }

        UUID rhonda() {
            return world.agent(1);
        }

        /** Everybody is free, and nothing rings, is open or lives on. */
        void assertNothingIsLeft() {
            soon("legs end", () -> line.provider().living().isEmpty());
            soon("all is told", () -> line.untold().isEmpty());
            assertThat(world.one("select count(*) from active_calls where organization_id = ?", world.organization()))
                    .isEqualTo("0");
            for (UUID agent : world.agents()) {
                assertThat(world.workState(agent)).isEqualTo("available");
            }
        }

        @Override
        public void close() {
            line.close();
        }
    }

    private static void choose(UUID agent, String state) {
        assertThat(post("/agents/me/state", "{\"state\":\"" + state + "\",\"reason\":\"lunch\"}", agent)
                        .status())
                .isEqualTo(200);
    }

    @Test
    void L19_pain1_anAgentsStateHasOneSourceAndDoesNotToggle() {
        try (Talk talk = Talk.begin(1)) {
            UUID doug = talk.doug();
            for (int i = 0; i < 5; i++) { // the device says this, the page that
                post("/agents/me/device", "{\"reachable\":" + (i % 2 == 0) + "}", doug);
                choose(doug, i % 2 == 0 ? "paused" : "available");
                assertThat(talk.world().workState(doug)).isEqualTo("on_call");
            }
            post("/agents/me/device", "{\"reachable\":true}", doug);
            talk.line().provider().hangUp(talk.caller());
            talk.line().awaitState(talk.call(), "completed");
            assertThat(talk.world().workState(doug)).as("what was chosen last").isEqualTo("paused");
            assertThat(talk.world()
                            .list("select state from agent_state_log where user_id = ? order by lower(during)", doug))
                    .endsWith("on_call", "paused")
                    .containsOnlyOnce("on_call");
        }
    }

    @Test
    void L19_pain2_whoAnswersAndHangsUpAtOnceTakesNobodyElseWithThem() {
        CallCentreWorld world = world(3);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String caller = line.callIn();
            UUID call = line.call(caller);
            world.agents().forEach(line::rings);
            String leg = line.answer(world.agent(0));
            line.provider().hangUp(leg);
            line.awaitState(call, "completed");
            soon("legs end", () -> line.provider().living().isEmpty());
            assertThat(world.one(
                            "select end_reason || ' ' || (answered_by = ?) from calls where id = ?",
                            world.agent(0),
                            call))
                    .isEqualTo("agent_hangup true");
            for (UUID agent : world.agents()) {
                soon("free", () -> world.workState(agent).equals("available"));
            }
            assertThat(world.list(
                            "select event_type from ring_events where call_id = ? and event_type = 'missed'", call))
                    .isEmpty();
            // the next call rings at all three again
            line.callIn();
            world.agents().forEach(line::rings);
        }
    }

    @Test
    void L19_pain3_anAgentInAConsultStaysBusyThroughASecondRing() {
        try (Talk talk = Talk.begin(2)) {
            asked(talk.doug(), talk.call(), "transfer", "{\"to\":\"" + talk.rhonda() + "\",\"kind\":\"attended\"}");
            String consulted = talk.line().answer(talk.rhonda());
            soon("consult", () -> talk.world().workState(talk.rhonda()).equals("on_call"));
            String second = talk.line().callIn();
            UUID other = talk.line().call(second);
            talk.line().provider().hangUp(second);
            talk.line().awaitState(other, "abandoned");
            assertThat(talk.world().workState(talk.rhonda())).isEqualTo("on_call");
            assertThat(talk.world().workState(talk.doug())).isEqualTo("on_call");
            talk.line().awaitTalk(talk.leg(), consulted);
            talk.line().provider().hangUp(talk.caller());
            talk.line().awaitState(talk.call(), "completed");
            talk.assertNothingIsLeft();
        }
    }

    @Test
    void L19_pain4_wrapUpGoesOnWhateverIsStillToldOfTheCall() {
        try (Talk talk = Talk.begin(1)) {
            server.database()
                    .useHandle(handle -> handle.execute(
                            "update queues set wrap_up_s = 60 where id = ?",
                            talk.world().queue()));
            talk.line().provider().hangUp(talk.caller());
            talk.line().awaitState(talk.call(), "completed");
            assertThat(talk.world().workState(talk.doug())).isEqualTo("wrap_up");
            for (String status : List.of("completed", "in-progress", "ringing")) {
                tell(
                        talk,
                        "status",
                        "role=agent&agent=" + talk.doug(),
                        Map.of("CallSid", talk.leg(), "CallStatus", status, "SequenceNumber", "9"));
                tell(talk, "status", "", Map.of("CallSid", talk.caller(), "CallStatus", status, "SequenceNumber", "9"));
            }
            tell(
                    talk,
                    "recording",
                    "",
                    Map.of("CallSid", talk.caller(), "RecordingSid", "RE1", "RecordingStatus", "completed"));
            assertThat(talk.world().workState(talk.doug())).isEqualTo("wrap_up");
            assertThat(talk.world().state(talk.call())).isEqualTo("completed");
        }
    }

    /** A message of the provider about the call, signed. */
    private static void tell(Talk talk, String kind, String parameters, Map<String, String> fields) {
        String path =
                "/telephony/twilio/" + kind + "?call=" + talk.call() + (parameters.isEmpty() ? "" : "&" + parameters);
        assertThat(tell(talk.line(), path, fields).status()).isEqualTo(200);
    }

    static Http.Answer tell(PhoneLine line, String path, Map<String, String> fields) {
        var all = new TreeMap<>(fields);
        all.put("AccountSid", line.provider().account());
        String body = all.entrySet().stream()
                .map(field -> field.getKey() + "=" + URLEncoder.encode(field.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
        return http.post(
                path,
                body,
                "Content-Type",
                "application/x-www-form-urlencoded",
                "X-Twilio-Signature",
                Signature.of(PhoneLine.TOKEN, server.url() + path, all));
    }

    @Test
    void L20_pain5_anOfferWhoseEndWasLostDoesNotReserveTheAgent() {
        CallCentreWorld world = world(1);
        try (var line = new PhoneLine(server, world, new Noise(0, 0, 1, Duration.ZERO, 1))) { // no status ever comes
            server.database()
                    .useHandle(handle -> handle.execute("update queues set ring_s = 5 where id = ?", world.queue()));
            String caller = line.callIn();
            UUID call = line.call(caller);
            line.rings(world.agent(0));
            assertThat(world.workState(world.agent(0))).isEqualTo("offered");
            soon("let pass", () -> world.state(call).equals("queued"));
            assertThat(world.workState(world.agent(0))).isEqualTo("available");
            line.awaitStatus(caller, "in-progress"); // they wait on
        }
    }

    @Test
    void L19_pain6_holdIsHoldAndNoWrapUp() {
        try (Talk talk = Talk.begin(1)) {
            asked(talk.doug(), talk.call(), "hold", "{}");
            soon("on hold", () -> talk.line().provider().hears(talk.caller()).isEmpty());
            assertThat(talk.world().workState(talk.doug())).isEqualTo("on_hold");
            asked(talk.doug(), talk.call(), "unhold", "{}");
            talk.line().awaitTalk(talk.caller(), talk.leg());
            asked(talk.doug(), talk.call(), "end", "{}");
            assertThat(talk.world()
                            .list("select kind from call_segments where call_id = ? order by from_at", talk.call()))
                    .containsExactly("ring", "talk", "hold", "talk");
            assertThat(talk.world()
                            .one("select count(*) from call_segments where call_id = ? and to_at is null", talk.call()))
                    .isEqualTo("0");
            talk.assertNothingIsLeft();
        }
    }

    @Test
    void L20_pain7_aCallWhoseEndNobodyToldIsFoundToBeOver() {
        CallCentreWorld world = world(1);
        try (var line = new PhoneLine(server, world, new Noise(0, 0, 1, Duration.ZERO, 1))) {
            String caller = line.callIn();
            UUID call = line.call(caller);
            line.answer(world.agent(0));
            line.awaitStatus(caller, "in-progress");
            reconcileUntil(world, call, "active"); // not even the answer was told
            line.provider().hangUp(caller);
            line.awaitStatus(caller, "completed");
            reconcileUntil(world, call, "completed");
            assertThat(world.workState(world.agent(0))).isEqualTo("available");
            assertThat(world.one("select count(*) from call_legs where call_id = ? and status_rank < 4", call))
                    .as("a second look mends nothing more")
                    .isEqualTo("0");
        }
    }

    /** As if half a minute had passed without news. */
    private static void reconcileUntil(CallCentreWorld world, UUID call, String state) {
        soon("found out to be " + state, () -> {
            server.database().useTransaction(handle -> {
                handle.execute("set local session_replication_role = replica");
                handle.execute("update call_legs set updated_at = now() - interval '1 minute' where call_id = ?", call);
                handle.execute(
                        "update calls set provider_event_at = now() - interval '1 minute', last_event_at = now() - interval '1 minute' where id = ?",
                        call);
            });
            server.server().reconciler().orElseThrow().reconcile();
            return world.state(call).equals(state);
        });
    }

    @Test
    void L19_pain8_completedComesTwiceOrBeforeTheAnswer() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        try (var line = new PhoneLine(server, world, new Noise(0, 0, 1, Duration.ZERO, 1))) { // only what we tell here
            String caller = line.callIn();
            UUID call = line.call(caller);
            String leg = line.rings(doug);
            String agents = "/telephony/twilio/status?call=" + call + "&role=agent&agent=" + doug;
            Map<String, String> over = Map.of("CallSid", leg, "CallStatus", "completed", "SequenceNumber", "3");
            tell(line, agents, Map.of("CallSid", leg, "CallStatus", "ringing", "SequenceNumber", "1"));
            tell(line, agents, over);
            tell(line, agents, over);
            tell(line, agents, Map.of("CallSid", leg, "CallStatus", "in-progress", "SequenceNumber", "2"));
            assertThat(world.one(
                            "select concat_ws(' ', state, end_reason, answered_by = ?) from calls where id = ?",
                            doug,
                            call))
                    .isEqualTo("completed agent_hangup t");
            assertThat(world.one("select count(*) from ring_events where call_id = ? and event_type = 'ended'", call))
                    .isEqualTo("1");
            assertThat(world.workState(doug)).isEqualTo("available");
        }
    }

    @Test
    void L19_pain9_aDeviceThatIsDialledByItselfTellsOfEachOfItsSteps() {
        try (Talk talk = Talk.begin(2)) {
            asked(talk.doug(), talk.call(), "transfer", "{\"to\":\"" + talk.rhonda() + "\"}");
            String target = talk.line().rings(talk.rhonda());
            soon(
                    "told",
                    () -> talk.world()
                            .one("select status from call_legs where provider_leg_sid = ?", target)
                            .equals("ringing"));
            talk.line().answer(talk.rhonda());
            talk.line().awaitTalk(talk.caller(), target);
            talk.line().provider().hangUp(target);
            soon(
                    "all steps",
                    () -> talk.world()
                            .list(
                                    "select body ->> 'CallStatus' from provider_events where dedup_key like 'status:%' and body ->> 'CallSid' = ? order by (body ->> 'SequenceNumber')::int",
                                    target)
                            .equals(List.of("initiated", "ringing", "in-progress", "completed")));
        }
    }

    @Test
    void L19_pain10_aDialThatNamesALegNobodyKnowsEndsNothing() {
        try (Talk talk = Talk.begin(1)) {
            asked(talk.doug(), talk.call(), "hold", "{}");
            soon(
                    "in the room",
                    () -> talk.line().provider().hears(talk.caller()).isEmpty());
            tell(
                    talk,
                    "dialled",
                    "leg=customer",
                    Map.of(
                            "CallSid",
                            talk.caller(),
                            "CallStatus",
                            "in-progress",
                            "DialCallStatus",
                            "no-answer",
                            "DialCallSid",
                            "CA" + "0".repeat(32)));
            tell(talk, "dialled", "leg=customer", Map.of("CallSid", talk.caller(), "CallStatus", "in-progress"));
            assertThat(talk.world().state(talk.call())).isEqualTo("held");
            asked(talk.doug(), talk.call(), "unhold", "{}");
            talk.line().awaitTalk(talk.caller(), talk.leg());
        }
    }

    @Test
    void L19_pain11_aCustomerWhoHangsUpOnHoldEndsTheCallAndAnAgentWhoDoesDoesNotStrandThem() {
        try (Talk talk = Talk.begin(1)) {
            asked(talk.doug(), talk.call(), "hold", "{}");
            soon("on hold", () -> talk.line().provider().hears(talk.caller()).isEmpty());
            talk.line().provider().hangUp(talk.caller());
            talk.line().awaitState(talk.call(), "completed");
            assertThat(talk.world().one("select end_reason from calls where id = ?", talk.call()))
                    .isEqualTo("caller_hangup");
            talk.assertNothingIsLeft();
        }
        try (Talk talk = Talk.begin(1)) {
            asked(talk.doug(), talk.call(), "hold", "{}");
            soon("on hold", () -> talk.line().provider().hears(talk.caller()).isEmpty());
            talk.line().provider().hangUp(talk.leg());
            talk.line().awaitState(talk.call(), "completed");
            assertThat(talk.world().one("select end_reason from calls where id = ?", talk.call()))
                    .isEqualTo("agent_hangup");
            talk.assertNothingIsLeft();
        }
    }

    @Test
    void L19_pain12_eachEndOfAnAttendedTransferLeavesTheRightTwoTalking() {
        try (Talk talk = Talk.begin(2)) {
            String to = "{\"to\":\"" + talk.rhonda() + "\",\"kind\":\"attended\"}";
            asked(talk.doug(), talk.call(), "transfer", to);
            String first = talk.line().answer(talk.rhonda());
            talk.line().awaitTalk(talk.leg(), first);
            assertThat(talk.line().provider().hears(talk.caller()))
                    .as("the customer waits")
                    .isEmpty();

            asked(talk.doug(), talk.call(), "cancel-transfer", "{}");
            talk.line().awaitTalk(talk.caller(), talk.leg());
            talk.line().awaitStatus(first, "completed");
            asked(talk.doug(), talk.call(), "hold", "{}");
            soon("on hold", () -> talk.line().provider().hears(talk.caller()).isEmpty());

            asked(talk.doug(), talk.call(), "transfer", to);
            String second = talk.line().answer(talk.rhonda());
            talk.line().awaitTalk(talk.leg(), second);
            asked(talk.doug(), talk.call(), "complete-transfer", "{}");
            talk.line().awaitTalk(talk.caller(), second);
            talk.line().awaitStatus(talk.leg(), "completed");
            assertThat(talk.world().one("select claimed_by from calls where id = ?", talk.call()))
                    .isEqualTo(talk.rhonda().toString());
            asked(talk.rhonda(), talk.call(), "hold", "{}");
            soon(
                    "the third has all controls",
                    () -> talk.line().provider().hears(talk.caller()).isEmpty());
            asked(talk.rhonda(), talk.call(), "unhold", "{}");
            talk.line().awaitTalk(talk.caller(), second);
            talk.line().provider().hangUp(talk.caller());
            talk.line().awaitState(talk.call(), "completed");
            talk.assertNothingIsLeft();
        }
    }

    @Test
    void L19_pain13_aCancelSaysWhetherItWasAnsweredElsewhereOrTheCallerGaveUp() {
        CallCentreWorld world = world(2);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String one = line.callIn();
            UUID answered = line.call(one);
            line.rings(world.agent(1));
            line.answer(world.agent(0));
            line.awaitState(answered, "active");
            assertThat(world.list(
                            "select reason from ring_events where call_id = ? and event_type = 'ring_cancel'",
                            answered))
                    .containsExactly("answered_elsewhere");
            String two = line.callIn();
            UUID givenUp = line.call(two);
            line.rings(world.agent(1));
            line.provider().hangUp(two);
            line.awaitState(givenUp, "abandoned");
            assertThat(world.list(
                            "select reason from ring_events where call_id = ? and event_type = 'ring_cancel'", givenUp))
                    .containsExactly("caller_hangup");
        }
    }

    @Test
    void L19_pain14_takingOneOfTwoCallsDoesNotCutTheOther() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            server.database()
                    .useHandle(handle ->
                            handle.execute("update phone_numbers set queue_id = null where e164 = ?", world.number()));
            String one = line.callIn();
            UUID first = line.call(one);
            String two = line.callIn();
            UUID second = line.call(two);
            soon("both ring", () -> line.rungAt(doug) == 2);
            String leg = line.rings(doug);
            line.provider().answer(leg);
            soon(
                    "one is taken",
                    () -> List.of(world.state(first), world.state(second)).contains("active"));
            boolean tookFirst = world.state(first).equals("active");
            UUID other = tookFirst ? second : first;
            String others = tookFirst ? two : one;
            soon("it rings no more", () -> line.provider().living().size() == 3);
            assertThat(line.provider().status(others))
                    .as("the other caller is still there")
                    .contains("in-progress");
            assertThat(world.state(other)).isNotEqualTo("completed");
            line.provider().hangUp(tookFirst ? one : two);
            soon("the other rings again", () -> line.rungAt(doug) == 3);
            line.answer(doug);
            line.awaitState(other, "active");
        }
    }

    @Test
    void L24_pain15_whoLoadsThePageAnewInMidCallIsRungAgainIntoTheSameCall() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            PhoenixClient page = page(doug);
            soon(
                    "seen",
                    () -> world.one("select has_console from voip_users where user_id = ?", doug)
                            .equals("t"));
            String caller = line.callIn();
            UUID call = line.call(caller);
            String leg = line.answer(doug);
            line.awaitState(call, "active");
            line.awaitTalk(caller, leg);

            page.close();
            line.provider().hangUp(leg);
            line.awaitStatus(leg, "completed");
            PhoenixClient again = page(doug);
            String second = line.answer(doug);
            line.awaitTalk(caller, second);
            assertThat(world.one("select state || ' ' || claimed_by from calls where id = ?", call))
                    .isEqualTo("active " + doug);
            soon(
                    "on it again",
                    () -> world.one("select coalesce(leg_lost_at::text, '') from calls where id = ?", call)
                            .isEmpty());
            assertThat(world.list("select kind from call_segments where call_id = ? order by from_at", call))
                    .as("one talk")
                    .containsExactly("ring", "talk");

            line.provider().hangUp(second); // and who hangs up with the page open hangs up
            line.awaitState(call, "completed");
            assertThat(world.one("select end_reason from calls where id = ?", call))
                    .isEqualTo("agent_hangup");
            line.awaitStatus(caller, "completed");
            again.close();
        }
    }

    @Test
    void L24_whoHandsACallOverWithoutALegLeavesNothingBehindThatKeepsItOpen() {
        CallCentreWorld world = world(2);
        UUID doug = world.agent(0);
        UUID rhonda = world.agent(1);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            PhoenixClient dougs = page(doug);
            PhoenixClient rhondas = page(rhonda);
            soon(
                    "seen",
                    () -> world.one(
                                    "select count(*) from voip_users where organization_id = ? and has_console",
                                    world.organization())
                            .equals("2"));
            choose(rhonda, "paused");
            String caller = line.callIn();
            UUID call = line.call(caller);
            String leg = line.answer(doug);
            line.awaitState(call, "active");
            choose(rhonda, "available");
            dougs.close();
            line.provider().hangUp(leg);
            soon(
                    "rung again",
                    () -> world.one("select rejoin_asked from calls where id = ?", call)
                            .equals("t"));
            asked(doug, call, "transfer", "{\"to\":\"" + rhonda + "\"}");
            String target = line.answer(rhonda);
            line.awaitTalk(caller, target);
            assertThat(world.one(
                            "select coalesce(leg_lost_at::text, '') || rejoin_asked from calls where id = ?", call))
                    .isEqualTo("false");

            line.provider().hangUp(target);
            line.awaitState(call, "completed");
            line.awaitStatus(caller, "completed");
            rhondas.close();
        }
    }

    private static PhoenixClient page(UUID agent) {
        PhoenixClient page = server.connect();
        page.joined("realtime:page", server.userToken(agent));
        return page;
    }

    @Test
    void L19_pain16_aSecondTranscriptionOfACallIsNotWrittenDown() {
        try (Talk talk = Talk.begin(1)) {
            for (String sid : List.of("GT1", "GT2")) {
                tell(
                        talk,
                        "transcription",
                        "",
                        Map.of(
                                "CallSid",
                                talk.caller(),
                                "TranscriptionSid",
                                sid,
                                "TranscriptionEvent",
                                "transcription-started",
                                "SequenceId",
                                "1"));
                words(talk, sid, 2, "inbound_track", "Hel", false);
                words(talk, sid, 4, "inbound_track", "Hello there.", true);
                words(talk, sid, 3, "inbound_track", "Hello the", false); // overtaken
                words(talk, sid, 5, "outbound_track", "How can I help?", true);
            }
            assertThat(talk.world()
                            .list(
                                    "select track || ' ' || text || ' ' || final from transcript_segments where call_id = ? order by seq",
                                    talk.call()))
                    .containsExactly("inbound Hello there. true", "outbound How can I help? true");
            assertThat(talk.world().one("select transcription from calls where id = ?", talk.call()))
                    .isEqualTo("Hello there.\nHow can I help?");
        }
    }

    private static void words(Talk talk, String sid, int sequence, String track, String text, boolean last) {
        tell(
                talk,
                "transcription",
                "",
                Map.of(
                        "CallSid",
                        talk.caller(),
                        "TranscriptionSid",
                        sid,
                        "TranscriptionEvent",
                        "transcription-content",
                        "SequenceId",
                        Integer.toString(sequence),
                        "Track",
                        track,
                        "Final",
                        Boolean.toString(last),
                        "TranscriptionData",
                        "{\"transcript\":\"" + text + "\",\"confidence\":0.968}"));
    }

    @Test
    void L19_pain17_afterATransferEachAgentHasTheirOwnTalkTime() {
        try (Talk talk = Talk.begin(2)) {
            asked(talk.doug(), talk.call(), "transfer", "{\"to\":\"" + talk.rhonda() + "\"}");
            talk.line().awaitTalk(talk.caller(), talk.leg()); // they talk on until the other takes it
            String target = talk.line().answer(talk.rhonda());
            talk.line().awaitTalk(talk.caller(), target);
            talk.line().awaitStatus(talk.leg(), "completed");
            talk.line().provider().hangUp(talk.caller());
            talk.line().awaitState(talk.call(), "completed");
            assertThat(talk.world()
                            .list(
                                    "select agent_id from call_segments where call_id = ? and kind = 'talk' order by from_at",
                                    talk.call()))
                    .endsWith(talk.rhonda().toString())
                    .startsWith(talk.doug().toString());
            assertThat(talk.world()
                            .one(
                                    "select bool_and(s.to_at <= n.from_at) from call_segments s, call_segments n where s.call_id = ? and n.call_id = s.call_id and s.kind = 'talk' and n.kind = 'talk' and s.agent_id = ? and n.agent_id = ?",
                                    talk.call(),
                                    talk.doug(),
                                    talk.rhonda()))
                    .as("nobody's time is counted twice")
                    .isEqualTo("t");
            talk.assertNothingIsLeft();
        }
    }

    @Test
    void L19_pain18_aRecordingGoesOnThroughATransferAndKeepsItsCall() {
        CallCentreWorld world = world(2);
        server.database()
                .useHandle(handle -> handle.execute("update queues set record = true where id = ?", world.queue()));
        choose(world.agent(1), "paused");
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String caller = line.callIn();
            UUID call = line.call(caller);
            line.answer(world.agent(0));
            line.awaitState(call, "active");
            soon(
                    "recording",
                    () -> world.one("select status from recordings where call_id = ?", call)
                            .equals("recording"));
            choose(world.agent(1), "available");
            asked(world.agent(0), call, "transfer", "{\"to\":\"" + world.agent(1) + "\"}");
            String target = line.answer(world.agent(1));
            line.awaitTalk(caller, target);
            assertThat(world.list("select status from recordings where call_id = ?", call))
                    .containsExactly("recording");
            line.provider().hangUp(caller);
            soon(
                    "ready",
                    () -> world.one("select status from recordings where call_id = ?", call)
                            .equals("ready"));
            assertThat(world.list("select url_key from recordings where call_id = ?", call))
                    .singleElement()
                    .asString()
                    .contains("/Recordings/RE");
        }
    }

    @Test
    void L20_pain19_whatBeganWhileNobodyListenedIsTakenIn() {
        CallCentreWorld world = world(1);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            // the provider's own answer to a call that could not ask us: it waits there
            String caller = line.provider().callThatWaits(PhoneLine.CALLER, world.number());
            assertThat(line.find(caller)).isEmpty();
            // where the server has just compared this line by itself, the call is left to come by itself for 30 s
            await().atMost(Duration.ofSeconds(60)).until(() -> {
                server.server().reconciler().orElseThrow().reconcile();
                return line.find(caller).isPresent();
            });
            UUID call = line.call(caller);
            line.rings(world.agent(0));
            String leg = line.answer(world.agent(0));
            line.awaitState(call, "active");
            line.awaitTalk(caller, leg);
            line.provider().hangUp(caller);
            line.awaitState(call, "completed");
        }
    }

    @Test
    void L22_pain20_aCallbackKeepsItsPlaceDialsOnceAndLeavesTheFigures() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        server.database()
                .useHandle(handle ->
                        handle.execute("update queues set offer_callback = true where id = ?", world.queue()));
        choose(doug, "paused");
        String customer = "+14155550042";
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            line.phone(customer);
            String first = line.provider().call(customer, world.number());
            UUID callback = line.call(first);
            String second = line.callIn();
            UUID behind = line.call(second);
            soon(
                    "told of their place",
                    () -> line.provider().press(first, "5") || line.provider().press(first, "1"));
            soon("asks again", () -> line.provider().press(first, "1"));
            line.awaitStatus(first, "completed");
            assertThat(world.state(callback))
                    .as("who hangs up then has not given up")
                    .isEqualTo("queued");
            assertThat(world.list("select outcome from queue_visits where call_id = ?", callback))
                    .as("it waits in no figure")
                    .containsExactly("flowed_out");
            assertThat(world.one(
                            "select count(*) from queue_visits where queue_id = ? and exited_at is null",
                            world.queue()))
                    .isEqualTo("1");

            choose(doug, "available");
            String own = line.rings(doug);
            assertThat(world.list("select call_id from active_calls where agent_id = ?", doug))
                    .as("neither before its turn nor after it")
                    .containsExactly(callback.toString());
            line.provider().answer(own);
            String theirs = line.ringsAt(customer);
            assertThat(world.state(callback)).isEqualTo("claimed");
            line.provider().answer(theirs);
            line.awaitState(callback, "active");
            line.awaitTalk(own, theirs);
            assertThat(world.state(behind)).isEqualTo("queued");
            line.provider().hangUp(theirs);
            line.awaitState(callback, "completed");
            line.answer(doug);
            line.awaitState(behind, "active");
            assertThat(world.list("select kind from call_segments where call_id = ? order by from_at", callback))
                    .as("and counts in handling")
                    .contains("talk");
            line.provider().hangUp(second);
            line.awaitState(behind, "completed");
            assertThat(world.one("select count(*) from call_legs where call_id = ? and role = 'customer'", callback))
                    .as("dialled once")
                    .isEqualTo("2");
        }
    }

    @Test
    void L22_aCallbackThatAnAgentDeclinesKeepsItsPlaceAndWhoIsStillOnTheLineIsToldGoodbye() {
        CallCentreWorld world = world(2);
        choose(world.agent(0), "paused");
        choose(world.agent(1), "paused");
        String customer = "+14155550044";
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            line.phone(customer);
            String caller = line.provider().call(customer, world.number());
            UUID call = line.call(caller);
            assertThat(service("POST", "/calls/" + call + "/callback", "{}").status())
                    .isEqualTo(200);
            line.awaitStatus(caller, "completed"); // by us: their phone is free when it is called
            assertThat(world.state(call)).isEqualTo("queued");

            choose(world.agent(0), "available");
            line.rings(world.agent(0));
            asked(world.agent(0), call, "decline", "{}");
            assertThat(world.one(
                            "select state || ' ' || (due_at > now() + interval '3 hours') from calls where id = ?",
                            call))
                    .as("not only until the ring would have ended")
                    .isEqualTo("queued true");
            choose(world.agent(1), "available");
            line.answer(world.agent(1));
            line.provider().answer(line.ringsAt(customer));
            line.awaitState(call, "active");

            // a blind transfer, whose agent hangs up at once, does not take the customer with it
            choose(world.agent(0), "available");
            asked(world.agent(1), call, "transfer", "{\"to\":\"" + world.agent(0) + "\"}");
            soon("all is told", () -> line.untold().isEmpty());
            String target = line.rings(world.agent(0));
            line.provider().living().stream()
                    .filter(leg -> !leg.equals(target))
                    .filter(leg -> world.one("select role from call_legs where provider_leg_sid = ?", leg)
                            .equals("agent"))
                    .forEach(line.provider()::hangUp);
            line.provider().answer(target);
            soon("they talk", () -> line.provider().hears(target).size() == 1);
            assertThat(world.state(call)).isEqualTo("active");
        }
    }

    @Test
    void L22_aCallbackThatNobodyAnswersIsOver() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        choose(doug, "paused");
        String customer = "+14155550043";
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            line.phone(customer);
            String caller = line.provider().call(customer, world.number());
            UUID call = line.call(caller);
            assertThat(service("POST", "/calls/" + call + "/callback", "{\"number\":\"tomorrow\"}")
                            .code())
                    .isEqualTo("invalid_request");
            assertThat(service("POST", "/calls/" + call + "/callback", "{}").status())
                    .isEqualTo(200);
            assertThat(service("POST", "/calls/" + call + "/callback", "{}").status())
                    .isEqualTo(200);
            line.provider().hangUp(caller);
            line.awaitStatus(caller, "completed");
            choose(doug, "available");
            line.answer(doug);
            line.provider().decline(line.ringsAt(customer));
            line.awaitState(call, "busy");
            soon("free", () -> world.workState(doug).equals("available"));
            assertThat(line.rungAt(doug)).isEqualTo(1);
            soon("legs end", () -> line.provider().living().isEmpty());
        }
    }
}

package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoneLine;
import dev.switchboard.telephony.fake.Noise;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** Calls over a line at Twilio, from the customer's phone to the agent's device and back. SPEC L19. */
class TwilioLineTest extends ApiFixture {
    private static final Duration SOON = Duration.ofSeconds(10);

    @Test
    void F001_17_aCallRingsAtEveryAvailableAgentAndTheFirstToAnswerHasIt() {
        CallCentreWorld world = world(3);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String caller = line.callIn();
            UUID call = line.call(caller);
            for (UUID agent : world.agents()) {
                line.rings(agent);
            }
            assertThat(world.list("select agent_id from active_calls where call_id = ? and status = 'ringing'", call))
                    .as("the board shows all ringing")
                    .containsExactlyInAnyOrderElementsOf(
                            world.agents().stream().map(UUID::toString).toList());

            String leg = line.answer(world.agent(1));
            line.awaitState(call, "active");
            line.awaitTalk(caller, leg);
            assertThat(world.one("select claimed_by from calls where id = ?", call))
                    .isEqualTo(world.agent(1).toString());
            await().atMost(SOON).until(() -> line.provider().living().size() == 2);
            for (UUID agent : world.agents()) {
                assertThat(line.rungAt(agent)).as("once").isEqualTo(1);
            }
            assertThat(world.list("select missed_by::text from calls where id = ?", call))
                    .containsExactly("{}");

            line.provider().hangUp(caller);
            line.awaitState(call, "completed");
            line.awaitStatus(leg, "completed");
            await().atMost(SOON).until(() -> world.workState(world.agent(1)).equals("available"));
            assertThat(world.one("select end_reason from calls where id = ?", call))
                    .isEqualTo("caller_hangup");
        }
    }

    @Test
    void L32_whoCallsOutsideTheHoursHearsThatItIsClosedAndNobodysPhoneRings() {
        CallCentreWorld world = world(2);
        server.database()
                .useHandle(handle ->
                        handle.execute("update queues set hours = '{\"open\": []}' where id = ?", world.queue()));
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String caller = line.callIn();
            line.awaitStatus(caller, "completed"); // by what they were told, and not cut off
            UUID call = line.call(caller);

            line.awaitState(call, "missed");
            assertThat(world.one("select end_reason from calls where id = ?", call))
                    .isEqualTo("closed");
            assertThat(world.agents())
                    .allSatisfy(agent -> assertThat(line.rungAt(agent)).isZero());
            assertThat(world.one("select count(*) from telephony_commands where call_id = ?", call))
                    .isEqualTo("0");
            assertThat(world.one("select count(*) from queue_visits where call_id = ?", call))
                    .isEqualTo("0");
        }
    }

    @Test
    void L19_holdAndBackKeepTheSameTwoPeopleOnTheCall() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String caller = line.callIn();
            UUID call = line.call(caller);
            String leg = line.answer(doug);
            line.awaitState(call, "active");
            for (int i = 0; i < 2; i++) {
                assertThat(post("/calls/" + call + "/hold", "{}", doug).status())
                        .isEqualTo(200);
                await().atMost(SOON).until(() -> line.provider().hears(caller).isEmpty());
                await().atMost(SOON).until(() -> line.untold().isEmpty());
                assertThat(world.state(call)).isEqualTo("held");
                assertThat(line.provider().living()).containsExactlyInAnyOrder(caller, leg);

                assertThat(post("/calls/" + call + "/unhold", "{}", doug).status())
                        .isEqualTo(200);
                line.awaitTalk(caller, leg);
            }
            assertThat(post("/calls/" + call + "/mute", "{\"muted\":true}", doug)
                            .status())
                    .isEqualTo(200);
            await().atMost(SOON).until(() -> line.provider().isMuted(leg));
            assertThat(post("/calls/" + call + "/mute", "{\"muted\":false}", doug)
                            .status())
                    .isEqualTo(200);
            await().atMost(SOON).until(() -> !line.provider().isMuted(leg));
            line.awaitTalk(caller, leg);

            assertThat(post("/calls/" + call + "/end", "{}", doug).status()).isEqualTo(200);
            line.awaitStatus(caller, "completed");
            line.awaitStatus(leg, "completed");
        }
    }

    @Test
    void L19_anAgentCallsOutAndHasAllControlsOfTheCall() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        String customer = "+14155550777";
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            line.phone(customer);
            Http.Answer none = post("/calls", "{\"to\":\"" + customer + "\",\"from\":\"+19995550100\"}", doug);
            assertThat(none.code()).isEqualTo("not_found");
            Http.Answer dialled =
                    post("/calls", "{\"to\":\"" + customer + "\",\"from\":\"" + world.number() + "\"}", doug);
            assertThat(dialled.status()).as(dialled.body()).isEqualTo(200);
            UUID call = UUID.fromString(dialled.json().path("call").path("id").asString());

            String own = line.answer(doug);
            String theirs = line.ringsAt(customer);
            assertThat(world.state(call)).isEqualTo("claimed");
            line.provider().answer(theirs);
            line.awaitState(call, "active");
            line.awaitTalk(own, theirs);
            assertThat(sid(world, call)).as("the provider's name of it").isEqualTo(theirs);

            assertThat(post("/calls/" + call + "/hold", "{}", doug).status()).isEqualTo(200);
            await().atMost(SOON).until(() -> line.provider().hears(own).isEmpty());
            assertThat(line.provider().living()).containsExactlyInAnyOrder(own, theirs);
            assertThat(post("/calls/" + call + "/unhold", "{}", doug).status()).isEqualTo(200);
            line.awaitTalk(own, theirs);
            line.provider().hangUp(theirs);
            line.awaitState(call, "completed");
            line.awaitStatus(own, "completed");
        }
    }

    @Test
    void L19_whoIsCalledAndDoesNotAnswerEndsTheCallAsTheProviderSays() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        String customer = "+14155550778";
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            line.phone(customer);
            UUID call = UUID.fromString(post("/calls", "{\"to\":\"" + customer + "\"}", doug)
                    .json()
                    .path("call")
                    .path("id")
                    .asString());
            String own = line.answer(doug);
            line.provider().decline(line.ringsAt(customer));
            line.awaitState(call, "busy");
            line.awaitStatus(own, "completed");
            await().atMost(SOON).until(() -> world.workState(doug).equals("available"));
        }
    }

    @Test
    void F001_34_aDeviceNamesACallByItsOwnLegOrByTheCallers() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String caller = line.callIn();
            UUID call = line.call(caller);
            String leg = line.rings(doug);
            await().atMost(SOON)
                    .until(() -> world.one("select count(*) from call_legs where provider_leg_sid = ?", leg)
                            .equals("1"));

            assertThat(update(doug, leg, "start").status()).isEqualTo(200);
            assertThat(world.state(call))
                    .as("the device takes it, and is not connected yet")
                    .isEqualTo("claimed");
            line.provider().answer(leg);
            line.awaitState(call, "active");
            assertThat(update(doug, caller, "end").status()).isEqualTo(200);
            assertThat(world.state(call)).isEqualTo("completed");

            String second = line.callIn();
            UUID next = line.call(second);
            String own = line.rings(doug);
            assertThat(update(doug, second, "start").status()).isEqualTo(200);
            await().atMost(SOON)
                    .until(() -> world.one("select count(*) from call_legs where provider_leg_sid = ?", own)
                            .equals("1"));

            line.provider().answer(own);
            line.awaitState(next, "active");
            assertThat(update(doug, own, "end").status()).isEqualTo(200);
            assertThat(world.state(next)).isEqualTo("completed");
            assertThat(update(doug, "CA" + "0".repeat(32), "end").code()).isEqualTo("not_found");
        }
    }

    private static Http.Answer update(UUID agent, String sid, String action) {
        return post(
                "/twilio/update-user-call",
                "{\"callSid\":\"" + sid + "\",\"agentId\":\"" + agent + "\",\"action\":\"" + action + "\"}",
                agent);
    }

    @Test
    void L19_aSupervisorListensWhispersAndBargesAndItIsInTheAuditLog() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        UUID sue = world.agent("supervisor", "Sue");
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            line.device(sue);
            String caller = line.callIn();
            UUID call = line.call(caller);
            String leg = line.answer(doug);
            line.awaitState(call, "active");

            assertThat(post("/calls/" + call + "/monitor", "{\"mode\":\"listen\"}", doug)
                            .code())
                    .isEqualTo("not_permitted");
            assertThat(post("/calls/" + call + "/monitor", "{\"mode\":\"shout\"}", sue)
                            .code())
                    .isEqualTo("invalid_request");
            assertThat(post("/calls/" + call + "/monitor", "{\"mode\":\"listen\"}", sue)
                            .status())
                    .isEqualTo(200);
            String ear = line.answer(sue);
            await().atMost(SOON).until(() -> line.provider().hears(ear).size() == 2);
            assertThat(line.provider().isMuted(ear)).isTrue();
            assertThat(world.one("select claimed_by from calls where id = ?", call))
                    .isEqualTo(doug.toString());
            line.provider().hangUp(ear);
            line.awaitTalk(caller, leg);
            assertThat(world.state(call))
                    .as("a supervisor who leaves ends nothing")
                    .isEqualTo("active");

            assertThat(post("/calls/" + call + "/monitor", "{\"mode\":\"barge\"}", sue)
                            .status())
                    .isEqualTo(200);
            String voice = line.answer(sue);
            await().atMost(SOON).until(() -> line.provider().hears(caller).contains(voice));
            assertThat(line.provider().isMuted(voice)).isFalse();
            assertThat(world.list(
                            "select action from audit_logs where organization_id = ? and action like 'call.%' order by created_at",
                            world.organization()))
                    .containsExactly("call.listen", "call.barge");
            line.provider().hangUp(caller);
            line.awaitState(call, "completed");
            line.awaitStatus(voice, "completed");
        }
    }

    @Test
    void F001_33_anAgentsDeviceGetsATokenOfItsOwnNameAndOnlyWhereThereIsALine() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        assertThat(post("/telephony/token", "{}", doug).code()).isEqualTo("no_line");
        UUID viewer = world.member("viewer", "Vic");
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            assertThat(post("/telephony/token", "{}", viewer).code()).isEqualTo("not_permitted");
            var token = post("/telephony/token", "{}", doug).json();
            assertThat(token.path("identity").asString()).isEqualTo(line.identity(doug));
            assertThat(token.path("provider").asString()).isEqualTo("twilio");
            String[] parts = token.path("token").asString().split("\\.", -1);
            var claims = JsonMapper.shared()
                    .readTree(new String(Base64.getUrlDecoder().decode(parts[1]), StandardCharsets.UTF_8));
            assertThat(claims.path("grants").path("identity").asString()).isEqualTo(line.identity(doug));
            assertThat(claims.path("grants")
                            .path("voice")
                            .path("incoming")
                            .path("allow")
                            .asBoolean())
                    .isTrue();
            assertThat(claims.path("sub").asString()).isEqualTo(line.provider().account());
            long seconds = claims.path("exp").asLong() - Instant.now().getEpochSecond();
            assertThat(seconds).isBetween(3_500L, 3_601L);
        }
    }

    @Test
    void L20_aLegThatLivesOnAfterItsCallIsEnded() {
        CallCentreWorld world = world(1);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            server.server().reconciler().orElseThrow().reconcile(); // the first time nothing is waited for
            String caller = line.callIn();
            UUID call = line.call(caller);
            String leg = line.answer(world.agent(0));
            line.awaitState(call, "active");
            server.database()
                    .useHandle(
                            handle -> handle.execute( // over here, and the provider is never told
                                    "create or replace function public.lose() returns trigger language plpgsql as $$ begin return null; end $$"));
            server.database()
                    .useHandle(
                            handle -> handle.execute(
                                    "create trigger lose before insert on telephony_commands for each row when (new.kind = 'hang_up') execute function public.lose()"));
            try {
                assertThat(post("/calls/" + call + "/end", "{}", world.agent(0)).status())
                        .isEqualTo(200);
            } finally {
                server.database().useHandle(handle -> handle.execute("drop trigger lose on telephony_commands"));
            }
            server.server().reconciler().orElseThrow().reconcile();
            assertThat(line.provider().living()).as("news come by themselves").containsExactlyInAnyOrder(caller, leg);
            server.database()
                    .useHandle(handle -> handle.execute(
                            "update calls set ended_at = now() - interval '31 seconds' where id = ?", call));
            server.server().reconciler().orElseThrow().reconcile();
            line.awaitStatus(caller, "completed");
            line.awaitStatus(leg, "completed");
        }
    }

    @Test
    void L19_aCallOutIsParkedTakenAndHandedOverLikeAnyOther() {
        CallCentreWorld world = world(2);
        UUID doug = world.agent(0);
        UUID rhonda = world.agent(1);
        String customer = "+14155550779";
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            line.phone(customer);
            UUID call = UUID.fromString(post("/calls", "{\"to\":\"" + customer + "\"}", doug)
                    .json()
                    .path("call")
                    .path("id")
                    .asString());
            String own = line.answer(doug);
            String theirs = line.ringsAt(customer);
            line.provider().answer(theirs);
            line.awaitState(call, "active");
            line.awaitTalk(own, theirs);

            assertThat(post("/calls/" + call + "/park", "{}", doug).status()).isEqualTo(200);
            line.awaitStatus(own, "completed");
            assertThat(line.provider().status(theirs)).as("the customer stays").contains("in-progress");
            assertThat(world.state(call)).isEqualTo("parked");
            await().atMost(SOON).until(() -> line.untold().isEmpty());
            assertThat(post("/calls/" + call + "/unpark", "{}", rhonda).status())
                    .isEqualTo(200);
            String second = line.answer(rhonda);
            line.awaitState(call, "active");
            line.awaitTalk(second, theirs);

            assertThat(post("/calls/" + call + "/transfer", "{\"to\":\"" + doug + "\"}", rhonda)
                            .status())
                    .isEqualTo(200);
            String third = line.answer(doug);
            line.awaitTalk(theirs, third);
            line.awaitStatus(second, "completed");
            assertThat(world.one("select state || ' ' || claimed_by from calls where id = ?", call))
                    .isEqualTo("active " + doug);
            line.provider().hangUp(theirs);
            line.awaitState(call, "completed");
            line.awaitStatus(third, "completed");
        }
    }

    @Test
    void L19_whoTransfersBlindlyAndHangsUpIsRungAgainWhenNobodyTakesItAndElseItIsQueued() {
        CallCentreWorld world = world(2);
        UUID doug = world.agent(0);
        UUID rhonda = world.agent(1);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            assertThat(post("/agents/me/state", "{\"state\":\"paused\",\"reason\":\"lunch\"}", rhonda)
                            .status())
                    .isEqualTo(200);
            String caller = line.callIn();
            UUID call = line.call(caller);
            String own = line.answer(doug);
            line.awaitState(call, "active");
            assertThat(post("/agents/me/state", "{\"state\":\"available\"}", rhonda)
                            .status())
                    .isEqualTo(200);
            assertThat(post("/calls/" + call + "/transfer", "{\"to\":\"" + rhonda + "\"}", doug)
                            .status())
                    .isEqualTo(200);
            String target = line.rings(rhonda);
            line.provider().hangUp(own);
            line.awaitStatus(own, "completed");
            line.provider().decline(target);
            line.awaitState(call, "active");
            String again = line.rings(doug);
            assertThat(line.provider().status(caller)).as("the customer stays").contains("in-progress");
            line.provider().answer(again);
            line.awaitTalk(caller, again);

            assertThat(post("/calls/" + call + "/transfer", "{\"to\":\"" + rhonda + "\"}", doug)
                            .status())
                    .isEqualTo(200);
            String second = line.rings(rhonda);
            line.provider().hangUp(again);
            line.awaitStatus(again, "completed");
            line.provider().decline(second);
            line.provider().decline(line.rings(doug)); // nor does who had it
            await().atMost(SOON).until(() -> List.of("queued", "ringing").contains(world.state(call)));
            line.answer(doug);
            line.awaitState(call, "active");
        }
    }

    @Test
    void L19_aScreenThatSaysItIsConnectedTakesTheCallUntilTheProviderSaysSo() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String caller = line.callIn();
            UUID call = line.call(caller);
            String leg = line.rings(doug);
            assertThat(post("/calls/" + call + "/claim", "{}", doug).status()).isEqualTo(200);
            assertThat(post("/calls/" + call + "/start", "{}", doug).status()).isEqualTo(200);
            assertThat(world.state(call)).isEqualTo("claimed");
            line.provider().answer(leg);
            line.awaitState(call, "active");
            line.awaitTalk(caller, leg);
        }
    }

    @Test
    void L20_callsThatAreSomebodyElsesAreLeftAlone() {
        CallCentreWorld world = world(1);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String ours = line.provider().callThatWaits(PhoneLine.CALLER, world.number());
            line.provider().number(world.number(), "https://elsewhere.example.com/", "https://elsewhere.example.com/");
            server.server().reconciler().orElseThrow().reconcile();
            assertThat(line.find(ours)).as("the number leads elsewhere").isEmpty();
            assertThat(line.provider().status(ours)).contains("in-progress");
        }
    }
}

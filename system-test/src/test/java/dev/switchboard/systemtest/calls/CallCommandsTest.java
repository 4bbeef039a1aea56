package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.client.Changes;
import dev.switchboard.client.Event;
import dev.switchboard.client.EventQueue;
import dev.switchboard.client.SwitchboardClient;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Commands on calls, agents and queues over {@code /api}. SPEC L. */
class CallCommandsTest extends ApiFixture {
    @Test
    void
            F001_01_F001_08_F001_10_F001_11_F001_12_F001_13_F001_14_F001_15_F001_16_aCallIsClaimedStartedAndEndedThroughTheDocumentsEndpoints() {
        CallCentreWorld world = world(3);
        UUID doug = world.agent(0);
        UUID rhonda = world.agent(1);
        UUID call = ringing(world, doug, rhonda, world.agent(2));
        String sid = sid(world, call);
        assertThat(world.list("select status from active_calls where call_id = ?", call))
                .containsOnly("ringing")
                .hasSize(3);
        assertThat(world.workState(rhonda)).isEqualTo("offered");

        Http.Answer claimed =
                post("/twilio/claim-call", "{\"callSid\":\"" + sid + "\",\"agentId\":\"" + doug + "\"}", doug);
        assertThat(claimed.status()).as(claimed.body()).isEqualTo(200);
        assertThat(claimed.json().path("call").path("state").asString()).isEqualTo("claimed");
        assertThat(world.list("select status from active_calls where call_id = ?", call))
                .isEmpty();
        assertThat(world.workState(rhonda)).isEqualTo("available");

        Http.Answer lost =
                post("/twilio/claim-call", "{\"callSid\":\"" + sid + "\",\"agentId\":\"" + rhonda + "\"}", rhonda);
        assertThat(lost.status()).isEqualTo(409);
        assertThat(lost.header("content-type")).startsWith("application/problem+json");
        assertThat(lost.code()).isEqualTo("already_claimed");
        assertThat(lost.json().path("detail").asString()).isEqualTo("Agent 0 is already handling the call");
        assertThat(lost.json().path("claimedBy").path("name").asString()).isEqualTo("Agent 0");
        assertThat(post("/twilio/claim-call", "{\"callSid\":\"" + sid + "\",\"agentId\":\"" + doug + "\"}", rhonda)
                        .code())
                .isEqualTo("not_yourself");

        Http.Answer started = post(
                "/twilio/update-user-call",
                "{\"callSid\":\"" + sid + "\",\"agentId\":\"" + doug
                        + "\",\"action\":\"start\",\"phoneNumber\":\"+14155559999\"}",
                doug);
        assertThat(started.status()).as(started.body()).isEqualTo(200);
        assertThat(world.list("select status from active_calls where call_id = ?", call))
                .containsExactly("active");
        assertThat(world.one(
                        "select concat_ws(' ', work_state, current_call_id, current_call_phone_number, current_call_answered_at is not null)"
                                + " from voip_users where user_id = ?",
                        doug)) // F001-01
                .isEqualTo("on_call " + call + " +14155559999 t");

        Http.Answer ended = post(
                "/twilio/update-user-call",
                "{\"callSid\":\"" + sid + "\",\"agentId\":\"" + doug + "\",\"action\":\"end\"}",
                doug);
        assertThat(ended.status()).as(ended.body()).isEqualTo(200);
        assertThat(world.one(
                        "select concat_ws(' ', state, status, ended_at is not null, end_reason) from calls where id = ?",
                        call)) // F001-12
                .isEqualTo("completed completed t ended");
        assertThat(world.one(
                        "select concat_ws(' ', work_state, current_call_id, current_call_phone_number, current_call_answered_at)"
                                + " from voip_users where user_id = ?",
                        doug))
                .isEqualTo("available");
        assertThat(world.list("select status from active_calls where call_id = ?", call))
                .isEmpty();
        // F001-10, F001-11, contradiction C4
        assertThat(world.list(
                        "select concat_ws(' ', event_type, reason) from ring_events where call_id = ? order by id",
                        call))
                .containsExactly(
                        "offered",
                        "offered",
                        "offered",
                        "ring_cancel answered_elsewhere",
                        "answered",
                        "ring_cancel ended",
                        "ended ended");
        assertThat(world.list(
                        "select concat_ws(' ', kind, from_state, to_state) from call_events where call_id = ? order by seq",
                        call))
                .containsExactly(
                        "created new",
                        "offer new ringing",
                        "claim ringing claimed",
                        "start claimed active",
                        "end active completed");
        assertThat(world.list(
                        "select concat_ws(' ', kind, to_at is not null) from call_segments where call_id = ? and agent_id = ? order by from_at",
                        call,
                        doug))
                .containsExactly("ring t", "talk t");
        assertThat(world.list("select outcome from queue_visits where call_id = ?", call))
                .containsExactly("answered");
    }

    @Test
    void F001_09_F001_21_parkingClearsTheCardAndFillsASlotInOneCommit() {
        CallCentreWorld world = world(2);
        UUID doug = world.agent(0);
        UUID rhonda = world.agent(1);
        UUID call = ringing(world, doug);
        post("/calls/" + call + "/start", "{}", doug);

        Http.Answer parked =
                post("/calls/" + call + "/park", "{\"comment\":\"asks for Rhonda\",\"timeoutSeconds\":90}", doug);
        assertThat(parked.status()).as(parked.body()).isEqualTo(200);
        assertThat(world.one(
                        "select concat_ws(' ', slot, comment, parked_by) from parked_calls where call_id = ?", call))
                .isEqualTo("1 asks for Rhonda " + doug);
        assertThat(world.list("select status from active_calls where call_id = ?", call))
                .isEmpty();
        assertThat(world.one(
                        "select distinct a.xmin = p.xmin from calls a join parked_calls p on p.call_id = a.id where a.id = ?",
                        call))
                .as("one transaction")
                .isEqualTo("t");
        assertThat(world.workState(doug)).isEqualTo("available");
        assertThat(post("/calls/" + call + "/hold", "{}", doug).code()).isEqualTo("wrong_state");

        UUID other = ringing(world, doug);
        post("/calls/" + other + "/start", "{}", doug);
        assertThat(post("/calls/" + other + "/park", "{\"slot\":1}", doug).code())
                .isEqualTo("slot_taken");
        assertThat(post("/calls/" + other + "/park", "{\"slot\":100}", doug).code())
                .isEqualTo("invalid_request");

        assertThat(post("/calls/" + call + "/unpark", "{}", rhonda).status()).isEqualTo(200);
        assertThat(world.one("select count(*) from parked_calls where call_id = ?", call))
                .isEqualTo("0");
        assertThat(post("/calls/" + call + "/unpark", "{}", doug)
                        .json()
                        .path("detail")
                        .asString())
                .isEqualTo("Agent 1 is already handling the call");
    }

    @Test
    void F001_17_anOfferRingsAtEveryAvailableAgentAndNoMoreThanTen() {
        CallCentreWorld world = world(12);
        UUID busy = world.agent(0);
        UUID away = world.agent(1);
        post("/calls/" + ringing(world, busy) + "/start", "{}", busy);
        post("/agents/me/state", "{\"state\":\"paused\",\"reason\":\"lunch\"}", away);
        UUID call = world.incoming(server.server().callCentre().orElseThrow());

        assertThat(service("POST", "/calls/" + call + "/offer", "{}").status()).isEqualTo(200);

        List<String> rung = world.list("select agent_id from active_calls where call_id = ?", call);
        assertThat(rung).hasSize(10).doesNotContain(busy.toString(), away.toString());
        String told = world.one(
                "select payload ->> 'agents' from telephony_commands where call_id = ? and kind = 'ring'", call);
        assertThat(new TreeSet<>(List.of(told.split(",")))).isEqualTo(new TreeSet<>(rung));
    }

    @Test
    void F001_18_F001_22_twoIncomingCallsAreShownAndClearedEachForItself() {
        CallCentreWorld world = world(2);
        UUID doug = world.agent(0);
        UUID rhonda = world.agent(1);
        UUID one = ringing(world, doug, rhonda);
        UUID two = ringing(world, doug, rhonda);

        post("/calls/" + one + "/claim", "{}", rhonda);

        assertThat(world.list("select call_id from active_calls where agent_id = ?", doug))
                .containsExactly(two.toString());
        assertThat(world.list("select call_id from active_calls where agent_id = ?", rhonda))
                .as("who has a call is rung at no more")
                .isEmpty();
        assertThat(world.list(
                        "select concat_ws(' ', target_agent_id, reason) from ring_events where call_id = ? and event_type = 'ring_cancel'",
                        two))
                .as("contradiction C3: only her card of the other call")
                .containsExactly(rhonda + " busy");
        assertThat(world.state(two)).isEqualTo("ringing");
        assertThat(world.workState(doug)).isEqualTo("offered");
    }

    @Test
    void F001_32_aBusyAgentIsMarkedAndGetsATransferOnlyByForce() {
        CallCentreWorld world = world(3);
        UUID doug = world.agent(0);
        UUID rhonda = world.agent(1);
        UUID call = ringing(world, doug);
        UUID hers = ringing(world, rhonda);
        post("/calls/" + call + "/start", "{}", doug);
        post("/calls/" + hers + "/start", "{}", rhonda);

        JsonNode agents = get("/agents", doug).json().path("agents");
        assertThat(agents.valueStream()
                        .filter(agent -> agent.path("busy").asBoolean())
                        .map(agent -> agent.path("name").asString()))
                .containsExactly("Agent 0", "Agent 1");
        Http.Answer refused = post("/calls/" + call + "/transfer", "{\"to\":\"" + rhonda + "\"}", doug);
        assertThat(refused.status()).isEqualTo(409);
        assertThat(refused.code()).isEqualTo("agent_busy");
        assertThat(post("/calls/" + call + "/transfer", "{\"to\":\"" + rhonda + "\",\"force\":true}", doug)
                        .status())
                .isEqualTo(200);
        assertThat(world.state(call)).isEqualTo("transferring");
        assertThat(post("/calls/" + call + "/cancel-transfer", "{}", doug).status())
                .isEqualTo(200);

        UUID third = world.agent(2);
        assertThat(post("/calls/" + call + "/transfer", "{\"to\":\"" + third + "\",\"kind\":\"attended\"}", doug)
                        .status())
                .isEqualTo(200);
        assertThat(post("/calls/" + call + "/complete-transfer", "{}", doug).code())
                .isEqualTo("wrong_state");
        assertThat(post("/calls/" + call + "/claim", "{}", third).status()).isEqualTo(200);
        assertThat(world.list("select status from active_calls where call_id = ? order by status", call))
                .containsExactly("active", "consulting");
        assertThat(post("/calls/" + call + "/complete-transfer", "{}", doug).status())
                .isEqualTo(200);
        assertThat(world.one("select concat_ws(' ', state, claimed_by, answered_by) from calls where id = ?", call))
                .isEqualTo("active " + third + " " + third);
        assertThat(world.workState(doug)).isEqualTo("available");
    }

    @Test
    void F000_12_F000_34_theStatesOfACallAreSeenInTheirOrder() throws InterruptedException {
        CallCentreWorld world = world(2);
        UUID doug = world.agent(0);
        String token = server.userToken(world.agent(1));
        try (SwitchboardClient client = SwitchboardClient.builder(URI.create(server.url()), server.anonKey())
                        .token(() -> token)
                        .build();
                EventQueue events = client.channel("calls")
                        .changes(Changes.of("public", "calls")
                                .where("organization_id=eq." + world.organization())) // F000-12
                        .open(100)) {
            while (!(events.take() instanceof Event.Subscribed)) {
                // what comes before it says nothing of calls
            }
            UUID call = ringing(world, doug);
            for (String verb : List.of("claim", "start", "hold", "unhold", "end")) {
                assertThat(post("/calls/" + call + "/" + verb, "{}", doug).status())
                        .isEqualTo(200);
            }

            var states = new ArrayList<Object>();
            while (!states.contains("completed")) {
                Optional<Event> event = events.poll(Duration.ofSeconds(10));
                assertThat(event).as("after " + states).isPresent();
                if (event.get() instanceof Event.Change change) {
                    states.add(change.row().get("state"));
                }
            }
            assertThat(states).containsExactly("new", "ringing", "claimed", "active", "held", "active", "completed");
        }
    }

    @Test
    void L8_aSupervisorForcesStatesAndEndsAndAnAgentDoesNotTouchOthers() {
        CallCentreWorld world = world(2);
        UUID doug = world.agent(0);
        UUID mina = world.agent(1);
        UUID boss = world.member("supervisor", "Boss");
        UUID call = ringing(world, doug);
        post("/calls/" + call + "/start", "{}", doug);

        assertThat(post("/calls/" + call + "/end", "{}", mina).code()).isEqualTo("not_your_call");
        assertThat(post("/agents/" + doug + "/state", "{\"state\":\"offline\"}", mina)
                        .code())
                .isEqualTo("not_permitted");
        assertThat(post("/agents/" + doug + "/state", "{\"state\":\"paused\",\"reason\":\"training\"}", boss)
                        .status())
                .isEqualTo(200);
        assertThat(world.workState(doug)).as("after the call").isEqualTo("on_call");
        assertThat(post("/calls/" + call + "/end", "{\"reason\":\"forced\"}", boss)
                        .status())
                .isEqualTo(200);
        assertThat(world.one("select concat_ws(' ', work_state, state_reason) from voip_users where user_id = ?", doug))
                .isEqualTo("paused training");
        assertThat(world.one(
                        "select concat_ws(' ', end_reason, (select actor from call_events e where e.call_id = c.id order by seq desc limit 1))"
                                + " from calls c where id = ?",
                        call))
                .isEqualTo("forced " + boss);
        UUID auditor = world.member("auditor", "Audit");
        assertThat(post("/calls/" + ringing(world, mina) + "/end", "{}", auditor)
                        .code())
                .isEqualTo("not_permitted");
    }

    @Test
    void L9_waitingCallsAreOfferedAsSoonAsSomebodyIsThereAndWrapUpRunsOut() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        server.database().useHandle(handle -> {
            handle.execute(
                    "insert into queue_members (organization_id, queue_id, user_id) values (?, ?, ?)",
                    world.organization(),
                    world.queue(),
                    doug);
            handle.execute("update queues set wrap_up_s = 1 where id = ?", world.queue());
            handle.execute("update phone_numbers set queue_id = ? where e164 = ?", world.queue(), world.number());
        });
        post("/agents/me/state", "{\"state\":\"offline\"}", doug);
        UUID call = world.incoming(server.server().callCentre().orElseThrow());
        assertThat(world.state(call)).isEqualTo("queued");
        assertThat(get("/queues", doug)
                        .json()
                        .path("queues")
                        .path(0)
                        .path("in_queue")
                        .asInt())
                .isEqualTo(1);

        post("/agents/me/state", "{\"state\":\"available\"}", doug);
        await().atMost(Duration.ofSeconds(10)).until(() -> world.state(call).equals("ringing"));
        post("/calls/" + call + "/start", "{}", doug);
        post("/calls/" + call + "/end", "{}", doug);
        assertThat(world.workState(doug)).isEqualTo("wrap_up");
        await().atMost(Duration.ofSeconds(10)).until(() -> world.workState(doug).equals("available"));

        UUID next = world.incoming(server.server().callCentre().orElseThrow());
        Http.Answer taken = post("/queues/" + world.queue() + "/next", "{}", doug);
        if (taken.status() != 200) { // the server was quicker to offer it
            assertThat(post("/calls/" + next + "/claim", "{}", doug).status()).isEqualTo(200);
        }
        assertThat(world.one("select claimed_by from calls where id = ?", next)).isEqualTo(doug.toString());
        assertThat(post("/calls/" + next + "/start", "{}", doug).status()).isEqualTo(200);
        assertThat(post("/calls/" + next + "/end", "{}", doug).status()).isEqualTo(200);
        assertThat(post("/calls/" + next + "/wrap-up", "{\"code\":\"sale\"}", doug)
                        .status())
                .isEqualTo(200);
        assertThat(world.workState(doug)).isEqualTo("available");
        assertThat(world.one("select wrap_up_code from calls where id = ?", next))
                .isEqualTo("sale");
        assertThat(get("/queues/figures", doug)
                        .json()
                        .path("today")
                        .path("answered")
                        .asInt())
                .isEqualTo(2);
    }

    @Test
    void L7_whoMayNotHandleCallsLearnsNothingOfThemByCommands() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        UUID viewer = world.member("viewer", "V");
        UUID call = ringing(world, doug);
        for (String verb : List.of("end", "decline", "claim", "hold", "unpark", "wrap-up")) {
            Http.Answer answer = post("/calls/" + call + "/" + verb, "{}", viewer);
            assertThat(answer.code()).as(verb).isEqualTo("not_permitted");
            assertThat(answer.body()).doesNotContain("+1415", "ringing");
        }
        service("POST", "/calls/" + call + "/end", "{}");
        assertThat(post("/calls/" + call + "/end", "{}", viewer).body()).doesNotContain("+1415");
    }

    @Test
    void L6_aCommandThatFailsLeavesNothingBehind() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        UUID call = ringing(world, doug);
        server.database().useHandle(handle -> {
            handle.execute("create function public.refuse_event() returns trigger language plpgsql as $$ begin"
                    + " if new.company_name = 'Refused' and new.state = 'claimed' then raise exception 'made so by the test' using errcode = 'XX000'; end if;"
                    + " return new; end $$");
            handle.execute(
                    "create trigger refuse before update on calls for each row execute function public.refuse_event()");
            handle.execute("update calls set company_name = 'Refused' where id = ?", call);
        });
        try {
            Http.Answer failed = http.post(
                    "/api/calls/" + call + "/claim",
                    "{}",
                    "Authorization",
                    "Bearer " + server.userToken(doug),
                    "Idempotency-Key",
                    "fails");
            assertThat(failed.code()).isEqualTo("internal");
            assertThat(failed.body()).doesNotContain("made so");
            assertThat(world.state(call)).isEqualTo("ringing");
            assertThat(world.one("select count(*) from active_calls where call_id = ?", call))
                    .isEqualTo("1");
            assertThat(world.one("select count(*) from idempotency_keys where key = 'fails'"))
                    .isEqualTo("0");
        } finally {
            server.database().useHandle(handle -> handle.execute("drop function public.refuse_event() cascade"));
        }
        assertThat(post("/calls/" + call + "/claim", "{}", doug).status()).isEqualTo(200);
        assertThat(http.send(
                                "PATCH",
                                "/rest/v1/organizations?id=eq." + world.organization(),
                                "{\"timezone\":\"Nowhere\"}",
                                "Authorization",
                                "Bearer " + server.userToken(world.member("owner", "O")))
                        .status())
                .isEqualTo(400);
    }
}

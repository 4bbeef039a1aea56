package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.client.Changes;
import dev.switchboard.client.Event;
import dev.switchboard.client.EventQueue;
import dev.switchboard.client.SwitchboardClient;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** {@code /api}: commands on calls, agents and queues over HTTP, and what other programs send. SPEC L and V. */
class CallApiTest {
    private static TestServer server;
    private static Http http;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        http = new Http(server);
    }

    @AfterAll
    static void stop() {
        http.close();
        server.close();
    }

    private static Http.Answer post(String path, String body, UUID user) {
        return http.post("/api" + path, body, "Authorization", "Bearer " + server.userToken(user));
    }

    private static Http.Answer get(String path, UUID user) {
        return http.get("/api" + path, "Authorization", "Bearer " + server.userToken(user));
    }

    private static Http.Answer service(String method, String path, String body) {
        return http.send(method, "/api" + path, body, "Authorization", "Bearer " + server.serviceKey());
    }

    private static CallCentreWorld world(int agents) {
        return new CallCentreWorld(server.database(), agents);
    }

    private static UUID ringing(CallCentreWorld world, UUID... agents) {
        return world.ringing(server.server().callCentre().orElseThrow(), agents);
    }

    private static String sid(CallCentreWorld world, UUID call) {
        return world.one("select provider_call_sid from calls where id = ?", call);
    }

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
    void F000_18_F000_19_F000_20_F000_21_F000_22_F000_23_F000_24_F000_25_healthOfCallsIsWhatSqlSays() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        CallCentreWorld other = world(1);
        UUID org = world.organization();
        server.database().useHandle(handle -> {
            String insert =
                    "insert into calls (organization_id, provider_call_sid, direction, from_number, to_number, state, started_at, ended_at, end_reason)"
                            + " values (?, ?, 'outbound', '+1', '+2', ?, now() - ?::interval, case when ?::text is not null then now() end, ?)";
            handle.execute(insert, org, "young", "new", "20 s", null, null);
            handle.execute(insert, org, "old", "new", "40 s", null, null);
            handle.execute(insert, org, "over", "failed", "50 s", "x", "failed");
            handle.execute(insert, org, "missed", "missed", "60 s", "x", "timeout");
            handle.execute(insert, org, "done", "completed", "60 s", "x", "ended");
            handle.execute(insert, org, "done2", "completed", "60 s", "x", "ended");
            handle.execute(insert, other.organization(), "theirs", "failed", "60 s", "x", "failed");
        });

        JsonNode health = get("/calls/health-check", doug).json();

        assertThat(health.path("activeCalls").asInt()).isEqualTo(2);
        assertThat(health.path("totalCalls").asInt()).isEqualTo(4);
        assertThat(health.path("failedCalls").asInt()).isEqualTo(1);
        assertThat(health.path("failureRate").asDouble()).isEqualTo(0.25);
        assertThat(health.path("recentTimeouts").asInt()).isEqualTo(1);
        assertThat(health.path("staleCalls").valueStream().map(JsonNode::asString))
                .containsExactly(
                        world.one("select id from calls where provider_call_sid = 'old' and organization_id = ?", org));
        assertThat(health.path("status").asString()).isEqualTo("degraded");
        assertThat(health.path("reasons")).hasSize(3);
        assertThat(health.path("organizationId").asString()).isEqualTo(org.toString());
        assertThat(get("/calls/health-check?organization_id=" + other.organization(), doug)
                        .code())
                .isEqualTo("not_permitted"); // F000-10
        assertThat(get("/calls/health-check", world.member("viewer", "V")).code())
                .isEqualTo("not_permitted");
        assertThat(http.get("/api/calls/health-check").status()).isEqualTo(401);
        JsonNode quiet = get("/calls/health-check", other.agent(0)).json();
        assertThat(quiet.path("failureRate").asDouble()).isEqualTo(1.0);
        assertThat(quiet.path("activeCalls").asInt()).isZero();

        UUID healthy = other.incoming(server.server().callCentre().orElseThrow());
        server.database()
                .useHandle(handle -> handle.execute(
                        "update calls set started_at = now() - interval '10 min' where id = ?", healthy));
        assertThat(get("/calls/health-check", other.agent(0)).json().path("staleCalls"))
                .as("it had news of its provider")
                .isEmpty();
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into telephony_commands (organization_id, call_id, kind, next_at, created_at)"
                                + " values (?, ?, 'hold', now() + interval '1 day', now() - interval '31 s')",
                        other.organization(),
                        healthy));
        assertThat(get("/calls/health-check", other.agent(0))
                        .json()
                        .path("unconfirmedCommands")
                        .valueStream()
                        .map(JsonNode::asString))
                .containsExactly(healthy.toString());
    }

    @Test
    void F000_19_F000_29_aCallThatRingsPastItsLimitIsMissed() {
        CallCentreWorld world = world(1);
        UUID call = ringing(world, world.agent(0));
        server.database().useHandle(handle -> handle.execute("update calls set due_at = now() where id = ?", call));

        await().atMost(Duration.ofSeconds(10)).until(() -> !world.state(call).equals("ringing"));

        assertThat(world.one("select concat_ws(' ', state, status, end_reason) from calls where id = ?", call))
                .isEqualTo("missed missed timeout");
        assertThat(world.one("select count(*) from active_calls where call_id = ?", call))
                .isEqualTo("0");
        assertThat(world.list(
                        "select concat_ws(' ', event_type, reason) from ring_events where call_id = ? order by id",
                        call))
                .containsExactly("offered", "missed", "ring_cancel timeout", "ended timeout");
        assertThat(get("/calls/health-check", world.agent(0))
                        .json()
                        .path("recentTimeouts")
                        .asInt())
                .isEqualTo(1);
    }

    @Test
    void F000_29_providerStatusesLeadToStatesInWhateverOrderTheyCome() {
        CallCentreWorld world = world(2);
        UUID doug = world.agent(0);
        UUID call = ringing(world, doug);

        assertThat(event(call, "CA-doug", "agent", doug, "ringing", 1).status()).isEqualTo(200);
        assertThat(event(call, "CA-doug", "agent", doug, "in-progress", 2).status())
                .isEqualTo(200);
        assertThat(world.one("select concat_ws(' ', state, claimed_by) from calls where id = ?", call))
                .as("a leg in progress is a claim where there is none")
                .isEqualTo("active " + doug);
        assertThat(event(call, "CA-doug", "agent", doug, "ringing", 1)
                        .json()
                        .path("applied")
                        .asBoolean())
                .isFalse();
        assertThat(event(call, "CA-customer", "customer", null, "completed", 9).status())
                .isEqualTo(200);
        assertThat(event(call, "CA-customer", "customer", null, "completed", 9)
                        .json()
                        .path("applied")
                        .asBoolean())
                .isFalse();
        assertThat(world.one("select concat_ws(' ', state, end_reason) from calls where id = ?", call))
                .isEqualTo("completed caller_hangup");

        for (Map.Entry<String, String> outcome : Map.of(
                        "busy",
                        "busy",
                        "no-answer",
                        "no_answer",
                        "failed",
                        "failed",
                        "canceled",
                        "abandoned",
                        "completed",
                        "abandoned")
                .entrySet()) {
            UUID unanswered = ringing(world, doug);
            event(unanswered, "CA-customer", "customer", null, outcome.getKey(), 3);
            assertThat(world.state(unanswered)).as(outcome.getKey()).isEqualTo(outcome.getValue());
        }

        // an answer that is told after the end (KF26): it was one, and nothing opens again
        UUID late = ringing(world, doug);
        event(late, "CA-customer", "customer", null, "completed", 3);
        event(late, "CA-doug", "agent", doug, "in-progress", 2);
        assertThat(world.one("select concat_ws(' ', state, answered_at is not null) from calls where id = ?", late))
                .isEqualTo("completed t");
        assertThat(event(late, "CA-doug", "agent", doug, "answering", 2).code()).isEqualTo("invalid_request");
    }

    private static Http.Answer event(UUID call, String leg, String role, UUID agent, String status, int sequence) {
        return service(
                "POST",
                "/ingest/calls/" + call + "/events",
                "{\"leg\":\"" + leg + "\",\"role\":\"" + role + "\","
                        + (agent == null ? "" : "\"agent_id\":\"" + agent + "\",") + "\"status\":\"" + status
                        + "\",\"sequence\":" + sequence + "}");
    }

    @Test
    void V3_aRepeatedRequestWithItsKeyIsAnsweredOnceAndAnotherUnderTheSameKeyIsRefused() {
        CallCentreWorld world = world(2);
        UUID doug = world.agent(0);
        UUID call = ringing(world, doug);
        String[] headers = {"Authorization", "Bearer " + server.userToken(doug), "Idempotency-Key", "k1"};

        Http.Answer first = http.post("/api/calls/" + call + "/start", "{}", headers);
        Http.Answer again = http.post("/api/calls/" + call + "/start", "{}", headers);
        Http.Answer other = http.post("/api/calls/" + call + "/end", "{}", headers);

        assertThat(first.status()).isEqualTo(200);
        assertThat(again.body()).isEqualTo(first.body());
        assertThat(again.header("Idempotency-Replayed")).isEqualTo("true");
        assertThat(other.status()).isEqualTo(422);
        assertThat(other.code()).isEqualTo("key_used_otherwise");
        String[] dial = {"Authorization", "Bearer " + server.userToken(world.agent(1)), "Idempotency-Key", "k2"};
        Http.Answer dialled = http.post("/api/calls", "{\"to\":\"+14155550123\"}", dial);
        assertThat(http.post("/api/calls", "{\"to\":\"+14155550123\"}", dial).body())
                .isEqualTo(dialled.body());
        assertThat(world.one(
                        "select count(*) from calls where organization_id = ? and direction = 'outbound'",
                        world.organization()))
                .isEqualTo("1");
    }

    @Test
    void V2_errorsAreProblemsThatNameTheValueAndTheRemedy() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        UUID call = ringing(world, doug);

        assertThat(post("/calls/" + call + "/claim", "{\"agentID\":\"x\"}", doug)
                        .json()
                        .path("detail")
                        .asString())
                .isEqualTo("unknown field agentID; known: agentId");
        assertThat(post("/calls/" + call + "/claim", "{\"agentId\":\"x\"}", doug)
                        .json()
                        .path("detail")
                        .asString())
                .isEqualTo("agentId is no uuid: \"x\"");
        assertThat(post("/calls/" + call + "/claim", "[]", doug)
                        .json()
                        .path("detail")
                        .asString())
                .isEqualTo("the body is no JSON object");
        assertThat(post("/calls/" + call + "/claim", "{", doug).code()).isEqualTo("invalid_request");
        assertThat(post("/calls/nonsense/claim", "{}", doug)
                        .json()
                        .path("detail")
                        .asString())
                .isEqualTo("no UUID in the path: nonsense");
        assertThat(post("/calls/" + UUID.randomUUID() + "/claim", "{}", doug).status())
                .isEqualTo(404);
        assertThat(post("/calls/" + call + "/claim", "{}", world(1).agent(0)).code())
                .as("F000-10: a call of others is not found")
                .isEqualTo("not_found");
        assertThat(get("/calls/" + call + "/claim", doug).code()).isEqualTo("method_not_allowed");
        assertThat(get("/nothing", doug).code()).isEqualTo("not_found");
        assertThat(post("/ingest/calls", "{}", doug).code()).isEqualTo("service_only");
        assertThat(http.post("/api/calls/" + call + "/claim", "{}", "Authorization", "Bearer " + server.anonKey())
                        .status())
                .isEqualTo(401);
        assertThat(http.post("/api/calls/" + call + "/claim", "{}", "Authorization", "Bearer x")
                        .code())
                .isEqualTo("not_signed_in");
        assertThat(post("/agents/me/state", "{\"state\":\"paused\"}", doug)
                        .json()
                        .path("detail")
                        .asString())
                .isEqualTo("a pause needs a reason, as lunch or training");
        JsonNode document = http.get("/api/openapi.json").json();
        assertThat(document.path("openapi").asString()).isEqualTo("3.1.0");
        assertThat(document.path("paths").propertyNames())
                .contains("/api/calls/{id}/claim", "/api/twilio/claim-call", "/api/ingest/scans/{id}");
    }

    @Test
    void F001_29_noFunctionThatRunsSqlIsWithinReach() {
        assertThat(http.post(
                                "/rest/v1/rpc/exec_sql",
                                "{\"sql\":\"select 1\"}",
                                "Authorization",
                                "Bearer " + server.serviceKey())
                        .status())
                .isEqualTo(404);
        assertThat(
                        world(0).list(
                                        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'public'::regnamespace"
                                                + " and p.prosrc ~* '\\mexecute\\M' and has_function_privilege('service_role', p.oid, 'execute')"))
                .isEmpty();
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
    void V4_whatOtherProgramsSendIsWrittenOnceAndInOrder() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        UUID call = ringing(world, doug);
        UUID org = world.organization();
        UUID stream = UUID.randomUUID();
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into streams (id, organization_id, name, owner) values (?, ?, 's', ?)",
                        stream,
                        org,
                        doug));

        assertThat(service("PUT", "/ingest/streams/" + stream + "/progress", "{\"completed\":3,\"total\":12}")
                        .json()
                        .path("current_progress")
                        .toString())
                .isEqualTo("{\"total\":12,\"completed\":3,\"percentage\":25.0}");
        assertThat(service("PUT", "/ingest/streams/" + stream + "/progress", "{\"completed\":13,\"total\":12}")
                        .code())
                .isEqualTo("invalid_request");
        UUID scan = UUID.randomUUID();
        String base = "\"organization_id\":\"" + org + "\",\"owner\":\"" + doug + "\"";
        service(
                "PUT",
                "/ingest/scans/" + scan,
                "{" + base + ",\"status\":\"running\",\"progress_percentage\":10,\"targets_analyzed\":4}");
        assertThat(service(
                                "PUT",
                                "/ingest/scans/" + scan,
                                "{" + base + ",\"current_step\":\"ranking\",\"progress_percentage\":55.5}")
                        .status())
                .isEqualTo(200);
        assertThat(world.one(
                        "select concat_ws(' ', status, current_step, progress_percentage, targets_analyzed) from acquisition_scans where id = ?",
                        scan))
                .isEqualTo("running ranking 55.50 4");
        UUID execution = UUID.randomUUID();
        String run = "\"organization_id\":\"" + org + "\",\"stream_id\":\"" + stream + "\",\"agent_id\":\"scout\"";
        service("PUT", "/ingest/executions/" + execution, "{" + run + ",\"status\":\"running\"}");
        service("PUT", "/ingest/executions/" + execution, "{" + run + ",\"status\":\"succeeded\",\"tokens\":420}");
        assertThat(service("PUT", "/ingest/executions/" + execution, "{" + run + ",\"status\":\"running\"}")
                        .json()
                        .path("status")
                        .asString())
                .isEqualTo("succeeded");
        UUID signal = UUID.randomUUID();
        String alert = "{\"organization_id\":\"" + org + "\",\"user_id\":\"" + doug
                + "\",\"business_name\":\"Acme\",\"signal_type\":\"hiring\",\"priority\":\"high\"}";
        service("PUT", "/ingest/signals/" + signal, alert);
        assertThat(service("PUT", "/ingest/signals/" + signal, alert).status()).isEqualTo(200);
        assertThat(world.one("select count(*) from signal_alerts where user_id = ?", doug))
                .isEqualTo("1");
        UUID recording = UUID.randomUUID();
        for (String status : List.of("queued", "processing", "ready", "processing")) {
            service(
                    "PUT",
                    "/ingest/recordings/" + recording,
                    "{\"call_id\":\"" + call + "\",\"status\":\"" + status + "\"}");
        }
        assertThat(world.one("select concat_ws(' ', status, title) from recordings where id = ?", recording))
                .isEqualTo("ready Call with +14155550001");
        assertThat(service(
                                "PUT",
                                "/ingest/recordings/" + UUID.randomUUID(),
                                "{\"call_id\":\"" + UUID.randomUUID() + "\"}")
                        .code())
                .isEqualTo("not_found");
        assertThat(service("PUT", "/ingest/signals/" + UUID.randomUUID(), alert.replace("high", "urgent"))
                        .code())
                .isEqualTo("invalid_request");
    }

    @Test
    void F004_12_F004_19_eachRealChangeOfACallIsToldOnceWithItsValues() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        UUID call = ringing(world, doug);
        String segments = "/ingest/calls/" + call + "/segments";
        service("POST", segments, "{\"track\":\"inbound\",\"seq\":2,\"text\":\"I need\",\"start_ms\":900}");
        service(
                "POST",
                segments,
                "{\"track\":\"inbound\",\"seq\":2,\"text\":\"I need help\",\"final\":true,\"start_ms\":900}");
        service("POST", segments, "{\"track\":\"inbound\",\"seq\":2,\"text\":\"I\",\"start_ms\":900}");
        service(
                "POST",
                segments,
                "{\"track\":\"inbound\",\"seq\":1,\"text\":\"Hello\",\"final\":true,\"start_ms\":100}");
        service(
                "POST",
                segments,
                "{\"track\":\"inbound\",\"seq\":1,\"text\":\"Hello\",\"final\":true,\"start_ms\":100}");
        service(
                "PUT",
                "/ingest/calls/" + call + "/analysis/summary",
                "{\"status\":\"analyzed\",\"result\":{\"text\":\"wants help\"}}");
        post("/calls/" + call + "/start", "{}", doug);
        post("/calls/" + call + "/end", "{}", doug);
        service("PUT", "/ingest/calls/" + call + "/analysis", "{\"ai_status\":\"processing\"}");
        String analyzed =
                "{\"ai_status\":\"analyzed\",\"score\":91,\"scorecard\":{\"greeting\":5},\"insights\":{\"topic\":\"help\"}}";
        service("PUT", "/ingest/calls/" + call + "/analysis", analyzed);
        service("PUT", "/ingest/calls/" + call + "/analysis", analyzed);

        List<String> told = world.list(
                "select array_to_string(changes, ' ') from call_events where call_id = ? order by seq", call);
        assertThat(told)
                .containsExactly(
                        "call-created",
                        "call-changed call-status-changed",
                        "call-changed call-transcription-updated",
                        "call-changed call-transcription-updated",
                        "call-changed call-status-changed",
                        "call-changed call-status-changed",
                        "call-changed call-status-changed",
                        "call-changed call-status-changed call-score-updated call-analysis-completed");
        assertThat(world.list(
                        "select concat_ws(' ', data ->> 'oldStatus', data ->> 'newStatus') from call_events where call_id = ? and data ? 'newStatus' order by seq"
                                .replace("data ? 'newStatus'", "'call-status-changed' = any (changes)"),
                        call))
                .as("contradiction C27")
                .containsExactly(
                        "new ringing",
                        "ringing active",
                        "active completed",
                        "completed processing",
                        "processing analyzed");
        assertThat(world.one(
                        "select data ->> 'transcription' from call_events where call_id = ? and 'call-transcription-updated' = any (changes) order by seq desc limit 1",
                        call))
                .isEqualTo("Hello\nI need help");
        assertThat(world.one(
                        "select concat_ws(' ', data ->> 'callId', data -> 'scorecard', data -> 'previous', data -> 'insights') from call_events"
                                + " where call_id = ? order by seq desc limit 1",
                        call))
                .isEqualTo(call + " {\"greeting\": 5} {\"score\": null, \"scorecard\": null} {\"topic\": \"help\"}");
        server.database().useHandle(handle -> handle.execute("delete from calls where id = ?", call));
        assertThat(world.one(
                        "select array_to_string(changes, ' ') from call_events where call_id = ? order by seq desc limit 1",
                        call))
                .isEqualTo("call-deleted");
        assertThat(world.one("select count(*) from calls_enriched where id = ?", call))
                .isEqualTo("0");
    }

    @Test
    void F003_10_F003_11_F003_12_figuresOfTheAdminAreCountedUnderPoliciesInTheOrganizationsDay() {
        CallCentreWorld world = world(2);
        UUID admin = world.member("admin", "Ann");
        UUID org = world.organization();
        UUID call = ringing(world, world.agent(0));
        server.database().useHandle(handle -> {
            handle.execute("update organizations set timezone = 'Pacific/Kiritimati' where id = ?", org); // UTC+14
            String insert = "insert into recordings (organization_id, call_id, title, created_at)"
                    + " values (?, ?, 'r', date_trunc('day', now() at time zone 'Pacific/Kiritimati') at time zone 'Pacific/Kiritimati' + ?::interval)";
            handle.execute(insert, org, call, "1 s");
            handle.execute(insert, org, call, "-1 s");
            handle.execute(insert, org, call, "-6 days");
            handle.execute(insert, org, call, "-6 days -1 s");
        });
        post("/calls/" + call + "/start", "{}", world.agent(0));

        Http.Answer answer = http.post(
                "/rest/v1/rpc/calculate_admin_kpis", "{}", "Authorization", "Bearer " + server.userToken(admin));

        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        JsonNode kpis = answer.json();
        assertThat(kpis.path("recordings_today").asInt()).isEqualTo(1);
        assertThat(kpis.path("recordings_week").asInt()).isEqualTo(3);
        assertThat(kpis.path("active_calls").asInt()).isEqualTo(1);
        assertThat(kpis.path("reps").asInt()).isEqualTo(2);
        assertThat(kpis.path("active_reps").asInt()).isEqualTo(1);
        assertThat(kpis.path("rep_adoption").asDouble()).isEqualTo(0.5);
        assertThat(kpis.path("failure_rate").isNull()).as("a ratio of nothing").isTrue();
        assertThat(http.post(
                                "/rest/v1/rpc/calculate_admin_kpis",
                                "{}",
                                "Authorization",
                                "Bearer " + server.userToken(world.agent(0)))
                        .status())
                .isEqualTo(403);
        assertThat(http.post(
                                "/rest/v1/rpc/calculate_admin_kpis",
                                "{\"organization\":\"" + world(0).organization() + "\"}",
                                "Authorization",
                                "Bearer " + server.userToken(admin))
                        .status())
                .isEqualTo(403);
        UUID viewer = world.member("viewer", "V");
        JsonNode board = http.post(
                        "/rest/v1/rpc/board_figures",
                        "{\"organization\":\"" + org + "\"}",
                        "Authorization",
                        "Bearer " + server.userToken(viewer))
                .json();
        assertThat(board.path("active_calls").asInt()).isEqualTo(1);
        assertThat(board.path("agents").path("on_call").asInt()).isEqualTo(1);
        assertThat(board.toString()).doesNotContain("+1415");
    }

    @Test
    void F000_11_F000_13_F000_14_pollAndFilterStayWithinTheOrganization() {
        CallCentreWorld ours = world(1);
        CallCentreWorld theirs = world(1);
        UUID call = ringing(ours, ours.agent(0));
        UUID foreign = ringing(theirs, theirs.agent(0));
        String[] token = {"Authorization", "Bearer " + server.userToken(ours.agent(0))};

        assertThat(ids(http.get("/rest/v1/calls?select=id", token))).containsExactly(call.toString());
        assertThat(ids(http.get("/rest/v1/calls?select=id&organization_id=eq." + theirs.organization(), token)))
                .isEmpty();
        assertThat(ids(http.get("/rest/v1/calls?select=id&or=(id.eq." + foreign + ",id.eq." + call + ")", token)))
                .containsExactly(call.toString());
        assertThat(ids(http.get("/rest/v1/calls_enriched?select=id", token))).containsExactly(call.toString());

        // a member of both who goes from one to the other gets that one's alone, and nothing between keeps it
        UUID both = ours.agent(0);
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                        theirs.organization(),
                        both));
        assertThat(get("/calls/health-check", both).json().path("detail").asString())
                .contains("name one: ?organization_id=");
        for (CallCentreWorld world : List.of(ours, theirs)) {
            Http.Answer health = get("/calls/health-check?organization_id=" + world.organization(), both);
            assertThat(health.json().path("organizationId").asString())
                    .isEqualTo(world.organization().toString());
            assertThat(health.json().path("activeCalls").asInt()).isEqualTo(1);
            assertThat(health.header("Cache-Control")).isEqualTo("no-store");
            assertThat(ids(http.get("/rest/v1/calls?select=id&organization_id=eq." + world.organization(), token)))
                    .containsExactly((world.equals(ours) ? call : foreign).toString());
        }
    }

    private static Set<String> ids(Http.Answer answer) {
        var ids = new TreeSet<String>();
        answer.json().forEach(row -> ids.add(row.path("id").asString()));
        return ids;
    }

    @Test
    void F000_29_aLegSpeaksForItsOfferAloneAndForTheAgentWhileItIsConnected() {
        CallCentreWorld world = world(2);
        UUID doug = world.agent(0);
        UUID rhonda = world.agent(1);

        // the leg of an earlier offer ends while the agent has the call by another
        UUID call = ringing(world, doug);
        event(call, "L1", "agent", doug, "ringing", 1);
        event(call, "L2", "agent", doug, "in-progress", 1);
        event(call, "L1", "agent", doug, "canceled", 2);
        assertThat(world.state(call)).isEqualTo("active");

        // in a blind transfer the agent's leg goes at once, and the customer stays
        post("/calls/" + call + "/transfer", "{\"to\":\"" + rhonda + "\"}", doug);
        event(call, "L2", "agent", doug, "completed", 2);
        assertThat(world.state(call)).isEqualTo("transferring");
        event(call, "R1", "agent", rhonda, "in-progress", 1);
        assertThat(world.one("select concat_ws(' ', state, claimed_by) from calls where id = ?", call))
                .isEqualTo("active " + rhonda);

        // who is asked first hangs up: the call stays with who asked
        post("/calls/" + call + "/transfer", "{\"to\":\"" + doug + "\",\"kind\":\"attended\"}", rhonda);
        event(call, "L3", "agent", doug, "in-progress", 1);
        assertThat(world.workState(doug)).isEqualTo("on_call");
        event(call, "L3", "agent", doug, "completed", 2);
        assertThat(world.one("select concat_ws(' ', state, claimed_by) from calls where id = ?", call))
                .isEqualTo("active " + rhonda);
        assertThat(world.workState(doug)).isEqualTo("available");
        event(call, "R1", "agent", rhonda, "completed", 2);
        assertThat(world.one("select concat_ws(' ', state, end_reason) from calls where id = ?", call))
                .isEqualTo("completed agent_hangup");

        // a second agent's leg that connects too late is dropped
        UUID contested = ringing(world, doug, rhonda);
        post("/calls/" + contested + "/claim", "{}", rhonda);
        event(contested, "L4", "agent", doug, "in-progress", 1);
        assertThat(world.list(
                        "select payload ->> 'agents' from telephony_commands where call_id = ? and kind = 'stop_ringing' order by id",
                        contested))
                .containsExactly(doug.toString(), doug.toString());
        String version = world.one("select version from calls where id = ?", contested);
        event(contested, "L4", "agent", doug, "in-progress", 1);
        assertThat(world.one("select version from calls where id = ?", contested))
                .as("said twice")
                .isEqualTo(version);
        post("/calls/" + contested + "/end", "{}", rhonda);

        // of a call out the customer answers, and not the agent's own leg
        Http.Answer dialled = post("/calls", "{\"to\":\"+14155550123\"}", doug);
        UUID out = UUID.fromString(dialled.json().path("call").path("id").asString());
        event(out, "L5", "agent", doug, "in-progress", 1);
        assertThat(world.state(out)).isEqualTo("claimed");
        event(out, "C1", "customer", null, "busy", 1);
        assertThat(world.state(out)).isEqualTo("busy");

        // an answer that is told after the leg's end
        UUID late = ringing(world, doug);
        event(late, "C2", "customer", null, "completed", 1);
        event(late, "L6", "agent", doug, "completed", 2);
        event(late, "L6", "agent", doug, "in-progress", 1);
        assertThat(world.one(
                        "select concat_ws(' ', c.state, c.answered_at is not null, l.answered_at is not null, l.status) from calls c"
                                + " join call_legs l on l.call_id = c.id and l.provider_leg_sid = 'L6' where c.id = ?",
                        late))
                .isEqualTo("completed t t completed");
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
    void M8_whoLeavesIsRungAtNoMoreAndIsSeenByNobodyThere() {
        CallCentreWorld world = world(1);
        UUID admin = world.member("admin", "Ann");
        String user = http.post("/auth/v1/signup", "{\"email\":\"leaver@example.com\",\"password\":\"correct horse\"}")
                .json()
                .at("/user/id")
                .asString();
        server.database().useHandle(handle -> {
            handle.execute(
                    "insert into user_roles (organization_id, user_id, role) values (?, ?::uuid, 'agent')",
                    world.organization(),
                    user);
            handle.execute(
                    "insert into voip_users (organization_id, user_id, extension, client_identity, work_state, chosen_state, reachable)"
                            + " values (?, ?::uuid, '999', 'leaver', 'available', 'available', true)",
                    world.organization(),
                    user);
        });
        String[] asAdmin = {"Authorization", "Bearer " + server.userToken(admin)};
        assertThat(http.get("/rest/v1/profile_private?select=email&id=eq." + user, asAdmin)
                        .body())
                .contains("leaver@example.com");

        assertThat(http.send(
                                "DELETE",
                                "/auth/v1/admin/users/" + user,
                                null,
                                "Authorization",
                                "Bearer " + server.serviceKey())
                        .status())
                .isEqualTo(200);

        assertThat(world.one(
                        "select concat_ws(' ', work_state, reachable) from voip_users where user_id = ?::uuid", user))
                .isEqualTo("offline f");
        assertThat(world.one("select count(*) from user_roles where user_id = ?::uuid", user))
                .isEqualTo("0");
        UUID call = world.incoming(server.server().callCentre().orElseThrow());
        service("POST", "/calls/" + call + "/offer", "{}");
        assertThat(world.list("select agent_id from active_calls where call_id = ?", call))
                .containsExactly(world.agent(0).toString());

        UUID moved = UUID.fromString(
                http.post("/auth/v1/signup", "{\"email\":\"mover@example.com\",\"password\":\"correct horse\"}")
                        .json()
                        .at("/user/id")
                        .asString());
        server.database().useHandle(handle -> {
            handle.execute(
                    "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                    world.organization(),
                    moved);
            handle.execute("delete from user_roles where user_id = ?", moved);
        });
        assertThat(http.get("/rest/v1/profile_private?id=eq." + moved, asAdmin).body())
                .as("an organization of before")
                .isEqualTo("[]");
        assertThat(http.get("/rest/v1/profiles?id=eq." + moved, asAdmin).body()).isEqualTo("[]");
    }

    @Test
    void M5_theOnlyOwnersAccountIsNotDeleted() {
        UUID organization = server.organization("lone");
        String user = http.post("/auth/v1/signup", "{\"email\":\"lone@example.com\",\"password\":\"correct horse\"}")
                .json()
                .at("/user/id")
                .asString();
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into user_roles (organization_id, user_id, role) values (?, ?::uuid, 'owner')",
                        organization,
                        user));
        Http.Answer refused = http.send(
                "DELETE", "/auth/v1/admin/users/" + user, null, "Authorization", "Bearer " + server.serviceKey());
        assertThat(refused.body()).contains("the last owner of an organization stays; make another owner first");
        assertThat(refused.status()).isLessThan(500);
        assertThat(http.send(
                                "DELETE",
                                "/rest/v1/organizations?id=eq." + organization,
                                null,
                                "Authorization",
                                "Bearer " + server.userToken(UUID.fromString(user)))
                        .status())
                .isEqualTo(204);
        assertThat(world(0).one("select count(*) from organizations where id = ?", organization))
                .isEqualTo("0");
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

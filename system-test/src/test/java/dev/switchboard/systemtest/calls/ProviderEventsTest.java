package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What telephone provider and other programs send to {@code /api}. SPEC V. */
class ProviderEventsTest extends ApiFixture {
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
}

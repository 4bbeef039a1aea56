package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What is read of calls and their figures: over {@code /api}, by functions, and live. */
class CallFiguresTest extends ApiFixture {
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
    void F003_13_F003_54_ratesOfRecordingsAndRepsAreWhatSqlSaysAfterEachChange() {
        CallCentreWorld world = world(2);
        UUID admin = world.member("admin", "Ann");
        UUID org = world.organization();
        UUID call = ringing(world, world.agent(0));
        String insert = "insert into recordings (organization_id, call_id, title, status, created_at)"
                + " select ?, ?, 'r', ?, now() - ?::interval from generate_series(1, ?)";
        server.database().useHandle(handle -> {
            handle.execute(insert, org, call, "failed", "2 h", 3);
            handle.execute(insert, org, call, "ready", "1 h", 48);
            handle.execute(insert, org, call, "recording", "1 min", 7);
        });
        assertThat(kpis(admin).path("recording_failure_rate").asDouble())
                .as("2 of the last 50 that ended")
                .isEqualTo(0.04);
        assertThat(kpis(admin).path("failed_recordings").asInt()).isEqualTo(2);
        server.database().useHandle(handle -> handle.execute(insert, org, call, "failed", "1 s", 1));
        assertThat(kpis(admin).path("recording_failure_rate").asDouble()).isEqualTo(0.04);
        server.database()
                .useHandle(handle -> handle.execute(
                        "update recordings set status = 'failed' where organization_id = ? and status = 'recording'",
                        org));
        assertThat(kpis(admin).path("recording_failure_rate").asDouble()).isEqualTo(0.16);

        assertThat(kpis(admin).path("rep_adoption").asDouble())
                .as("nobody has handled a call")
                .isZero();
        post("/calls/" + call + "/start", "{}", world.agent(0));
        assertThat(kpis(admin).path("rep_adoption").asDouble()).isEqualTo(0.5);
        server.database()
                .useHandle(handle -> handle.execute(
                        "update call_segments set from_at = from_at - interval '8 days', to_at = from_at - interval '7 days 1 s' where organization_id = ?",
                        org));
        assertThat(kpis(admin).path("rep_adoption").asDouble())
                .as("eight days ago")
                .isZero();
    }

    private static JsonNode kpis(UUID user) {
        return http.post("/rest/v1/rpc/calculate_admin_kpis", "{}", "Authorization", "Bearer " + server.userToken(user))
                .json();
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
}

package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What holds for every endpoint of {@code /api}: errors, keys of repetition, reach, members who leave. SPEC M and V. */
class ApiConventionsTest extends ApiFixture {
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
}

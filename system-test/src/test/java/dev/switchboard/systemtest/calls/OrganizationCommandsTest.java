package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.server.command.Main;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** SPEC M: organizations and their people, from the command line and by registration. */
class OrganizationCommandsTest {
    private record Outcome(int code, String out, String err) {}

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

    private static Outcome command(String... arguments) {
        var all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--data-dir", server.directory().toString()));
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        int code = Main.run(all, out, err);
        return new Outcome(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    private static JsonNode signUp(String email) {
        return http.post(
                        "/auth/v1/signup",
                        "{\"email\":\"" + email + "\",\"password\":\"correct horse\",\"data\":{\"name\":\""
                                + email.charAt(0) + " Someone\"}}")
                .json();
    }

    private static String one(String sql, Object... parameters) {
        return new CallCentreWorld(server.database(), 0).one(sql, parameters);
    }

    @Test
    void M6_theFirstUserOwnsTheInstallationAndAnOrganizationIsSetUpFromTheCommandLine() {
        try (TestServer fresh = TestServer.start();
                Http requests = new Http(fresh)) {
            for (String email : List.of("first@example.com", "second@example.com")) {
                requests.post(
                        "/auth/v1/signup",
                        "{\"email\":\"" + email
                                + "\",\"password\":\"correct horse\",\"data\":{\"organization\":\"Acme\"}}");
            }
            List<String> roles = fresh.database()
                    .withHandle(handle -> handle.createQuery(
                                    "select u.email || ' ' || r.role || ' ' || o.name"
                                            + " from user_roles r join auth.users u on u.id = r.user_id join organizations o on o.id = r.organization_id")
                            .mapTo(String.class)
                            .list());
            assertThat(roles).containsExactly("first@example.com owner Acme");
            List<String> profiles = fresh.database()
                    .withHandle(handle -> handle.createQuery(
                                    "select p.display_name || ' ' || v.email || ' ' ||"
                                            + " (p.organization_id is not null) from profiles p join profile_private v on v.id = p.id order by 1")
                            .mapTo(String.class)
                            .list());
            assertThat(profiles).containsExactly("first first@example.com true", "second second@example.com false");
        }
    }

    @Test
    void M7_organizationsQueuesNumbersAndMembersAreAddedAndListed() {
        assertThat(command("org", "add", "Blue Fjord Ltd.", "--timezone", "Europe/Oslo")
                        .out())
                .contains("slug blue-fjord-ltd,");
        assertThat(command("org", "add", "Other", "--slug", "blue-fjord-ltd").err())
                .contains("the slug blue-fjord-ltd is taken");
        assertThat(command("org", "add", "Other", "--timezone", "Oslo").err()).contains("there is no time zone Oslo");
        assertThat(command("org", "list").out()).contains("blue-fjord-ltd", "Europe/Oslo");
        String[] there = {"--org", "blue-fjord-ltd"};
        assertThat(command("queue", "add", "Support", there[0], there[1], "--strategy", "longest_idle")
                        .code())
                .isZero();
        assertThat(command("queue", "add", "Support", there[0], there[1]).err())
                .contains("the queue Support exists already");
        assertThat(command("queue", "add", "Sales", there[0], there[1], "--strategy", "loudest")
                        .err())
                .contains("loudest is none of ring_all");
        assertThat(command("number", "add", "+4721555010", there[0], there[1], "--queue", "Support")
                        .code())
                .isZero();
        assertThat(command("number", "add", "+4721555011", there[0], there[1]).code())
                .isZero();
        assertThat(command("number", "add", "21555010", there[0], there[1]).err())
                .contains("not of the form +14155550100");
        assertThat(command("number", "list", there[0], there[1]).out()).contains("+4721555010", "Support");
        assertThat(command("member", "add", "ola@example.com", there[0], there[1], "--role", "agent")
                        .err())
                .contains("switchboard user add ola@example.com makes one");
        signUp("ola@example.com");
        Outcome member = command(
                "member",
                "add",
                "ola@example.com",
                there[0],
                there[1],
                "--role",
                "agent",
                "--extension",
                "201",
                "--queue",
                "Support");
        assertThat(member.out()).as(member.err()).contains("ola@example.com is agent of blue-fjord-ltd");
        assertThat(command("member", "add", "ola@example.com", there[0], there[1], "--role", "chief")
                        .err())
                .contains("chief is none of owner");
        assertThat(command("member", "list", there[0], there[1]).out())
                .contains("201", "o Someone", "agent", "offline");
        assertThat(command("queue", "list", there[0], there[1]).out()).contains("longest_idle", "201");
        assertThat(command("member", "list", "--org", "nowhere").err()).contains("there is no organization nowhere");
        assertThat(command("member").code()).isEqualTo(2);
    }

    @Test
    void M5_nobodyRaisesTheirOwnRoleAndTheLastOwnerStays() {
        UUID organization = server.organization("guarded");
        UUID owner = member(organization, "owner");
        UUID admin = member(organization, "admin");
        UUID agent = member(organization, "agent");

        assertThat(change(admin, admin, "owner")).isEqualTo(403);
        assertThat(change(agent, agent, "supervisor")).isEqualTo(200); // it sees no row that it may change
        assertThat(one("select role from user_roles where user_id = ?", agent)).isEqualTo("agent");
        assertThat(change(admin, agent, "owner")).isEqualTo(403);
        assertThat(change(admin, owner, "agent")).isEqualTo(403);
        assertThat(change(admin, agent, "supervisor")).isEqualTo(200);
        assertThat(one("select role from user_roles where user_id = ?", agent)).isEqualTo("supervisor");
        assertThat(change(owner, owner, "admin")).as("the last owner").isEqualTo(400);
        assertThat(http.send(
                                "DELETE",
                                "/rest/v1/user_roles?user_id=eq." + owner,
                                null,
                                "Authorization",
                                "Bearer " + server.serviceKey())
                        .status())
                .as("not by the service key either")
                .isEqualTo(400);
        UUID second = member(organization, "owner");
        assertThat(change(owner, owner, "admin")).isEqualTo(200);
        assertThat(change(second, second, "admin")).isEqualTo(400);
        assertThat(http.post(
                                "/rest/v1/user_roles",
                                "{\"organization_id\":\"" + organization + "\",\"user_id\":\"" + UUID.randomUUID()
                                        + "\",\"role\":\"owner\"}",
                                "Authorization",
                                "Bearer " + server.userToken(admin))
                        .status())
                .isEqualTo(403);
        server.database().useHandle(handle -> handle.execute("delete from organizations where id = ?", organization));
        assertThat(one("select count(*) from user_roles where organization_id = ?", organization))
                .isEqualTo("0");
    }

    private static UUID member(UUID organization, String role) {
        UUID user = UUID.randomUUID();
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into user_roles (organization_id, user_id, role) values (?, ?, ?)",
                        organization,
                        user,
                        role));
        return user;
    }

    private static int change(UUID actor, UUID user, String role) {
        return http.send(
                        "PATCH",
                        "/rest/v1/user_roles?user_id=eq." + user,
                        "{\"role\":\"" + role + "\"}",
                        "Authorization",
                        "Bearer " + server.userToken(actor),
                        "Prefer",
                        "return=representation")
                .status();
    }

    @Test
    void F003_42_aFailedActionIsInTheAuditLogAsFailed() {
        UUID organization = server.organization("audited");
        String user = signUp("eve@example.com").path("user").path("id").asString();
        UUID admin = member(organization, "admin");
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into user_roles (organization_id, user_id, role) values (?, ?::uuid, 'agent')",
                        organization,
                        user));

        http.post("/auth/v1/token?grant_type=password", "{\"email\":\"eve@example.com\",\"password\":\"wrong\"}");

        JsonNode rows = http.get(
                        "/rest/v1/audit_logs?success=is.false&select=action,success,entity_id",
                        "Authorization",
                        "Bearer " + server.userToken(admin))
                .json();
        assertThat(rows).hasSize(1);
        assertThat(rows.path(0).path("success").asBoolean(true)).isFalse();
        assertThatAuditIsWrittenOnce();
    }

    private static void assertThatAuditIsWrittenOnce() {
        try {
            server.database().useHandle(handle -> handle.execute("update audit_logs set success = true"));
            throw new AssertionError("an entry was changed");
        } catch (UnableToExecuteStatementException refused) {
            assertThat(refused.getMessage()).contains("audit_logs is written once");
        }
    }

    @Test
    void F003_08_F003_50_aRoleThatIsTakenAwayEndsTheViewFromTheNextCommitOn() throws Exception {
        UUID organization = server.organization("revoking");
        UUID admin = member(organization, "admin");
        UUID agent = member(organization, "agent");
        try (PhoenixClient watching = server.connect();
                PhoenixClient revoked = server.connect()) {
            watching.joined(
                    "realtime:roles",
                    server.userToken(admin),
                    PhoenixClient.binding("*", "public", "user_roles", null),
                    PhoenixClient.binding("*", "public", "calls", null));
            revoked.joined(
                    "realtime:calls", server.userToken(agent), PhoenixClient.binding("*", "public", "calls", null));
            UUID before = server.call(organization);
            revoked.awaitChanges(1);
            server.database()
                    .useTransaction(handle -> handle.execute("delete from user_roles where user_id = ?", agent));
            UUID after = server.call(organization);

            List<String> seen = watching.awaitChanges(3).stream()
                    .map(change -> change.path("table").asString() + " "
                            + change.path("type").asString())
                    .toList();
            assertThat(seen).containsExactly("calls INSERT", "user_roles DELETE", "calls INSERT");
            assertThat(revoked.changes()).hasSize(1);
            assertThat(revoked.changes().getFirst().at("/record/id").asString())
                    .isEqualTo(before.toString())
                    .isNotEqualTo(after.toString());
        }
    }
}

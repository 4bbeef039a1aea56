package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who belongs to an organization, by whose will, and what goes with the last of them. */
class MembershipTest {
    private TestServer server;
    private Http http;

    @BeforeEach
    void start() {
        server = TestServer.start();
        http = new Http(server);
    }

    @AfterEach
    void stop() {
        http.close();
        server.close();
    }

    private record Person(UUID id, String token) {
        String[] headers() {
            return new String[] {"Authorization", "Bearer " + token, "Prefer", "return=representation"};
        }
    }

    private Person signUp(String name) {
        Http.Answer answer =
                http.post("/auth/v1/signup", "{\"email\":\"" + name + "@example.com\",\"password\":\"long enough\"}");
        return new Person(
                UUID.fromString(answer.json().at("/user/id").asString()),
                answer.json().path("access_token").asString());
    }

    private String one(String sql, Object... parameters) {
        return server.database().withHandle(handle -> {
            var query = handle.createQuery(sql);
            for (int i = 0; i < parameters.length; i++) {
                query.bind(i, parameters[i]);
            }
            return query.mapTo(String.class).findOne().orElse("nothing");
        });
    }

    private UUID organizationOf(Person owner) {
        return UUID.fromString(
                one("select organization_id::text from user_roles where user_id = ? and role = 'owner'", owner.id()));
    }

    private Http.Answer invite(Person by, UUID organization, String email, String role) {
        return http.post(
                "/rest/v1/invitations",
                "{\"organization_id\":\"" + organization + "\",\"email\":\"" + email + "\",\"role\":\"" + role + "\"}",
                by.headers());
    }

    private Http.Answer accept(Person by, String code) {
        return http.post("/rest/v1/rpc/accept_invitation", "{\"code\":\"" + code + "\"}", by.headers());
    }

    private int roles(Person person) {
        return Integer.parseInt(one("select count(*) from user_roles where user_id = ?", person.id()));
    }

    @Test
    void KF42_nobodyIsMadeAMemberByAnotherWithoutAccepting() {
        Person owner = signUp("owner");
        Person user = signUp("user");
        UUID organization = organizationOf(owner);

        Http.Answer conscripted = http.post(
                "/rest/v1/user_roles",
                "{\"organization_id\":\"" + organization + "\",\"user_id\":\"" + user.id() + "\",\"role\":\"agent\"}",
                owner.headers());

        assertThat(conscripted.status()).isEqualTo(403);
        assertThat(conscripted.json().path("message").asString()).contains("invitation");
        assertThat(roles(user)).isZero();
        assertThat(http.get("/rest/v1/profile_private?id=eq." + user.id(), owner.headers())
                        .body())
                .isEqualTo("[]");
    }

    @Test
    void KF42_theInvitedAcceptAndMayLeaveAgain() {
        Person owner = signUp("owner");
        Person user = signUp("user");
        UUID organization = organizationOf(owner);
        String invitation = invite(owner, organization, "user@example.com", "supervisor")
                .json()
                .at("/0/code")
                .asString();
        assertThat(http.get("/rest/v1/invitations", user.headers()).body())
                .as("an address alone tells nothing")
                .isEqualTo("[]");

        Http.Answer accepted = accept(user, invitation);

        assertThat(accepted.status()).as(accepted.body()).isEqualTo(200);
        assertThat(accepted.json().path("role").asString()).isEqualTo("supervisor");
        assertThat(accept(user, invitation).status()).as("once only").isEqualTo(404);
        assertThat(http.send("DELETE", "/rest/v1/user_roles?user_id=eq." + user.id(), null, user.headers())
                        .json())
                .hasSize(1);
        assertThat(roles(user)).isZero();
    }

    @Test
    void KF42_anInvitationIsForItsAddressItsRoleAndItsTime() {
        Person owner = signUp("owner");
        Person user = signUp("user");
        Person other = signUp("other");
        UUID organization = organizationOf(owner);
        String invitation = invite(owner, organization, "user@example.com", "agent")
                .json()
                .at("/0/code")
                .asString();

        assertThat(accept(other, invitation).status()).isEqualTo(404);
        assertThat(http.get("/rest/v1/invitations", other.headers()).body()).isEqualTo("[]");
        assertThat(http.send(
                                "PATCH",
                                "/rest/v1/invitations?code=eq." + invitation,
                                "{\"role\":\"owner\"}",
                                user.headers())
                        .status())
                .isEqualTo(403);
        server.database()
                .useHandle(handle -> handle.execute("update invitations set expires_at = now() - interval '1 second'"));
        assertThat(accept(user, invitation).status()).isEqualTo(404);
        assertThat(roles(user)).isZero();
    }

    @Test
    void KF42_whoMayNotManageInvitesNobodyAndOnlyOwnersInviteOwners() {
        Person owner = signUp("owner");
        Person admin = signUp("admin");
        Person agent = signUp("agent");
        UUID organization = organizationOf(owner);
        accept(
                admin,
                invite(owner, organization, "admin@example.com", "admin")
                        .json()
                        .at("/0/code")
                        .asString());
        accept(
                agent,
                invite(admin, organization, "agent@example.com", "agent")
                        .json()
                        .at("/0/code")
                        .asString());

        assertThat(roles(agent)).isEqualTo(1);
        assertThat(invite(agent, organization, "friend@example.com", "agent").status())
                .isEqualTo(403);
        assertThat(invite(admin, organization, "friend@example.com", "owner").status())
                .isEqualTo(403);
        assertThat(invite(owner, organization, "friend@example.com", "owner").status())
                .isEqualTo(201);
        assertThat(http.send("DELETE", "/rest/v1/user_roles?user_id=eq." + owner.id(), null, owner.headers())
                        .status())
                .as("the last owner stays")
                .isEqualTo(400);
    }

    @Test
    void KF31_theFirstUserTakesAnEmptyOrganizationAlong() {
        Person first = signUp("first");

        Http.Answer deleted = http.send(
                "DELETE", "/auth/v1/admin/users/" + first.id(), null, "Authorization", "Bearer " + server.serviceKey());

        assertThat(deleted.status()).as(deleted.body()).isEqualTo(200);
        assertThat(one("select count(*) from organizations")).isEqualTo("0");
        Person next = signUp("next");
        assertThat(roles(next)).as("who is the first again").isEqualTo(1);
        server.database().useHandle(handle -> handle.execute("delete from auth.users where id = ?", next.id()));
        assertThat(one("select count(*) from organizations")).as("by SQL too").isEqualTo("0");
    }

    @Test
    void KF31_anOrganizationThatHoldsSomethingKeepsItsLastOwner() {
        Person first = signUp("first");
        UUID organization = organizationOf(first);
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into queues (organization_id, name) values (?, 'support')", organization));
        String path = "/auth/v1/admin/users/" + first.id();
        String[] service = {"Authorization", "Bearer " + server.serviceKey()};

        assertThat(http.send("DELETE", path, null, service).status()).isGreaterThanOrEqualTo(400);
        assertThat(one("select count(*) from organizations")).isEqualTo("1");
        server.database().useHandle(handle -> handle.execute("delete from queues"));
        assertThat(http.send("DELETE", path, "{\"should_soft_delete\":true}", service)
                        .status())
                .as("softly, and empty now")
                .isEqualTo(200);
        assertThat(one("select count(*) from organizations")).isEqualTo("0");
    }

    @Test
    void KF31_oneThatWasMadeByHandStays() {
        UUID organization = server.organization("made-by-hand");
        Person owner = signUp("owner");
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into user_roles (organization_id, user_id, role) values (?, ?, 'owner')",
                        organization,
                        owner.id()));

        assertThat(http.send(
                                "DELETE",
                                "/auth/v1/admin/users/" + owner.id(),
                                null,
                                "Authorization",
                                "Bearer " + server.serviceKey())
                        .status())
                .isGreaterThanOrEqualTo(400);
        assertThat(one("select count(*) from organizations")).isEqualTo("1");
    }

    @Test
    void KF31_aPlainBackendHasNoOrganizations() {
        try (TestServer plain = TestServer.with().withoutCallCentre().start();
                Http requests = new Http(plain)) {
            Http.Answer first =
                    requests.post("/auth/v1/signup", "{\"email\":\"first@example.com\",\"password\":\"long enough\"}");

            assertThat(first.status()).isEqualTo(200);
            int organizations = plain.database()
                    .withHandle(handle -> handle.createQuery("select count(*) from organizations")
                            .mapTo(Integer.class)
                            .one());
            assertThat(organizations).isZero();
            assertThat(requests.get("/api/openapi.json").status()).isEqualTo(404);
        }
    }

    @Test
    void KF45_afterTheLastOrganizationIsGoneAChangeOfAddressMakesNoOwner() {
        Person first = signUp("first");
        Person second = signUp("second");
        server.database().useHandle(handle -> handle.execute("delete from organizations"));

        for (Person person : java.util.List.of(first, second)) {
            assertThat(http.send(
                                    "PUT",
                                    "/auth/v1/user",
                                    "{\"email\":\"moved-" + person.id() + "@example.com\"}",
                                    "Authorization",
                                    "Bearer " + person.token())
                            .status())
                    .isEqualTo(200);
        }

        assertThat(one("select count(*) from organizations")).isEqualTo("0");
        assertThat(roles(first) + roles(second)).isZero();
    }
}

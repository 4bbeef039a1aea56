package dev.switchboard.systemtest.accounts;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.server.command.Main;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** The commands about users, tokens and keys, beside a running server. */
class AccountCommandsTest {
    private record Outcome(int code, String out, String err) {}

    private static Outcome command(TestServer server, String... arguments) {
        var all = new ArrayList<>(List.of(arguments));
        all.add("--data-dir");
        all.add(server.directory().toString());
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        int code = Main.run(all, out, err);
        return new Outcome(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    private static Http.Answer signIn(Http http, String password) {
        return http.post(
                "/auth/v1/token?grant_type=password",
                JsonMapper.shared()
                        .createObjectNode()
                        .put("email", "pat@example.com")
                        .put("password", password)
                        .toString());
    }

    private static String after(String text, String label) {
        var matcher = Pattern.compile(Pattern.quote(label) + "\\s*(\\S+)").matcher(text);
        assertThat(matcher.find()).as(text).isTrue();
        return matcher.group(1);
    }

    @Test
    void K14_usersAreAddedListedResetAndRevokedFromTheCommandLine() {
        try (TestServer server = TestServer.start();
                Http http = new Http(server)) {
            Outcome added = command(server, "user", "add", "pat@example.com");
            assertThat(added.code()).as(added.err()).isZero();
            Http.Answer session = signIn(http, after(added.out(), "Password:"));
            assertThat(session.status()).isEqualTo(200);

            assertThat(command(server, "user", "list").out()).contains("pat@example.com", "authenticated", "ok");
            assertThat(command(server, "user", "add", "pat@example.com").err())
                    .contains("there is a user with the address");
            assertThat(command(server, "user", "reset", "nobody@example.com").err())
                    .contains("there is no user with the address nobody@example.com");
            assertThat(command(server, "user", "revoke", "pat@example.com").out())
                    .contains("Ended 1 session");
            String refresh = session.json().path("refresh_token").asString();
            assertThat(http.post("/auth/v1/token?grant_type=refresh_token", "{\"refresh_token\":\"" + refresh + "\"}")
                            .status())
                    .isEqualTo(400);
            Outcome reset = command(server, "user", "reset", "pat@example.com");
            assertThat(signIn(http, after(reset.out(), "pat@example.com:")).status())
                    .isEqualTo(200);
            assertThat(command(server, "user").code()).isEqualTo(2);
        }
    }

    @Test
    void K9_tokensAreMadeAndKeysRotatedFromTheCommandLine() {
        try (TestServer server = TestServer.start();
                Http http = new Http(server)) {
            Outcome token = command(server, "token", "--role", "service_role", "--ttl", "15m");
            assertThat(token.code()).as(token.err()).isZero();
            assertThat(http.get(
                                    "/auth/v1/admin/users",
                                    "Authorization",
                                    "Bearer " + token.out().strip())
                            .status())
                    .isEqualTo(200);
            assertThat(command(server, "token", "--role", "anon", "--ttl", "soon")
                            .err())
                    .contains("'soon' is no time");
            Outcome rotated = command(server, "keys", "rotate");
            assertThat(rotated.out()).contains("Signs from now on: ", "Still verifies: ");
            assertThat(command(server, "keys", "rotate", "--revoke").out()).doesNotContain("Still verifies");
        }
    }
}

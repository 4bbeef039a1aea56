package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.accounts.UserDirectory;
import dev.switchboard.server.command.Main;
import dev.switchboard.server.postgres.Migrations;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.TestServer;
import dev.switchboard.systemtest.harness.WebhookReceiver;
import dev.switchboard.webhooks.WebhookSettings;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@code switchboard webhooks}, beside a running server, and the tables that it needs. SPEC WH. */
class WebhooksCommandTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static TestServer server;

    private record Outcome(int code, String text) {}

    @BeforeAll
    static void start() {
        server = TestServer.with()
                .webhooks(new WebhookSettings(true, List.of(Duration.ofMillis(50)), Duration.ofSeconds(2)))
                .start();
        server.script(
                "create table command_note (id int primary key, n int); grant select on command_note to service_role, authenticated;"
                        + " alter publication supabase_realtime add table command_note");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void empty() {
        server.script("delete from webhooks.endpoints; delete from command_note");
    }

    private static Outcome webhooks(String... arguments) {
        var all = new ArrayList<>(List.of("webhooks"));
        all.addAll(List.of(arguments));
        all.addAll(List.of("--data-dir", server.directory().toString()));
        var out = new ByteArrayOutputStream();
        int code = Main.run(all, out, out);
        return new Outcome(code, out.toString(StandardCharsets.UTF_8));
    }

    private static String found(String pattern, Outcome in) {
        var matcher = Pattern.compile(pattern).matcher(in.text());
        assertThat(matcher.find()).as(in.text()).isTrue();
        return matcher.group(1);
    }

    @Test
    void WH5_aPersonsWayFromAddToReplay() {
        try (var receiver = new WebhookReceiver().answering(_ -> 500)) {
            Outcome added = webhooks("add", receiver.url(), "--table", "command_note", "--role", "service_role");
            assertThat(added.code()).as(added.text()).isZero();
            String id = found("Added ([0-9a-f-]{36})", added);
            String secret = found("Secret: (whsec_\\S+)", added);
            assertThat(webhooks("secret", id).text().strip()).isEqualTo(secret);

            server.script("insert into command_note values (1, 1)");
            await().atMost(PATIENCE)
                    .until(() -> webhooks("failed").text().contains("public.command_note.insert: answered with 500"));
            assertThat(webhooks("list").text())
                    .contains(id)
                    .contains("as service_role")
                    .contains("not taken: answered with 500");

            receiver.answering(_ -> 204);
            assertThat(webhooks("replay", id).text()).contains("Sending 1 message(s) again");
            assertThat(receiver.await(1).getFirst().isSignedWith(secret)).isTrue();
            assertThat(webhooks("rotate", id).text()).contains("Secret: whsec_").doesNotContain(secret);
            assertThat(webhooks("remove", id).text()).contains("Removed " + id);
            assertThat(webhooks("list").text()).doesNotContain(id);
        }
    }

    @Test
    void WH1_asAUserIsWithTheClaimsOfTheirTokensAndOnlyWhileTheyAreThere() {
        var users = new UserDirectory(server.database(), new SecureRandom());
        UUID user = users.add("hook@example.com", "a long password", Optional.empty());
        try (var receiver = new WebhookReceiver()) {
            String id = found(
                    "Added ([0-9a-f-]{36})",
                    webhooks("add", receiver.url(), "--table", "command_note", "--as", "hook@example.com"));
            assertThat(
                            one(
                                    "select claims ->> 'email' || ' ' || (claims ->> 'sub') || ' ' || role from webhooks.endpoints"))
                    .isEqualTo("hook@example.com " + user + " authenticated");

            server.script("update auth.users set banned_until = now() + interval '1 day' where id = '" + user + "'");

            await().atMost(PATIENCE).until(() -> webhooks("list").text().contains("gone or banned"));
            server.script("update auth.users set banned_until = null where id = '" + user + "'");
            assertThat(webhooks("enable", id).text()).contains("On: " + id);
            assertThat(receiver.await(1).getFirst().type()).isEqualTo("switchboard.gap");
        }
    }

    @Test
    void WH1_whatCannotBeIsRefusedWithTheRemedy() {
        String slug = "w"
                + new CallCentreWorld(server.database(), 0)
                        .organization()
                        .toString()
                        .substring(0, 18);
        assertThat(webhooks("add", "https://example.com", "--table", "t").text())
                .contains("--as EMAIL, or --role service_role");
        assertThat(webhooks("add", "https://example.com", "--table", "t", "--as", "nobody@example.com")
                        .text())
                .contains("nobody@example.com");
        assertThat(webhooks("add", "https://example.com", "--table", "t", "--role", "service_role", "--org", slug)
                        .text())
                .contains("leave --org out");
        new UserDirectory(server.database(), new SecureRandom())
                .add("out@example.com", "a long password", Optional.empty());
        assertThat(webhooks("add", "https://example.com", "--table", "t", "--as", "out@example.com", "--org", slug)
                        .text())
                .contains("no member of organization " + slug);
        assertThat(webhooks("add", "https://example.com", "--table", "callz", "--role", "service_role")
                        .text())
                .contains("public.callz");
        assertThat(webhooks(
                                "add",
                                "https://example.com",
                                "--table",
                                "calls",
                                "--filter",
                                "colour=eq.red",
                                "--role",
                                "service_role")
                        .text())
                .contains("colour");
        assertThat(webhooks("replay", UUID.randomUUID().toString(), "--since", "yesterday")
                        .text())
                .contains("2026-11-30T08:00:00Z");
        assertThat(one("select count(*)::text from webhooks.endpoints")).isEqualTo("0");
    }

    @Test
    @Tag("long")
    void WH5_anEndpointWithTooManyWaitingIsTurnedOffAndItsMessagesAreKeptWhenItIsOnAgain() {
        try (var receiver = new WebhookReceiver().answering(_ -> 500)) {
            String id = found(
                    "Added ([0-9a-f-]{36})",
                    webhooks("add", receiver.url(), "--table", "command_note", "--role", "service_role"));
            String insert =
                    "insert into webhooks.messages (endpoint_id, epoch, position, key, type, body, next_at, created_at)"
                            + " select '" + id
                            + "', 0, 'x' || n, gen_random_uuid(), 'public.command_note.insert', '{}', now() + interval '1 day',"
                            + " now() - interval '%s' from generate_series(%d, %d) n";
            server.script(insert.formatted("23 hours", 1, 100_000));
            await().atMost(PATIENCE).until(() -> server.figure("switchboard_webhooks_waiting") == 100_000);
            server.script(insert.formatted("1 hour", 100_001, 100_001));
            await().atMost(PATIENCE)
                    .until(() -> server.figure("switchboard_webhooks_waiting") == 100_001); // so it has looked
            assertThat(webhooks("list").text())
                    .as("it has not waited for a day")
                    .contains("  on  ");

            server.script(insert.formatted("25 hours", 100_002, 100_002));
            await().atMost(PATIENCE).until(() -> webhooks("list").text().contains("more than 100000 messages waited"));

            receiver.answering(_ -> 200);
            webhooks("enable", id);
            assertThat(receiver.await(1).getFirst().type()).isEqualTo("switchboard.gap");
            assertThat(one("select count(*)::text from webhooks.messages where state = 'failed'"))
                    .isEqualTo("100002");
            assertThat(webhooks("replay", id).text()).contains("Sending 50000 message(s)");
            webhooks("remove", id);
        }
    }

    /** What {@code switchboard user} and others do first, where the program is newer than the data. */
    @Test
    void S1_anInstallationThatIsOlderGetsWhatIsMissing() {
        try (TestServer older = TestServer.with().withoutCallCentre().start()) {
            older.script("""
                    drop view public.webhook_deliveries, public.webhook_endpoints;
                    drop schema webhooks cascade;
                    create table public.webhook_endpoints (id int);
                    create table public.webhook_deliveries (id int);
                    delete from switchboard.flyway_schema_history where version in ('012', '119');
                    """);

            Migrations.apply(
                    older.server().database(),
                    older.server().secrets().authenticator(),
                    Migrations.present(older.server().database()));

            String table = older.database()
                    .withHandle(handle -> handle.createQuery("select to_regclass('webhooks.endpoints')::text")
                            .mapTo(String.class)
                            .one());
            assertThat(table).isEqualTo("webhooks.endpoints");
        }
    }

    private static String one(String sql) {
        return server.database()
                .withHandle(
                        handle -> handle.createQuery(sql).mapTo(String.class).one());
    }
}

package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.CallCentreWorld;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** SPEC L17: what people are told of by itself: each cause once, to who may know. */
class NotificationsTest extends ApiFixture {
    private final CallCentreWorld world = world(1);
    private final UUID supervisor = world.member("supervisor", "Susan");
    private final UUID viewer = world.member("viewer", "Vera");

    /** After {@code told} nothing is left but what comes from here on. */
    private List<String> told(UUID user) {
        List<String> told = world.list(
                "select concat_ws(' | ', kind, type, severity, title) from notifications where user_id = ? order by created_at, kind",
                user);
        run("delete from notifications where user_id = ?", user);
        return told;
    }

    private static void run(String sql, Object... parameters) {
        server.database().useHandle(handle -> handle.execute(sql, parameters));
    }

    /** Some kinds are told of to who has chosen them alone. */
    private void choose(UUID user, String kind) {
        run(
                "insert into notification_prefs (organization_id, user_id, kind) values (?, ?, ?)",
                world.organization(),
                user,
                kind);
    }

    private UUID call(String state, String direction) {
        UUID call = UUID.randomUUID();
        run(
                "insert into calls (id, organization_id, provider_call_sid, direction, from_number, to_number, company_name, state)"
                        + " values (?, ?, ?, ?, '+14155550001', '+18005550100', 'Acme {score}', ?)",
                call,
                world.organization(),
                "CA" + call,
                direction,
                state);
        return call;
    }

    private static void end(UUID call, String state) {
        run("update calls set state = ?, ended_at = now() where id = ?", state, call);
    }

    @Test
    void F004_06_aMissedCallIsToldOfOnceWhateverBecomesOfItAndNoOther() {
        told(supervisor);
        end(call("queued", "inbound"), "missed");
        end(call("ringing", "inbound"), "abandoned");
        UUID unanswered = call("ringing", "inbound");
        end(unanswered, "no_answer");
        String missed = "missed-call | warning | warning | Missed call from Acme {score}";
        assertThat(told(supervisor)).containsExactly(missed, missed, missed);

        run("update calls set state = 'no_answer', end_reason = 'x' where id = ?", unanswered);
        end(call("ringing", "outbound"), "no_answer");
        end(call("ringing", "inbound"), "completed");
        end(call("ringing", "inbound"), "busy");
        assertThat(told(supervisor)).isEmpty();
        assertThat(told(viewer)).as("sees no calls").isEmpty();
        assertThat(told(world.agent(0))).as("does not watch over them").isEmpty();
    }

    @Test
    void F004_07_F004_30_aScoreIsToldOfAtTheThresholdsOncePerChange() {
        UUID auditor = world.member("auditor", "Audrey");
        told(auditor);
        UUID call = call("new", "inbound");
        run("update calls set answered_by = ? where id = ?", world.agent(0), call);
        for (int score : List.of(89, 90, 95, 31, 30, 10, 50, 30, 91)) {
            run("update calls set score = ? where id = ?", score, call);
            run("update calls set score = ?, wrap_up_code = 'x' where id = ?", score, call);
        }
        List<String> expected = List.of(
                "high-score | success | info | Excellent score: 90 (Acme {score})",
                "low-score | warning | warning | Low score: 30 (Acme {score})",
                "low-score | warning | warning | Low score: 30 (Acme {score})",
                "high-score | success | info | Excellent score: 91 (Acme {score})");
        assertThat(told(auditor)).containsExactlyElementsOf(expected);
        assertThat(told(world.agent(0))).as("whose call it was").containsExactlyElementsOf(expected);
    }

    @Test
    void F004_08_F004_30_F004_35_analysesAndNewCallsAreToldOfOnceInTheReadersLanguage() {
        UUID brazilian = world.member("supervisor", "Bruna");
        run("update profiles set locale = 'pt-BR' where id = ?", brazilian);
        choose(brazilian, "new-call");
        choose(brazilian, "analysis-complete");
        choose(supervisor, "analysis-complete");
        told(supervisor);
        told(brazilian);

        UUID call = call("new", "inbound");
        for (String status : List.of("pending", "processing", "analyzed", "completed")) {
            run("update calls set ai_status = ? where id = ?", status, call);
        }
        UUID other = call("new", "inbound");
        run("update calls set ai_status = 'completed' where id = ?", other);
        end(other, "completed");

        assertThat(told(supervisor))
                .as("has not chosen to hear of new calls")
                .containsExactly(
                        "analysis-complete | info | info | Analysis completed for Acme {score}",
                        "analysis-complete | info | info | Analysis completed for Acme {score}");
        assertThat(told(brazilian))
                .containsExactly(
                        "new-call | info | info | Nova call de Acme {score}",
                        "analysis-complete | info | info | Análise completada para Acme {score}",
                        "new-call | info | info | Nova call de Acme {score}",
                        "analysis-complete | info | info | Análise completada para Acme {score}");
        assertThat(world.one("select status from calls where id = ?", other)).isEqualTo("analyzed");
        assertThat(world.list(
                        "select distinct call_id::text from call_events where 'call-analysis-completed' = any (changes) and call_id in (?, ?)",
                        call,
                        other))
                .hasSize(2);
        assertThat(world.list(
                        "select call_id::text from call_events where 'call-analysis-completed' = any (changes) and call_id in (?, ?)",
                        call,
                        other))
                .as("once each")
                .hasSize(2);
    }

    @Test
    void F003_23_F003_51_aRecordingThatIsReadyOrFailedIsToldOfOnce() {
        UUID auditor = world.member("auditor", "Audrey");
        choose(supervisor, "recording-ready");
        told(supervisor);
        UUID recording = UUID.randomUUID();
        UUID call = call("new", "inbound");
        run(
                "insert into recordings (id, organization_id, call_id, title) values (?, ?, ?, 'Call 7')",
                recording,
                world.organization(),
                call);
        for (String status : List.of("recording", "processing", "failed", "failed", "processing", "failed")) {
            run("update recordings set status = ?, error = 'disk full' where id = ?", status, recording);
        }
        run(
                "insert into recordings (organization_id, call_id, title, status) values (?, ?, 'Call 8', 'ready')",
                world.organization(),
                call);

        assertThat(world.one(
                        "select distinct body || persistent::text from notifications where kind = 'recording-failed' and user_id = ?",
                        supervisor))
                .isEqualTo("disk fulltrue");
        assertThat(told(supervisor))
                .as("once per failure")
                .containsExactly(
                        "recording-failed | error | warning | Recording failed: Call 7",
                        "recording-failed | error | warning | Recording failed: Call 7",
                        "recording-ready | success | info | Recording ready: Call 8");
        assertThat(told(auditor))
                .as("has not chosen to hear of those that are ready")
                .hasSize(2);
    }

    @Test
    void F003_20_securityIsToldOfToThoseWhoManageUsersEachOnce() {
        UUID owner = world.member("owner", "Olga");
        UUID admin = world.member("admin", "Adam");
        told(owner);
        told(admin);
        end(call("ringing", "inbound"), "missed");
        assertThat(world.list("select kind from notifications where user_id = ?", supervisor))
                .contains("missed-call");
        run("update user_roles set role = 'viewer' where user_id = ?", supervisor);
        assertThat(told(supervisor))
                .as("what a viewer may not see went")
                .containsExactly("role-changed | warning | warning | Susan is viewer now");
        run("update user_roles set role = 'supervisor' where user_id = ?", supervisor);
        told(supervisor);
        told(admin);
        told(owner);
        String entry = "insert into audit_logs (organization_id, action, entity, entity_id, severity, success, after)"
                + " values (?, ?, 'user', ?, ?, ?, '{\"detail\": \"from afar\"}')";
        for (int i = 0; i < 5; i++) {
            run(entry, world.organization(), "login", supervisor.toString(), "warning", false);
        }
        run(entry, world.organization(), "login", viewer.toString(), "warning", false);
        run(entry, world.organization(), "login", viewer.toString(), "info", true);
        run(entry, world.organization(), "token_refreshed", viewer.toString(), "warning", false);
        run(entry, world.organization(), "key_leaked", viewer.toString(), "critical", true);
        run("update user_roles set role = 'auditor' where user_id = ?", viewer);
        run("update user_roles set role = 'auditor' where user_id = ?", viewer);

        assertThat(told(admin))
                .containsExactly(
                        "failed-login | warning | warning | Failed sign-in: Susan",
                        "failed-login | warning | warning | Failed sign-in: Vera",
                        "token-reused | error | critical | A used token of Vera came again",
                        "critical-event | error | critical | Critical event: key_leaked",
                        "role-changed | warning | warning | Vera is auditor now");
        assertThat(told(viewer)).containsExactly("role-changed | warning | warning | Vera is auditor now");
        assertThat(told(supervisor)).isEmpty();
        assertThat(told(owner)).hasSize(5);
    }

    @Test
    void F003_22_membersAndAccountsAreToldOfButNotToThoseWhoDidIt() {
        UUID admin = world.member("admin", "Adam");
        UUID owner = world.member("owner", "Olga");
        told(admin);
        told(owner);
        UUID joined = world.member("agent", "Ann");
        for (String action : List.of("user_updated_password", "user_modified")) { // as a changed password is written
            for (UUID user : List.of(joined, admin)) {
                run(
                        "insert into audit_logs (organization_id, actor, action, entity, entity_id, success) values (?, ?, ?, 'user', ?, true)",
                        world.organization(),
                        user,
                        action,
                        user.toString());
            }
        }
        server.database().useTransaction(handle -> {
            handle.createQuery("select set_config('request.jwt.claims', ?, true)")
                    .bind(0, "{\"sub\": \"" + owner + "\"}")
                    .mapTo(String.class)
                    .one();
            handle.execute("delete from user_roles where user_id = ?", joined);
        });

        List<String> all = List.of(
                "member-joined | info | info | Ann joined as agent",
                "account-changed | info | info | The account of Ann was changed",
                "member-left | info | info | Ann left");
        assertThat(told(admin)).containsExactlyElementsOf(all);
        assertThat(told(owner))
                .containsExactly(
                        all.get(0), all.get(1), "account-changed | info | info | The account of Adam was changed");
        assertThat(told(joined)).isEmpty();
    }

    @Test
    void F004_10_F004_11_F004_33_whoListensIsNotifiedOfCallsOnceThatIsSaid() throws SQLException {
        try (var pool = server.pool(1);
                Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("listen calls_changed");
            statement.execute("listen refresh_materialized_view");
            UUID quiet = call("new", "inbound");
            server.database().useTransaction(handle -> {
                handle.execute("set local switchboard.notify = 'on'");
                handle.execute("update calls set company_name = 'Acme' where id = ?", quiet);
                handle.execute("delete from calls where id = ?", quiet);
            });
            var heard = new ArrayList<JsonNode>();
            await().atMost(Duration.ofSeconds(20)).until(() -> {
                for (PGNotification one : connection.unwrap(PGConnection.class).getNotifications(100)) {
                    heard.add(JsonMapper.shared().readTree(one.getParameter()));
                }
                return heard.size() >= 4;
            });

            assertThat(heard)
                    .extracting(one -> one.path("operation").asString())
                    .containsExactly("UPDATE", "UPDATE", "DELETE", "DELETE");
            assertThat(heard.get(0).path("table").asString()).isEqualTo("calls");
            assertThat(heard.get(0).path("id").asString()).isEqualTo(quiet.toString());
            assertThat(OffsetDateTime.parse(heard.get(0).path("timestamp").asString()))
                    .isNotNull();
            assertThat(heard.get(1).path("view_name").asString()).isEqualTo("calls_enriched");
            assertThat(heard.get(1).path("trigger_table").asString()).isEqualTo("calls");
            assertThat(heard.get(3).propertyNames())
                    .containsExactly("view_name", "trigger_table", "operation", "timestamp");
        }
    }

    @Test
    void F002_29_F003_19_whatOneIsToldOthersDoNotSee() {
        CallCentreWorld other = world(1);
        UUID theirs = other.member("supervisor", "Theo");
        end(call("queued", "inbound"), "missed");

        assertThat(http.get(
                                "/rest/v1/notifications?select=source,kind&source=eq.call",
                                "Authorization",
                                "Bearer " + server.userToken(supervisor))
                        .json()
                        .toString())
                .isEqualTo("[{\"source\":\"call\",\"kind\":\"missed-call\"}]");
        assertThat(http.get("/rest/v1/notifications?select=kind", "Authorization", "Bearer " + server.userToken(theirs))
                        .json())
                .isEmpty();
    }
}

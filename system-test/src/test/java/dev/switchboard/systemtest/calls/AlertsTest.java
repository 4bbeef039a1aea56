package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.callcenter.alert.Alerts;
import dev.switchboard.callcenter.alert.Measured;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** SPEC L18: rules over figures. */
class AlertsTest extends ApiFixture {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final CallCentreWorld world = world(1);
    private final UUID supervisor = world.member("supervisor", "Susan");

    private static void run(String sql, Object... parameters) {
        server.database().useHandle(handle -> handle.execute(sql, parameters));
    }

    private void onlyRule(String metric, String comparator, int threshold, int seconds, int hysteresis) {
        run("delete from alert_rules where organization_id = ?", world.organization());
        run(
                "insert into alert_rules (organization_id, name, metric, comparator, threshold, for_s, hysteresis, severity)"
                        + " values (?, 'Rule', ?, ?, ?, ?, ?, 'critical')",
                world.organization(),
                metric,
                comparator,
                threshold,
                seconds,
                hysteresis);
    }

    private List<String> alerts() {
        return world.list(
                "select trim_scale(value) || case when ended_at is null then '' else ' over' end from alerts where organization_id = ? order by started_at",
                world.organization());
    }

    /** By one that has just begun, beside the server's own: of the two one writes. */
    private static void look() {
        new Alerts(server.database(), Instant::now, Measured.NOTHING).look();
    }

    private String figure(String metric, String at) {
        return world.one(
                "select trim_scale(round(value, 2))::text from app.alert_figure(?, null, ?, ?::timestamptz)",
                world.organization(),
                metric,
                at);
    }

    @Test
    void F003_45_aRuleOfOnesOwnFiresSaysWhyAndWhenItWasOver() {
        Http.Answer made = http.post(
                "/rest/v1/alert_rules",
                """
                {"organization_id": "%s", "name": "Somebody waits", "metric": "in_queue", "comparator": ">=", "threshold": 1, "severity": "critical"}""".formatted(world.organization()),
                "Authorization",
                "Bearer " + server.userToken(supervisor));
        assertThat(made.status()).isEqualTo(201);
        run("update voip_users set work_state = 'offline', chosen_state = 'offline' where user_id = ?", world.agent(0));
        var calls = server.server().callCentre().orElseThrow();
        UUID call = world.incoming(calls);
        calls.execute(CallCentreWorld.server(), call, new CallCommand.Enqueue(world.queue()));

        String mine = " from alerts where organization_id = ? and name = 'Somebody waits'";
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(world.one("select why ->> 'calls'" + mine, world.organization()))
                        .isEqualTo("[\"" + call + "\"]"));
        String notification =
                "select concat_ws(' | ', source, type, severity, title, body, persistent) from notifications where user_id = ? and title = 'Somebody waits'";
        assertThat(world.list(notification, supervisor))
                .containsExactly("performance | error | critical | Somebody waits | 1 (limit 1) | t");
        assertThat(world.list(notification, world.agent(0)))
                .as("may not read alerts")
                .isEmpty();

        run("update calls set state = 'abandoned', ended_at = now() where id = ?", call);
        run(
                "update queue_visits set exited_at = now(), outcome = 'abandoned', wait_s = 1 where call_id = ? and exited_at is null",
                call);
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(world.one("select count(ended_at)::text" + mine, world.organization()))
                        .isEqualTo("1"));
        assertThat(world.one(
                        "select persistent::text || (data ->> 'ended_at' is not null)::text from notifications where user_id = ? and title = 'Somebody waits'",
                        supervisor))
                .isEqualTo("falsetrue");
        assertThat(world.one("select count(*)::text" + mine, world.organization()))
                .isEqualTo("1");
    }

    @Test
    void F003_14_F000_22_theFailureRateAlertsOnceWithHysteresisOverTheLastFiftyCalls() {
        onlyRule("failed_pct", ">", 5, 0, 1);
        String ended =
                "insert into calls (organization_id, provider_call_sid, direction, from_number, to_number, state, started_at, ended_at)"
                        + " select ?, gen_random_uuid()::text, 'inbound', '+1', '+2', ?, now(), now() from generate_series(1, ?)";
        server.database().useTransaction(handle -> {
            handle.execute(ended, world.organization(), "failed", 20);
            handle.execute(ended.replace("now()", "clock_timestamp()"), world.organization(), "completed", 48);
            handle.execute(ended.replace("now()", "clock_timestamp()"), world.organization(), "failed", 2);
        });
        look();
        assertThat(figure("failed_pct", "now")).as("older ones do not count").isEqualTo("4");
        assertThat(alerts()).isEmpty();

        run(ended, world.organization(), "failed", 1);
        look();
        look();
        assertThat(alerts()).containsExactly("6");
        run(ended, world.organization(), "completed", 48);
        run(
                ended.replace("state, started_at", "state, end_reason, started_at")
                        .replace("?, now()", "?, 'closed', now()"),
                world.organization(),
                "missed",
                50);
        look();
        assertThat(figure("failed_pct", "now")).isEqualTo("4");
        assertThat(alerts()).as("5 - 1 is back").containsExactly("6 over");

        run(ended, world.organization(), "failed", 3);
        look();
        assertThat(alerts()).as("crossed once more").containsExactly("6 over", "6");
        run(ended, world.organization(), "completed", 47);
        run(ended, world.organization(), "failed", 1);
        look();
        assertThat(figure("failed_pct", "now")).isEqualTo("6");
        assertThat(world.list(
                        "select distinct body from notifications where user_id = ? and kind = 'alert-critical'",
                        supervisor))
                .containsExactly("6 % (limit 5 %)");
        assertThat(world.one(
                        "select count(*)::text from notifications where user_id = ? and kind = 'alert-critical'",
                        supervisor))
                .as("told of each once")
                .isEqualTo("2");
    }

    @Test
    void F003_15_thresholdsCanBeChangedAndARuleThatMakesNoSenseIsRefusedWithWhatThereIs() {
        onlyRule("available_agents", ">", 1, 0, 0);
        look();
        assertThat(alerts()).isEmpty();
        run("update alert_rules set threshold = 0 where organization_id = ?", world.organization());
        look();
        assertThat(alerts()).containsExactly("1");
        assertThat(world.one(
                        "select body from notifications where user_id = ? and kind = 'alert-critical'", supervisor))
                .isEqualTo("1 (limit 0)");
        run("update alert_rules set enabled = false where organization_id = ?", world.organization());
        look();
        assertThat(alerts()).containsExactly("1 over");

        Http.Answer refused = http.post(
                "/rest/v1/alert_rules",
                """
                {"organization_id": "%s", "name": "x", "metric": "happiness", "comparator": ">", "threshold": 1}""".formatted(world.organization()),
                "Authorization",
                "Bearer " + server.userToken(supervisor));
        assertThat(refused.status()).isEqualTo(400);
        assertThat(refused.body()).contains("there is no figure happiness", "longest_wait_s");
    }

    @Test
    void F003_45_aRuleOfAQueueHearsOfThatQueueAlone() {
        UUID other = UUID.randomUUID();
        run("insert into queues (id, organization_id, name) values (?, ?, 'sales')", other, world.organization());
        onlyRule("in_queue", ">=", 1, 0, 0);
        run("update alert_rules set queue_id = ? where organization_id = ?", other, world.organization());
        wait(world, world.queue());
        look();
        assertThat(alerts()).isEmpty();
        wait(world, other);
        look();
        assertThat(alerts()).containsExactly("1");
        assertThat(world.one(
                        "select body from notifications where user_id = ? and kind = 'alert-critical'", supervisor))
                .isEqualTo("1 (limit 1), sales");

        run("delete from alert_rules where organization_id = ?", world.organization());
        assertThat(alerts()).as("it stays, and is over with its rule").containsExactly("1 over");
        assertThat(world.one(
                        "select (data ->> 'ended_at' is not null)::text from notifications where user_id = ? and kind = 'alert-critical'",
                        supervisor))
                .isEqualTo("true");
    }

    private void wait(CallCentreWorld world, UUID queue) {
        UUID call = UUID.randomUUID();
        run(
                "insert into calls (id, organization_id, queue_id, provider_call_sid, direction, from_number, to_number, state)"
                        + " values (?, ?, ?, ?, 'inbound', '+1', '+2', 'queued')",
                call,
                world.organization(),
                queue,
                "CA" + call);
        run(
                "insert into queue_visits (organization_id, call_id, queue_id, entered_at) values (?, ?, ?, now())",
                world.organization(),
                call,
                queue);
    }

    @Test
    void whoIsRungAtIsThereForThoseWhoWait() {
        String figure = "select trim_scale(value)::text from app.alert_figure(?, ?, 'waiting_without_agents', now())";
        run(
                "insert into queue_members (organization_id, queue_id, user_id) values (?, ?, ?) on conflict do nothing",
                world.organization(),
                world.queue(),
                world.agent(0));
        wait(world, world.queue());
        assertThat(world.one(figure, world.organization(), world.queue())).isEqualTo("0");
        run("update voip_users set work_state = 'offered' where user_id = ?", world.agent(0));
        assertThat(world.one(figure, world.organization(), world.queue())).isEqualTo("0");
        run("update voip_users set work_state = 'paused' where user_id = ?", world.agent(0));
        assertThat(world.one(figure, world.organization(), world.queue())).isEqualTo("1");
    }

    @Test
    void L31_whoeverWaitsForASkillThatNobodyThereHasTimeForWaitsWithoutAgents() {
        CallCentreWorld two = world(2);
        String figure =
                "select trim_scale(value)::text from app.alert_figure(?, ?, 'waiting_without_agents', now() + interval '%d s')";
        for (int agent = 0; agent < 2; agent++) {
            run(
                    "insert into queue_members (organization_id, queue_id, user_id) values (?, ?, ?) on conflict do nothing",
                    two.organization(),
                    two.queue(),
                    two.agent(agent));
        }
        wait(two, two.queue());
        run("update calls set skill = 'portuguese', queued_at = now() where queue_id = ?", two.queue());
        String nobodyKnows = two.one(figure.formatted(0), two.organization(), two.queue());
        assertThat(nobodyKnows).as("where nobody knows it, nobody needs to").isEqualTo("0");

        run("update queue_members set skills = '{portuguese}' where user_id = ?", two.agent(1));
        assertThat(two.one(figure.formatted(0), two.organization(), two.queue()))
                .isEqualTo("0");
        run("update voip_users set work_state = 'paused' where user_id = ?", two.agent(1));
        assertThat(two.one(figure.formatted(0), two.organization(), two.queue()))
                .as("the other one is there, and does not know it")
                .isEqualTo("1");

        run("update queues set skill_wait_s = 30 where id = ?", two.queue());
        assertThat(two.one(figure.formatted(29), two.organization(), two.queue()))
                .isEqualTo("1");
        assertThat(two.one(figure.formatted(30), two.organization(), two.queue()))
                .as("anybody is good enough by now")
                .isEqualTo("0");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"threshold\": \"NaN\"",
                "\"threshold\": \"Infinity\"",
                "\"threshold\": 1, \"hysteresis\": \"NaN\"",
                "\"threshold\": 1, \"schedule\": {\"from\": null, \"to\": null}",
                "\"threshold\": 1, \"schedule\": [\"from\", \"to\"]",
                "\"threshold\": 1, \"schedule\": {\"days\": [0], \"from\": \"08:00\", \"to\": \"18:00\"}"
            })
    void aRuleThatCouldNeverCountIsRefused(String members) {
        Http.Answer refused = http.post(
                "/rest/v1/alert_rules",
                """
                {"organization_id": "%s", "name": "x", "metric": "in_queue", "comparator": ">", %s}""".formatted(world.organization(), members),
                "Authorization",
                "Bearer " + server.userToken(supervisor));

        assertThat(refused.status()).as(refused.body()).isEqualTo(400);
    }

    @Test
    void F003_21_F003_19_whatTheServerMeasuresOfItselfIsToldOfAsTheSystemsFromBeyondTheThreshold() {
        for (String metric : List.of("server_storage_pct", "server_errors_pct", "server_lag_s")) {
            onlyRule(metric, ">", 90, 0, 2);
            run("delete from notifications where organization_id = ?", world.organization());
            run("delete from alerts where organization_id = ?", world.organization());
            for (double value : new double[] {89, 90}) {
                new Alerts(server.database(), Instant::now, measuring(metric, value)).look();
                assertThat(alerts()).as(metric).isEmpty();
            }
            new Alerts(server.database(), Instant::now, measuring(metric, 90.1)).look();
            // the server's own look, to which nothing is wrong, may have ended it by now
            assertThat(alerts()).as(metric).singleElement().asString().startsWith("90.1");
            assertThat(world.list(
                            "select concat_ws(' | ', source, type, severity, body) from notifications where user_id = ?",
                            supervisor))
                    .containsExactly("system | error | critical | "
                            + (metric.endsWith("_pct") ? "90.1 % (limit 90 %)" : "90.1 s (limit 90 s)"));
        }
    }

    private static Measured measuring(String metric, double value) {
        return new Measured() {
            @Override
            public Optional<BigDecimal> figure(String asked) {
                return asked.equals(metric) ? Optional.of(BigDecimal.valueOf(value)) : Optional.empty();
            }

            @Override
            public boolean isStrained() {
                return true;
            }
        };
    }

    @Test
    void everyOrganizationBeginsWithTheRulesOfTheDomain() {
        assertThat(world.list(
                        "select metric || ' ' || comparator || ' ' || threshold from alert_rules where organization_id = ? order by 1",
                        world.organization()))
                .contains(
                        "longest_wait_s > 60",
                        "longest_wait_s > 120",
                        "service_level_pct < 80",
                        "service_level_pct < 70",
                        "waiting_without_agents > 0",
                        "longest_call_s > 900",
                        "longest_hold_s > 120",
                        "longest_wrap_up_s > 180",
                        "longest_parked_s > 180",
                        "failed_pct > 5");
    }

    /** Facts at noon, and what each figure is of them; a ratio of fewer than ten is none. */
    @Test
    void figuresOfRulesAreWhatTheFactsSay() {
        String noon = "2026-03-30 12:00:00+00";
        UUID agent = world.agent(0);
        String call =
                "insert into calls (organization_id, queue_id, provider_call_sid, direction, from_number, to_number, state, started_at, answered_at, state_since, claimed_by)"
                        + " values (?, ?, gen_random_uuid()::text, 'inbound', '+1', '+2', ?, ?::timestamptz - ?::interval, ?::timestamptz - ?::interval, ?::timestamptz - ?::interval, ?)";
        run(call, world.organization(), world.queue(), "active", noon, "10 min", noon, "9 min", noon, "9 min", agent);
        run(
                call,
                world.organization(),
                world.queue(),
                "held",
                noon,
                "20 min",
                noon,
                "16 min",
                noon,
                "121 s",
                world.agent("agent", "Second"));
        run(call, world.organization(), world.queue(), "parked", noon, "8 min", noon, "7 min", noon, "3 min", null);
        run(call, world.organization(), world.queue(), "queued", noon, "61 s", null, null, noon, "61 s", null);
        run(
                "insert into queue_visits (organization_id, call_id, queue_id, entered_at) select organization_id, id, queue_id, started_at"
                        + " from calls where organization_id = ? and state = 'queued'",
                world.organization());
        run(
                "insert into queue_visits (organization_id, call_id, queue_id, entered_at, exited_at, outcome, wait_s)"
                        + " select c.organization_id, c.id, c.queue_id, x.at - w * interval '1 s', x.at, o, w from calls c,"
                        + " (values ('answered', 20, 6), ('answered', 21, 2), ('abandoned', 4, 5), ('abandoned', 5, 1), ('missed', 30, 1)) as v (o, w, n),"
                        + " generate_series(1, n), lateral (select ?::timestamptz - interval '1 min' as at) x"
                        + " where c.organization_id = ? and c.state = 'active'",
                noon,
                world.organization());
        run(
                "update voip_users set work_state = 'on_call', current_call_id = (select id from calls where state = 'active' and claimed_by = ?) where user_id = ?",
                agent,
                agent);
        run("update voip_users set current_call_id = null, work_state = 'wrap_up' where user_id = ?", agent);

        assertThat(figure("in_queue", noon)).isEqualTo("1");
        assertThat(figure("longest_wait_s", noon)).isEqualTo("61");
        assertThat(figure("longest_call_s", noon)).isEqualTo("960");
        assertThat(figure("longest_hold_s", noon)).isEqualTo("121");
        assertThat(figure("longest_parked_s", noon)).isEqualTo("180");
        assertThat(figure("active_calls", noon)).isEqualTo("4");
        String later =
                world.one("select (state_since + interval '181 s')::text from voip_users where user_id = ?", agent);
        assertThat(figure("longest_wrap_up_s", later)).isEqualTo("181");
        assertThat(figure("longest_pause_s", later)).isEqualTo("0");
        assertThat(figure("waiting_without_agents", noon))
                .as("agents of other queues are no help")
                .isEqualTo("1");
        assertThat(figure("available_agents", noon)).as("but not in the queue").isEqualTo("1");
        assertThat(figure("silent_calls", noon)).isEqualTo("4");
        assertThat(figure("service_level_pct", noon)).as("6 of 8 + 1 + 1").isEqualTo("60");
        assertThat(figure("abandoned_pct", noon)).as("1 of 9 is too few to say").isEmpty();
        assertThat(figure("service_level_pct", "2026-03-31 12:00:00+00"))
                .as("another day")
                .isEmpty();
        run("update voip_users set work_state = 'available' where user_id = ?", agent);
        run(
                "insert into queue_members (organization_id, queue_id, user_id) values (?, ?, ?) on conflict do nothing",
                world.organization(),
                world.queue(),
                agent);
        assertThat(figure("waiting_without_agents", noon)).isEqualTo("0");
        assertThat(figure("available_agents", noon)).isEqualTo("2");
    }

    @ParameterizedTest
    @CsvSource({
        "'{\"from\": \"08:00\", \"to\": \"18:00\"}', 2026-03-27 06:59:59+00, false", // Berlin is an hour ahead
        "'{\"from\": \"08:00\", \"to\": \"18:00\"}', 2026-03-27 07:00:00+00, true",
        "'{\"from\": \"08:00\", \"to\": \"18:00\"}', 2026-03-30 06:00:00+00, true", // and two hours since the 29th
        "'{\"from\": \"08:00\", \"to\": \"18:00\"}', 2026-03-27 17:00:00+00, false",
        "'{\"days\": [1,2,3,4,5], \"from\": \"00:00\", \"to\": \"24:00\"}', 2026-03-29 12:00:00+00, false",
        "'{\"days\": [1,2,3,4,5], \"from\": \"00:00\", \"to\": \"24:00\"}', 2026-03-30 12:00:00+00, true",
        "'{\"days\": [7], \"from\": \"22:00\", \"to\": \"06:00\"}', 2026-03-29 20:30:00+00, true",
        "'{\"days\": [7], \"from\": \"22:00\", \"to\": \"06:00\"}', 2026-03-30 03:30:00+00, true", // Monday, of
        // Sunday's night
        "'{\"days\": [7], \"from\": \"22:00\", \"to\": \"06:00\"}', 2026-03-29 03:30:00+00, false",
    })
    void aRuleCountsWhenItsScheduleSaysInTheOrganizationsZone(String schedule, String at, boolean counts) {
        assertThat(world.one("select app.is_scheduled(?::jsonb, 'Europe/Berlin', ?::timestamptz)::text", schedule, at))
                .isEqualTo(Boolean.toString(counts));
    }
}

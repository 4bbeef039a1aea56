package dev.switchboard.callcenter.alert;

import dev.switchboard.callcenter.Recurring;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at the alert rules of every organization where something goes on, once a second: what a rule has found is a row of
 * {@code alerts} (the database tells people of it), and its end is written there. What is known of a rule is in the database, so
 * that a restart neither forgets nor repeats; of two servers that look, one writes. One thread of its own.
 */
public final class Alerts implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Alerts.class);
    private static final Duration STEP = Duration.ofSeconds(1);
    /** Ratios are of many rows, and move slowly. */
    private static final Duration RATIOS = Duration.ofSeconds(10);
    /** So long an organization is looked at after the last sign of life. */
    private static final Duration AFTERWARDS = Duration.ofMinutes(1);

    private static final String ACTIVE = """
            select distinct c.organization_id from public.calls c where c.ended_at is null
            union select v.organization_id from public.voip_users v where v.work_state <> 'offline'
            union select s.organization_id from public.alert_states s where s.state <> 'ok'
            union select r.organization_id from public.alert_rules r
             where r.enabled and (r.updated_at > :at - interval '1 min' or r.schedule is not null or r.metric = 'available_agents'
                                  or (:strained and r.metric like 'server\\_%'))""";
    private static final String RULES = """
            select r.id, r.metric, r.enabled and app.is_scheduled(r.schedule, o.timezone, :at) as counts, r.comparator, r.threshold, r.for_s, r.hysteresis, s.state, s.since, f.value, f.why::text as why
              from public.alert_rules r join public.organizations o on o.id = r.organization_id
              left join public.alert_states s on s.organization_id = r.organization_id and s.alert_rule_id = r.id
              left join lateral app.alert_figure(r.organization_id, r.queue_id, r.metric, :at) f
                on r.enabled and r.metric not like 'server\\_%' and app.is_scheduled(r.schedule, o.timezone, :at)
             where r.organization_id = :organization and (:ratios or r.metric not like '%\\_pct')""";
    /** Only where it is still as it was when it was read. */
    private static final String KEEP = """
            insert into public.alert_states as s (organization_id, alert_rule_id, state, value, since)
              select r.organization_id, r.id, :after, :value, :since from public.alert_rules r where r.id = :rule
            on conflict (organization_id, alert_rule_id) do update
              set state = excluded.state, value = excluded.value, since = excluded.since where s.state = :before""";

    private static final String FOUND = """
            insert into public.alerts (organization_id, alert_rule_id, queue_id, name, metric, severity, threshold, value, why, started_at)
              select r.organization_id, r.id, r.queue_id, r.name, r.metric, r.severity, r.threshold, :value, :why::jsonb, :at
                from public.alert_rules r where r.id = :rule
            on conflict (organization_id, alert_rule_id) where ended_at is null do nothing""";
    private static final String OVER =
            "update public.alerts set ended_at = :at where organization_id = :organization and alert_rule_id = :rule and ended_at is null";

    private final Jdbi jdbi;
    private final InstantSource clock;
    private final Measured measured;
    private final Recurring looks;
    private final Map<UUID, Instant> lively = new HashMap<>(); // guarded by this
    private Instant ratiosSeen = Instant.MIN; // guarded by this

    /** @param jdbi as a user whom row level security does not bind */
    public Alerts(Jdbi jdbi, InstantSource clock, Measured measured) {
        this.jdbi = jdbi;
        this.clock = clock;
        this.measured = measured;
        this.looks = new Recurring("alerts", STEP, this::look);
    }

    public void start() {
        looks.start();
    }

    /** Whether its thread is gone, without which nobody is alerted. */
    public boolean hasEnded() {
        return looks.hasEnded();
    }

    /** All rules that may have something to say, once. */
    public synchronized void look() {
        Instant now = clock.instant();
        var at = now.atOffset(ZoneOffset.UTC);
        jdbi.useHandle(handle -> handle.createQuery(ACTIVE)
                .bind("at", at)
                .bind("strained", measured.isStrained())
                .mapTo(UUID.class)
                .forEach(organization -> lively.put(organization, now)));
        lively.values().removeIf(seen -> seen.plus(AFTERWARDS).isBefore(now));
        boolean ratios = !ratiosSeen.isAfter(now.minus(RATIOS));
        if (ratios) {
            ratiosSeen = now;
        }
        lively.keySet().forEach(organization -> lookSafely(organization, ratios, now));
    }

    /** What is wrong with the rules of one keeps no other's waiting. */
    private void lookSafely(UUID organization, boolean ratios, Instant now) {
        try {
            look(organization, ratios, now);
        } catch (RuntimeException failed) {
            LOG.warn("Alert rules of organization {} could not be looked at: {}", organization, failed.getMessage());
        }
    }

    /** What became of a rule. */
    private record Step(
            UUID rule, AlertRule.State before, AlertRule.State after, Optional<BigDecimal> figure, String why) {
        boolean isNews() {
            return !after.equals(before);
        }
    }

    private void look(UUID organization, boolean ratios, Instant now) {
        List<Step> steps = jdbi.withHandle(handle -> handle.createQuery(RULES)
                .bind("at", now.atOffset(ZoneOffset.UTC))
                .bind("organization", organization)
                .bind("ratios", ratios)
                .map((row, _) -> step(row, now))
                .list());
        steps.stream()
                .filter(Step::isNews)
                .forEach(step -> jdbi.useTransaction(handle -> write(handle, organization, step, now)));
    }

    private Step step(ResultSet row, Instant now) throws SQLException {
        var rule = new AlertRule(
                AlertRule.Comparator.of(row.getString("comparator")),
                row.getBigDecimal("threshold"),
                Duration.ofSeconds(row.getInt("for_s")),
                row.getBigDecimal("hysteresis"));
        Optional<BigDecimal> figure = Optional.ofNullable(row.getBigDecimal("value"));
        if (figure.isEmpty() && row.getBoolean("counts")) {
            figure = measured.figure(row.getString("metric"));
        }
        AlertRule.State before = state(row.getString("state"), row.getObject("since", OffsetDateTime.class));
        return new Step(
                row.getObject("id", UUID.class),
                before,
                rule.next(before, figure, now),
                figure,
                Optional.ofNullable(row.getString("why")).orElse("{}"));
    }

    private static AlertRule.State state(String name, OffsetDateTime since) {
        return switch (name) {
            case "pending" -> new AlertRule.State.Pending(since.toInstant());
            case "firing" -> new AlertRule.State.Firing(since.toInstant());
            case null, default -> new AlertRule.State.Fine();
        };
    }

    private static String name(AlertRule.State state) {
        return switch (state) {
            case AlertRule.State.Fine _ -> "ok";
            case AlertRule.State.Pending _ -> "pending";
            case AlertRule.State.Firing _ -> "firing";
        };
    }

    private static Instant since(AlertRule.State state, Instant now) {
        return switch (state) {
            case AlertRule.State.Fine _ -> now;
            case AlertRule.State.Pending(Instant since) -> since;
            case AlertRule.State.Firing(Instant since) -> since;
        };
    }

    private static void write(Handle handle, UUID organization, Step step, Instant now) {
        var at = now.atOffset(ZoneOffset.UTC);
        int kept = handle.createUpdate(KEEP)
                .bind("after", name(step.after()))
                .bind("value", step.figure().orElse(null))
                .bind("since", since(step.after(), now).atOffset(ZoneOffset.UTC))
                .bind("rule", step.rule())
                .bind("before", name(step.before()))
                .execute();
        if (kept == 0) {
            return; // another server was quicker, or the rule is gone
        }
        if (step.after() instanceof AlertRule.State.Firing) {
            handle.createUpdate(FOUND)
                    .bind("value", step.figure().orElseThrow())
                    .bind("why", step.why())
                    .bind("at", at)
                    .bind("rule", step.rule())
                    .execute();
        } else if (step.before() instanceof AlertRule.State.Firing) {
            handle.createUpdate(OVER)
                    .bind("at", at)
                    .bind("organization", organization)
                    .bind("rule", step.rule())
                    .execute();
        }
    }

    @Override
    public void close() {
        looks.close();
    }
}

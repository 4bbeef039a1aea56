package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.callcenter.figure.PushedMetrics;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.TestServer;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** SPEC L25, L26: figures that are kept as things happen are what counting everything anew says, and are pushed as often as wanted. */
class FiguresTest {
    /** What the intervals say, folded and not, against the rows that they are of. */
    private static final String KEPT = """
            select coalesce(string_agg(format('%s %s %s %s %s %s %s %s %s %s', queue_id, quarter, a, t, b, s, f, m, aw, bw), E'\\n' order by queue_id, quarter), '')
              from (select queue_id, quarter at time zone 'UTC' as quarter, sum((sums).answered) a, sum((sums).in_time) t, sum((sums).abandoned) b, sum((sums).short) s,
                           sum((sums).flowed_out) f, sum((sums).missed) m, round(sum((sums).answered_wait_s), 3) aw, round(sum((sums).abandoned_wait_s), 3) bw
                      from app.interval_sums where organization_id = :org and agent_id is null group by 1, 2) i
             where a + b + f + m > 0""";

    private static final String COUNTED = """
            select coalesce(string_agg(format('%s %s %s %s %s %s %s %s %s %s', queue_id, quarter, a, t, b, s, f, m, aw, bw), E'\\n' order by queue_id, quarter), '')
              from (select v.queue_id, date_bin('15 min', v.exited_at at time zone 'UTC', '2000-01-01') as quarter,
                           count(*) filter (where outcome = 'answered') a,
                           count(*) filter (where outcome = 'answered' and wait_s <= coalesce(q.sl_seconds, o.sl_seconds)) t,
                           count(*) filter (where outcome = 'abandoned') b,
                           count(*) filter (where outcome = 'abandoned' and wait_s < o.short_abandon_s) s,
                           count(*) filter (where outcome = 'flowed_out') f, count(*) filter (where outcome = 'missed') m,
                           round(coalesce(sum(wait_s) filter (where outcome = 'answered'), 0), 3) aw,
                           round(coalesce(sum(wait_s) filter (where outcome = 'abandoned'), 0), 3) bw
                      from queue_visits v join organizations o on o.id = v.organization_id
                      left join queues q on q.organization_id = o.id and q.id = v.queue_id
                     where v.organization_id = :org and v.exited_at is not null group by 1, 2) i""";
    private static final String AGENTS_KEPT = """
            select coalesce(string_agg(format('%s %s %s %s %s %s %s', agent_id, quarter, h, r, t, o, w), E'\\n' order by agent_id, quarter), '')
              from (select agent_id, quarter at time zone 'UTC' as quarter, sum((sums).handled) h, round(sum((sums).ring_s), 3) r, round(sum((sums).talk_s), 3) t,
                           round(sum((sums).hold_s), 3) o, round(sum((sums).wrap_up_s), 3) w, count(*) n
                      from app.interval_sums where organization_id = :org and agent_id is not null group by 1, 2) i
             where h + r + t + o + w > 0""";
    private static final String AGENTS_COUNTED = """
            select coalesce(string_agg(format('%s %s %s %s %s %s %s', agent_id, quarter, h, r, t, o, w), E'\\n' order by agent_id, quarter), '')
              from (select agent_id, date_bin('15 min', to_at at time zone 'UTC', '2000-01-01') as quarter,
                           count(*) filter (where kind = 'talk' and first_talk) h,
                           round(coalesce(sum(extract(epoch from to_at - from_at)) filter (where kind = 'ring'), 0), 3) r,
                           round(coalesce(sum(extract(epoch from to_at - from_at)) filter (where kind = 'talk'), 0), 3) t,
                           round(coalesce(sum(extract(epoch from to_at - from_at)) filter (where kind = 'hold'), 0), 3) o,
                           round(coalesce(sum(extract(epoch from to_at - from_at)) filter (where kind = 'wrap_up'), 0), 3) w
                      from call_segments where organization_id = :org and to_at is not null and kind <> 'consult' group by 1, 2) i
             where h + r + t + o + w > 0""";

    private static TestServer server;
    private static HikariDataSource connections;
    private static Jdbi jdbi;

    /** Without the call centre's threads, so that nobody else folds and publishes. */
    @BeforeAll
    static void start() {
        server = TestServer.with().withoutCallCentre().start();
        connections = server.pool(2);
        jdbi = Jdbi.create(connections);
    }

    @AfterAll
    static void stop() {
        connections.close();
        server.close();
    }

    /** A day of 25 hours, one of 23, and one in a zone that has no such days. */
    @ParameterizedTest
    @CsvSource({
        "America/New_York,2026-11-01,25,1",
        "America/New_York,2026-03-08,23,2",
        "Asia/Kathmandu,2026-05-05,24,3",
        "Atlantic/Azores,2026-10-25,25,4"
    })
    void L25_atEachEventOfADayTheIntervalsAreWhatCountingSays(String zone, LocalDate day, int hours, long seed) {
        var world = new CallCentreWorld(jdbi, 4);
        UUID org = world.organization();
        UUID second = UUID.randomUUID();
        jdbi.useHandle(handle -> {
            handle.execute("update organizations set timezone = ? where id = ?", zone, org);
            handle.execute(
                    "insert into queues (id, organization_id, name, sl_seconds) values (?, ?, 'second', 45)",
                    second,
                    org);
        });
        Instant midnight = day.atStartOfDay(ZoneId.of(zone)).toInstant();
        Instant next = day.plusDays(1).atStartOfDay(ZoneId.of(zone)).toInstant();
        assertThat(Duration.between(midnight, next)).isEqualTo(Duration.ofHours(hours));
        var random = new Random(seed);
        var events = new Events(org, List.of(world.queue(), second), world.agents(), random);
        Instant at = midnight.minus(Duration.ofHours(1));
        int checked = 0;
        while (at.isBefore(next.plus(Duration.ofHours(1)))) {
            events.happen(at);
            if (random.nextInt(7) == 0) {
                jdbi.withHandle(handle -> handle.createQuery("select app.fold_intervals(20000)")
                        .mapTo(Integer.class)
                        .one());
            }
            assertThat(text(KEPT, org)).isEqualTo(text(COUNTED, org));
            assertThat(text(AGENTS_KEPT, org)).isEqualTo(text(AGENTS_COUNTED, org));
            checked++;
            at = at.plusMillis(20_000 + random.nextInt(580_000));
        }
        assertThat(checked).isGreaterThan(250);
        days(world, zone, midnight, next);
    }

    /** The day as a whole, from its midnight to the next, and its hours. */
    private static void days(CallCentreWorld world, String zone, Instant midnight, Instant next) {
        UUID org = world.organization();
        JsonNode days = figures(world, midnight.plusSeconds(5), next.plusSeconds(5), "day");
        assertThat(days).hasSize(2);
        assertThat(Instant.parse(utc(days.get(0).path("from").asString()))).isEqualTo(midnight);
        assertThat(Instant.parse(utc(days.get(0).path("to").asString()))).isEqualTo(next);
        Map<String, Object> counted = jdbi.withHandle(handle -> handle.createQuery("""
                        select count(*) filter (where outcome = 'answered') as answered, count(*) filter (where outcome = 'abandoned') as abandoned,
                               count(*) as offered,
                               round(count(*) filter (where in_time)::numeric
                                 / nullif(count(*) filter (where outcome in ('answered', 'missed') or (outcome = 'abandoned' and not short)), 0), 4) as level,
                               round(sum(wait_s) filter (where outcome = 'answered') / count(*) filter (where outcome = 'answered'), 3) as asa
                          from queue_visits where organization_id = :org and (exited_at at time zone :zone)::date = (:from at time zone :zone)::date""")
                .bind("org", org)
                .bind("zone", zone)
                .bind("from", midnight.atOffset(ZoneOffset.UTC))
                .mapToMap()
                .one());
        JsonNode day = days.get(0);
        assertThat(day.path("offered").asLong())
                .isEqualTo(counted.get("offered"))
                .isNotEqualTo(0L);
        assertThat(day.path("answered").asLong()).isEqualTo(counted.get("answered"));
        assertThat(day.path("abandoned").asLong()).isEqualTo(counted.get("abandoned"));
        assertThat(day.path("service_level").decimalValue()).isEqualByComparingTo((BigDecimal) counted.get("level"));
        assertThat(day.path("asa_s").decimalValue()).isEqualByComparingTo((BigDecimal) counted.get("asa"));
        long ends = day.path("answered").asLong()
                + day.path("abandoned").asLong()
                + day.path("flowed_out").asLong()
                + day.path("missed").asLong();
        assertThat(day.path("offered").asLong()).isEqualTo(ends);
        for (String step : List.of("quarter", "half", "hour")) {
            JsonNode parts = figures(world, midnight, next, step);
            assertThat(parts.valueStream()
                            .mapToLong(part -> part.path("offered").asLong())
                            .sum())
                    .as(step)
                    .isEqualTo(day.path("offered").asLong());
        }
    }

    @Test
    void L25_theLevelsBoundaryIsCountedInAndWhatMissedItIsNamed() {
        var world = new CallCentreWorld(jdbi, 1);
        Instant at = Instant.parse("2026-06-01T10:15:30Z");
        visit(world, at, "answered", "20.000");
        visit(world, at, "answered", "20.001");
        visit(world, at, "abandoned", "4.999");
        visit(world, at, "abandoned", "5.000");
        visit(world, at.minusSeconds(31), "missed", "60"); // of the quarter before
        Instant from = Instant.parse("2026-06-01T10:15:00Z");

        JsonNode quarter =
                figures(world, from, from.plusSeconds(900), "quarter").get(0);

        assertThat(quarter.path("answered").asInt()).isEqualTo(2);
        assertThat(quarter.path("in_time").asInt()).isEqualTo(1);
        assertThat(quarter.path("short_abandoned").asInt()).isEqualTo(1);
        assertThat(quarter.path("service_level").decimalValue()).isEqualByComparingTo("0.3333");
        assertThat(quarter.path("abandoned_rate").decimalValue()).isEqualByComparingTo("0.3333");
        assertThat(as(world.member("supervisor", "S"), """
                        select string_agg(wait_s::text, ' ' order by wait_s) from missed_goal(:org, :from, :to)""", world, from, from.plusSeconds(900)))
                .isEqualTo("5.000 20.001");
        JsonNode empty = figures(world, from.plusSeconds(900), from.plusSeconds(1800), "quarter")
                .get(0);
        assertThat(empty.path("service_level").isNull())
                .as("a ratio of nothing")
                .isTrue();
    }

    @Test
    void L25_anotherGoalCountsFromTheBeginningOfTheDay() {
        var world = new CallCentreWorld(jdbi, 1);
        Instant now = Instant.now();
        Instant yesterday = now.minus(Duration.ofDays(2));
        visit(world, now, "answered", "25");
        visit(world, yesterday, "answered", "25");

        jdbi.useHandle(handle -> handle.execute("update queues set sl_seconds = 30 where id = ?", world.queue()));

        assertThat(inTime(world, now)).isEqualTo(1);
        assertThat(inTime(world, yesterday)).isZero();
        jdbi.useHandle(
                handle -> handle.execute("update organizations set sl_seconds = 5 where id = ?", world.organization()));
        assertThat(inTime(world, now)).as("the queue's own goal goes before").isEqualTo(1);
    }

    @Test
    void L25_figuresAreForMembersAndWrongTimesAreRefused() {
        var world = new CallCentreWorld(jdbi, 1);
        UUID stranger = new CallCentreWorld(jdbi, 0).member("owner", "O");
        Instant at = Instant.parse("2026-06-01T10:00:00Z");
        String sql = "select interval_figures(:org, :from, :to, 'quarter')::text";

        assertThatThrownBy(() -> as(stranger, sql, world, at, at.plusSeconds(900)))
                .hasMessageContaining("has no such member");
        assertThatThrownBy(() -> as(world.agents().getFirst(), sql, world, at, at))
                .hasMessageContaining("is no time of at most 3,000 steps");
        assertThatThrownBy(() ->
                        as(world.agents().getFirst(), sql.replace("quarter", "week"), world, at, at.plusSeconds(1)))
                .hasMessageContaining("can be quarter, half, hour or day");
    }

    @Test
    void L25_talkIsCountedBySegmentAfterATransferAndACallOncePerAgent() {
        var world = new CallCentreWorld(jdbi, 2);
        Instant at = Instant.parse("2026-06-01T10:00:00Z");
        UUID call = call(world.organization(), at);
        UUID first = world.agents().get(0);
        UUID second = world.agents().get(1);
        segment(world.organization(), call, first, "talk", at, 60);
        segment(world.organization(), call, first, "hold", at.plusSeconds(60), 30);
        segment(world.organization(), call, first, "talk", at.plusSeconds(90), 10);
        segment(world.organization(), call, second, "talk", at.plusSeconds(100), 200);
        segment(world.organization(), call, second, "wrap_up", at.plusSeconds(300), 12);

        String sql = "select agent_figures(:org, :from, :to)::text";
        JsonNode agents =
                JsonMapper.shared().readTree(as(world.member("supervisor", "S"), sql, world, at, at.plusSeconds(900)));
        assertThat(JsonMapper.shared().readTree(as(first, sql, world, at, at.plusSeconds(900))))
                .as("an agent sees one's own")
                .hasSize(1);

        Map<String, JsonNode> byAgent = agents.valueStream()
                .collect(Collectors.toMap(agent -> agent.path("agent_id").asString(), agent -> agent));
        assertThat(byAgent.get(first.toString()).path("talk_s").asDouble()).isEqualTo(70);
        assertThat(byAgent.get(first.toString()).path("hold_s").asDouble()).isEqualTo(30);
        assertThat(byAgent.get(first.toString()).path("handled").asInt()).isEqualTo(1);
        assertThat(byAgent.get(first.toString()).path("aht_s").asDouble()).isEqualTo(100);
        assertThat(byAgent.get(second.toString()).path("talk_s").asDouble()).isEqualTo(200);
        assertThat(byAgent.get(second.toString()).path("aht_s").asDouble()).isEqualTo(212);
    }

    @Test
    void F003_10_F003_40_F004_21_metricsArePushedAtOnceThenEveryTwoSecondsAndThoseOfManyRowsEveryThirty() {
        var world = new CallCentreWorld(jdbi, 2);
        UUID org = world.organization();
        Instant begin = Instant.parse("2026-06-01T10:00:00Z");
        var clock = new AtomicReference<>(begin);
        try (var pushed = new PushedMetrics(jdbi, clock::get)) {
            pushed.look();
            assertThat(metric(org, "active_calls")).isEqualByComparingTo("0");

            clock.set(begin.plusSeconds(40));
            for (int i = 0; i < 50; i++) {
                call(org, clock.get());
            }
            visit(world, clock.get(), "answered", "3");
            pushed.look();
            assertThat(metric(org, "active_calls"))
                    .as("the first change at once")
                    .isEqualByComparingTo("51");
            assertThat(metric(org, "service_level")).isEqualByComparingTo("1");
            long written = pushed.written();

            for (int i = 0; i < 100; i++) {
                clock.set(clock.get().plusMillis(10));
                call(org, clock.get());
                pushed.look();
            }
            assertThat(pushed.written())
                    .as("of a hundred changes in a second nothing more")
                    .isEqualTo(written);
            visit(world, clock.get(), "answered", "30");
            clock.set(begin.plusSeconds(42));
            pushed.look();
            assertThat(metric(org, "active_calls"))
                    .as("two seconds later all of them")
                    .isEqualByComparingTo("152");
            assertThat(metric(org, "service_level")).as("that is of many rows").isEqualByComparingTo("1");

            clock.set(begin.plusMillis(69_999));
            pushed.look();
            assertThat(metric(org, "service_level")).isEqualByComparingTo("1");
            clock.set(begin.plusSeconds(70));
            pushed.look();
            assertThat(metric(org, "service_level")).as("thirty seconds later").isEqualByComparingTo("0.5");
            assertThat(numerator(org, "service_level")).isEqualByComparingTo("1");

            written = pushed.written();
            jdbi.useHandle(
                    handle -> handle.execute("update calls set company_name = 'x' where organization_id = ?", org));
            clock.set(begin.plusSeconds(110));
            pushed.look();
            assertThat(pushed.written())
                    .as("what is no other figure is not written")
                    .isEqualTo(written);
        }
    }

    @Test
    void L26_aQueueThatIsDeletedStopsNoFigures() {
        var world = new CallCentreWorld(jdbi, 1);
        UUID org = world.organization();
        Instant at = Instant.parse("2026-06-01T10:00:00Z");
        var clock = new AtomicReference<>(at);
        visit(world, at.minusSeconds(60), "answered", "3");
        try (var pushed = new PushedMetrics(jdbi, clock::get)) {
            pushed.look();
            jdbi.useHandle(handle -> handle.execute("delete from queues where id = ?", world.queue()));
            visitOfNoQueue(org, at, "30");
            clock.set(at.plusSeconds(31));
            pushed.look();

            assertThat(metric(org, "service_level"))
                    .as("of the visit that stayed and of the new one")
                    .isEqualByComparingTo("0.5");
            assertThat(text(KEPT, org)).isEqualTo(text(COUNTED, org)).isNotEmpty();
        }
    }

    @Test
    void L25_ofAnOrganizationThatIsDeletedNothingStays() {
        var world = new CallCentreWorld(jdbi, 1);
        UUID org = world.organization();
        Instant at = Instant.parse("2026-06-01T10:00:00Z");
        visit(world, at, "answered", "3");
        segment(org, call(org, at), world.agents().getFirst(), "talk", at, 60);
        jdbi.useHandle(handle -> handle.createQuery("select app.fold_intervals(20000)")
                .mapTo(Integer.class)
                .one());
        visit(world, at, "abandoned", "30");

        jdbi.useHandle(handle -> handle.execute("delete from organizations where id = ?", org));

        int left = jdbi.withHandle(
                handle -> handle.createQuery("select count(*) from app.interval_sums where organization_id = ?")
                        .bind(0, org)
                        .mapTo(Integer.class)
                        .one());
        assertThat(left).isZero();
    }

    @Test
    void L26_whatCouldNotBePublishedIsTriedAgain() {
        var world = new CallCentreWorld(jdbi, 1);
        UUID org = world.organization();
        var clock = new AtomicReference<>(Instant.parse("2026-06-01T10:00:00Z"));
        try (var pushed = new PushedMetrics(jdbi, clock::get)) {
            pushed.look();
            call(org, clock.get());
            clock.set(clock.get().plusSeconds(40));
            jdbi.useHandle(handle ->
                    handle.execute("alter function app.publish_metrics(uuid, boolean, timestamptz) rename to away"));
            try {
                pushed.look();
            } finally {
                jdbi.useHandle(handle -> handle.execute(
                        "alter function app.away(uuid, boolean, timestamptz) rename to publish_metrics"));
            }
            assertThat(metric(org, "active_calls")).isEqualByComparingTo("0");
            clock.set(clock.get().plusSeconds(2));
            pushed.look();
            assertThat(metric(org, "active_calls"))
                    .as("though nothing has happened since")
                    .isEqualByComparingTo("1");
        }
    }

    @Test
    void L28_aFirstCallIsSolvedWhereNobodyCalledAgainWithinTheDaysAboutTheSame() {
        var world = new CallCentreWorld(jdbi, 1);
        UUID org = world.organization();
        Instant at = Instant.parse("2026-06-01T10:00:00Z");
        Duration week = Duration.ofDays(7);
        caller(org, "+14155550001", at, "refund", true);
        caller(org, "+14155550001", at.plus(week), "refund", false); // at the last moment
        caller(org, "+14155550002", at, "refund", true);
        caller(org, "+14155550002", at.plus(week).plusSeconds(1), "refund", true);
        caller(org, "+14155550003", at, "refund", true);
        caller(org, "+14155550003", at.plusSeconds(3_600), "delivery", false); // about something else
        caller(org, "+14155550004", at, "refund", true);
        caller(org, "+14155550004", at.plusSeconds(3_600), null, false); // nobody knows about what
        caller(org, "+14155550005", at, "refund", false); // nobody answered
        caller(new CallCentreWorld(jdbi, 0).organization(), "+14155550002", at.plusSeconds(60), "refund", false);

        Instant over = Instant.parse("2026-06-09T00:00:00Z");
        assertThat(firstCalls(world, over)).isEqualTo("4 2 0.5000 false");
        assertThat(firstCalls(world, over.minusMillis(1))).isEqualTo("4 2 0.5000 true");
        assertThat(firstCalls(world, at.plus(week).minusMillis(1)))
                .as("before the first of them called again")
                .isEqualTo("4 3 0.7500 true");
        assertThatThrownBy(() ->
                        as(world.agent(0), "select first_call_resolution(:org, null, 91, :from)::text", world, at, at))
                .hasMessageContaining("days is 91, and can be 1 to 90");
    }

    private static String firstCalls(CallCentreWorld world, Instant known) {
        JsonNode figures = JsonMapper.shared()
                .readTree(as(
                        world.agent(0),
                        "select first_call_resolution(:org, '2026-06-01', at => :from)::text where :to is not null",
                        world,
                        known,
                        known));
        return figures.path("answered") + " " + figures.path("resolved") + " "
                + figures.path("first_call_resolution").decimalValue().setScale(4) + " "
                + figures.path("is_provisional");
    }

    private static void caller(
            UUID organization, String number, Instant at, @Nullable String code, boolean isAnswered) {
        OffsetDateTime when = at.atOffset(ZoneOffset.UTC);
        jdbi.useHandle(handle -> handle.execute(
                "insert into calls (organization_id, provider_call_sid, direction, from_number, to_number, state, started_at, answered_at,"
                        + " ended_at, wrap_up_code) values (?, ?, 'inbound', ?, '+2', ?, ?, ?::timestamptz, ?, ?)",
                organization,
                UUID.randomUUID().toString(),
                number,
                isAnswered ? "completed" : "abandoned",
                when,
                isAnswered ? when : null,
                when.plusSeconds(60),
                code));
    }

    private static void visitOfNoQueue(UUID organization, Instant exited, String wait) {
        OffsetDateTime at = exited.atOffset(ZoneOffset.UTC);
        UUID call = call(organization, exited);
        jdbi.useHandle(handle -> handle.execute(
                "insert into queue_visits (organization_id, call_id, entered_at, exited_at, outcome, wait_s) values (?, ?, ?, ?, 'answered', ?)",
                organization,
                call,
                at.minusSeconds(120),
                at,
                new BigDecimal(wait)));
    }

    @Test
    void F003_12_metricsOfADayBeginAtItsMidnight() {
        var world = new CallCentreWorld(jdbi, 1);
        UUID org = world.organization();
        jdbi.useHandle(
                handle -> handle.execute("update organizations set timezone = 'America/Sao_Paulo' where id = ?", org));
        Instant midnight = Instant.parse("2026-06-02T03:00:00Z");
        var clock = new AtomicReference<>(midnight.minusSeconds(60));
        try (var pushed = new PushedMetrics(jdbi, clock::get)) {
            call(org, clock.get());
            pushed.look();
            assertThat(metric(org, "calls")).isEqualByComparingTo("1");

            clock.set(midnight);
            pushed.look(); // nothing has happened but midnight
            assertThat(metric(org, "calls")).isEqualByComparingTo("0");
            List<Integer> days = jdbi.withHandle(handle -> handle.createQuery(
                            "select value from admin_metrics where organization_id = ? and metric = 'calls' order by bucket_start")
                    .bind(0, org)
                    .mapTo(Integer.class)
                    .list());
            assertThat(days).as("yesterday's stay").containsExactly(1, 0);
        }
    }

    /** Visits and segments as a day brings them, and as it changes its mind. */
    private static final class Events {
        private final UUID organization;
        private final List<UUID> queues;
        private final List<UUID> agents;
        private final Random random;
        private final List<UUID> openVisits = new ArrayList<>();
        private final List<UUID> ended = new ArrayList<>();
        private final List<UUID> openSegments = new ArrayList<>();

        Events(UUID organization, List<UUID> queues, List<UUID> agents, Random random) {
            this.organization = organization;
            this.queues = queues;
            this.agents = agents;
            this.random = random;
        }

        void happen(Instant at) {
            OffsetDateTime now = at.atOffset(ZoneOffset.UTC);
            int what = random.nextInt(10);
            if (what < 3 || openVisits.isEmpty()) {
                UUID call = call(organization, at);
                UUID visit = UUID.randomUUID();
                jdbi.useHandle(handle -> handle.execute(
                        "insert into queue_visits (id, organization_id, call_id, queue_id, entered_at) values (?, ?, ?, ?, ?)",
                        visit,
                        organization,
                        call,
                        queues.get(random.nextInt(queues.size())),
                        now));
                openVisits.add(visit);
            } else if (what < 6) {
                UUID visit = openVisits.remove(random.nextInt(openVisits.size()));
                String outcome = List.of("answered", "answered", "abandoned", "flowed_out", "missed")
                        .get(random.nextInt(5));
                double wait = random.nextInt(3) == 0
                        ? random.nextInt(10)
                        : random.nextInt(90) + random.nextInt(1000) / 1000.0;
                jdbi.useHandle(handle -> handle.execute(
                        "update queue_visits set exited_at = ?, outcome = ?, wait_s = ? where id = ?",
                        now,
                        outcome,
                        wait,
                        visit));
                ended.add(visit);
            } else if (what < 8) {
                segment(now, at);
            } else if (what == 8 && !ended.isEmpty()) { // an answer that is heard late
                UUID visit = ended.get(random.nextInt(ended.size()));
                jdbi.useHandle(handle -> handle.execute(
                        "update queue_visits set outcome = 'answered', wait_s = wait_s + 1 where id = ?", visit));
            } else if (random.nextInt(3) == 0 && !ended.isEmpty()) {
                UUID visit = ended.remove(random.nextInt(ended.size()));
                jdbi.useHandle(handle -> handle.execute("delete from queue_visits where id = ?", visit));
            }
        }

        private void segment(OffsetDateTime now, Instant at) {
            if (!openSegments.isEmpty() && random.nextBoolean()) {
                UUID segment = openSegments.remove(random.nextInt(openSegments.size()));
                jdbi.useHandle(handle -> handle.execute(
                        "update call_segments set to_at = greatest(from_at, ?) where id = ?", now, segment));
                return;
            }
            UUID call = call(organization, at);
            UUID segment = UUID.randomUUID();
            String kind = List.of("ring", "talk", "hold", "wrap_up", "consult").get(random.nextInt(5));
            jdbi.useHandle(handle -> handle.execute(
                    "insert into call_segments (id, organization_id, call_id, agent_id, kind, from_at) values (?, ?, ?, ?, ?, ?)",
                    segment,
                    organization,
                    call,
                    agents.get(random.nextInt(agents.size())),
                    kind,
                    now));
            openSegments.add(segment);
        }
    }

    private static UUID call(UUID organization, Instant at) {
        UUID call = UUID.randomUUID();
        jdbi.useHandle(handle -> handle.execute(
                "insert into calls (id, organization_id, provider_call_sid, direction, from_number, to_number, state, started_at)"
                        + " values (?, ?, ?, 'inbound', '+1', '+2', 'new', ?)",
                call,
                organization,
                "f" + call,
                at.atOffset(ZoneOffset.UTC)));
        return call;
    }

    private static void visit(CallCentreWorld world, Instant exited, String outcome, String wait) {
        UUID call = call(world.organization(), exited);
        OffsetDateTime at = exited.atOffset(ZoneOffset.UTC);
        jdbi.useHandle(handle -> handle.execute(
                "insert into queue_visits (organization_id, call_id, queue_id, entered_at, exited_at, outcome, wait_s) values (?, ?, ?, ?, ?, ?, ?)",
                world.organization(),
                call,
                world.queue(),
                at.minusSeconds(120),
                at,
                outcome,
                new BigDecimal(wait)));
    }

    private static void segment(UUID organization, UUID call, UUID agent, String kind, Instant from, int seconds) {
        OffsetDateTime at = from.atOffset(ZoneOffset.UTC);
        jdbi.useHandle(handle -> handle.execute(
                "insert into call_segments (organization_id, call_id, agent_id, kind, from_at, to_at) values (?, ?, ?, ?, ?, ?)",
                organization,
                call,
                agent,
                kind,
                at,
                at.plusSeconds(seconds)));
    }

    private static int inTime(CallCentreWorld world, Instant at) {
        return figures(world, at.minusSeconds(900), at.plusSeconds(900), "quarter")
                .valueStream()
                .mapToInt(part -> part.path("in_time").asInt())
                .sum();
    }

    private static JsonNode figures(CallCentreWorld world, Instant from, Instant to, String step) {
        return JsonMapper.shared()
                .readTree(as(
                        world.agents().getFirst(),
                        "select interval_figures(:org, :from, :to, '" + step + "')::text",
                        world,
                        from,
                        to));
    }

    private static String as(UUID user, String sql, CallCentreWorld world, Instant from, Instant to) {
        return jdbi.inTransaction(handle -> {
            handle.execute("select set_config('request.jwt.claims', ?, true)", "{\"sub\":\"%s\"}".formatted(user));
            handle.execute("set local role authenticated");
            return handle.createQuery(sql)
                    .bind("org", world.organization())
                    .bind("from", from.atOffset(ZoneOffset.UTC))
                    .bind("to", to.atOffset(ZoneOffset.UTC))
                    .mapTo(String.class)
                    .one();
        });
    }

    private static String utc(String postgres) {
        return OffsetDateTime.parse(postgres).toInstant().toString();
    }

    private static String text(String sql, UUID organization) {
        return jdbi.withHandle(handle -> handle.createQuery(sql)
                .bind("org", organization)
                .mapTo(String.class)
                .one());
    }

    private static BigDecimal metric(UUID organization, String name) {
        return newest(organization, name, "value");
    }

    private static BigDecimal numerator(UUID organization, String name) {
        return newest(organization, name, "numerator");
    }

    private static BigDecimal newest(UUID organization, String name, String column) {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select " + column
                                + " from admin_metrics where organization_id = ? and metric = ? and queue_id is null order by bucket_start desc limit 1")
                .bind(0, organization)
                .bind(1, name)
                .mapTo(BigDecimal.class)
                .one());
    }
}

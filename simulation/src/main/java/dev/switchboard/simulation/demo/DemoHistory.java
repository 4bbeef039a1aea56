package dev.switchboard.simulation.demo;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * What the two organizations of the demo did in the last 14 days: calls that came over the day as they do, waited, were answered by
 * who was free or given up, were talked about something, recorded and scored. A caller has one call at a time, and an agent too. The
 * shape of a day, talk and patience are those of a bank's call centre (Brown et al., JASA 100, 2005). Written once, the
 * newest day first; the same seed rolls the same dice.
 */
public final class DemoHistory {
    /** So far back. */
    public static final int DAYS = 14;

    /** Of the calls that were over before anybody looked. */
    static final String SID = "HISTORY";

    /** Calls of each hour from 7 to 23, of a bank on all days. */
    private static final int[] HOURS = {31, 67, 101, 117, 105, 95, 89, 92, 87, 87, 72, 64, 46, 43, 52, 58, 40};

    private static final int FIRST_HOUR = 7;
    private static final double TALK_MU = 4.812;
    private static final double TALK_SIGMA = 0.897;
    private static final double MEAN_PATIENCE_SECONDS = 406;
    private static final int LONGEST_TALK_SECONDS = 1_800;
    private static final Duration NOT_YET = Duration.ofMinutes(30);

    private final DemoData.Organization organization;
    private final Random random;
    private final Map<UUID, Instant> busyUntil = new HashMap<>();
    private final Map<String, Instant> talksUntil = new HashMap<>();

    private final List<DemoData.Person> shift;

    private DemoHistory(DemoData.Organization organization, Random random, List<DemoData.Person> shift) {
        this.organization = organization;
        this.random = random;
        this.shift = shift;
    }

    /**
     * Writes what is missing of it, one day of an organization in a transaction.
     *
     * @return how many calls
     */
    public static int write(Jdbi jdbi, long seed, Instant now) throws SQLException {
        int written = 0;
        for (int ago = 0; ago <= DAYS; ago++) {
            for (DemoData.Organization organization : DemoData.ORGANIZATIONS) {
                ZoneId zone = ZoneId.of(organization.timezone());
                LocalDate day = now.atZone(zone).toLocalDate().minusDays(ago);
                var random = new Random(seed * 31 + day.toEpochDay() * 7 + organization.place());
                written += new DemoHistory(organization, random, onShift(organization, day))
                        .writeDay(jdbi, day, zone, before(jdbi, organization, day, zone, now.minus(NOT_YET)));
            }
        }
        return written;
    }

    /** On a day on which the demo was played it happened as it did from then on. */
    private static Instant before(
            Jdbi jdbi, DemoData.Organization organization, LocalDate day, ZoneId zone, Instant latest) {
        return jdbi.withHandle(handle -> handle.createQuery(
                                "select min(started_at) from public.calls where organization_id = ?"
                                        + " and provider_call_sid not like ? and started_at >= ? and started_at < ?")
                        .bind(0, organization.id())
                        .bind(1, SID + "-%")
                        .bind(2, day.atStartOfDay(zone).toOffsetDateTime())
                        .bind(3, day.plusDays(1).atStartOfDay(zone).toOffsetDateTime())
                        .mapTo(Instant.class)
                        .findOne())
                .map(first -> first.minus(NOT_YET))
                .filter(latest::isAfter)
                .orElse(latest);
    }

    /** One call as it was. */
    private record Past(
            UUID id,
            DemoData.Customer customer,
            int queue,
            Instant started,
            Instant ended,
            Optional<UUID> agent,
            Duration waited,
            Duration rang,
            Duration talk,
            Duration hold,
            Duration wrapUp) {
        Instant answered() {
            return started.plus(waited);
        }

        String state() {
            return agent.isPresent() ? "completed" : "abandoned";
        }
    }

    private int writeDay(Jdbi jdbi, LocalDate day, ZoneId zone, Instant until) throws SQLException {
        String prefix = SID + "-" + organization.place() + "-" + day + "-";
        List<Past> calls = calls(day, zone, until);
        return jdbi.inTransaction(handle -> {
            boolean there = handle.createQuery(
                            "select exists (select from public.calls where organization_id = ? and provider_call_sid like ?)")
                    .bind(0, organization.id())
                    .bind(1, prefix + "%")
                    .mapTo(Boolean.class)
                    .one();
            if (there || calls.isEmpty()) {
                return 0;
            }
            handle.execute("select set_config('app.kind', 'imported', true)");
            write(handle, calls, prefix);
            return calls.size();
        });
    }

    /** The day's calls, in their order. */
    private List<Past> calls(LocalDate day, ZoneId zone, Instant until) {
        var starts = new ArrayList<Instant>();
        boolean weekend = day.getDayOfWeek().getValue() > 5;
        double busy =
                (organization.place() == 1 ? 0.10 : 0.04) * (weekend ? 0.35 : 1) * (0.85 + 0.3 * random.nextDouble());
        for (int hour = 0; hour < HOURS.length; hour++) {
            ZonedDateTime from = day.atTime(LocalTime.of(FIRST_HOUR + hour, 0)).atZone(zone);
            double expected = HOURS[hour] * busy;
            int count = (int) expected + (random.nextDouble() < expected - (int) expected ? 1 : 0);
            for (int i = 0; i < count; i++) {
                starts.add(from.toInstant().plusMillis(random.nextInt(3_600_000)));
            }
        }
        starts.sort(Comparator.naturalOrder());
        var calls = new ArrayList<Past>();
        for (Instant start : starts) {
            if (start.isBefore(until)) {
                call(start).filter(call -> call.ended().isBefore(until)).ifPresent(calls::add);
            }
        }
        return calls;
    }

    /** Nobody calls who is on the line already. */
    private Optional<Past> call(Instant start) {
        List<DemoData.Customer> idle = DemoData.CUSTOMERS.stream()
                .filter(customer ->
                        !talksUntil.getOrDefault(customer.number(), Instant.MIN).isAfter(start))
                .toList();
        if (idle.isEmpty()) {
            return Optional.empty();
        }
        DemoData.Customer customer = idle.get(random.nextInt(idle.size()));
        int queue = random.nextInt(organization.queues().size());
        DemoData.Person agent = shift.stream()
                .min(Comparator.comparing(person -> busyUntil.getOrDefault(person.id(), Instant.MIN)))
                .orElseThrow();
        Instant free = busyUntil.getOrDefault(agent.id(), Instant.MIN);
        Duration patience = seconds(-MEAN_PATIENCE_SECONDS * Math.log(1 - random.nextDouble()));
        Duration rang = Duration.ofMillis(2_000 + random.nextInt(9_000));
        Duration wait = (free.isAfter(start) ? Duration.between(start, free) : Duration.ZERO).plus(rang);
        if (wait.compareTo(patience) > 0) {
            Instant ended = start.plus(patience);
            talksUntil.put(customer.number(), ended);
            return Optional.of(new Past(
                    id(),
                    customer,
                    queue,
                    start,
                    ended,
                    Optional.empty(),
                    patience,
                    Duration.ZERO,
                    Duration.ZERO,
                    Duration.ZERO,
                    Duration.ZERO));
        }
        Duration talk = seconds(Math.min(
                LONGEST_TALK_SECONDS, Math.max(8, Math.exp(TALK_MU + TALK_SIGMA * random.nextGaussian()))));
        Duration hold = random.nextInt(100) < 15 ? Duration.ofSeconds(10 + random.nextInt(60)) : Duration.ZERO;
        Duration wrapUp = Duration.ofSeconds(3 + random.nextInt(10));
        Instant ended = start.plus(wait).plus(talk).plus(hold);
        talksUntil.put(customer.number(), ended);
        busyUntil.put(agent.id(), ended.plus(wrapUp));
        return Optional.of(
                new Past(id(), customer, queue, start, ended, Optional.of(agent.id()), wait, rang, talk, hold, wrapUp));
    }

    /** Few enough that callers wait now and then; others the next day. */
    private static List<DemoData.Person> onShift(DemoData.Organization organization, LocalDate day) {
        List<DemoData.Person> robots = organization.robots();
        int count = organization.place() == 1 ? 2 : 1;
        int from = Math.floorMod(day.toEpochDay() * count, robots.size() - count + 1);
        return robots.subList(from, from + count);
    }

    private UUID id() {
        return new UUID(random.nextLong(), random.nextLong());
    }

    private static Duration seconds(double seconds) {
        return Duration.ofMillis(Math.round(seconds * 1_000));
    }

    private void write(Handle handle, List<Past> calls, String prefix) throws SQLException {
        DemoTalk talk = DemoTalk.of(organization);
        try (PreparedStatement call = handle.getConnection()
                        .prepareStatement(
                                "insert into public.calls (id, organization_id, provider_call_sid, direction, from_number, to_number, company_name, contact_id, queue_id,"
                                        + " state, state_since, started_at, queued_at, first_ring_at, answered_at, answered_by, ended_at, end_reason, wait_s, talk_s, hold_s,"
                                        + " ai_status, score, sentiment, insights, transcription, created_at, last_event_at, provider_event_at)"
                                        + " values (?, ?, ?, 'inbound', ?, ?, ?, (select c.id from public.contacts c where c.organization_id = ? and c.number = ?), ?,"
                                        + " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?, ?, ?, ?)");
                PreparedStatement visit = handle.getConnection()
                        .prepareStatement(
                                "insert into public.queue_visits (organization_id, call_id, queue_id, entered_at, exited_at, outcome, wait_s, created_at)"
                                        + " values (?, ?, ?, ?, ?, ?, ?, ?)");
                PreparedStatement segment = handle.getConnection()
                        .prepareStatement(
                                "insert into public.call_segments (organization_id, call_id, agent_id, kind, from_at, to_at, created_at) values (?, ?, ?, ?, ?, ?, ?)");
                PreparedStatement line = handle.getConnection()
                        .prepareStatement(
                                "insert into public.transcript_segments (organization_id, call_id, track, seq, text, confidence, final, start_ms, created_at)"
                                        + " values (?, ?, ?, ?, ?, ?, true, ?, ?)");
                PreparedStatement recording = handle.getConnection()
                        .prepareStatement(
                                "insert into public.recordings (organization_id, call_id, status, title, duration_s, channels, created_at, updated_at)"
                                        + " values (?, ?, 'ready', ?, ?, 2, ?, ?)")) {
            for (int i = 0; i < calls.size(); i++) {
                Past past = calls.get(i);
                Optional<DemoTalk.About> about =
                        past.agent().map(_ -> talk.about(random, past.customer().company()));
                set(
                        call,
                        past.id(),
                        organization.id(),
                        prefix + i,
                        past.customer().number(),
                        organization.number(past.queue()),
                        past.customer().company(),
                        organization.id(),
                        past.customer().number(),
                        organization.queue(past.queue()),
                        past.state(),
                        past.ended(),
                        past.started(),
                        past.started(),
                        past.started(),
                        past.agent().map(_ -> past.answered()),
                        past.agent(),
                        past.ended(),
                        "caller_hangup",
                        (int) past.waited().toSeconds(),
                        (int) past.talk().toSeconds(),
                        (int) past.hold().toSeconds(),
                        about.map(_ -> "analyzed"),
                        about.map(DemoTalk.About::score),
                        about.map(DemoTalk.About::sentiment),
                        about.map(DemoTalk.About::insights),
                        about.map(DemoTalk.About::transcription),
                        past.started(),
                        past.ended(),
                        past.ended());
                set(
                        visit,
                        organization.id(),
                        past.id(),
                        organization.queue(past.queue()),
                        past.started(),
                        past.started().plus(past.waited()),
                        past.agent().isPresent() ? "answered" : "abandoned",
                        past.waited().toMillis() / 1_000.0,
                        past.started());
                if (past.agent().isPresent() && about.isPresent()) {
                    segments(segment, past);
                    lines(line, past, about.get());
                    set(
                            recording,
                            organization.id(),
                            past.id(),
                            past.customer().company(),
                            (int) past.talk().plus(past.hold()).toSeconds(),
                            past.ended(),
                            past.ended());
                }
            }
            for (PreparedStatement batch : List.of(call, visit, segment, line, recording)) {
                batch.executeBatch();
            }
        }
    }

    private void segments(PreparedStatement segment, Past past) throws SQLException {
        UUID agent = past.agent().orElseThrow();
        Instant rings = past.answered().minus(past.rang());
        Instant half = past.answered().plus(past.talk().dividedBy(2));
        segment(segment, past, agent, "ring", rings, past.answered());
        segment(segment, past, agent, "talk", past.answered(), past.hold().isZero() ? past.ended() : half);
        if (!past.hold().isZero()) {
            segment(segment, past, agent, "hold", half, half.plus(past.hold()));
            segment(segment, past, agent, "talk", half.plus(past.hold()), past.ended());
        }
        segment(segment, past, agent, "wrap_up", past.ended(), past.ended().plus(past.wrapUp()));
    }

    private void segment(PreparedStatement segment, Past past, UUID agent, String kind, Instant from, Instant to)
            throws SQLException {
        set(segment, organization.id(), past.id(), agent, kind, from, to, from);
    }

    private void lines(PreparedStatement line, Past past, DemoTalk.About about) throws SQLException {
        List<String> lines = about.lines();
        for (int i = 0; i < lines.size(); i++) {
            int at = (int) (past.talk().toMillis() * i / lines.size());
            set(
                    line,
                    organization.id(),
                    past.id(),
                    i % 2 == 0 ? "outbound" : "inbound",
                    i,
                    lines.get(i),
                    0.8 + random.nextInt(190) / 1_000.0,
                    at,
                    past.answered().plusMillis(at));
        }
    }

    /** Binds a row and adds it to the batch. */
    private static void set(PreparedStatement statement, Object... values) throws SQLException {
        for (int i = 0; i < values.length; i++) {
            Object value = values[i] instanceof Optional<?> optional ? optional.orElse(null) : values[i];
            switch (value) {
                case null -> statement.setNull(i + 1, Types.NULL);
                case Instant instant -> statement.setObject(i + 1, OffsetDateTime.ofInstant(instant, ZoneOffset.UTC));
                default -> statement.setObject(i + 1, value);
            }
        }
        statement.addBatch();
    }
}

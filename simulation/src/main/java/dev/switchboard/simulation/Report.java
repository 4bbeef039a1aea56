package dev.switchboard.simulation;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import tools.jackson.databind.json.JsonMapper;

/**
 * What the books say of a run: the figures are those of the screens (DOMAIN 2.4), counted from the same rows.
 *
 * @param serviceLevel in time of those that count; empty where nothing does
 * @param asa          how long those waited who were answered, on average, in seconds
 * @param aht          talk, hold and wrap-up per call that was handled, in seconds
 * @param occupancy    of the time in which agents could work, the share in which they did
 * @param longestWait  in seconds
 * @param waits        how many waited how long
 */
public record Report(
        int calls,
        int answered,
        int abandoned,
        int missed,
        int flowedOut,
        Optional<BigDecimal> serviceLevel,
        BigDecimal goal,
        int goalSeconds,
        Optional<BigDecimal> asa,
        Optional<BigDecimal> aht,
        Optional<BigDecimal> occupancy,
        Optional<BigDecimal> longestWait,
        List<Waits> waits) {
    private static final List<Integer> EDGES = List.of(5, 10, 20, 30, 60, 120, 300);
    private static final int WIDEST_BAR = 40;

    private static final String FIGURES = """
            with v as (select * from public.queue_visits where organization_id = :org and exited_at is not null),
            s as (select sum(extract(epoch from to_at - from_at)) filter (where kind <> 'ring') as handling,
                         count(*) filter (where first_talk) as handled
                    from public.call_segments where organization_id = :org and to_at is not null and kind <> 'consult'),
            b as (select sum(extract(epoch from least(to_at, :to) - from_at)) as busy
                    from public.call_segments where organization_id = :org and kind <> 'consult' and from_at < :to),
            i as (select sum(extract(epoch from least(coalesce(upper(during), :to), :to) - lower(during))) as idle
                    from public.agent_state_log where organization_id = :org and state = 'available' and lower(during) < :to)
            select (select count(*) from public.calls where organization_id = :org) as calls,
                   count(*) filter (where outcome = 'answered') as answered, count(*) filter (where outcome = 'abandoned') as abandoned,
                   count(*) filter (where outcome = 'missed') as missed, count(*) filter (where outcome = 'flowed_out') as flowed_out,
                   round(count(*) filter (where in_time)::numeric / nullif(count(*) filter (where outcome in ('answered', 'missed')
                     or outcome = 'abandoned' and not short), 0), 4) as service_level,
                   (select o.sl_target_pct / 100 from public.organizations o where o.id = :org) as goal,
                   (select o.sl_seconds from public.organizations o where o.id = :org) as goal_seconds,
                   round(avg(wait_s) filter (where outcome = 'answered'), 1) as asa,
                   (select round(s.handling / nullif(s.handled, 0), 1) from s) as aht,
                   (select round(b.busy / nullif(b.busy + coalesce(i.idle, 0), 0), 4) from b, i) as occupancy,
                   round(max(wait_s), 1) as longest_wait
              from v""";
    private static final String WAITS = """
            select width_bucket(wait_s, :edges::numeric[]) as place, count(*) filter (where outcome = 'answered') as answered,
                   count(*) filter (where outcome <> 'answered') as others
              from public.queue_visits where organization_id = :org and exited_at is not null group by 1""";

    /**
     * One step of the histogram.
     *
     * @param to seconds, of which it is the first that is not in it; empty: without end
     */
    public record Waits(int from, Optional<Integer> to, int answered, int others) {}

    /** @param to until when occupancy is counted: nobody called after that */
    public static Report of(Jdbi jdbi, Centre centre, Instant to) {
        return jdbi.withHandle(handle -> {
            Map<Integer, Waits> found = handle.createQuery(WAITS)
                    .bind("org", centre.organization())
                    .bindArray("edges", Integer.class, EDGES.toArray())
                    .reduceRows(new HashMap<>(), (all, row) -> {
                        int place = row.getColumn("place", Integer.class);
                        all.put(
                                place,
                                step(
                                        place,
                                        row.getColumn("answered", Integer.class),
                                        row.getColumn("others", Integer.class)));
                        return all;
                    });
            var waits = new ArrayList<Waits>();
            for (int place = 0; place <= EDGES.size(); place++) {
                waits.add(found.getOrDefault(place, step(place, 0, 0)));
            }
            return handle.createQuery(FIGURES)
                    .bind("org", centre.organization())
                    .bind("to", to.atOffset(ZoneOffset.UTC))
                    .map((row, _) -> new Report(
                            row.getInt("calls"),
                            row.getInt("answered"),
                            row.getInt("abandoned"),
                            row.getInt("missed"),
                            row.getInt("flowed_out"),
                            Optional.ofNullable(row.getBigDecimal("service_level")),
                            row.getBigDecimal("goal"),
                            row.getInt("goal_seconds"),
                            Optional.ofNullable(row.getBigDecimal("asa")),
                            Optional.ofNullable(row.getBigDecimal("aht")),
                            Optional.ofNullable(row.getBigDecimal("occupancy")),
                            Optional.ofNullable(row.getBigDecimal("longest_wait")),
                            waits))
                    .one();
        });
    }

    private static Waits step(int place, int answered, int others) {
        return new Waits(
                place == 0 ? 0 : EDGES.get(place - 1),
                place == EDGES.size() ? Optional.empty() : Optional.of(EDGES.get(place)),
                answered,
                others);
    }

    /** For reading. */
    public String text() {
        var text = new StringBuilder();
        line(text, "calls", calls, "service level", percent(serviceLevel));
        line(text, "answered", answered, "its goal", percent(Optional.of(goal)) + " in " + goalSeconds + " s");
        line(text, "gave up", abandoned, "average wait", seconds(asa));
        line(text, "nobody came", missed, "longest wait", seconds(longestWait));
        line(text, "waits", answered + abandoned + missed + flowedOut, "handling time", seconds(aht));
        text.append("%32s %-16s %s%n".formatted("", "occupancy", percent(occupancy)));
        text.append("%n  waited           answered   others%n".formatted());
        int most = waits.stream()
                .mapToInt(step -> step.answered() + step.others())
                .max()
                .orElse(0);
        for (Waits step : waits) {
            String name = step.to()
                    .map(to -> "%d to %d s".formatted(step.from(), to))
                    .orElseGet(() -> "%d s and more".formatted(step.from()));
            text.append("  %-16s %8d %8d  %s%s%n"
                    .formatted(
                            name,
                            step.answered(),
                            step.others(),
                            bar('█', step.answered(), most),
                            bar('░', step.others(), most)));
        }
        return text.toString();
    }

    private static void line(StringBuilder text, String what, int count, String other, String value) {
        text.append("  %-16s %8d      %-16s %s%n".formatted(what, count, other, value));
    }

    private static String bar(char of, int count, int most) {
        return most == 0 ? "" : String.valueOf(of).repeat(Math.round((float) count * WIDEST_BAR / most));
    }

    private static String percent(Optional<BigDecimal> share) {
        return share.map(value -> String.format(Locale.ROOT, "%.1f %%", value.doubleValue() * 100))
                .orElse("–");
    }

    private static String seconds(Optional<BigDecimal> value) {
        return value.map(seconds -> String.format(Locale.ROOT, "%.1f s", seconds))
                .orElse("–");
    }

    /** For programs: the same, with names as here. */
    public String json() {
        return JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(this);
    }
}

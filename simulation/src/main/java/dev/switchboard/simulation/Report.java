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

    /** Levels and means by the function that the screens' figures are made with. */
    private static final String FIGURES = """
            with sums as (
              select coalesce(sum((i.sums).answered), 0) as answered, coalesce(sum((i.sums).in_time), 0) as in_time,
                     coalesce(sum((i.sums).abandoned), 0) as abandoned, coalesce(sum((i.sums).short), 0) as short,
                     coalesce(sum((i.sums).flowed_out), 0) as flowed_out, coalesce(sum((i.sums).missed), 0) as missed,
                     coalesce(sum((i.sums).answered_wait_s), 0) as answered_wait_s, coalesce(sum((i.sums).abandoned_wait_s), 0) as abandoned_wait_s,
                     sum((i.sums).talk_s + (i.sums).hold_s + (i.sums).wrap_up_s) / nullif(sum((i.sums).handled), 0) as aht_s
                from app.interval_sums i where i.organization_id = :org
            ), busy as (
              select sum(extract(epoch from least(s.to_at, :to) - s.from_at)) as seconds
                from public.call_segments s where s.organization_id = :org and s.kind <> 'consult' and s.from_at < :to
            ), idle as (
              select sum(extract(epoch from least(coalesce(upper(l.during), :to), :to) - lower(l.during))) as seconds
                from public.agent_state_log l where l.organization_id = :org and l.state = 'available' and lower(l.during) < :to
            )
            select (select count(*) from public.calls c where c.organization_id = :org) as calls,
                   s.answered, s.abandoned, s.missed, s.flowed_out, (r.ratios ->> 'service_level')::numeric as service_level,
                   o.sl_target_pct / 100 as goal, o.sl_seconds as goal_seconds, round((r.ratios ->> 'asa_s')::numeric, 1) as asa,
                   round(s.aht_s, 1) as aht, round(b.seconds / nullif(b.seconds + coalesce(i.seconds, 0), 0), 4) as occupancy,
                   (select round(max(v.wait_s), 1) from public.queue_visits v where v.organization_id = :org) as longest_wait
              from sums s, busy b, idle i, public.organizations o,
                   lateral (select app.ratios(s.answered, s.in_time, s.abandoned, s.short, s.flowed_out, s.missed,
                                              s.answered_wait_s, s.abandoned_wait_s)) as r (ratios)
             where o.id = :org""";

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

    /** @param to until when occupancy is counted: afterwards agents are left without calls */
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

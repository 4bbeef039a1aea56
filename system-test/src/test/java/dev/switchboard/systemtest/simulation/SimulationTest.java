package dev.switchboard.systemtest.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.switchboard.simulation.Centre;
import dev.switchboard.simulation.Preset;
import dev.switchboard.simulation.Simulation;
import dev.switchboard.simulation.Simulation.Waited;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Made-up hours of a call centre: what its books and its figures say of them. SPEC L28, L29. */
class SimulationTest extends SimulationFixture {
    private static final List<String> FIGURES = List.of(
            "select board_figures(:org, :at)::text",
            "select service_figures(:org, :at)::text",
            "select calculate_admin_kpis(:org, :at)::text",
            "select first_call_resolution(:org, null, 7, :at)::text");

    /** Offered, and what became of it; visits that are not over count as waiting. */
    private static final String BALANCE = """
            select concat_ws(' ', count(*), count(*) filter (where v.exited_at <= :at and outcome = 'answered'),
                   count(*) filter (where v.exited_at <= :at and outcome = 'abandoned'), count(*) filter (where v.exited_at <= :at and outcome = 'flowed_out'),
                   count(*) filter (where v.exited_at <= :at and outcome = 'missed'), count(*) filter (where v.exited_at is null or v.exited_at > :at))
              from queue_visits v where v.organization_id = :org and v.entered_at <= :at""";

    @ParameterizedTest
    @CsvSource({"NORMAL, longest_idle, 6, 1, 60", "STORM, ring_all, 4, 2, 60", "OVERLOAD, longest_idle, 3, 3, 40"})
    void L28_L29_whatAFigureSaidItSaysOfThatMomentAndNobodyIsLostOnTheWay(
            Preset preset, String strategy, int agents, long seed, int minutes) {
        Centre centre = centre(seed, agents, 2, new Centre.Rules(strategy, 90, 300));
        UUID supervisor = supervisor(centre);
        Simulation run = simulation(centre, preset.behaviour(agents, OptionalInt.empty()), seed);
        Map<Instant, List<String>> said = new TreeMap<>();
        var seen = new ArrayList<Simulation.Progress>();

        run.run(Duration.ofMinutes(minutes), now -> {
            seen.add(now);
            if (seen.size() % 40 == 0) {
                said.put(run.now(), figures(centre, supervisor, run.now()));
            }
        });

        assertThat(said).hasSizeGreaterThan(5);
        said.forEach((at, figures) -> {
            assertThat(figures(centre, supervisor, at))
                    .as("what was so at " + at)
                    .isEqualTo(figures);
            long[] balance = numbers(text(BALANCE, centre, at));
            assertThat(balance[0])
                    .as("offered at " + at)
                    .isEqualTo(balance[1] + balance[2] + balance[3] + balance[4] + balance[5]);
        });
        isOver(centre);
        littlesLaw(centre, run);
        Simulation.Progress end = run.progress();
        System.out.println("SimulationTest: " + preset + " " + end);
        assertThat(text(
                        "select concat_ws(' ', count(*), count(*) filter (where state = 'completed'), count(*) filter (where state = 'abandoned'),"
                                + " count(*) filter (where state = 'missed')) from calls where organization_id = :org and :at is not null",
                        centre,
                        run.now()))
                .matches(end.arrived() + " .*");
    }

    /** Number in queue over time is the sum of waits: the customers' own account against the books, to the microsecond. */
    private static void littlesLaw(Centre centre, Simulation run) {
        long own = run.waited().stream()
                .mapToLong(one -> Duration.between(one.from(), one.to()).toNanos() / 1_000)
                .sum();
        long books = Long.parseLong(text(
                "select coalesce(sum(round(extract(epoch from exited_at - entered_at) * 1000000)), 0)::bigint from queue_visits"
                        + " where organization_id = :org and :at is not null",
                centre,
                run.now()));
        System.out.println("SimulationTest: waited " + own + " " + books + " of "
                + run.waited().size());
        assertThat(books).isEqualTo(own);
        double inQueue = area(run.waited());
        assertThat(inQueue).as("Lq T = sum of W").isCloseTo(own / 1e6, within(1e-6));
    }

    /** The integral of how many wait, by the steps in which it changes; in seconds. */
    private static double area(List<Waited> waited) {
        var steps = new TreeMap<Instant, Integer>();
        waited.forEach(one -> {
            steps.merge(one.from(), 1, Integer::sum);
            steps.merge(one.to(), -1, Integer::sum);
        });
        double area = 0;
        int many = 0;
        Instant before = BEGIN;
        for (Map.Entry<Instant, Integer> step : steps.entrySet()) {
            area += many * (Duration.between(before, step.getKey()).toNanos() / 1e9);
            many += step.getValue();
            before = step.getKey();
        }
        assertThat(many).as("nobody waits at the end").isZero();
        return area;
    }

    private static void isOver(Centre centre) {
        assertThat(text("""
                        select concat_ws(' ', (select count(*) from calls where organization_id = :org and ended_at is null),
                          (select count(*) from active_calls where organization_id = :org), (select count(*) from parked_calls where organization_id = :org),
                          (select count(*) from call_segments where organization_id = :org and to_at is null),
                          (select count(*) from queue_visits where organization_id = :org and exited_at is null),
                          (select count(*) from voip_users where organization_id = :org and work_state not in ('available', 'paused') and :at is not null))""", centre, BEGIN))
                .as("calls, cards, slots, segments and visits that are open, and agents who are not free")
                .isEqualTo("0 0 0 0 0 0");
    }

    private static List<String> figures(Centre centre, UUID supervisor, Instant at) {
        return jdbi.inTransaction(handle -> {
            handle.execute(
                    "select set_config('request.jwt.claims', json_build_object('sub', ?::text, 'role', 'authenticated')::text, true)",
                    supervisor.toString());
            handle.execute("set local role authenticated");
            return FIGURES.stream()
                    .map(sql -> handle.createQuery(sql)
                            .bind("org", centre.organization())
                            .bind("at", at.atOffset(ZoneOffset.UTC))
                            .mapTo(String.class)
                            .one())
                    .toList();
        });
    }

    private static String text(String sql, Centre centre, Instant at) {
        return jdbi.withHandle(handle -> handle.createQuery(sql)
                .bind("org", centre.organization())
                .bind("at", at.atOffset(ZoneOffset.UTC))
                .mapTo(String.class)
                .one());
    }

    private static long[] numbers(String words) {
        return java.util.Arrays.stream(words.split(" ", -1))
                .mapToLong(Long::parseLong)
                .toArray();
    }
}

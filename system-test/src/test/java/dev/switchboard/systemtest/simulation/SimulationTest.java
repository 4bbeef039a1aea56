package dev.switchboard.systemtest.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.switchboard.simulation.Centre;
import dev.switchboard.simulation.Preset;
import dev.switchboard.simulation.Simulation;
import dev.switchboard.simulation.Simulation.Progress;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Made-up hours of a call centre: what its books and its figures say of them. SPEC L28, L29, L30. */
class SimulationTest extends SimulationFixture {
    private static final List<String> FIGURES = List.of(
            "select board_figures(:org, :at)::text",
            "select service_figures(:org, :at)::text",
            "select calculate_admin_kpis(:org, :at)::text",
            "select first_call_resolution(:org, null, 7, :at)::text");

    /** Of what is asked without a moment other tables are read. */
    private static final String PRESENT =
            "select (board_figures(:org) - '{today,queues,longest_wait_s,computed_at}'::text[])::text where :at is not null";

    private static final String AT =
            "select (board_figures(:org, :at) - '{today,queues,longest_wait_s,computed_at}'::text[])::text";

    private static final String VISITS =
            "select concat_ws(' ', count(*) filter (where outcome is null), count(*) filter (where outcome = 'answered'),"
                    + " count(*) filter (where outcome = 'abandoned'), count(*) filter (where outcome = 'missed'))"
                    + " from queue_visits where organization_id = :org and :at is not null";
    private static final String WAITED =
            "select coalesce(sum(round(extract(epoch from exited_at - entered_at) * 1000000)), 0)::bigint from queue_visits"
                    + " where organization_id = :org and :at is not null";

    /** The customers' own account, and that of the books, after each thing that happened. */
    private static final class Accounts {
        private final Centre centre;
        private Instant at = BEGIN;
        private int waiting;
        private double area;
        private int looks;

        Accounts(Centre centre) {
            this.centre = centre;
        }

        void compare(Instant now, Progress people) {
            area += waiting * (Duration.between(at, now).toNanos() / 1e9);
            assertThat(text(VISITS, centre, now))
                    .as("waiting, answered, given up and missed at " + now)
                    .isEqualTo(
                            people.waiting() + " " + people.answered() + " " + people.gaveUp() + " " + people.missed());
            waiting = people.waiting();
            at = now;
            looks++;
        }
    }

    @ParameterizedTest
    @CsvSource({"NORMAL, longest_idle, 6, 1, 60", "STORM, ring_all, 4, 2, 60", "OVERLOAD, longest_idle, 3, 3, 40"})
    void L28_L29_L30_whatAFigureSaidItSaysOfThatMomentAndNobodyIsLostOnTheWay(
            Preset preset, String strategy, int agents, long seed, int minutes) {
        Centre centre = centre(seed, agents, 2, new Centre.Rules(strategy, 90, 300));
        UUID supervisor = supervisor(centre);
        Simulation run = simulation(centre, preset.behaviour(agents, OptionalInt.empty()), seed);
        Map<Instant, List<String>> said = new TreeMap<>();
        var accounts = new Accounts(centre);

        run.run(Duration.ofMinutes(minutes), people -> {
            Instant now = run.now();
            accounts.compare(now, people);
            if (accounts.looks % 40 == 0) {
                said.put(now, asked(centre, supervisor, now, FIGURES));
                // several states of an agent at one time follow each other by microseconds
                Instant after = now.plus(10, ChronoUnit.MICROS);
                assertThat(asked(centre, supervisor, after, List.of(PRESENT)))
                        .isEqualTo(asked(centre, supervisor, after, List.of(AT)));
            }
        });

        System.out.println("SimulationTest: " + preset + " " + run.progress());
        assertThat(said).hasSizeGreaterThan(5);
        said.forEach((at, figures) -> assertThat(asked(centre, supervisor, at, FIGURES))
                .as("what was so at " + at)
                .isEqualTo(figures));
        isOver(centre);
        long waited = run.waited().stream()
                .mapToLong(one -> Duration.between(one.from(), one.to()).toNanos() / 1_000)
                .sum();
        assertThat(text(WAITED, centre, run.now()))
                .as("the sum of the waits, in microseconds")
                .isEqualTo(Long.toString(waited));
        assertThat(accounts.area)
                .as("the number in queue over time (Little); each look is up to two microseconds late")
                .isCloseTo(waited / 1e6, within(accounts.looks * 2e-6));
    }

    private static void isOver(Centre centre) {
        assertThat(text("""
                        select concat_ws(' ', (select count(*) from calls where organization_id = :org and ended_at is null),
                          (select count(*) from active_calls where organization_id = :org), (select count(*) from parked_calls where organization_id = :org),
                          (select count(*) from call_segments where organization_id = :org and to_at is null),
                          (select count(*) from queue_visits where organization_id = :org and exited_at is null),
                          (select count(*) from voip_users where organization_id = :org and work_state <> 'available' and :at is not null))""", centre, BEGIN))
                .as("calls, cards, slots, segments and visits that are open, and agents who are not free")
                .isEqualTo("0 0 0 0 0 0");
    }

    private static List<String> asked(Centre centre, UUID user, Instant at, List<String> questions) {
        return jdbi.inTransaction(handle -> {
            handle.execute(
                    "select set_config('request.jwt.claims', json_build_object('sub', ?::text, 'role', 'authenticated')::text, true)",
                    user.toString());
            handle.execute("set local role authenticated");
            return questions.stream().map(sql -> text(handle, sql, centre, at)).toList();
        });
    }

    private static String text(String sql, Centre centre, Instant at) {
        return jdbi.withHandle(handle -> text(handle, sql, centre, at));
    }

    private static String text(Handle handle, String sql, Centre centre, Instant at) {
        return handle.createQuery(sql)
                .bind("org", centre.organization())
                .bind("at", at.atOffset(ZoneOffset.UTC))
                .mapTo(String.class)
                .one();
    }
}

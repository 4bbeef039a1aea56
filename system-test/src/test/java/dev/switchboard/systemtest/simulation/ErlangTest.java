package dev.switchboard.systemtest.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.switchboard.simulation.Behaviour;
import dev.switchboard.simulation.Centre;
import dev.switchboard.simulation.Distribution;
import dev.switchboard.simulation.Simulation;
import dev.switchboard.simulation.Simulation.Waited;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The call centre's own router, in virtual time, against what queueing theory says of it (SPEC L30; DOMAIN 5.3). */
class ErlangTest extends SimulationFixture {
    private static final int SEEDS = 10;
    private static final Duration GOAL = Duration.ofSeconds(20);
    /** Who waits less was answered at once: between two steps a microsecond passes. */
    private static final Duration AT_ONCE = Duration.ofMillis(1);
    /** Student's t for nine degrees of freedom, two sides, 99 %. */
    private static final double T = 3.2498;

    /** A figure with its confidence interval over the seeds. */
    private record Measured(double mean, double half) {
        static Measured of(List<List<Waited>> runs, ToDoubleFunction<List<Waited>> figure) {
            double[] values = runs.stream().mapToDouble(figure).toArray();
            double mean = 0;
            for (double value : values) {
                mean += value / values.length;
            }
            double squares = 0;
            for (double value : values) {
                squares += (value - mean) * (value - mean);
            }
            return new Measured(mean, T * Math.sqrt(squares / (values.length - 1) / values.length));
        }

        void contains(String what, double closed) {
            System.out.printf("ErlangTest: %s: %.4f ± %.4f, closed form %.4f%n", what, mean, half, closed);
            assertThat(mean).as(what).isCloseTo(closed, within(half));
            assertThat(half).as("an interval that says something of " + what).isLessThan(1.3 * closed);
        }
    }

    private static List<List<Waited>> runs(String name, int agents, Behaviour behaviour, Duration lasts) {
        var runs = new ArrayList<List<Waited>>();
        for (int seed = 1; seed <= SEEDS; seed++) {
            long own = Objects.hash(name, lasts, seed);
            Centre centre = centre(own, agents, 1, new Centre.Rules("longest_idle", 0, 86_400));
            Simulation run = simulation(centre, behaviour, own);
            run.run(lasts, _ -> {});
            Instant warm = BEGIN.plus(lasts.dividedBy(4)); // it begins empty
            runs.add(run.waited().stream()
                    .filter(one -> one.from().isAfter(warm))
                    .toList());
        }
        return runs;
    }

    private static double seconds(Waited waited) {
        return Duration.between(waited.from(), waited.to()).toNanos() / 1e9;
    }

    private static double share(List<Waited> of, Predicate<Waited> which) {
        return (double) of.stream().filter(which).count() / of.size();
    }

    private static boolean hadToWait(Waited waited) {
        return seconds(waited) > AT_ONCE.toNanos() / 1e9;
    }

    private static void erlangC(double perHour, double talk, int agents, Duration lasts) {
        String name = "C(%.0f, %.0f, %d) ".formatted(perHour, talk, agents);
        double load = perHour * talk / 3_600;
        double blocked = 1;
        for (int k = 1; k <= agents; k++) {
            blocked = load * blocked / (k + load * blocked);
        }
        double waits = blocked / (1 - load / agents * (1 - blocked));
        double answered = waits * talk / (agents - load);
        double level = 1 - waits * Math.exp(-(agents - load) * GOAL.toSeconds() / talk);

        List<List<Waited>> runs = runs(name, agents, Behaviour.erlang(perHour, talk, Distribution.always(1e6)), lasts);

        Measured.of(runs, run -> share(run, ErlangTest::hadToWait)).contains(name + "P(wait)", waits);
        Measured.of(
                        runs,
                        run -> run.stream()
                                .mapToDouble(ErlangTest::seconds)
                                .average()
                                .orElseThrow())
                .contains(name + "ASA", answered);
        Measured.of(runs, run -> share(run, one -> seconds(one) <= GOAL.toSeconds()))
                .contains(name + "SL20", level);
    }

    private static void erlangA(double perHour, double talk, int agents, double patience, Duration lasts) {
        String name = "A(%.0f, %.0f, %d, %.0f) ".formatted(perHour, talk, agents, patience);
        double lambda = perHour / 3_600;
        double mu = 1 / talk;
        double theta = 1 / patience;
        var states = new ArrayList<Double>(List.of(1.0));
        double sum = 1;
        for (int j = 1; j < agents * 20; j++) {
            double death = Math.min(j, agents) * mu + Math.max(0, j - agents) * theta;
            states.add(states.getLast() * lambda / death);
            sum += states.getLast();
        }
        double waits = 0;
        double queue = 0;
        for (int j = agents; j < states.size(); j++) {
            waits += states.get(j) / sum;
            queue += (j - agents) * states.get(j) / sum;
        }

        List<List<Waited>> runs =
                runs(name, agents, Behaviour.erlang(perHour, talk, Distribution.exponential(patience)), lasts);

        Measured.of(runs, run -> share(run, ErlangTest::hadToWait)).contains(name + "P(wait)", waits);
        Measured.of(runs, run -> share(run, one -> !one.answered()))
                .contains(name + "P(abandon)", theta * queue / lambda);
        Measured.of(
                        runs,
                        run -> run.stream()
                                .mapToDouble(ErlangTest::seconds)
                                .average()
                                .orElseThrow())
                .contains(name + "E[W]", queue / lambda);
    }

    /** 1,500 calls, and long enough that the beginning is forgotten. */
    private static Duration longRun(double perHour) {
        return Duration.ofMinutes(Math.max(240, Math.round(1_500 * 60 / perHour)));
    }

    @Test
    void L30_waitsAreThoseOfErlangC() {
        erlangC(100, 180, 8, Duration.ofMinutes(90));
    }

    @Test
    void L30_waitsAndAbandonmentAreThoseOfErlangA() {
        erlangA(100, 180, 7, 120, Duration.ofMinutes(90));
    }

    @ParameterizedTest
    @Tag("long")
    @CsvSource({"100,180,7", "100,180,8", "200,240,16", "200,240,18", "360,240,28", "360,240,30", "1000,300,90"})
    void L30_theTableOfErlangC(double perHour, double talk, int agents) {
        erlangC(perHour, talk, agents, longRun(perHour));
    }

    @ParameterizedTest
    @Tag("long")
    @CsvSource({"100,180,7,120", "200,240,16,180", "360,240,26,180", "1000,300,84,300"})
    void L30_theTableOfErlangA(double perHour, double talk, int agents, double patience) {
        erlangA(perHour, talk, agents, patience, longRun(perHour));
    }
}

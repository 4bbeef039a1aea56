package dev.switchboard.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.switchboard.simulation.Distribution.Survival;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The dice of made-up people. SPEC L29. */
class DistributionTest {
    private static final int DRAWS = 200_000;

    private static double[] draw(Distribution distribution) {
        var random = new SplittableRandom(7);
        return DoubleStream.generate(() -> distribution.next(random))
                .limit(DRAWS)
                .toArray();
    }

    private static double share(double[] drawn, double longerThan) {
        return (double) DoubleStream.of(drawn)
                        .filter(value -> value > longerThan)
                        .count()
                / DRAWS;
    }

    @Test
    void L29_survivalIsThatOfItsTableAndGoesOnAfterIt() {
        var table = List.of(new Survival(10, 0.9), new Survival(60, 0.6), new Survival(300, 0.3));
        double[] drawn = draw(Distribution.survival(table));

        for (Survival line : table) {
            assertThat(share(drawn, line.seconds())).as("left after " + line).isCloseTo(line.share(), within(0.005));
        }
        double hazard = Math.log(2) / 240; // of the last two lines
        assertThat(share(drawn, 600)).isCloseTo(0.3 * Math.exp(-hazard * 300), within(0.005));
    }

    @ParameterizedTest
    @CsvSource({"exponential, 180, 180", "lognormal, 183.9, 203.4", "uniform, 4, 1.73"})
    void L29_meanAndDeviationAreThoseOfTheLaw(String law, double mean, double deviation) {
        double[] drawn = draw(
                switch (law) {
                    case "exponential" -> Distribution.exponential(180);
                    case "lognormal" -> Distribution.lognormal(4.812, 0.897);
                    default -> Distribution.uniform(1, 7);
                });

        double average = DoubleStream.of(drawn).average().orElseThrow();
        double squares = DoubleStream.of(drawn)
                .map(value -> (value - average) * (value - average))
                .sum();
        assertThat(average).isCloseTo(mean, within(mean * 0.02));
        assertThat(Math.sqrt(squares / DRAWS)).isCloseTo(deviation, within(deviation * 0.05));
    }

    /** Of a storm, which is the only hour that changes within itself. */
    @Test
    void L29_callsComeAtTheirRate() {
        Behaviour storm = Preset.STORM.behaviour(50, OptionalInt.empty());
        var random = new SplittableRandom(3);
        int inStorm = 0;
        int all = 0;
        int hours = 200;
        for (Duration at = storm.after(Duration.ZERO, random); at.toHours() < hours; at = storm.after(at, random)) {
            long minute = at.toMinutes() % 60;
            inStorm += minute >= 20 && minute < 30 ? 1 : 0;
            all++;
        }

        double usual = storm.rate().applyAsDouble(Duration.ofMinutes(5)) * hours;
        assertThat((double) inStorm).isCloseTo(usual * 4 / 6, within(usual * 0.02));
        assertThat((double) all - inStorm).isCloseTo(usual * 5 / 6, within(usual * 0.02));
    }

    @Test
    void L29_theBusiestHourOfADayIsThePresetsAndNightsAreQuiet() {
        Behaviour day = Preset.NORMAL.behaviour(20, OptionalInt.of(9));

        assertThat(day.rate().applyAsDouble(Duration.ofHours(1)))
                .as("10 o'clock")
                .isEqualTo(day.most());
        assertThat(day.rate().applyAsDouble(Duration.ofHours(18)))
                .as("3 o'clock")
                .isLessThan(day.most() / 8);
        assertThat(day.rate().applyAsDouble(Duration.ofHours(25)))
                .as("the next day")
                .isEqualTo(day.most());
        assertThat(Preset.NORMAL.behaviour(20, OptionalInt.empty()).rate().applyAsDouble(Duration.ofHours(18)))
                .isEqualTo(day.most());
    }
}

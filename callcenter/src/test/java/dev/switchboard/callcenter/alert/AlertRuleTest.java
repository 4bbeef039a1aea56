package dev.switchboard.callcenter.alert;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.callcenter.alert.AlertRule.Comparator;
import dev.switchboard.callcenter.alert.AlertRule.State;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AlertRuleTest {
    private static final Instant NOON = Instant.parse("2026-03-29T12:00:00Z");

    private static AlertRule rule(String sign, String threshold, int seconds, String hysteresis) {
        return new AlertRule(
                Comparator.of(sign),
                new BigDecimal(threshold),
                Duration.ofSeconds(seconds),
                new BigDecimal(hysteresis));
    }

    private static State next(AlertRule rule, State state, String figure, int second) {
        return rule.next(state, Optional.of(new BigDecimal(figure)), NOON.plusSeconds(second));
    }

    @ParameterizedTest
    @CsvSource({
        ">, 59.9, false",
        ">, 60, false",
        ">, 60.1, true",
        ">=, 59.9, false",
        ">=, 60, true",
        "<, 60, false",
        "<, 59.9, true",
        "<=, 60.1, false",
        "<=, 60, true",
        "=, 60.0, true",
        "=, 60.1, false"
    })
    void F003_15_aThresholdHasTwoSides(String sign, String figure, boolean fires) {
        assertThat(next(rule(sign, "60", 0, "0"), new State.Fine(), figure, 0) instanceof State.Firing)
                .isEqualTo(fires);
    }

    @Test
    void F003_14_itFiresOnceAndIsOverWhenTheFigureIsBackByTheHysteresis() {
        AlertRule rule = rule(">", "5", 0, "1");
        State state = next(rule, new State.Fine(), "5.1", 0);
        assertThat(state).isEqualTo(new State.Firing(NOON));

        for (String figure : List.of("5", "9", "4.1")) {
            assertThat(next(rule, state, figure, 1)).as(figure).isEqualTo(state);
        }
        assertThat(next(rule, state, "4", 2)).isEqualTo(new State.Fine());
        assertThat(next(rule("<", "80", 0, "2"), state, "81.9", 2)).isEqualTo(state);
        assertThat(next(rule("<", "80", 0, "2"), state, "82", 2)).isEqualTo(new State.Fine());
    }

    @Test
    void whatHasToLastIsCountedFromItsBeginningAndBeginsAnew() {
        AlertRule rule = rule(">", "0", 15, "0");
        State pending = next(rule, new State.Fine(), "1", 0);
        assertThat(pending).isEqualTo(new State.Pending(NOON));
        assertThat(next(rule, pending, "3", 14)).isEqualTo(pending);
        assertThat(next(rule, pending, "3", 15)).isEqualTo(new State.Firing(NOON.plusSeconds(15)));
        assertThat(next(rule, pending, "0", 14)).isEqualTo(new State.Fine());
    }

    @Test
    void whereNothingIsMeasuredNothingIsWrong() {
        AlertRule rule = rule("<", "80", 0, "0");
        for (State state : List.of(new State.Fine(), new State.Pending(NOON), new State.Firing(NOON))) {
            assertThat(rule.next(state, Optional.empty(), NOON)).isEqualTo(new State.Fine());
        }
    }

    /** Between two alerts the figure was back by the hysteresis; each began after the figure had been beyond for as long as it has to. */
    @Test
    void F003_14_noFlutter() {
        for (int seed = 0; seed < 500; seed++) {
            var random = new Random(seed);
            int seconds = random.nextInt(6);
            int hysteresis = random.nextInt(5);
            List<Integer> figures = random.ints(60, 0, 21).boxed().toList();
            List<Integer> begun = begun(rule(">", "10", seconds, Integer.toString(hysteresis)), figures);
            for (int i = 0; i < begun.size(); i++) {
                int start = begun.get(i);
                assertThat(figures.subList(start - seconds, start + 1))
                        .as("seed " + seed)
                        .allMatch(figure -> figure > 10);
                if (i > 0) {
                    assertThat(figures.subList(begun.get(i - 1), start))
                            .as("seed " + seed)
                            .anyMatch(figure -> figure <= 10 - hysteresis);
                }
            }
        }
    }

    /** The seconds in which it began to fire. */
    private static List<Integer> begun(AlertRule rule, List<Integer> figures) {
        var begun = new ArrayList<Integer>();
        State state = new State.Fine();
        for (int at = 0; at < figures.size(); at++) {
            State after = next(rule, state, figures.get(at).toString(), at);
            if (after instanceof State.Firing && !(state instanceof State.Firing)) {
                begun.add(at);
            }
            state = after;
        }
        return begun;
    }
}

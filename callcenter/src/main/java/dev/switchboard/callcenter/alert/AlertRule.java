package dev.switchboard.callcenter.alert;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * When a figure is an alert (DOMAIN 2.6). Pure.
 *
 * @param holdsFor   how long the figure has to be beyond the threshold before it is one
 * @param hysteresis how far it has to come back before it is none any more, in the figure's unit: at the threshold itself it does not
 *                   flutter
 */
record AlertRule(Comparator comparator, BigDecimal threshold, Duration holdsFor, BigDecimal hysteresis) {
    /** As the table writes them. */
    enum Comparator {
        ABOVE(">"),
        AT_LEAST(">="),
        BELOW("<"),
        AT_MOST("<="),
        EQUAL("=");

        private final String sign;

        Comparator(String sign) {
            this.sign = sign;
        }

        static Comparator of(String sign) {
            for (Comparator comparator : values()) {
                if (comparator.sign.equals(sign)) {
                    return comparator;
                }
            }
            throw new IllegalArgumentException("there is no comparison " + sign);
        }
    }

    /** What is known of a rule. */
    sealed interface State {
        record Fine() implements State {}

        /** Beyond the threshold, and not for long enough. */
        record Pending(Instant since) implements State {}

        record Firing(Instant since) implements State {}
    }

    /**
     * What follows from the figure of a moment.
     *
     * @param figure empty where there is nothing to measure, or the rule does not count now: then nothing is wrong
     */
    State next(State state, Optional<BigDecimal> figure, Instant at) {
        if (figure.isEmpty()) {
            return new State.Fine();
        }
        BigDecimal value = figure.get();
        return switch (state) {
            case State.Firing firing -> isBack(value) ? new State.Fine() : firing;
            case State.Pending pending when isBeyond(value) -> atLast(pending.since(), at);
            case State.Fine _ when isBeyond(value) -> atLast(at, at);
            case State.Pending _, State.Fine _ -> new State.Fine();
        };
    }

    private State atLast(Instant since, Instant at) {
        return Duration.between(since, at).compareTo(holdsFor) >= 0 ? new State.Firing(at) : new State.Pending(since);
    }

    private boolean isBeyond(BigDecimal value) {
        int difference = value.compareTo(threshold);
        return switch (comparator) {
            case ABOVE -> difference > 0;
            case AT_LEAST -> difference >= 0;
            case BELOW -> difference < 0;
            case AT_MOST -> difference <= 0;
            case EQUAL -> difference == 0;
        };
    }

    /** Not beyond the threshold that is nearer by the hysteresis. */
    private boolean isBack(BigDecimal value) {
        BigDecimal nearer = switch (comparator) {
            case ABOVE, AT_LEAST -> threshold.subtract(hysteresis);
            case BELOW, AT_MOST -> threshold.add(hysteresis);
            case EQUAL -> threshold;
        };
        return !new AlertRule(comparator, nearer, holdsFor, BigDecimal.ZERO).isBeyond(value);
    }
}

package dev.switchboard.simulation;

import java.time.Duration;
import java.util.function.ToDoubleFunction;
import java.util.random.RandomGenerator;

/**
 * What customers and agents do.
 *
 * @param rate        calls per hour at a time after the beginning; between 0 and {@code most}
 * @param most        the highest rate
 * @param talk        how long a customer and an agent talk
 * @param patience    how long a customer waits before they hang up
 * @param pickUp      how long a telephone rings until its agent takes the call
 * @param wrapUp      how long an agent writes afterwards
 * @param missed      share of ringing that an agent lets pass
 * @param held        share of talks in which the customer is put on hold
 * @param transferred share of talks after which the customer is put into the other queue
 * @param redialled   share of customers who gave up and call again, five minutes later on average
 */
public record Behaviour(
        ToDoubleFunction<Duration> rate,
        double most,
        Distribution talk,
        Distribution patience,
        Distribution pickUp,
        Distribution wrapUp,
        double missed,
        double held,
        double transferred,
        double redialled) {
    /** Of the talk. */
    static final double HOLD_LASTS = 0.25;

    static final Distribution REDIAL = Distribution.exponential(300);

    /** Poisson arrivals at one rate and nothing but talk: what Erlang's formulas are about. */
    public static Behaviour erlang(double callsPerHour, double talk, Distribution patience) {
        return new Behaviour(
                _ -> callsPerHour,
                callsPerHour,
                Distribution.exponential(talk),
                patience,
                Distribution.always(0),
                Distribution.always(0),
                0,
                0,
                0,
                0);
    }

    /** When the next call comes after that one: Lewis and Shedler's thinning of a Poisson process of the highest rate. */
    Duration after(Duration call, RandomGenerator random) {
        Distribution gap = Distribution.exponential(3_600 / most);
        Duration at = call;
        do {
            at = at.plus(seconds(gap.next(random)));
        } while (random.nextDouble() * most >= rate.applyAsDouble(at));
        return at;
    }

    static Duration seconds(double seconds) {
        return Duration.ofNanos(Math.round(seconds * 1e6) * 1_000);
    }
}

package dev.switchboard.simulation;

import dev.switchboard.simulation.Distribution.Survival;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.ToDoubleFunction;

/**
 * How busy a made-up call centre is. Talk, patience and the shape of a day are those of a bank's call centre in 1999 (published
 * estimates of the "Anonymous Bank" data, Technion); how many call follows from how many agents there are.
 */
public enum Preset {
    /** Half of the agents' time is asked for. */
    CALM(0.5),
    /** As much as a well-run centre bears. */
    NORMAL(0.8),
    /** More than the agents can do: queues grow until people give up. */
    OVERLOAD(1.3),
    /** A little less than normal, and for ten minutes of each hour four times as many. */
    STORM(0.7);

    /** Calls of a day by hour, from 7 to 23. */
    private static final List<Integer> DAY =
            List.of(31, 67, 101, 117, 105, 95, 89, 92, 87, 87, 72, 64, 46, 43, 52, 58, 40);

    private static final double BUSIEST = 117;
    private static final Duration STORM_LASTS = Duration.ofMinutes(10);
    private static final Duration STORM_BEGINS = Duration.ofMinutes(20);
    private static final double STORM_IS = 4;

    /** Of talk longer than 10 s; the others are hung up quickly. */
    private static final Distribution TALK =
            Distribution.mix(0.05, Distribution.uniform(1, 10), Distribution.lognormal(4.812, 0.897));

    private static final double TALK_MEAN = 0.05 * 5.5 + 0.95 * Math.exp(4.812 + 0.897 * 0.897 / 2);
    private static final double WRAP_UP_SIGMA = 0.6;
    private static final double WRAP_UP_MEAN = 30;
    private static final Distribution WRAP_UP =
            Distribution.lognormal(Math.log(WRAP_UP_MEAN) - WRAP_UP_SIGMA * WRAP_UP_SIGMA / 2, WRAP_UP_SIGMA);
    private static final double PICK_UP_MEAN = 4;

    private static final Distribution PATIENCE = Distribution.survival(List.of(
            new Survival(10, .960),
            new Survival(20, .916),
            new Survival(30, .892),
            new Survival(60, .813),
            new Survival(120, .711),
            new Survival(180, .638),
            new Survival(300, .546),
            new Survival(600, .377)));

    private static final double MISSED = 0.03;
    private static final double HELD = 0.15;
    private static final double TRANSFERRED = 0.08;
    private static final double REDIALLED = 0.3;

    private final double load;

    Preset(double load) {
        this.load = load;
    }

    /**
     * With so many agents.
     *
     * @param begins the local hour at which it begins: calls follow the day, of which the busiest hour is the preset's load; empty:
     *               each hour is the busiest
     */
    public Behaviour behaviour(int agents, OptionalInt begins) {
        double work = (TALK_MEAN * (1 + HELD * Behaviour.HOLD_LASTS) + WRAP_UP_MEAN + PICK_UP_MEAN) * (1 + TRANSFERRED);
        double most = load * agents * 3_600 / work;
        ToDoubleFunction<Duration> day = begins.isEmpty() ? _ -> 1 : at -> hour(begins.getAsInt() + at.toHours());
        ToDoubleFunction<Duration> rate =
                at -> most * day.applyAsDouble(at) * (this == STORM && isStorm(at) ? STORM_IS : 1);
        return new Behaviour(
                rate,
                this == STORM ? most * STORM_IS : most,
                TALK,
                PATIENCE,
                Distribution.uniform(1, 2 * PICK_UP_MEAN - 1),
                WRAP_UP,
                MISSED,
                HELD,
                TRANSFERRED,
                REDIALLED);
    }

    private static double hour(long hour) {
        int of = (int) (hour % 24);
        return of < 7 ? DAY.getLast() / BUSIEST / 4 : DAY.get(of - 7) / BUSIEST;
    }

    private static boolean isStorm(Duration at) {
        Duration inHour = Duration.ofMinutes(at.toMinutes() % 60);
        return inHour.compareTo(STORM_BEGINS) >= 0 && inHour.compareTo(STORM_BEGINS.plus(STORM_LASTS)) < 0;
    }
}

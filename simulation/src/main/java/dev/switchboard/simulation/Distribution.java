package dev.switchboard.simulation;

import java.util.List;
import java.util.random.RandomGenerator;

/** A length of time that chance decides, in seconds. Immutable; the dice are the caller's. */
@FunctionalInterface
public interface Distribution {
    double next(RandomGenerator random);

    /** What share is left after so many seconds, as Kaplan and Meier estimate it. */
    record Survival(double seconds, double share) {}

    static Distribution always(double seconds) {
        return _ -> seconds;
    }

    static Distribution exponential(double mean) {
        return random -> -mean * Math.log(1 - random.nextDouble());
    }

    /** Of which the logarithm is normal, with this mean and standard deviation. */
    static Distribution lognormal(double mu, double sigma) {
        return random -> Math.exp(mu + sigma * random.nextGaussian());
    }

    static Distribution uniform(double least, double most) {
        return random -> least + (most - least) * random.nextDouble();
    }

    /** One of two. */
    static Distribution mix(double share, Distribution one, Distribution other) {
        return random -> random.nextDouble() < share ? one.next(random) : other.next(random);
    }

    /**
     * By a table of survival, with one hazard between two lines of it, and the last hazard from there on.
     *
     * @param table by falling share, from 1 at 0 seconds (which is not a line)
     */
    static Distribution survival(List<Survival> table) {
        return random -> {
            double left = 1 - random.nextDouble();
            var before = new Survival(0, 1);
            double hazard = 0;
            for (Survival line : table) {
                hazard = Math.log(before.share() / line.share()) / (line.seconds() - before.seconds());
                if (left >= line.share()) {
                    break;
                }
                before = line;
            }
            return before.seconds() + Math.log(before.share() / left) / hazard;
        };
    }
}

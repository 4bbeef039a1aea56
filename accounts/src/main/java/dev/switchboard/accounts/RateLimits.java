package dev.switchboard.accounts;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * How often things may be tried: a bucket per key, which holds a number of tries and fills up with time. Guarded by
 * {@code this}. At most {@link #MOST_BUCKETS} are remembered; beyond it the one that was used least recently is forgotten.
 *
 * <p>Passwords are counted per account and address together, so that nobody locks another out; an account that many
 * addresses guess at gets fewer tries from each.
 */
final class RateLimits {
    static final int MOST_BUCKETS = 100_000;

    private final InstantSource clock;
    private final Map<String, Bucket> buckets = new LinkedHashMap<>(256, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Bucket> eldest) {
            return size() > MOST_BUCKETS;
        }
    };

    /**
     * What may be tried how often.
     *
     * @param burst at once
     * @param each  until one more
     */
    record Rate(String name, int burst, Duration each) {}

    private long refused;

    private record Bucket(double left, Instant at) {}

    RateLimits(InstantSource clock) {
        this.clock = clock;
    }

    /**
     * Takes one try.
     *
     * @throws AccountException if there is none left, saying when there is
     */
    void take(Rate rate, String key) {
        Optional<Duration> wait = tryTake(rate, key);
        if (wait.isPresent()) {
            throw new AccountException(AccountError.RATE_LIMIT, AccountError.RATE_LIMIT.message(), wait);
        }
    }

    /** Takes one try; how long to wait if there is none. */
    synchronized Optional<Duration> tryTake(Rate rate, String key) {
        Instant now = clock.instant();
        double left = left(rate, key, now);
        if (left < 1) {
            refused++;
            return Optional.of(
                    Duration.ofMillis((long) ((1 - left) * rate.each().toMillis())));
        }
        buckets.put(rate.name() + " " + key, new Bucket(left - 1, now));
        return Optional.empty();
    }

    /** How many tries there were too many. */
    synchronized long refused() {
        return refused;
    }

    /** A try that was none after all. */
    synchronized void giveBack(Rate rate, String key) {
        Instant now = clock.instant();
        buckets.put(rate.name() + " " + key, new Bucket(Math.min(rate.burst(), left(rate, key, now) + 1), now));
    }

    /** Whether there is a try left, without taking it. */
    synchronized boolean hasLeft(Rate rate, String key) {
        return left(rate, key, clock.instant()) >= 1;
    }

    private double left(Rate rate, String key, Instant now) {
        Bucket bucket = buckets.get(rate.name() + " " + key);
        if (bucket == null) {
            return rate.burst();
        }
        double refilled = (double) Duration.between(bucket.at(), now).toMillis()
                / rate.each().toMillis();
        return Math.min(rate.burst(), bucket.left() + Math.max(0, refilled));
    }

    /** What of an address counts as one client: an IPv6 network of 64 bits, which one customer has, or an IPv4 address. */
    static String network(String address) {
        try {
            byte[] bytes = InetAddress.ofLiteral(address).getAddress();
            return bytes.length == 16
                    ? InetAddress.getByAddress(Arrays.copyOf(Arrays.copyOf(bytes, 8), 16))
                                    .getHostAddress() + "/64"
                    : address;
        } catch (IllegalArgumentException | UnknownHostException noAddress) {
            return address;
        }
    }
}

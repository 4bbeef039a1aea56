package dev.switchboard.simulation;

import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.PriorityQueue;

/**
 * Time that jumps from one thing to the next. No two of them are at the same microsecond, so that what comes after the other
 * is later in the books too. Owned by one thread.
 */
final class VirtualTime implements Agenda, InstantSource {
    private final PriorityQueue<Planned> planned =
            new PriorityQueue<>(Comparator.comparing(Planned::at).thenComparingLong(Planned::number));
    private Instant now;
    private long number;

    private record Planned(Instant at, long number, Runnable work) {}

    VirtualTime(Instant begin) {
        now = begin.truncatedTo(ChronoUnit.MICROS);
    }

    @Override
    public Instant now() {
        return now;
    }

    @Override
    public Instant instant() {
        return now;
    }

    @Override
    public void at(Instant when, Runnable work) {
        planned.add(new Planned(when, number++, work));
    }

    /** A microsecond passes. */
    void tick() {
        now = now.plus(1, ChronoUnit.MICROS);
    }

    /** Does what is next; false where nothing is. */
    boolean next() {
        Planned next = planned.poll();
        if (next == null) {
            return false;
        }
        Instant soonest = now.plus(1, ChronoUnit.MICROS);
        now = next.at().isBefore(soonest) ? soonest : next.at();
        next.work().run();
        return true;
    }
}

package dev.switchboard.callcenter.figure;

import dev.switchboard.callcenter.Recurring;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes the figures of organizations in {@code admin_metrics}: the first change at once, then every 2 s at most, what is made
 * of many rows every 30 s; and folds what was counted into the intervals. What is due is known by the database, whoever changed
 * it. One thread of its own.
 */
public final class PushedMetrics implements AutoCloseable {
    /** No organization's figures are published more often. */
    public static final Duration PAUSE = Duration.ofSeconds(2);
    /** The same of figures that are made of many rows. */
    public static final Duration HEAVY_PAUSE = Duration.ofSeconds(30);

    private static final Logger LOG = LoggerFactory.getLogger(PushedMetrics.class);
    private static final Duration LOOK = Duration.ofMillis(200);
    /** Days begin with quarters: then all are due, also where nothing happens. */
    private static final Duration QUARTER = Duration.ofMinutes(15);

    private static final int FOLDED_AT_ONCE = 20_000;

    private static final String MARKED =
            "with due as (delete from app.metrics_due returning organization_id) select distinct organization_id from due";
    private static final String ALL = "select id from public.organizations";

    private final Jdbi jdbi;
    private final InstantSource clock;
    private final Recurring looks;
    private final Map<UUID, Standing> standings = new HashMap<>(); // guarded by this
    private final LongAdder written = new LongAdder();
    private long quarter = -1; // guarded by this
    private Instant folded = Instant.MIN; // guarded by this

    /** How it stands with an organization. */
    private static final class Standing {
        private Instant published = Instant.MIN;
        private Instant heavyPublished = Instant.MIN;
        private boolean due;
        private boolean heavyDue;
    }

    /** @param jdbi as a user whom row level security does not bind */
    public PushedMetrics(Jdbi jdbi, InstantSource clock) {
        this.jdbi = jdbi;
        this.clock = clock;
        this.looks = new Recurring("metrics", LOOK, this::look);
    }

    public void start() {
        looks.start();
    }

    /** Whether its thread is gone, without which no figure is pushed. */
    public boolean hasEnded() {
        return looks.hasEnded();
    }

    /** How many figures have become others. */
    public long written() {
        return written.sum();
    }

    /** Publishes what is due, once. */
    public synchronized void look() {
        List<UUID> due = due();
        Instant now = clock.instant(); // after it: what is marked has happened by now
        due.forEach(organization -> {
            Standing standing = standings.computeIfAbsent(organization, _ -> new Standing());
            standing.due = true;
            standing.heavyDue = true;
        });
        standings.forEach((organization, standing) -> publishSafely(organization, standing, now));
        if (!folded.isAfter(now.minus(PAUSE))) {
            folded = now;
            fold();
        }
    }

    private void fold() {
        int moved;
        do {
            moved = jdbi.withHandle(handle -> handle.createQuery("select app.fold_intervals(:most)")
                    .bind("most", FOLDED_AT_ONCE)
                    .mapTo(Integer.class)
                    .one());
        } while (moved == FOLDED_AT_ONCE);
    }

    /** Whose figures may be others: by their marks, and all at the beginning, after a failure, and with each quarter. */
    private List<UUID> due() {
        long present = clock.instant().getEpochSecond() / QUARTER.toSeconds();
        boolean all = present != quarter;
        quarter = -1; // unless it is found out
        List<UUID> due = jdbi.withHandle(handle ->
                handle.createQuery(all ? ALL : MARKED).mapTo(UUID.class).list());
        quarter = present;
        return due;
    }

    /** What is wrong with the figures of one keeps no other's waiting; it is tried again after a pause. */
    private void publishSafely(UUID organization, Standing standing, Instant now) {
        boolean rested = !standing.published.isAfter(now.minus(PAUSE));
        boolean heavy = standing.heavyDue && !standing.heavyPublished.isAfter(now.minus(HEAVY_PAUSE));
        if (!rested || !(heavy || standing.due)) {
            return;
        }
        standing.published = now;
        standing.due = false;
        if (heavy) {
            standing.heavyPublished = now;
            standing.heavyDue = false;
        }
        try {
            written.add(jdbi.withHandle(
                    handle -> handle.createQuery("select app.publish_metrics(:organization, :heavy, :at)")
                            .bind("organization", organization)
                            .bind("heavy", heavy)
                            .bind("at", now.atOffset(ZoneOffset.UTC))
                            .mapTo(Integer.class)
                            .one()));
        } catch (RuntimeException failed) {
            standing.due = true;
            standing.heavyDue |= heavy;
            LOG.warn(
                    "Figures of organization {} could not be published; they are tried again: {}",
                    organization,
                    failed.getMessage());
        }
    }

    @Override
    public void close() {
        looks.close();
    }
}

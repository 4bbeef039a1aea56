package dev.switchboard.callcenter.telephony;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends what commands wrote for the telephone provider, after their commit: at least once, in order per call. What is
 * taken to be sent is leased; where the process dies before it is marked as done, the lease runs out and it is sent again
 * under the same id. One thread of its own; {@link #wake} may come from any.
 */
public final class TelephonyOutbox implements AutoCloseable {
    /** How long a command that was taken is left to who took it. */
    public static final Duration LEASE = Duration.ofSeconds(10);
    /** After so many tries a command is given up, and those behind it come to their turn. */
    static final int MOST_TRIES = 20;

    private static final Logger LOG = LoggerFactory.getLogger(TelephonyOutbox.class);
    private static final int BATCH = 50;
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofSeconds(1);

    private static final String TAKE =
            "update public.telephony_commands t set attempts = t.attempts + 1, next_at = :lease"
                    + " from (select c.id from public.telephony_commands c where c.done_at is null and c.failed_at is null and c.next_at <= :now"
                    + "    and not exists (select from public.telephony_commands e where e.organization_id = c.organization_id"
                    + "      and e.call_id = c.call_id and e.id < c.id and e.done_at is null and e.failed_at is null)"
                    + "    order by c.id limit " + BATCH + " for update skip locked) due"
                    + " where t.id = due.id returning t.id, t.organization_id, t.call_id, t.kind, t.payload::text as payload, t.attempts";

    private final Jdbi jdbi;
    private final TelephonyProvider provider;
    private final InstantSource clock;
    private final Semaphore work = new Semaphore(0);
    private final Thread thread;
    private final LongAdder sent = new LongAdder();
    private final LongAdder failures = new LongAdder();
    private volatile boolean closing;

    private record Taken(TelephonyProvider.Command command, int attempts) {}

    public TelephonyOutbox(Jdbi jdbi, TelephonyProvider provider, InstantSource clock) {
        this.jdbi = jdbi;
        this.provider = provider;
        this.clock = clock;
        this.thread = Thread.ofVirtual().name("telephony-outbox").unstarted(this::run);
    }

    public void start() {
        thread.start();
    }

    /** There is something to send. */
    public void wake() {
        if (work.availablePermits() == 0) {
            work.release();
        }
    }

    private void run() {
        while (!closing) {
            try {
                while (sendDue() > 0 && !closing) {
                    // on with what came behind
                }
                if (work.tryAcquire(POLL.toMillis(), TimeUnit.MILLISECONDS)) {
                    work.drainPermits();
                }
            } catch (InterruptedException closed) {
                return;
            } catch (RuntimeException failed) {
                LOG.warn("The telephony outbox could not work; it goes on: {}", failed.getMessage());
                if (!pause()) {
                    return;
                }
            }
        }
    }

    private boolean pause() {
        try {
            Thread.sleep(POLL);
            return true;
        } catch (InterruptedException closed) {
            return false;
        }
    }

    /** How many commands the provider took. */
    public long sent() {
        return sent.sum();
    }

    /** At how many tries it did not take one. */
    public long failures() {
        return failures.sum();
    }

    /** Whether its thread is gone, without which the provider hears of nothing. */
    public boolean hasEnded() {
        return thread.getState() == Thread.State.TERMINATED;
    }

    /** Sends what is due now; returns how many were tried. */
    public int sendDue() {
        List<Taken> taken = take();
        var done = new ArrayList<UUID>();
        Instant marked = clock.instant();
        for (Taken one : taken) {
            try {
                provider.carryOut(one.command());
                sent.increment();
                done.add(one.command().id());
            } catch (RuntimeException failed) {
                failures.increment();
                postpone(one, String.valueOf(failed.getMessage()));
            }
            if (clock.instant().isAfter(marked.plus(POLL))) { // well within the lease
                mark(done);
                done.clear();
                marked = clock.instant();
            }
        }
        mark(done);
        return taken.size();
    }

    private void mark(List<UUID> done) {
        if (!done.isEmpty()) {
            jdbi.useHandle(handle -> handle.createUpdate(
                            "update public.telephony_commands set done_at = :now, error = null where id = any (:ids)")
                    .bind("now", clock.instant().atOffset(ZoneOffset.UTC))
                    .bindArray("ids", UUID.class, done)
                    .execute());
        }
    }

    private List<Taken> take() {
        var now = clock.instant();
        return jdbi.withHandle(handle -> handle.createQuery(TAKE)
                .bind("now", now.atOffset(ZoneOffset.UTC))
                .bind("lease", now.plus(LEASE).atOffset(ZoneOffset.UTC))
                .map((row, _) -> new Taken(
                        new TelephonyProvider.Command(
                                row.getObject("id", UUID.class),
                                row.getObject("organization_id", UUID.class),
                                row.getObject("call_id", UUID.class),
                                row.getString("kind"),
                                row.getString("payload")),
                        row.getInt("attempts")))
                .list());
    }

    private void postpone(Taken taken, String error) {
        boolean last = taken.attempts() >= MOST_TRIES;
        Duration pause = Duration.ofMillis(Math.min(LONGEST_PAUSE.toMillis(), 250L << Math.min(20, taken.attempts())));
        LOG.warn(
                "The telephone provider did not {} call {} (try {}{}): {}",
                taken.command().instruction(),
                taken.command().call(),
                taken.attempts(),
                last ? ", the last" : "",
                error);
        var now = clock.instant();
        jdbi.useHandle(
                handle -> handle.createUpdate("update public.telephony_commands set next_at = :next, error = :error,"
                                + " failed_at = case when :last then :now end where id = :id")
                        .bind("next", now.plus(pause).atOffset(ZoneOffset.UTC))
                        .bind("now", now.atOffset(ZoneOffset.UTC))
                        .bind("error", error)
                        .bind("last", last)
                        .bind("id", taken.command().id())
                        .execute());
    }

    @Override
    public void close() {
        closing = true;
        if (!thread.isAlive()) {
            return;
        }
        thread.interrupt();
        try {
            thread.join(Duration.ofSeconds(2));
        } catch (InterruptedException stillClosing) {
            Thread.currentThread().interrupt();
        }
    }
}

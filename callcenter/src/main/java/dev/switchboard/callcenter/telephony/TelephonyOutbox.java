package dev.switchboard.callcenter.telephony;

import java.time.Duration;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiConsumer;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends what commands wrote for the telephone provider, after their commit: at least once, in order per call, and so many
 * calls at once that one slow answer holds up its own call alone. What is taken to be sent is leased; where the process dies
 * before it is marked as done, the lease runs out and it is sent again under the same id. One thread of its own, and one for
 * each command that is under way; {@link #wake} may come from any.
 */
public final class TelephonyOutbox implements AutoCloseable {
    /** How long a command that was taken is left to who took it. */
    public static final Duration LEASE = Duration.ofSeconds(30);
    /** After so many tries a command is given up, and those behind it come to their turn. */
    static final int MOST_TRIES = 20;

    private static final Logger LOG = LoggerFactory.getLogger(TelephonyOutbox.class);
    /** So many commands are under way at once, each of another call. */
    static final int MOST_AT_ONCE = 50;

    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofSeconds(1);

    private static final String TAKE =
            "update public.telephony_commands t set attempts = t.attempts + 1, next_at = :lease"
                    + " from (select c.id from public.telephony_commands c where c.done_at is null and c.failed_at is null and c.next_at <= :now"
                    + "    and not exists (select from public.telephony_commands e where e.organization_id = c.organization_id"
                    + "      and e.call_id = c.call_id and e.id < c.id and e.done_at is null and e.failed_at is null)"
                    + "    order by c.id limit :room for update skip locked) due"
                    + " where t.id = due.id returning t.id, t.organization_id, t.call_id, t.kind, t.payload::text as payload, t.attempts,"
                    + " (select c.provider from public.calls c where c.organization_id = t.organization_id and c.id = t.call_id) as provider";

    private final Jdbi jdbi;
    private final TelephonyProvider provider;
    private final InstantSource clock;
    private final BiConsumer<UUID, UUID> gone;
    private final Semaphore work = new Semaphore(0);
    private final Thread thread;
    private final ExecutorService carrying = Executors.newVirtualThreadPerTaskExecutor();
    private final Set<UUID> underWay = ConcurrentHashMap.newKeySet();
    private final Queue<UUID> done = new ConcurrentLinkedQueue<>();
    private final LongAdder sent = new LongAdder();
    private final LongAdder failures = new LongAdder();
    private volatile boolean closing;

    private record Taken(TelephonyProvider.Command command, int attempts) {}

    public TelephonyOutbox(Jdbi jdbi, TelephonyProvider provider, InstantSource clock) {
        this(jdbi, provider, clock, (_, _) -> {});
    }

    /** @param gone organization and call whose customer turned out to be gone; looked after before what comes behind it */
    public TelephonyOutbox(Jdbi jdbi, TelephonyProvider provider, InstantSource clock, BiConsumer<UUID, UUID> gone) {
        this.jdbi = jdbi;
        this.gone = gone;
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
                markDone();
                int room = MOST_AT_ONCE - underWay.size();
                List<Taken> taken = room > 0 ? take(room) : List.of();
                taken.forEach(this::begin);
                if (taken.isEmpty() && work.tryAcquire(POLL.toMillis(), TimeUnit.MILLISECONDS)) {
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

    private Future<?> begin(Taken taken) {
        UUID id = taken.command().id();
        if (!underWay.add(id)) { // longer under way than its lease; it is not done twice at once
            return CompletableFuture.completedFuture(id);
        }
        return carrying.submit(() -> {
            try {
                carryOut(taken);
            } finally {
                underWay.remove(id);
                wake(); // what comes behind it in its call
            }
        });
    }

    private void carryOut(Taken taken) {
        try {
            provider.carryOut(taken.command());
        } catch (TelephonyProvider.CustomerGoneException nobody) {
            LOG.info("Call {}: {}", taken.command().call(), nobody.getMessage());
            try {
                gone.accept(taken.command().organization(), taken.command().call());
            } catch (RuntimeException failed) { // found when the books are compared
                LOG.warn(
                        "Call {} could not be looked after: {}", taken.command().call(), failed.getMessage());
            }
        } catch (RuntimeException failed) {
            if (!closing) {
                failures.increment();
                postpone(taken, String.valueOf(failed.getMessage()));
            }
            return;
        }
        sent.increment();
        done.add(taken.command().id());
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

    /** Sends what is due now, and waits until it is sent; returns how many were tried. */
    public int sendDue() {
        List<Taken> taken = take(MOST_AT_ONCE);
        List<? extends Future<?>> begun = taken.stream().map(this::begin).toList();
        for (Future<?> one : begun) {
            try {
                one.get();
            } catch (InterruptedException closed) {
                Thread.currentThread().interrupt();
                return taken.size();
            } catch (ExecutionException failed) {
                LOG.warn("A command could neither be sent nor put off: {}", String.valueOf(failed.getCause()));
            }
        }
        markDone();
        return taken.size();
    }

    private void markDone() {
        var ids = new ArrayList<UUID>();
        for (UUID id = done.poll(); id != null; id = done.poll()) {
            ids.add(id);
        }
        if (!ids.isEmpty()) {
            try {
                mark(ids);
            } catch (RuntimeException failed) { // they would be sent again when their lease is over
                done.addAll(ids);
                throw failed;
            }
        }
    }

    private void mark(List<UUID> ids) {
        jdbi.useHandle(handle -> handle.createUpdate(
                        "update public.telephony_commands set done_at = :now, error = null where id = any (:ids)")
                .bind("now", clock.instant().atOffset(ZoneOffset.UTC))
                .bindArray("ids", UUID.class, ids)
                .execute());
    }

    private List<Taken> take(int room) {
        var now = clock.instant();
        return jdbi.withHandle(handle -> handle.createQuery(TAKE)
                .bind("now", now.atOffset(ZoneOffset.UTC))
                .bind("room", room)
                .bind("lease", now.plus(LEASE).atOffset(ZoneOffset.UTC))
                .map((row, _) -> new Taken(
                        new TelephonyProvider.Command(
                                row.getObject("id", UUID.class),
                                row.getObject("organization_id", UUID.class),
                                row.getObject("call_id", UUID.class),
                                row.getInt("attempts"),
                                String.valueOf(row.getString("provider")),
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
        carrying.shutdownNow();
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

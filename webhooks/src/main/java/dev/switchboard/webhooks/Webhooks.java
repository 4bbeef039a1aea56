package dev.switchboard.webhooks;

import dev.switchboard.engine.pipeline.Time;
import dev.switchboard.engine.pipeline.Trouble;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.PostgresRowAccess;
import dev.switchboard.engine.postgres.PostgresSubscriptionCatalog;
import dev.switchboard.engine.postgres.PostgresTypeCatalog;
import dev.switchboard.engine.postgres.PostgresWalSource;
import dev.switchboard.http.Metrics;
import io.vertx.core.Vertx;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.sql.DataSource;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells endpoints of committed changes: each change that an endpoint may see once in its outbox, and from there to its receiver at
 * least once, in order (SPEC WH). Thread-safe; closed once.
 */
public final class Webhooks implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Webhooks.class);
    private static final Duration TIDY_EVERY = Duration.ofSeconds(10);

    private final Outbox outbox;
    private final Poster poster;
    private final Feed feed;
    private final PostgresRowAccess access;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<UUID, Courier> couriers = new LinkedHashMap<>(); // guarded by itself
    private final Courier.Tally tally = new Courier.Tally();
    private final Thread tidying = Thread.ofVirtual().name("webhooks-tidy").unstarted(this::tidy);
    private final WebhookSettings settings;
    private final Secret secret;
    private final Time time;
    private volatile Outbox.Counts counts = new Outbox.Counts(0, 0, 0);

    /**
     * Where changes come from.
     *
     * @param owner       who replicates
     * @param reader      who takes on the roles of endpoints
     * @param catalog     connections of the reader's
     * @param own         connections of the owner's, for endpoints and messages
     * @param publication whose tables can be told of
     * @param slot        name of the replication slot
     */
    public record Source(
            Database owner, Database reader, DataSource catalog, DataSource own, String publication, String slot) {}

    /** Nothing runs before {@link #start}. */
    public Webhooks(
            Source source,
            WebhookSettings settings,
            Secret secret,
            Vertx vertx,
            Time time,
            Trouble trouble,
            Metrics metrics) {
        this.settings = settings;
        this.secret = secret;
        this.time = time;
        outbox = new Outbox(Jdbi.create(source.own()));
        poster = new Poster(vertx, settings);
        access = new PostgresRowAccess(source.reader(), trouble);
        var types = new PostgresTypeCatalog(source.catalog());
        var interests = new Interests(new PostgresSubscriptionCatalog(source.catalog(), types, source.publication()));
        feed = new Feed(
                outbox,
                new WebhookSlot(source.owner(), source.slot()),
                () -> new PostgresWalSource(source.owner(), source.slot(), source.publication()),
                interests,
                new Narrator(
                        interests,
                        access,
                        types,
                        new Keys(source.own()),
                        gaps -> outbox.put(gaps, time.instant()),
                        time),
                this::wake,
                time,
                trouble);
        metrics.counter("webhooks.delivered", "Messages that receivers took", tally.taken()::sum);
        metrics.counter("webhooks.refused", "Attempts at which a message was not taken", tally.refused()::sum);
        metrics.counter("webhooks.given.up", "Messages that were given up", tally.givenUp()::sum);
        metrics.gauge("webhooks.off", "Endpoints that are off", () -> counts.off());
        metrics.gauge(
                "webhooks.stalled",
                "1 while changes cannot be read or written down",
                () -> feed.problem().isPresent() ? 1 : 0);
        metrics.gauge("webhooks.waiting", "Messages that are to be sent", () -> counts.open());
        metrics.gauge("webhooks.failed", "Messages that were given up and are kept", () -> counts.failed());
    }

    public void start() {
        outbox.runs(true);
        feed.start();
        tidying.start();
    }

    /** There may be messages of these. */
    private void wake(List<UUID> ids) {
        synchronized (couriers) {
            if (!couriers.keySet().containsAll(ids)) {
                followEndpoints();
            }
            ids.forEach(id -> Optional.ofNullable(couriers.get(id)).ifPresent(Courier::wake));
        }
    }

    /** Who carries follows who is to be told; what has been over for long is forgotten. */
    private void tidy() {
        long turns = 0;
        try {
            while (true) {
                guarded(this::followEndpoints);
                if (turns++ % TIDY_EVERY.toSeconds() == 0) {
                    guarded(() -> counts = outbox.counts());
                    guarded(() -> outbox.disableOfGoneUsers(time.instant())
                            .forEach(id -> LOG.warn("Webhook {} is turned off: its user is gone or banned", id)));
                    guarded(() -> outbox.disableOverfull(time.instant())
                            .forEach(id ->
                                    LOG.warn("Webhook {} is turned off: its receiver takes too few messages", id)));
                    guarded(() -> outbox.forget(time.instant()));
                }
                time.pause(Duration.ofSeconds(1));
            }
        } catch (InterruptedException closing) {
            // so it is wanted
        }
    }

    private static void guarded(Runnable work) {
        try {
            work.run();
        } catch (RuntimeException | Error failed) {
            if (!Thread.currentThread().isInterrupted()) {
                LOG.warn("Webhooks could not be looked after; it goes on: {}", String.valueOf(failed.getMessage()));
            }
        }
    }

    private void followEndpoints() {
        var wanted = new LinkedHashMap<UUID, Endpoint>();
        outbox.endpoints().forEach(endpoint -> wanted.put(endpoint.id(), endpoint));
        synchronized (couriers) {
            var gone = new ArrayList<>(couriers.keySet());
            gone.removeAll(wanted.keySet());
            gone.forEach(id -> Optional.ofNullable(couriers.remove(id)).ifPresent(Courier::close));
            wanted.forEach((id, endpoint) -> {
                Courier courier = couriers.get(id);
                if (courier == null || courier.hasEnded()) {
                    courier = new Courier(endpoint, outbox, poster, secret, settings, time, tally, threads);
                    couriers.put(id, courier);
                    courier.start();
                } else {
                    courier.follow(endpoint);
                }
            });
        }
    }

    /** Whether its thread is gone, without which nobody is told of anything. */
    public boolean hasEnded() {
        return feed.hasEnded() || tidying.getState() == Thread.State.TERMINATED;
    }

    /** Where there is no such part: a slot that nobody reads keeps nothing. Who is told again later is told that something is missing. */
    public static void without(Database owner) {
        Jdbi jdbi = Jdbi.create(owner.url(), owner.user(), owner.password());
        boolean tables =
                jdbi.withHandle(handle -> handle.createQuery("select to_regclass('webhooks.progress') is not null")
                        .mapTo(Boolean.class)
                        .one());
        if (!tables) {
            return;
        }
        var outbox = new Outbox(jdbi);
        outbox.runs(false);
        var slot = new WebhookSlot(owner, outbox.slot());
        try {
            slot.locked(slot::drop);
        } catch (SQLException failed) {
            LOG.warn(
                    "The slot {} of webhooks, which nobody reads, could not be dropped: {}",
                    slot.name(),
                    failed.getMessage());
        }
    }

    @Override
    public void close() {
        tidying.interrupt();
        feed.close();
        synchronized (couriers) {
            couriers.values().forEach(Courier::close);
        }
        threads.shutdownNow();
        poster.close();
        access.close();
    }
}

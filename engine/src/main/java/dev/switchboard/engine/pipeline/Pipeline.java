package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.channel.RoomHistory;
import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.encode.TypeCatalog;
import dev.switchboard.engine.history.FenceSeal;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.history.HistorySettings;
import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.model.Room;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.protocol.BroadcastContent;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;

/** The WAL thread, the pipeline thread, the inbox between them, and the watches over the schema and over private rooms. Closed once. */
public final class Pipeline implements AutoCloseable {
    static final String WAL_THREAD = "switchboard-wal";
    static final String PIPELINE_THREAD = "switchboard-pipeline";
    private static final String SCHEMA_THREAD = "switchboard-schema";
    private static final String ROOMS_THREAD = "switchboard-rooms";

    private final WalSource source;
    private final Inbox inbox = new Inbox();
    private final Progress progress = new Progress();
    private final Journal journal = new Journal();
    private final History history;
    private final Fences fences;
    private final Feed feed;
    private final Thread walThread;
    private final Thread routerThread;
    private final Thread watchThread;
    private final Thread roomsThread;

    /** What the pipeline asks of the world. */
    public record Ports(
            WalSource wal,
            RowAccess rows,
            TypeCatalog types,
            SubscriptionCatalog subscriptions,
            RoomPolicies roomPolicies,
            RoomHistory roomHistory,
            Sink sink,
            Executor blocking,
            Time time,
            Trouble trouble) {}

    /** @param said is told what the database broadcasts; waits while the rooms are behind */
    public Pipeline(
            Ports ports,
            Duration authorizationPatience,
            HistorySettings kept,
            FenceSeal seal,
            BiConsumer<Room, BroadcastContent> said) {
        source = ports.wal();
        history = new History(kept, ports.time());
        fences = new Fences(ports.subscriptions(), history, seal, progress);
        feed = new Feed(ports.subscriptions(), ports.blocking(), inbox, ports.sink(), fences, ports.trouble());
        var reader = new WalReader(source, inbox, history, progress, ports.time(), ports.trouble());
        var router = new Router(
                inbox,
                new Router.Past(history, began(ports)),
                ports.rows(),
                ports.types(),
                ports.roomPolicies(),
                new Router.Outcome(ports.sink(), progress, journal, said),
                new Router.Retries(ports.time(), ports.trouble(), authorizationPatience));
        walThread = core(Thread.ofPlatform().name(WAL_THREAD), WAL_THREAD, reader);
        routerThread = core(Thread.ofPlatform().name(PIPELINE_THREAD), PIPELINE_THREAD, router);
        watchThread = everySecond(SCHEMA_THREAD, ports, new SchemaWatch(ports.subscriptions(), inbox));
        roomsThread = everySecond(
                ROOMS_THREAD,
                ports,
                () -> ports.roomPolicies()
                        .look(progress.isStreaming(ports.time().instant())));
    }

    /** Asked before anybody can be in a room. */
    private static Optional<StartingPoint> began(Ports ports) {
        try {
            return Optional.of(ports.subscriptions().now());
        } catch (SubscriptionCatalog.CatalogUnavailableException | RuntimeException unknown) {
            return Optional.empty(); // what was said just before may be said once more
        }
    }

    private Thread everySecond(String name, Ports ports, Runnable look) {
        return core(
                Thread.ofVirtual().name(name),
                name,
                new EverySecond(name, look, progress, ports.time(), ports.trouble()));
    }

    /** A thread without which changes do not flow: that it ends before the pipeline is closed is said at once. */
    private Thread core(Thread.Builder thread, String name, Runnable body) {
        return thread.unstarted(() -> {
            String cause = "it was interrupted";
            try {
                body.run();
            } catch (RuntimeException | Error fatal) {
                cause = fatal.toString();
                throw fatal;
            } finally {
                if (!progress.isClosing()) {
                    progress.vitals().ended(name, cause);
                }
            }
        });
    }

    public void start() {
        routerThread.start();
        walThread.start();
        watchThread.start();
        roomsThread.start();
    }

    public ChangeFeed feed() {
        return feed;
    }

    public Progress progress() {
        return progress;
    }

    /** What is kept of the stream. */
    public History history() {
        return history;
    }

    /** Where rows that are read meet the stream. */
    public Fences fences() {
        return fences;
    }

    /** What became of recent changes and channels. */
    public Journal journal() {
        return journal;
    }

    /** Ends both threads and waits for them. */
    @Override
    public void close() {
        progress.close();
        inbox.close();
        walThread.interrupt();
        routerThread.interrupt();
        watchThread.interrupt();
        roomsThread.interrupt();
        join(walThread, Duration.ofSeconds(1)); // it may wait for PostgreSQL, which its source then ends
        source.close();
        join(routerThread, Duration.ofSeconds(1));
        join(watchThread, Duration.ofSeconds(1));
        join(roomsThread, Duration.ofSeconds(1));
    }

    private static void join(Thread thread, Duration patience) {
        try {
            thread.join(patience);
        } catch (InterruptedException stillClosing) {
            Thread.currentThread().interrupt();
        }
    }
}

package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.encode.TypeCatalog;
import java.time.Duration;
import java.util.concurrent.Executor;

/** The WAL thread, the pipeline thread, the inbox between them, and the watch over the schema. Closed once. */
public final class Pipeline implements AutoCloseable {
    private final WalSource source;
    private final Inbox inbox = new Inbox();
    private final Progress progress = new Progress();
    private final Feed feed;
    private final Thread walThread;
    private final Thread routerThread;
    private final Thread watchThread;

    /** What the pipeline asks of the world. */
    public record Ports(
            WalSource wal,
            RowAccess rows,
            TypeCatalog types,
            SubscriptionCatalog subscriptions,
            Sink sink,
            Executor blocking,
            Time time,
            Trouble trouble) {}

    public Pipeline(Ports ports, Duration authorizationPatience) {
        source = ports.wal();
        feed = new Feed(ports.subscriptions(), ports.blocking(), inbox, ports.sink());
        var reader = new WalReader(source, inbox, progress, ports.time(), ports.trouble());
        var router = new Router(
                inbox,
                new Authorizer(ports.rows()),
                ports.types(),
                ports.sink(),
                progress,
                ports.time(),
                ports.trouble(),
                authorizationPatience);
        walThread = Thread.ofPlatform().name("switchboard-wal").unstarted(reader);
        routerThread = Thread.ofPlatform().name("switchboard-pipeline").unstarted(router);
        var watch = new SchemaWatch(ports.subscriptions(), inbox, progress, ports.time());
        watchThread = Thread.ofVirtual().name("switchboard-schema").unstarted(watch);
    }

    public void start() {
        routerThread.start();
        walThread.start();
        watchThread.start();
    }

    public ChangeFeed feed() {
        return feed;
    }

    public Progress progress() {
        return progress;
    }

    /** Ends both threads and waits for them. */
    @Override
    public void close() {
        progress.close();
        inbox.close();
        walThread.interrupt();
        routerThread.interrupt();
        watchThread.interrupt();
        join(walThread);
        source.close();
        join(routerThread);
        join(watchThread);
    }

    private static void join(Thread thread) {
        try {
            thread.join(Duration.ofSeconds(2));
        } catch (InterruptedException stillClosing) {
            Thread.currentThread().interrupt();
        }
    }
}

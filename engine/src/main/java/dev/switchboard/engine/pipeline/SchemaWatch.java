package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.route.TableSelector;
import java.time.Duration;
import java.util.Set;

/**
 * Looks every second whether subscribed tables are still there, and their partitions the same: of a table that was dropped or
 * unpublished, or a partition that was attached, no change comes that could tell. What a change does tell, columns that are different, the router sees in the stream itself. Runs
 * on a thread of its own.
 */
final class SchemaWatch implements Runnable {
    private static final Duration EVERY = Duration.ofSeconds(1);

    private final SubscriptionCatalog catalog;

    private final Inbox inbox;
    private final Progress progress;
    private final Time time;

    SchemaWatch(SubscriptionCatalog catalog, Inbox inbox, Progress progress, Time time) {
        this.catalog = catalog;

        this.inbox = inbox;
        this.progress = progress;
        this.time = time;
    }

    @Override
    public void run() {
        try {
            while (!progress.isClosing()) {
                time.pause(EVERY);
                look();
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }

    private void look() {
        try {
            Set<TableSelector.One> withdrawn = catalog.withdrawn();
            if (!withdrawn.isEmpty()) {
                inbox.put(new Inbox.Item.RefetchTables(ErrorCode.SCHEMA_CHANGED, withdrawn));
            }
            Set<TableSelector.One> moved = catalog.moved();
            if (!moved.isEmpty()) {
                inbox.put(new Inbox.Item.RefetchTables(ErrorCode.PARTITION_CHANGED, moved));
            }
        } catch (SubscriptionCatalog.CatalogUnavailableException | RuntimeException unavailable) {
            // what is the matter with PostgreSQL shows elsewhere; the next look tells as much
        }
    }
}

package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.route.TableSelector;
import java.util.Set;

/**
 * Looks whether subscribed tables are still there, and their partitions and rights the same: of a table that was dropped or
 * unpublished, a partition that was attached, or a policy that was altered, no change comes that could tell. What a change does tell, columns that are different, the router sees in the stream itself.
 */
final class SchemaWatch implements Runnable {
    private final SubscriptionCatalog catalog;
    private final Inbox inbox;

    SchemaWatch(SubscriptionCatalog catalog, Inbox inbox) {
        this.catalog = catalog;
        this.inbox = inbox;
    }

    @Override
    public void run() {
        try {
            Set<TableSelector.One> withdrawn = catalog.withdrawn();
            if (!withdrawn.isEmpty()) {
                inbox.put(new Inbox.Item.RefetchTables(ErrorCode.SCHEMA_CHANGED, withdrawn));
            }
            Set<TableSelector.One> moved = catalog.moved();
            if (!moved.isEmpty()) {
                inbox.put(new Inbox.Item.RefetchTables(ErrorCode.PARTITION_CHANGED, moved));
            }
            SubscriptionCatalog.Resighted resighted = catalog.resighted();
            if (!resighted.tables().isEmpty()) {
                inbox.put(new Inbox.Item.Resighted(resighted));
            }
        } catch (SubscriptionCatalog.CatalogUnavailableException | RuntimeException unavailable) {
            // what is the matter with PostgreSQL shows elsewhere; the next look tells as much
        }
    }
}

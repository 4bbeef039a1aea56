package dev.switchboard.engine.postgres;

import dev.switchboard.engine.postgres.CatalogVersion.Item;
import java.util.Map;

/**
 * Versions in the catalog, as they were found in an epoch.
 *
 * @param epoch another one after what was found out before may not hold any more
 */
record CatalogState(long epoch, Map<Item, String> versions) {
    boolean isOf(long present, Map<Item, String> found) {
        return epoch == present && found.entrySet().containsAll(versions.entrySet());
    }
}

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.postgres.CatalogVersion.Item;
import java.util.Map;
import java.util.Set;

/** @param xids that were visible when these versions were read */
record CheckedCatalog(Map<Item, String> versions, Set<Integer> xids) {
    static final CheckedCatalog NOTHING = new CheckedCatalog(Map.of(), Set.of());

    boolean covers(Set<Item> items, Set<Integer> asked) {
        return versions.keySet().containsAll(items) && xids.containsAll(asked);
    }
}

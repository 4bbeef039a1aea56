package dev.switchboard.engine.presence;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Changes of a room that are told as one: what came and went in between is in none. Adding one costs what is in it, however much there is
 * already. Not thread-safe.
 */
public final class PendingDiff {
    /** By key, then by reference. */
    private final Map<String, Map<String, PresenceMeta>> joins = new LinkedHashMap<>();

    private final Map<String, Map<String, PresenceMeta>> leaves = new LinkedHashMap<>();

    public void add(PresenceDiff next) {
        next.leaves()
                .forEach((key, metas) -> metas.forEach(meta -> {
                    if (!hasJoined(key, meta)) {
                        put(leaves, key, meta);
                    }
                }));
        next.joins().forEach((key, metas) -> metas.forEach(meta -> put(joins, key, meta)));
    }

    /** Takes it back, if it came since the last diff was taken. */
    private boolean hasJoined(String key, PresenceMeta meta) {
        Map<String, PresenceMeta> joined = joins.getOrDefault(key, Map.of());
        if (!joined.containsKey(meta.ref())) {
            return false;
        }
        joined.remove(meta.ref());
        if (joined.isEmpty()) {
            joins.remove(key);
        }
        return true;
    }

    private static void put(Map<String, Map<String, PresenceMeta>> to, String key, PresenceMeta meta) {
        to.computeIfAbsent(key, _ -> new LinkedHashMap<>()).put(meta.ref(), meta);
    }

    /** All that was added since the last time. */
    public PresenceDiff take() {
        var diff = new PresenceDiff(lists(joins), lists(leaves));
        joins.clear();
        leaves.clear();
        return diff;
    }

    private static Map<String, List<PresenceMeta>> lists(Map<String, Map<String, PresenceMeta>> from) {
        var lists = new LinkedHashMap<String, List<PresenceMeta>>();
        from.forEach((key, metas) -> lists.put(key, new ArrayList<>(metas.values())));
        return lists;
    }
}

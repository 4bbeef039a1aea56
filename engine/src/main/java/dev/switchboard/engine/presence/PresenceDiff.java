package dev.switchboard.engine.presence;

import java.util.List;
import java.util.Map;

/**
 * What changed in a room, by key. An update is the new meta among the joins and the old one among the leaves. Clients
 * apply joins first, then leaves, by their refs. Immutable.
 */
public record PresenceDiff(Map<String, List<PresenceMeta>> joins, Map<String, List<PresenceMeta>> leaves) {
    /** Nothing changed. */
    public static final PresenceDiff NONE = new PresenceDiff(Map.of(), Map.of());

    public boolean isEmpty() {
        return joins.isEmpty() && leaves.isEmpty();
    }

    static PresenceDiff joined(String key, PresenceMeta meta) {
        return new PresenceDiff(Map.of(key, List.of(meta)), Map.of());
    }

    static PresenceDiff left(String key, PresenceMeta meta) {
        return new PresenceDiff(Map.of(), Map.of(key, List.of(meta)));
    }

    static PresenceDiff updated(String key, PresenceMeta before, PresenceMeta now) {
        return new PresenceDiff(Map.of(key, List.of(now)), Map.of(key, List.of(before)));
    }

    /** This diff and then another as one: what came and went in between is in neither. */
    public PresenceDiff then(PresenceDiff next) {
        var both = new PendingDiff();
        both.add(this);
        both.add(next);
        return both.take();
    }
}

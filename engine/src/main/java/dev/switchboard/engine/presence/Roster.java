package dev.switchboard.engine.presence;

import dev.switchboard.engine.model.ChannelRef;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The presences of one room. A channel has at most one; channels may share a key, as the tabs of one user do. Owned by
 * the loop that owns the room.
 */
public final class Roster {
    private final Map<String, Map<ChannelRef, PresenceMeta>> byKey = new LinkedHashMap<>();
    private final Map<ChannelRef, String> keys = new HashMap<>();

    /**
     * A channel appears, or shows something else than before; the same again changes nothing.
     *
     * @param members the members of the tracked JSON object, without its braces
     * @param ref     of the presence, where one comes to be
     */
    public PresenceDiff track(ChannelRef channel, String key, String members, String ref) {
        Optional<PresenceMeta> before = Optional.ofNullable(
                byKey.getOrDefault(keys.getOrDefault(channel, key), Map.of()).get(channel));
        if (before.isPresent() && before.get().members().equals(members)) {
            return PresenceDiff.NONE;
        }
        var meta = new PresenceMeta(ref, before.map(PresenceMeta::ref), members);
        keys.put(channel, key);
        byKey.computeIfAbsent(key, _ -> new LinkedHashMap<>()).put(channel, meta);
        return before.map(old -> PresenceDiff.updated(key, old, meta)).orElseGet(() -> PresenceDiff.joined(key, meta));
    }

    /** A channel disappears; one that is not present changes nothing. */
    public PresenceDiff untrack(ChannelRef channel) {
        String key = keys.remove(channel);
        if (key == null) {
            return PresenceDiff.NONE;
        }
        Map<ChannelRef, PresenceMeta> channels = byKey.getOrDefault(key, Map.of());
        PresenceMeta meta = channels.remove(channel);
        if (channels.isEmpty()) {
            byKey.remove(key);
        }
        return meta == null ? PresenceDiff.NONE : PresenceDiff.left(key, meta);
    }

    /** Everyone present, by key. */
    public Map<String, List<PresenceMeta>> present() {
        var present = new LinkedHashMap<String, List<PresenceMeta>>();
        byKey.forEach((key, channels) -> present.put(key, List.copyOf(channels.values())));
        return present;
    }

    public boolean isEmpty() {
        return keys.isEmpty();
    }
}

package dev.switchboard.client;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Who is present, put together from a state and the diffs that follow. Owned by the client's thread. */
final class Presences {
    private static final String REFERENCE = "phx_ref";

    private final Map<String, List<Map<String, Object>>> byKey = new LinkedHashMap<>();

    void state(Map<String, Object> state) {
        byKey.clear();
        join(state);
    }

    /** Joins first, then leaves: an update is both, told apart by their references. */
    void diff(Map<String, Object> diff) {
        join(JsonText.object(diff, "joins"));
        Map<String, Object> leaves = JsonText.object(diff, "leaves");
        leaves.keySet()
                .forEach(key -> metas(leaves, key).forEach(meta -> remove(key, JsonText.string(meta, REFERENCE))));
    }

    private void join(Map<String, Object> joins) {
        joins.keySet()
                .forEach(key -> metas(joins, key).forEach(meta -> {
                    remove(key, JsonText.string(meta, REFERENCE));
                    byKey.computeIfAbsent(key, _ -> new ArrayList<>()).add(meta);
                }));
    }

    private void remove(String key, String reference) {
        byKey.computeIfPresent(key, (_, metas) -> {
            metas.removeIf(meta -> JsonText.string(meta, REFERENCE).equals(reference));
            return metas.isEmpty() ? null : metas;
        });
    }

    @SuppressWarnings("unchecked") // keys of JSON objects are strings
    private static List<Map<String, Object>> metas(Map<String, Object> presences, String key) {
        return JsonText.object(presences, key).get("metas") instanceof List<?> metas
                ? metas.stream()
                        .filter(Map.class::isInstance)
                        .map(meta -> (Map<String, Object>) meta)
                        .toList()
                : List.of();
    }

    /** What is tracked, without the references. */
    Map<String, List<Map<String, Object>>> present() {
        var present = new LinkedHashMap<String, List<Map<String, Object>>>();
        byKey.forEach((key, metas) -> present.put(
                key,
                metas.stream()
                        .map(meta -> {
                            var tracked = new LinkedHashMap<>(meta);
                            tracked.remove(REFERENCE);
                            tracked.remove("phx_ref_prev");
                            return (Map<String, Object>) tracked;
                        })
                        .toList()));
        return present;
    }
}

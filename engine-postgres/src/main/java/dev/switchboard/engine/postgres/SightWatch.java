package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.Sight;
import dev.switchboard.engine.postgres.CatalogVersion.Item;
import dev.switchboard.engine.postgres.CatalogVersion.Kind;
import dev.switchboard.engine.route.TableSelector;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * Versions of the grants, policies, functions and roles that rows of tables are seen by, as they were when they were last looked at:
 * never newer than what somebody reads after having asked for them. Thread-safe, but for {@link #changed}.
 */
final class SightWatch {
    private static final int DIGITS = 16;

    private final Map<Watched, Map<Item, String>> known = new ConcurrentHashMap<>();

    /** @param reads by the policies of some role; empty where that is not known */
    private record Watched(TableSelector.One table, Optional<Set<Integer>> reads) {
        Set<Integer> tables() {
            var tables = new HashSet<>(reads.orElse(Set.of()));
            tables.add(table.oid());
            return tables;
        }
    }

    /** @param reads the tables that the role's policies read, where that is known */
    Sight know(Connection connection, TableSelector.One table, Optional<Set<Integer>> reads) throws SQLException {
        var watched = new Watched(table, reads);
        Map<Item, String> versions = known.get(watched);
        if (versions == null) {
            versions = read(connection, watched);
            Map<Item, String> before = known.putIfAbsent(watched, versions);
            versions = before == null ? versions : before;
        }
        return new Sight(digest(versions), reads);
    }

    boolean isIdle() {
        return known.isEmpty();
    }

    /** The tables of which something has changed since it was last looked at. Called by one thread. */
    Set<TableSelector.One> changed(Connection connection) throws SQLException {
        var changed = new LinkedHashSet<TableSelector.One>();
        var before = new HashMap<>(known);
        var items = new HashSet<Item>();
        before.values().forEach(versions -> items.addAll(versions.keySet()));
        Map<Item, String> present = CatalogVersion.read(connection, items);
        for (var entry : before.entrySet()) {
            if (!present.entrySet().containsAll(entry.getValue().entrySet())) {
                changed.add(entry.getKey().table());
                known.put(entry.getKey(), read(connection, entry.getKey()));
            }
        }
        return changed;
    }

    /** The table is not listened to any more. */
    void forget(TableSelector.One table) {
        known.keySet().removeIf(watched -> watched.table().equals(table));
    }

    private static Map<Item, String> read(Connection connection, Watched watched) throws SQLException {
        Set<Item> items = CatalogVersion.surroundings(connection, watched.tables()).stream()
                .filter(item -> item.kind() != Kind.PUBLICATIONS && item.kind() != Kind.ENUMERATION)
                .collect(Collectors.toSet());
        return CatalogVersion.read(connection, items);
    }

    /** The same for the same versions. */
    private static String digest(Map<Item, String> versions) {
        String text = versions.entrySet().stream()
                .map(entry -> entry.getKey() + "=" + entry.getValue())
                .sorted()
                .collect(Collectors.joining("\n"));
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash).substring(0, DIGITS);
        } catch (NoSuchAlgorithmException impossible) { // every Java has it
            throw new IllegalStateException(impossible);
        }
    }
}

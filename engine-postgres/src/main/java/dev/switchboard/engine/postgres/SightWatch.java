package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.Sight;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
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
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/**
 * What rows of tables are seen by, per role: which tables the policies read, and versions of the grants, policies, functions and roles,
 * never newer than what somebody reads after having asked for them. Thread-safe, but for {@link #changed}.
 */
final class SightWatch {
    private static final int DIGITS = 16;
    private static final Set<Kind> KINDS = Set.of(Kind.TABLE, Kind.FUNCTION, Kind.SHARED);

    private final Publications publications;
    private final Map<Watched, Known> known = new ConcurrentHashMap<>();
    private final AtomicLong generation = new AtomicLong();

    private record Watched(TableSelector.One table, String role) {}

    /** @param reads by the policies; empty where that is not known */
    private record Known(Optional<Set<Integer>> reads, Map<Item, String> versions) {}

    SightWatch(Publications publications) {
        this.publications = publications;
    }

    /** @param whole whether an UPDATE tells what the row was */
    Sight know(Connection connection, TableSelector.One table, String role, boolean whole) throws SQLException {
        long before = generation.get();
        var watched = new Watched(table, role);
        Known found = known.get(watched);
        if (found == null) {
            Known read = read(connection, watched);
            found = Optional.ofNullable(known.putIfAbsent(watched, read)).orElse(read);
        }
        return new Sight(digest(found.versions()), found.reads(), whole, before);
    }

    boolean isIdle() {
        return known.isEmpty();
    }

    /** Forgets those of which something has changed since they were looked at. Called by one thread. */
    SubscriptionCatalog.Resighted changed(Connection connection) throws SQLException {
        var before = new HashMap<>(known);
        var items = new HashSet<Item>();
        before.values().forEach(one -> items.addAll(one.versions().keySet()));
        Map<Item, String> present = CatalogVersion.read(connection, items);
        before.values()
                .removeIf(one -> present.entrySet().containsAll(one.versions().entrySet()));
        if (before.isEmpty()) {
            return new SubscriptionCatalog.Resighted(Set.of(), generation.get());
        }
        before.forEach(known::remove);
        return new SubscriptionCatalog.Resighted(
                before.keySet().stream().map(Watched::table).collect(Collectors.toSet()), generation.incrementAndGet());
    }

    /** The table is not listened to any more. */
    void forget(TableSelector.One table) {
        known.keySet().removeIf(watched -> watched.table().equals(table));
    }

    /** The versions are of before what the policies were found to read. */
    private Known read(Connection connection, Watched watched) throws SQLException {
        Optional<Set<Integer>> reads = reads(connection, watched);
        while (true) {
            var tables = new HashSet<>(reads.orElse(Set.of()));
            tables.add(watched.table().oid());
            Set<Item> items = CatalogVersion.surroundings(connection, tables).stream()
                    .filter(item -> KINDS.contains(item.kind()))
                    .collect(Collectors.toSet());
            Map<Item, String> versions = CatalogVersion.read(connection, items);
            Optional<Set<Integer>> again = reads(connection, watched);
            if (again.equals(reads)) {
                return new Known(reads, versions);
            }
            reads = again;
        }
    }

    private Optional<Set<Integer>> reads(Connection connection, Watched watched) throws SQLException {
        return TableSecurity.load(connection, watched.table().oid(), watched.role(), publications)
                .reads();
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

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.policy.ClaimValues;
import dev.switchboard.engine.route.Audience;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is known of tables, for as long as the catalog is as it was: policies and grants per role, and which groups may
 * SELECT at all. Owned by the pipeline thread.
 */
final class KnownTables {
    private static final String GONE = "";
    /** What is kept of groups and tables together, by estimate; beyond it those that were used least recently are asked again. */
    private static final long REMEMBERED_BYTES = 64L << 20;

    private static final int ENTRY_BYTES = 300;

    private final Map<SecurityKey, Loaded> securities = new HashMap<>();
    /** What the present round goes by. */
    private final Map<SecurityKey, Loaded> used = new HashMap<>();
    /** Tables that were found unchanged during the present round. */
    private final Set<SecurityKey> verified = new HashSet<>();

    /** In the order of their use. */
    private final Map<ProbeKey, Standing> probes = new LinkedHashMap<>(64, 0.75f, true);

    private final boolean compiling;
    private long bytes;

    /** @param compiling whether what claims come to is of use */
    KnownTables(boolean compiling) {
        this.compiling = compiling;
    }

    private record SecurityKey(int oid, String role) {}

    /** @param version of the catalog when it was read, or a little before */
    private record Loaded(TableSecurity security, Relation relation, String version) {
        boolean isOf(Map<Integer, String> versions, SecurityKey key) {
            return version.equals(versions.getOrDefault(key.oid(), GONE));
        }
    }

    private record ProbeKey(int oid, ClaimsGroup group) {}

    /**
     * How a group stands with a table.
     *
     * @param passed whether a SELECT raises nothing
     * @param values what the compiled policies' values come to; empty where they are not compiled, or have to be asked for it
     * @param audience what the rows have in common that it may see
     */
    record Standing(TableSecurity security, boolean passed, Optional<ClaimValues> values, Audience audience) {}

    void startRound() {
        used.clear();
        verified.clear();
    }

    /** Forgets of what the round goes by whatever is not as these versions of the catalog have it. */
    void forget(Map<Integer, String> versions) {
        securities.keySet().removeIf(key -> {
            Loaded loaded = used.get(key);
            return loaded != null && !loaded.isOf(versions, key);
        });
    }

    /** Forgets of these tables whatever is not as these versions of the catalog have it. */
    void forgetOutdated(Map<Integer, String> versions) {
        securities
                .entrySet()
                .removeIf(known -> versions.containsKey(known.getKey().oid())
                        && !known.getValue().isOf(versions, known.getKey()));
    }

    /** Forgets how groups stand with tables. */
    void forgetGroups() {
        probes.clear();
        bytes = 0;
    }

    /** The version that the present round goes by for a table and a role. */
    Optional<String> usedVersion(int oid, String role) {
        return Optional.ofNullable(used.get(new SecurityKey(oid, role))).map(Loaded::version);
    }

    /** The tables of the present round. */
    Set<Integer> usedOids() {
        var oids = new HashSet<Integer>();
        used.keySet().forEach(key -> oids.add(key.oid()));
        return oids;
    }

    /** Whether all that the round goes by is as these versions of the catalog have it. */
    void refuseOutdated(Map<Integer, String> versions) throws OutdatedException {
        for (var entry : used.entrySet()) {
            if (!entry.getValue().isOf(versions, entry.getKey())) {
                throw new OutdatedException(versions);
            }
        }
    }

    /** Policies and grants as they are now, and never older than the last Relation message. */
    @SuppressWarnings("ReferenceEquality") // another instance is another Relation message, equal or not
    TableSecurity security(Connection connection, Relation relation, String role) throws SQLException {
        var key = new SecurityKey(relation.oid(), role);
        Loaded known = securities.get(key);
        if (known != null && known.relation() == relation) {
            used.put(key, known);
            return known.security();
        }
        String version = CatalogVersion.read(connection, Set.of(relation.oid())).getOrDefault(relation.oid(), GONE);
        TableSecurity loaded = TableSecurity.load(connection, relation.oid(), role);
        // the same instance as long as nothing changed, a function's body neither: what groups were told under it stays
        // so
        TableSecurity security = known != null && known.security().equals(loaded) ? known.security() : loaded;
        var loading = new Loaded(security, relation, version);
        securities.put(key, loading);
        used.put(key, loading);
        return security;
    }

    /** How the group stands with the table; asked once as long as nothing changes. */
    @SuppressWarnings("ReferenceEquality") // security() keeps the instance while nothing changed
    Standing standing(Connection connection, int oid, TableSecurity security, ClaimsGroup group)
            throws SQLException, RowAccessUnavailableException {
        var key = new ProbeKey(oid, group);
        Standing known = probes.get(key);
        if (known != null && known.security() == security) {
            return known;
        }
        Optional<ClaimValues> values = compiling ? Impersonation.values(connection, security, group) : Optional.empty();
        boolean passed = values.isPresent()
                || Impersonation.objection(connection, security, group).isEmpty();
        if (!passed && !TableSecurity.load(connection, oid, group.role()).equals(security)) {
            securities.remove(new SecurityKey(oid, group.role()));
            throw new RowAccessUnavailableException(
                    "table " + security.table() + " has changed meanwhile", new IllegalStateException("stale"));
        }
        var standing = new Standing(security, passed, values, audience(security, values));
        remember(key, standing);
        return standing;
    }

    /** A value that cannot be compared leaves the group to be asked: nothing is known of its rows. */
    private static Audience audience(TableSecurity security, Optional<ClaimValues> values) {
        try {
            return values.flatMap(all -> security.compiled().map(policy -> policy.audience(all)))
                    .orElseGet(Audience.Any::new);
        } catch (RuntimeException notUnderstood) {
            return new Audience.Any();
        }
    }

    private void remember(ProbeKey key, Standing standing) {
        forget(key, probes.put(key, standing));
        bytes += bytesOf(key, standing);
        Iterator<Map.Entry<ProbeKey, Standing>> eldest = probes.entrySet().iterator();
        while (bytes > REMEMBERED_BYTES && probes.size() > 1) {
            Map.Entry<ProbeKey, Standing> entry = eldest.next();
            eldest.remove();
            forget(entry.getKey(), entry.getValue());
        }
    }

    private void forget(ProbeKey key, @Nullable Standing former) {
        if (former != null) {
            bytes -= bytesOf(key, former);
        }
    }

    private static long bytesOf(ProbeKey key, Standing standing) {
        long values = standing.values().stream()
                .flatMap(all -> all.values().stream())
                .flatMap(value -> value.texts().stream())
                .mapToLong(text -> 60 + text.orElse("").length())
                .sum();
        return ENTRY_BYTES + key.group().json().length() + values;
    }

    /** What raised may be our own: the table is not any more what the statement was made for. Then ask again. */
    void refuseStale(Connection connection, RoundTrips.Pending pending, SQLException raised)
            throws SQLException, RowAccessUnavailableException {
        var key = new SecurityKey(pending.oid(), pending.group().role());
        if (!verified.add(key)) {
            return;
        }
        TableSecurity present = TableSecurity.load(connection, key.oid(), key.role());
        if (!present.equals(pending.security())) {
            securities.remove(key);
            throw new RowAccessUnavailableException(
                    "table " + pending.security().table() + " has changed meanwhile: " + raised.getMessage(), raised);
        }
    }
}

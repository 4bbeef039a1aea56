package dev.switchboard.engine.postgres;

import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * What is known of tables, for as long as the catalog is as it was: policies and grants per role, and which groups may
 * SELECT at all. Owned by the pipeline thread.
 */
final class KnownTables {
    private static final String GONE = "";
    private static final int REMEMBERED = 10_000;

    private final Map<SecurityKey, Loaded> securities = new HashMap<>();
    /** What the present round goes by. */
    private final Map<SecurityKey, Loaded> used = new HashMap<>();
    /** Tables that were found unchanged during the present round. */
    private final Set<SecurityKey> verified = new HashSet<>();

    private final Map<ProbeKey, Probed> probes = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<ProbeKey, Probed> eldest) {
            return size() > REMEMBERED;
        }
    };

    private record SecurityKey(int oid, String role) {}

    /** @param version of the catalog when it was read, or a little before */
    private record Loaded(TableSecurity security, Relation relation, String version) {
        boolean isOf(Map<Integer, String> versions, SecurityKey key) {
            return version.equals(versions.getOrDefault(key.oid(), GONE));
        }
    }

    private record ProbeKey(int oid, ClaimsGroup group) {}

    private record Probed(TableSecurity security, boolean passed) {}

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
        // the same instance as long as nothing changed: a probe passed under it stays passed
        TableSecurity security = known != null && known.security().equals(loaded) ? known.security() : loaded;
        var loading = new Loaded(security, relation, version);
        securities.put(key, loading);
        used.put(key, loading);
        return security;
    }

    /** Whether a SELECT on the table raises nothing for the group; asked once as long as nothing changes. */
    @SuppressWarnings("ReferenceEquality") // security() keeps the instance while nothing changed
    boolean probe(Connection connection, int oid, TableSecurity security, ClaimsGroup group)
            throws SQLException, RowAccessUnavailableException {
        var key = new ProbeKey(oid, group);
        Probed known = probes.get(key);
        if (known != null && known.security() == security) {
            return known.passed();
        }
        boolean passed = Impersonation.objection(connection, security, group).isEmpty();
        if (!passed && !TableSecurity.load(connection, oid, group.role()).equals(security)) {
            securities.remove(new SecurityKey(oid, group.role()));
            throw new RowAccessUnavailableException(
                    "table " + security.table() + " has changed meanwhile", new IllegalStateException("stale"));
        }
        probes.put(key, new Probed(security, passed));
        return passed;
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

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.policy.ClaimValues;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What is known of tables, for as long as the catalog is as it was: policies and grants per role, and which groups may
 * SELECT at all. Owned by the pipeline thread.
 */
final class KnownTables {
    private static final String GONE = "";
    /** Of groups, per table; beyond it the oldest are asked again. */
    private static final int REMEMBERED = 100_000;

    private final Map<SecurityKey, Loaded> securities = new HashMap<>();
    /** What the present round goes by. */
    private final Map<SecurityKey, Loaded> used = new HashMap<>();
    /** Tables that were found unchanged during the present round. */
    private final Set<SecurityKey> verified = new HashSet<>();

    private final Map<ProbeKey, Standing> probes = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<ProbeKey, Standing> eldest) {
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

    /**
     * How a group stands with a table.
     *
     * @param passed whether a SELECT raises nothing
     * @param values what the compiled policies' values come to; empty where they are not compiled, or have to be asked for it
     */
    record Standing(TableSecurity security, boolean passed, Optional<ClaimValues> values) {}

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
        // the same instance as long as nothing changed: a probe passed under it stays passed
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
        Optional<ClaimValues> values = Impersonation.values(connection, security, group);
        boolean passed = values.isPresent()
                || Impersonation.objection(connection, security, group).isEmpty();
        if (!passed && !TableSecurity.load(connection, oid, group.role()).equals(security)) {
            securities.remove(new SecurityKey(oid, group.role()));
            throw new RowAccessUnavailableException(
                    "table " + security.table() + " has changed meanwhile", new IllegalStateException("stale"));
        }
        var standing = new Standing(security, passed, values);
        probes.put(key, standing);
        return standing;
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

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.postgres.CatalogVersion.Item;
import dev.switchboard.engine.postgres.policy.ClaimValues;
import dev.switchboard.engine.route.Audience;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is known of tables, for as long as the catalog is as it was: policies and grants per role, and how groups stand with them.
 * Owned by the thread that asks.
 */
final class KnownTables {
    private static final String SNAPSHOT =
            "select pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text" + " from pg_current_snapshot() as s";

    private final Map<SecurityKey, Loaded> securities = new HashMap<>();
    /** What was forgotten, for as long as nothing newer is known: by what tables were heard of. */
    private final Map<SecurityKey, Loaded> former = new HashMap<>();
    /** What the present round goes by. */
    private final Map<SecurityKey, Loaded> used = new HashMap<>();
    /** What the present round has been told of {@link #knownVersions}. */
    private final Map<Integer, Map<Item, String>> toldVersions = new HashMap<>();
    /** Tables that were found unchanged during the present round. */
    private final Set<SecurityKey> verified = new HashSet<>();

    private final Standings standings;
    private final Deciding deciding;
    private long probeMillis = RoundTrips.PATIENT_MILLIS;
    private Publications publications = Publications.none();

    /** What is decided without PostgreSQL. */
    enum Deciding {
        NOTHING,
        /** Policies that read the row and the claims alone: nothing is heard of other tables. */
        BY_ROWS,
        /** Those that read other tables too, of whose changes the stream tells. */
        BY_STREAM
    }

    KnownTables(Standings standings, Deciding deciding) {
        this.standings = standings;
        this.deciding = deciding;
    }

    private record SecurityKey(int oid, String role) {}

    /**
     * Policies of a table that read others may be decided here only once no transaction is under way any more that may have written
     * to these before they were published: its changes are not heard of.
     *
     * @param versions  of all that it hangs on, in the catalog when it was read or a little before
     * @param security  what is gone by
     * @param compiled  what is gone by later
     * @param untilXmin when no transaction before this one is under way any more; 0: at once
     */
    private record Loaded(
            TableSecurity security,
            TableSecurity compiled,
            long untilXmin,
            Relation relation,
            Map<Item, String> versions) {
        boolean isOf(Map<Item, String> present) {
            return present.entrySet().containsAll(versions.entrySet());
        }

        boolean isWaiting() {
            return untilXmin > 0;
        }

        Loaded settled() {
            return new Loaded(compiled, compiled, 0, relation, versions);
        }
    }

    /** From now on what takes long to find out raises soon. */
    void beBrief() {
        probeMillis = Impersonation.VALUES_MILLIS;
    }

    void startRound() {
        if (deciding != Deciding.BY_STREAM) {
            standings.takeDropped(); // nobody wants to know
        }
        used.clear();
        verified.clear();
        toldVersions.clear();
    }

    /** What the stream brings from now on. All that was known by what it brought before is forgotten. */
    void carried(Publications carried) {
        publications = carried;
        securities.clear();
        former.clear();
        standings.clear();
    }

    /** Forgets of what the round goes by whatever is not as these versions of the catalog have it. */
    void forget(Map<Item, String> versions) {
        List.copyOf(securities.keySet()).forEach(key -> {
            Loaded loaded = used.get(key);
            if (loaded != null && !loaded.isOf(versions)) {
                forget(key);
            }
        });
    }

    /** Forgets of these tables whatever is not as these versions of the catalog have it. */
    void forgetOutdated(Map<Item, String> versions) {
        Map.copyOf(securities).forEach((key, loaded) -> {
            if (versions.keySet().containsAll(loaded.versions().keySet()) && !loaded.isOf(versions)) {
                forget(key);
            }
        });
    }

    private void forget(SecurityKey key) {
        Loaded forgotten = securities.remove(key);
        if (forgotten != null) {
            former.put(key, forgotten);
        }
    }

    /** The versions that what is known of a table goes by, for whatever role; those of the present round come first. */
    Map<Item, String> knownVersions(int oid) {
        return toldVersions.computeIfAbsent(oid, this::collectVersions);
    }

    private Map<Item, String> collectVersions(int oid) {
        var versions = new HashMap<Item, String>();
        for (Map<SecurityKey, Loaded> known : List.of(securities, used)) {
            known.forEach((key, loaded) -> {
                if (key.oid() == oid) {
                    versions.putAll(loaded.versions());
                }
            });
        }
        return versions;
    }

    /** What the present round goes by hangs on these. */
    Set<Item> usedItems() {
        var items = new HashSet<Item>();
        used.values().forEach(loaded -> items.addAll(loaded.versions().keySet()));
        return items;
    }

    /** Whether all that the round goes by is as these versions of the catalog have it. */
    void refuseOutdated(Map<Item, String> versions) throws OutdatedException {
        for (Loaded loaded : used.values()) {
            if (!loaded.isOf(versions)) {
                throw new OutdatedException(versions);
            }
        }
    }

    /** Policies and grants as they are now, and never older than the last Relation message. */
    @SuppressWarnings("ReferenceEquality") // another instance is another Relation message, equal or not
    TableSecurity security(Connection connection, Relation relation, String role) throws SQLException {
        var key = new SecurityKey(relation.oid(), role);
        Loaded known = securities.get(key);
        Loaded present =
                known != null && known.relation() == relation ? known : load(connection, relation, role, known);
        if (present.isWaiting() && !used.containsKey(key) && snapshot(connection, 1) >= present.untilXmin()) {
            present = present.settled();
        }
        if (present != known) {
            securities.put(key, present);
            former.remove(key);
            toldVersions.remove(relation.oid());
        }
        used.put(key, present);
        return present.security();
    }

    private Loaded load(Connection connection, Relation relation, String role, @Nullable Loaded known)
            throws SQLException {
        Set<Item> items = CatalogVersion.surroundings(connection, Set.of(relation.oid()));
        while (true) {
            Map<Item, String> versions = CatalogVersion.read(connection, items);
            TableSecurity read = load(connection, relation.oid(), role);
            if (!items.containsAll(read.surroundings().keySet())) {
                items.addAll(
                        read.surroundings().keySet()); // read again, so that no version is newer than what was read
                continue;
            }
            // the same instance as long as nothing changed, a function's body neither: what groups were told under it
            // stays so
            if (known != null && known.compiled().equals(read)) {
                return new Loaded(known.security(), known.compiled(), known.untilXmin(), relation, versions);
            }
            return read.dependencies().isEmpty()
                            || isHeardAsBefore(
                                    read,
                                    versions,
                                    known == null ? former.get(new SecurityKey(relation.oid(), role)) : known)
                    ? new Loaded(read, read, 0, relation, versions)
                    : new Loaded(read.asked(), read, snapshot(connection, 2), relation, versions);
        }
    }

    /** Whether the tables that are read were published in the same way when nobody was waited for any more. */
    private static boolean isHeardAsBefore(TableSecurity read, Map<Item, String> versions, @Nullable Loaded known) {
        var items = new HashSet<Item>();
        items.add(Item.PUBLICATIONS);
        read.dependencies().forEach(oid -> items.add(Item.table(oid)));
        return known != null
                && !known.isWaiting()
                && items.stream()
                        .allMatch(item -> known.versions().containsKey(item)
                                && known.versions().get(item).equals(versions.get(item)));
    }

    private TableSecurity load(Connection connection, int oid, String role) throws SQLException {
        TableSecurity read = TableSecurity.load(connection, oid, role, publications);
        return deciding == Deciding.BY_STREAM || read.dependencies().isEmpty() ? read : read.asked();
    }

    /** @param bound 1: before which no transaction is under way; 2: before which all have begun */
    private static long snapshot(Connection connection, int bound) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(SNAPSHOT)) {
            row.next();
            return Long.parseLong(row.getString(bound));
        }
    }

    @SuppressWarnings("ReferenceEquality") // security() keeps the instance while nothing changed
    boolean knows(int oid, TableSecurity security, ClaimsGroup group) {
        return standings
                .find(new Standings.Key(oid, group))
                .filter(standing -> standing.security() == security)
                .isPresent();
    }

    /** How the group stands with the table; asked once as long as nothing changes. */
    @SuppressWarnings("ReferenceEquality") // security() keeps the instance while nothing changed
    Standings.Standing standing(Connection connection, int oid, TableSecurity security, ClaimsGroup group)
            throws SQLException, RowAccessUnavailableException {
        var key = new Standings.Key(oid, group);
        Optional<Standings.Standing> known = standings.find(key);
        if (known.isPresent() && known.get().security() == security) {
            return known.get();
        }
        Optional<ClaimValues> values =
                deciding == Deciding.NOTHING ? Optional.empty() : Impersonation.values(connection, security, group);
        boolean passed = values.isPresent()
                || Impersonation.objectionWithin(connection, security, group, probeMillis)
                        .isEmpty();
        if (!passed && !isAsItWas(connection, oid, group.role(), security)) {
            securities.remove(new SecurityKey(oid, group.role()));
            throw new RowAccessUnavailableException(
                    "table " + security.table() + " has changed meanwhile", new IllegalStateException("stale"));
        }
        var standing = new Standings.Standing(security, passed, values, audience(security, values));
        standings.put(key, standing);
        return standing;
    }

    private boolean isAsItWas(Connection connection, int oid, String role, TableSecurity security) throws SQLException {
        TableSecurity present = load(connection, oid, role);
        return present.equals(security) || present.asked().equals(security);
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

    /** What raised may be our own: the table is not any more what the statement was made for. Then ask again. */
    void refuseStale(Connection connection, RoundTrips.Pending pending, SQLException raised)
            throws SQLException, RowAccessUnavailableException {
        var key = new SecurityKey(pending.oid(), pending.group().role());
        if (!verified.add(key)) {
            return;
        }
        if (!isAsItWas(connection, key.oid(), key.role(), pending.security())) {
            securities.remove(key);
            throw new RowAccessUnavailableException(
                    "table " + pending.security().table() + " has changed meanwhile: " + raised.getMessage(), raised);
        }
    }
}

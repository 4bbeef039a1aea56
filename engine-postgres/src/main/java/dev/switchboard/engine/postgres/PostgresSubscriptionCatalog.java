package dev.switchboard.engine.postgres;

import dev.switchboard.engine.encode.ColumnType;
import dev.switchboard.engine.encode.TypeCatalog;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Sight;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.route.EventKind;
import dev.switchboard.engine.route.Filter;
import dev.switchboard.engine.route.Selection;
import dev.switchboard.engine.route.TableSelector;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import javax.sql.DataSource;

/** Checks a binding against catalog, grants and policies before it becomes a subscription. Thread-safe. */
public final class PostgresSubscriptionCatalog implements SubscriptionCatalog {
    /** Whether it can be subscribed to, and a fingerprint of what that depends on: more than authorization does. */
    private static final String TABLE = """
            select c.oid, exists (select from pg_publication_tables p
                                   where p.pubname = ? and p.schemaname = n.nspname and p.tablename = c.relname) as published, c.relreplident = 'f' and not (c.relhassubclass and c.relkind = 'r') as whole,
                   concat_ws(' ',
                     (select string_agg(r.xmin::text, ' ' order by r.oid) from pg_publication_rel r where r.prrelid = c.oid),
                     (select string_agg(p.xmin::text, ' ' order by p.oid) from pg_publication p),
                     (select string_agg(i.xmin::text, ' ' order by i.indexrelid) from pg_index i where i.indrelid = c.oid),
                     (select count(*) || ':' || bit_xor(hashtextextended(e.oid || ' ' || e.xmin || ' ' || e.enumlabel, 0))
                        from pg_attribute a join pg_enum e on e.enumtypid = a.atttypid where a.attrelid = c.oid),
            """ + CatalogVersion.OF_TABLE + """
            , shared.version) as fingerprint
              from pg_class c join pg_namespace n on n.oid = c.relnamespace,
            """ + CatalogVersion.SHARED
            + " where n.nspname = ? and c.relname = ? and c.relkind in ('r', 'p')";

    private static final String NOW = "select pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text";
    private static final String GONE = """
            select w.schema, w.name, w.oid from unnest(?::text[], ?::text[], ?::bigint[]) as w(schema, name, oid)
             where not exists (select from pg_publication_tables p, pg_class c, pg_namespace n
                                where p.pubname = ? and p.schemaname = w.schema and p.tablename = w.name
                                  and c.oid = w.oid and n.oid = c.relnamespace
                                  and n.nspname = w.schema and c.relname = w.name)
            """;
    /** How long a table may go on changing while it is read for one join. */
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(3);

    private static final int REMEMBERED = 1_000;

    private final DataSource dataSource;
    private final Map<FactsKey, TableFacts> remembered = new ConcurrentHashMap<>();
    private final Map<TableName, CommonReading<Optional<Version>>> versions = new ConcurrentHashMap<>();
    private final CommonReading<StartingPoint> startingPoints = new CommonReading<>();
    /** Tables that were subscribed to by name. */
    private final Set<TableSelector.One> subscribed = ConcurrentHashMap.newKeySet();

    /** Those that were named as withdrawn the last time; owned by the thread that asks. */
    private final Set<TableSelector.One> told = new LinkedHashSet<>();

    private final PartitionWatch partitions;
    private final SightWatch sights;
    private final PublishedSince publishedSince;

    /** Filters whose patterns are compiled at the same time: the other connections serve everybody else. */
    private final Semaphore patterns = new Semaphore(2);

    private final TypeCatalog types;
    private final String publication;

    private record FactsKey(TableName table, String role) {}

    /**
     * @param version  of the catalog, before it was read and after
     *
     * @param selector of all who subscribe to it
     * @param filtered sets of columns that filters read
     */
    private record TableFacts(
            Version version,
            TableSecurity security,
            Map<String, ColumnFacts> columns,
            TableSelector.One selector,
            Interned<Map<String, Integer>> filtered) {}

    /** @param fingerprint another one as soon as something changes that a subscription to the table depends on */
    private record Version(int oid, boolean published, boolean whole, String fingerprint) {}

    public PostgresSubscriptionCatalog(DataSource dataSource, TypeCatalog types, String publication) {
        this.dataSource = dataSource;
        this.types = types;
        this.publication = publication;
        partitions = new PartitionWatch(publication);
        publishedSince = new PublishedSince(publication);
        sights = new SightWatch(Publications.with(publication));
    }

    @Override
    public Resolution resolve(Binding binding, ClaimsGroup group) throws CatalogUnavailableException {
        boolean slow = binding.filter().filter(FilterResolver::hasPatterns).isPresent();
        if (slow) {
            patterns.acquireUninterruptibly();
        }
        try {
            return decide(binding, group);
        } catch (RefusedException refused) {
            return refused(binding, String.valueOf(refused.getMessage()));
        } catch (TypeCatalog.TypeCatalogUnavailableException unavailable) {
            throw new CatalogUnavailableException(unavailable);
        } catch (SQLException failed) {
            if (SqlState.isTransient(failed)) {
                throw new CatalogUnavailableException(failed);
            }
            return refused(binding, "PostgreSQL says: " + SqlState.text(failed));
        } finally {
            if (slow) {
                patterns.release();
            }
        }
    }

    private static Resolution refused(Binding binding, String why) {
        return new Resolution.Refused(
                "Unable to subscribe to changes with given parameters " + binding.words() + ": " + why);
    }

    private Resolution decide(Binding binding, ClaimsGroup group)
            throws SQLException, RefusedException, TypeCatalog.TypeCatalogUnavailableException {
        if (binding.schema().isEmpty() && binding.table().isEmpty()) {
            throw new RefusedException(
                    "No subscription params provided. Please provide at least a `schema` or `table` to subscribe to");
        }
        String schema = binding.schema().orElse("public");
        String table = binding.table().orElse("*");
        if (schema.equals("*") || table.equals("*")) {
            return wildcard(binding, group, schema);
        }
        return present(binding, group, new TableName(schema, table));
    }

    /** As the catalog is at one moment after the question: what changed while it was looked at is looked at again. */
    private Resolution present(Binding binding, ClaimsGroup group, TableName table)
            throws SQLException, RefusedException, TypeCatalog.TypeCatalogUnavailableException {
        long start = System.nanoTime();
        while (true) {
            Optional<Version> version = version(table);
            boolean late = System.nanoTime() - start > PATIENCE_NANOS;
            try {
                Optional<TableFacts> facts = facts(table, group.role(), version);
                if (facts.isPresent()) {
                    return oneTable(binding, group, table, facts.get());
                }
                if (late) {
                    throw new RefusedException("table " + table + " goes on changing; join again");
                }
            } catch (SQLException | RefusedException refused) {
                if (late || !isOver(table, version, refused)) {
                    throw refused;
                }
            }
        }
    }

    /** Whether what refused a join may be over already: somebody alters the table, or has just done so. */
    private boolean isOver(TableName table, Optional<Version> version, Exception refused) throws SQLException {
        if (refused instanceof SQLException raised && SqlState.isTransient(raised)) {
            return SqlState.isLocked(raised);
        }
        return !version.equals(version(table));
    }

    /** Tables are decided as their changes come: what the group's probe does not allow, it does not see. */
    private Resolution wildcard(Binding binding, ClaimsGroup group, String schema)
            throws SQLException, RefusedException {
        if (binding.select().isPresent()) {
            throw new RefusedException("Column selection is not supported for wildcard subscriptions."
                    + " Provide an explicit schema and table name.");
        }
        if (binding.filter().isPresent()) {
            throw new RefusedException(
                    "A filter is not supported for wildcard subscriptions. Provide an explicit schema and table name.");
        }
        if (!roleExists(group.role())) {
            throw new RefusedException("role \"" + group.role() + "\" does not exist");
        }
        TableSelector selector = schema.equals("*") ? new TableSelector.All() : new TableSelector.Schema(schema);
        return new Resolution.Resolved(selector, Optional.empty(), Selection.ALL, true, Optional.empty());
    }

    private boolean roleExists(String role) throws SQLException {
        try (Connection connection = dataSource.getConnection();
                PreparedStatement query = connection.prepareStatement("select from pg_roles where rolname = ?")) {
            query.setString(1, role);
            try (ResultSet row = query.executeQuery()) {
                return row.next();
            }
        }
    }

    private Resolution oneTable(Binding binding, ClaimsGroup group, TableName table, TableFacts facts)
            throws SQLException, RefusedException, TypeCatalog.TypeCatalogUnavailableException {
        try (Connection connection = dataSource.getConnection()) {
            return oneTable(connection, binding, group, table, facts);
        }
    }

    private Resolution oneTable(
            Connection connection, Binding binding, ClaimsGroup group, TableName table, TableFacts facts)
            throws SQLException, RefusedException, TypeCatalog.TypeCatalogUnavailableException {
        TableSecurity security = facts.security();
        Map<String, ColumnFacts> columns = facts.columns();
        Optional<String> objection = Impersonation.objection(connection, security, group);
        if (objection.isPresent()) {
            throw new RefusedException(objection.get());
        }
        Optional<List<String>> select = select(binding, columns, security.readable());
        for (String column : select.orElse(List.copyOf(security.readable()))) {
            refuseUnsupported(table, column, columns);
        }
        Optional<Filter> filter = Optional.empty();
        if (binding.filter().filter(text -> !text.isBlank()).isPresent()) {
            var resolver = new FilterResolver(connection, security, columns, facts.filtered());
            filter = Optional.of(resolver.resolve(binding.filter().get(), group));
        }
        subscribed.add(facts.selector());
        partitions.know(connection, facts.selector());
        Optional<Selection.Deltas> deltas = binding.delta()
                .flatMap(always -> deltas(
                        facts,
                        select.<Set<String>>map(LinkedHashSet::new).orElse(security.readable()),
                        Set.copyOf(always)));
        boolean leaving = binding.leave() && EventKind.of(binding.event()) == EventKind.ALL;
        Selection selection = select.isEmpty() && deltas.isEmpty() && !leaving
                ? Selection.ALL
                : new Selection(select, deltas, leaving);
        Optional<Sight> sight = leaving
                ? Optional.of(sights.know(
                        connection,
                        facts.selector(),
                        group.role(),
                        facts.version().whole()))
                : Optional.empty();
        return new Resolution.Resolved(facts.selector(), filter, selection, security.mayHide(), sight);
    }

    @Override
    public StartingPoint now() throws CatalogUnavailableException {
        try {
            return startingPoints.take(this::startingPoint);
        } catch (SQLException failed) {
            throw new CatalogUnavailableException(failed);
        }
    }

    private StartingPoint startingPoint() throws SQLException {
        try (Connection connection = dataSource.getConnection();
                PreparedStatement query = connection.prepareStatement(NOW);
                ResultSet row = query.executeQuery()) {
            row.next();
            return StartingPoint.parse(row.getString(1), Lsn.parse(row.getString(2)));
        }
    }

    @Override
    public boolean carriedSince(Collection<TableSelector> tables, StartingPoint start)
            throws CatalogUnavailableException {
        return ask(connection -> publishedSince.ask(connection, tables, start));
    }

    private interface Asking<T> {
        T by(Connection connection) throws SQLException;
    }

    private <T> T ask(Asking<T> asking) throws CatalogUnavailableException {
        try (Connection connection = dataSource.getConnection()) {
            return asking.by(connection);
        } catch (SQLException failed) {
            throw new CatalogUnavailableException(failed);
        }
    }

    @Override
    public Set<TableSelector.One> withdrawn() throws CatalogUnavailableException {
        List<TableSelector.One> known = List.copyOf(subscribed);
        if (known.isEmpty()) {
            return Set.of();
        }
        Set<TableSelector.One> gone = ask(connection -> gone(connection, known));
        // twice, so that a subscription which was under way at the first time is told at the second
        gone.stream().filter(told::contains).forEach(table -> {
            subscribed.remove(table);
            sights.forget(table);
        });
        told.clear();
        told.addAll(gone);
        gone.forEach(one -> remembered.keySet().removeIf(key -> key.table().equals(one.name())));
        return gone;
    }

    private Set<TableSelector.One> gone(Connection connection, List<TableSelector.One> known) throws SQLException {
        var gone = new LinkedHashSet<TableSelector.One>();
        try (PreparedStatement query = connection.prepareStatement(GONE)) {
            query.setArray(
                    1,
                    connection.createArrayOf(
                            "text",
                            known.stream().map(one -> one.name().schema()).toArray()));
            query.setArray(
                    2,
                    connection.createArrayOf(
                            "text",
                            known.stream().map(one -> one.name().table()).toArray()));
            query.setArray(
                    3,
                    connection.createArrayOf(
                            "bigint",
                            known.stream()
                                    .map(one -> Integer.toUnsignedLong(one.oid()))
                                    .toArray()));
            query.setString(4, publication);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    gone.add(new TableSelector.One(
                            new TableName(row.getString(1), row.getString(2)), (int) row.getLong(3)));
                }
            }
        }
        return gone;
    }

    @Override
    public Set<TableSelector.One> moved() throws CatalogUnavailableException {
        if (!partitions.isWatching()) {
            return Set.of();
        }
        return ask(partitions::moved);
    }

    @Override
    public Resighted resighted() throws CatalogUnavailableException {
        if (sights.isIdle()) {
            return new Resighted(Set.of(), 0);
        }
        return ask(sights::changed);
    }

    /**
     * What is the same for all users of a role: read once as long as the catalog is the same, however many join. Empty if that
     * changed while it was read.
     */
    private Optional<TableFacts> facts(TableName table, String role, Optional<Version> version)
            throws SQLException, RefusedException {
        Version present = version.orElseThrow(() -> new RefusedException("table " + table + " does not exist"));
        if (!present.published()) {
            throw new RefusedException(
                    "Please check Realtime is enabled for the given connect parameters: table " + table
                            + " is not in publication " + publication
                            + "; add it with: switchboard publish " + table);
        }
        var key = new FactsKey(table, role);
        TableFacts known = remembered.get(key);
        if (known != null && known.version().equals(present)) {
            return Optional.of(known);
        }
        TableFacts facts = load(table, present, role);
        if (!version.equals(version(table))) {
            return Optional.empty();
        }
        if (remembered.size() >= REMEMBERED) {
            remembered.clear();
        }
        remembered.put(key, facts);
        return Optional.of(facts);
    }

    private TableFacts load(TableName table, Version version, String role) throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            return new TableFacts(
                    version,
                    TableSecurity.load(connection, version.oid(), role),
                    ColumnFacts.load(connection, version.oid(), publication),
                    new TableSelector.One(table, version.oid()),
                    new Interned<>());
        }
    }

    /**
     * The table of that name and what the catalog says of it; joins that come together share a reading. Never while holding a
     * connection: who reads needs one, and those who wait for the reading must not have them all.
     */
    private Optional<Version> version(TableName table) throws SQLException {
        if (versions.size() >= REMEMBERED) {
            versions.clear(); // clients name tables as they like
        }
        return versions.computeIfAbsent(table, _ -> new CommonReading<>()).take(() -> readVersion(table));
    }

    private Optional<Version> readVersion(TableName table) throws SQLException {
        try (Connection connection = dataSource.getConnection();
                PreparedStatement query = connection.prepareStatement(TABLE)) {
            query.setString(1, publication);
            query.setString(2, table.schema());
            query.setString(3, table.table());
            try (ResultSet row = query.executeQuery()) {
                return row.next()
                        ? Optional.of(new Version(
                                (int) row.getLong("oid"),
                                row.getBoolean("published"),
                                row.getBoolean("whole"),
                                row.getString("fingerprint")))
                        : Optional.empty();
            }
        }
    }

    /**
     * What a filter or a selection names: there, published, and to be read by the role.
     *
     * @param part filter or select, as the refusal says
     */
    static ColumnFacts named(
            String part, TableName table, String column, Map<String, ColumnFacts> columns, Set<String> readable)
            throws RefusedException {
        ColumnFacts facts = columns.get(column);
        String what = "invalid column for " + part + " " + column + ": ";
        if (facts == null) {
            throw new RefusedException(what + "column \"" + column + "\" of " + table + " does not exist; there are "
                    + columns.keySet().stream().filter(readable::contains).collect(Collectors.joining(", ")));
        }
        if (!readable.contains(column)) {
            throw new RefusedException(what + "permission denied for column \"" + column + "\" of " + table);
        }
        if (!facts.published()) {
            throw new RefusedException(what + "column \"" + column + "\" of " + table + " is not published");
        }
        return facts;
    }

    private static Optional<List<String>> select(
            Binding binding, Map<String, ColumnFacts> columns, Set<String> readable) throws RefusedException {
        if (binding.select().isEmpty()) {
            return Optional.empty();
        }
        var table =
                new TableName(binding.schema().orElse("public"), binding.table().orElse(""));
        var selected = new LinkedHashSet<String>();
        columns.forEach((column, facts) -> {
            if (facts.key()) {
                selected.add(column);
            }
        });
        for (String column : binding.select().get()) {
            selected.add(named("select", table, column, columns, readable).name());
        }
        return Optional.of(new ArrayList<>(selected));
    }

    /** Where there is a primary key that comes with every change. */
    private static Optional<Selection.Deltas> deltas(TableFacts facts, Set<String> sent, Set<String> always) {
        var key = new ArrayList<String>();
        var shape = new HashMap<String, Integer>();
        facts.columns().forEach((name, column) -> {
            if (column.key()) {
                key.add(name);
            }
            if (column.published() && sent.contains(name)) {
                shape.put(name, column.typeOid());
            }
        });
        return key.isEmpty() || !shape.keySet().containsAll(key)
                ? Optional.empty()
                : Optional.of(new Selection.Deltas(key, always, facts.filtered().one(Map.copyOf(shape))));
    }

    private void refuseUnsupported(TableName table, String column, Map<String, ColumnFacts> columns)
            throws RefusedException, TypeCatalog.TypeCatalogUnavailableException {
        ColumnFacts facts = columns.get(column);
        if (facts == null) {
            throw new RefusedException("column \"" + column + "\" of " + table + " does not exist");
        }
        if (types.typeOf(facts.typeOid()) instanceof ColumnType.Unsupported unsupported) {
            throw new RefusedException("column \"" + column + "\" of " + table + " has type " + unsupported.name()
                    + ", which cannot be sent; select other columns");
        }
    }
}

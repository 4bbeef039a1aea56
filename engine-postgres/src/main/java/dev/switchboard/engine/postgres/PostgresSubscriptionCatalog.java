package dev.switchboard.engine.postgres;

import dev.switchboard.engine.encode.ColumnType;
import dev.switchboard.engine.encode.TypeCatalog;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.route.Filter;
import dev.switchboard.engine.route.TableSelector;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
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
    private static final String TABLE = """
            select c.oid, exists (select from pg_publication_tables p
                                   where p.pubname = ? and p.schemaname = n.nspname and p.tablename = c.relname) as published
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = ? and c.relname = ? and c.relkind in ('r', 'p')
            """;
    private static final String GONE = """
            select w.schema, w.name from unnest(?::text[], ?::text[], ?::bigint[]) as w(schema, name, oid)
             where not exists (select from pg_publication_tables p, pg_class c, pg_namespace n
                                where p.pubname = ? and p.schemaname = w.schema and p.tablename = w.name
                                  and c.oid = w.oid and n.oid = c.relnamespace
                                  and n.nspname = w.schema and c.relname = w.name)
            """;
    private static final long REMEMBERED_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int REMEMBERED = 1_000;

    private final DataSource dataSource;
    private final Map<FactsKey, TableFacts> remembered = new ConcurrentHashMap<>();
    /** Tables that were subscribed to by name, with the oid that they had. */
    private final Map<TableName, Integer> subscribed = new ConcurrentHashMap<>();

    /** Those that were named as withdrawn the last time; owned by the thread that asks. */
    private final Set<TableName> told = new LinkedHashSet<>();

    /** Filters whose patterns are compiled at the same time: the other connections serve everybody else. */
    private final Semaphore patterns = new Semaphore(2);

    private final TypeCatalog types;
    private final String publication;

    private record FactsKey(TableName table, String role) {}

    /** @param at System.nanoTime of the reading */
    private record TableFacts(int oid, TableSecurity security, Map<String, ColumnFacts> columns, long at) {}

    public PostgresSubscriptionCatalog(DataSource dataSource, TypeCatalog types, String publication) {
        this.dataSource = dataSource;
        this.types = types;
        this.publication = publication;
    }

    @Override
    public Resolution resolve(Binding binding, ClaimsGroup group) throws CatalogUnavailableException {
        boolean slow = binding.filter().filter(FilterResolver::hasPatterns).isPresent();
        if (slow) {
            patterns.acquireUninterruptibly();
        }
        try (Connection connection = dataSource.getConnection()) {
            return resolve(connection, binding, group);
        } catch (RefusedException refused) {
            return new Resolution.Refused("Unable to subscribe to changes with given parameters " + binding.words()
                    + ": " + refused.getMessage());
        } catch (TypeCatalog.TypeCatalogUnavailableException unavailable) {
            throw new CatalogUnavailableException(unavailable);
        } catch (SQLException failed) {
            if (SqlState.isTransient(failed)) {
                throw new CatalogUnavailableException(failed);
            }
            return new Resolution.Refused("Unable to subscribe to changes with given parameters " + binding.words()
                    + ": " + failed.getMessage());
        } finally {
            if (slow) {
                patterns.release();
            }
        }
    }

    private Resolution resolve(Connection connection, Binding binding, ClaimsGroup group)
            throws SQLException, RefusedException, TypeCatalog.TypeCatalogUnavailableException {
        if (binding.schema().isEmpty() && binding.table().isEmpty()) {
            throw new RefusedException("name at least a schema or a table");
        }
        String schema = binding.schema().orElse("public");
        String table = binding.table().orElse("*");
        if (schema.equals("*") || table.equals("*")) {
            return wildcard(connection, binding, group, schema);
        }
        return oneTable(connection, binding, group, new TableName(schema, table));
    }

    /** Tables are decided as their changes come: what the group's probe does not allow, it does not see. */
    private static Resolution wildcard(Connection connection, Binding binding, ClaimsGroup group, String schema)
            throws SQLException, RefusedException {
        if (binding.filter().isPresent() || binding.select().isPresent()) {
            throw new RefusedException("filter and select need an explicit schema and table");
        }
        if (!roleExists(connection, group.role())) {
            throw new RefusedException("role \"" + group.role() + "\" does not exist");
        }
        TableSelector selector = schema.equals("*") ? new TableSelector.All() : new TableSelector.Schema(schema);
        return new Resolution.Resolved(selector, Optional.empty(), Optional.empty());
    }

    private static boolean roleExists(Connection connection, String role) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement("select from pg_roles where rolname = ?")) {
            query.setString(1, role);
            try (ResultSet row = query.executeQuery()) {
                return row.next();
            }
        }
    }

    private Resolution oneTable(Connection connection, Binding binding, ClaimsGroup group, TableName table)
            throws SQLException, RefusedException, TypeCatalog.TypeCatalogUnavailableException {
        TableFacts facts = facts(connection, table, group.role());
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
            var resolver = new FilterResolver(connection, security, columns);
            filter = Optional.of(resolver.resolve(binding.filter().get(), group));
        }
        subscribed.put(table, facts.oid());
        return new Resolution.Resolved(new TableSelector.One(table), filter, select);
    }

    @Override
    public Set<TableName> withdrawn() throws CatalogUnavailableException {
        Map<TableName, Integer> known = Map.copyOf(subscribed);
        if (known.isEmpty()) {
            return Set.of();
        }
        var gone = new LinkedHashSet<TableName>();
        List<TableName> names = List.copyOf(known.keySet());
        try (Connection connection = dataSource.getConnection();
                PreparedStatement query = connection.prepareStatement(GONE)) {
            query.setArray(
                    1,
                    connection.createArrayOf(
                            "text", names.stream().map(TableName::schema).toArray()));
            query.setArray(
                    2,
                    connection.createArrayOf(
                            "text", names.stream().map(TableName::table).toArray()));
            query.setArray(
                    3,
                    connection.createArrayOf(
                            "bigint",
                            names.stream()
                                    .map(name -> Integer.toUnsignedLong(known.getOrDefault(name, 0)))
                                    .toArray()));
            query.setString(4, publication);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    gone.add(new TableName(row.getString(1), row.getString(2)));
                }
            }
        } catch (SQLException failed) {
            throw new CatalogUnavailableException(failed);
        }
        // twice, so that a subscription which was under way at the first time is told at the second
        gone.stream().filter(told::contains).forEach(name -> subscribed.remove(name, known.get(name)));
        told.clear();
        told.addAll(gone);
        remembered.keySet().removeIf(key -> gone.contains(key.table()));
        return gone;
    }

    /** What is the same for all users of a role: read once a second, however many join at the same time. */
    private TableFacts facts(Connection connection, TableName table, String role)
            throws SQLException, RefusedException {
        var key = new FactsKey(table, role);
        TableFacts known = remembered.get(key);
        if (known != null && System.nanoTime() - known.at() < REMEMBERED_NANOS) {
            return known;
        }
        int oid = publishedTable(connection, table);
        var facts = new TableFacts(
                oid,
                TableSecurity.load(connection, oid, role),
                ColumnFacts.load(connection, oid, publication),
                System.nanoTime());
        if (remembered.size() >= REMEMBERED) {
            remembered.clear();
        }
        remembered.put(key, facts);
        return facts;
    }

    private int publishedTable(Connection connection, TableName table) throws SQLException, RefusedException {
        try (PreparedStatement query = connection.prepareStatement(TABLE)) {
            query.setString(1, publication);
            query.setString(2, table.schema());
            query.setString(3, table.table());
            try (ResultSet row = query.executeQuery()) {
                if (!row.next()) {
                    throw new RefusedException("table " + table + " does not exist");
                }
                if (!row.getBoolean("published")) {
                    throw new RefusedException("table " + table + " is not in publication " + publication
                            + "; add it with: switchboard publish " + table);
                }
                return (int) row.getLong("oid");
            }
        }
    }

    private static ColumnFacts known(TableName table, String column, Map<String, ColumnFacts> columns)
            throws RefusedException {
        ColumnFacts facts = columns.get(column);
        if (facts == null) {
            throw new RefusedException("column \"" + column + "\" of " + table + " does not exist");
        }
        return facts;
    }

    private static ColumnFacts readable(
            TableName table, String column, Map<String, ColumnFacts> columns, Set<String> readable)
            throws RefusedException {
        if (!columns.containsKey(column)) {
            throw new RefusedException("column \"" + column + "\" of " + table + " does not exist; there are "
                    + columns.keySet().stream().filter(readable::contains).collect(Collectors.joining(", ")));
        }
        ColumnFacts facts = known(table, column, columns);
        if (!readable.contains(column)) {
            throw new RefusedException("permission denied for column \"" + column + "\" of " + table);
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
            if (!readable(table, column, columns, readable).published()) {
                throw new RefusedException("column \"" + column + "\" of " + table + " is not published");
            }
            selected.add(column);
        }
        return Optional.of(new ArrayList<>(selected));
    }

    private void refuseUnsupported(TableName table, String column, Map<String, ColumnFacts> columns)
            throws RefusedException, TypeCatalog.TypeCatalogUnavailableException {
        ColumnFacts facts = known(table, column, columns);
        if (types.typeOf(facts.typeOid()) instanceof ColumnType.Unsupported unsupported) {
            throw new RefusedException("column \"" + column + "\" of " + table + " has type " + unsupported.name()
                    + ", which cannot be sent; select other columns");
        }
    }
}

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.policy.ColumnKind;
import dev.switchboard.engine.policy.CompiledPolicy;
import dev.switchboard.engine.policy.NotCompiledException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Compiles the policies of a table, with what the catalog says of its columns and of the functions that the policies call. Used
 * within the transaction that the policies were read in.
 */
final class PolicyReader {
    /** Whose bodies may call one another; {@link CatalogVersion} looks at all of them. */
    private static final Set<String> OF_CLAIMS = Set.of("uid", "jwt", "role", "email");

    private static final String COLUMNS = """
            select a.attname, a.atttypid::bigint, array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid),
                   coalesce((select c.collisdeterministic from pg_collation c where c.oid = a.attcollation), true)
              from pg_attribute a join pg_type t on t.oid = a.atttypid
             where a.attrelid = ? and a.attnum > 0 and not a.attisdropped
            """;

    private static final String FUNCTION = """
            select coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
              from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
             where n.nspname = ? and p.proname = ? and p.pronargs = 0
               and l.lanname = 'sql' and p.provolatile in ('s', 'i') and not p.proretset
               and p.prorettype < 16384 -- no domain, which may have a collation of its own
               and not exists (select from unnest(p.proconfig) as setting where setting like 'search_path=%')
            """;

    private final Connection connection;
    private final Set<String> underWay = new HashSet<>();
    private Optional<SQLException> failed = Optional.empty();

    private PolicyReader(Connection connection) {
        this.connection = connection;
    }

    /** @return the policies, unless they hold something that only PostgreSQL can tell */
    static Optional<CompiledPolicy> compile(Connection connection, int table, String expression) throws SQLException {
        try {
            return Optional.of(compileOrSay(connection, table, expression));
        } catch (NotCompiledException asked) {
            return Optional.empty();
        }
    }

    /** @throws NotCompiledException naming what only PostgreSQL can tell */
    static CompiledPolicy compileOrSay(Connection connection, int table, String expression)
            throws SQLException, NotCompiledException {
        var reader = new PolicyReader(connection);
        try {
            return CompiledPolicy.compile(expression, reader.columns(table), reader::isOfClaims);
        } catch (NotCompiledException asked) {
            if (reader.failed.isPresent()) {
                throw reader.failed.get();
            }
            throw asked;
        }
    }

    private Map<String, ColumnKind> columns(int table) throws SQLException {
        var columns = new HashMap<String, ColumnKind>();
        try (PreparedStatement query = connection.prepareStatement(COLUMNS)) {
            query.setLong(1, Integer.toUnsignedLong(table));
            try (ResultSet rows = query.executeQuery()) {
                while (rows.next()) {
                    String name = rows.getString(1);
                    ColumnKind.of(
                                    (int) rows.getLong(2),
                                    Set.of((String[]) rows.getArray(3).getArray()),
                                    rows.getBoolean(4))
                            .ifPresent(kind -> columns.put(name, kind));
                }
            }
        }
        return columns;
    }

    /** What a policy calls is looked at with it; what that calls in turn only where it is one of {@code auth}'s four. */
    private boolean isOfClaims(String schema, String name) {
        String function = schema + "." + name;
        if (failed.isPresent() || !underWay.add(function)) {
            return false;
        }
        try {
            Optional<String> body = body(schema, name);
            return body.isPresent()
                    && CompiledPolicy.isOfClaims(
                            body.get(),
                            (inner, called) ->
                                    inner.equals("auth") && OF_CLAIMS.contains(called) && isOfClaims(inner, called));
        } catch (SQLException broken) {
            failed = Optional.of(broken);
            return false;
        } finally {
            underWay.remove(function);
        }
    }

    private Optional<String> body(String schema, String name) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(FUNCTION)) {
            query.setString(1, schema);
            query.setString(2, name);
            try (ResultSet rows = query.executeQuery()) {
                return rows.next() ? Optional.of(rows.getString(1)) : Optional.empty();
            }
        }
    }
}

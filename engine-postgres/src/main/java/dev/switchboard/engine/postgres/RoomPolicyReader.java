package dev.switchboard.engine.postgres;

import dev.switchboard.engine.channel.RoomPolicies.Verb;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.CatalogVersion.Item;
import dev.switchboard.engine.postgres.TableSecurity.Predicate;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import dev.switchboard.engine.postgres.policy.Dependency;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads the policies of {@code realtime.messages}, and finds out what their answers hang on. Used by one thread at a time. */
final class RoomPolicyReader {
    /** Whoever asks may have no right to the schema. */
    private static final String TABLE =
            "select c.oid::bigint from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                    + " where n.nspname = 'realtime' and c.relname = 'messages'";

    private static final PolicyReader.Fixed FIXED = new PolicyReader.Fixed(
            Set.of("topic", "extension", "private", "event", "payload", "binary_payload", "id"),
            Set.of("realtime.topic", "request.headers"));

    private static final String STANDING = """
            select not c.relrowsecurity or r.rolsuper or r.rolbypassrls
                   or (pg_has_role(r.oid, c.relowner, 'USAGE') and not c.relforcerowsecurity) as exempt,
                   has_schema_privilege(r.oid, n.oid, 'USAGE') and pg_has_role(session_user, r.oid, 'MEMBER')
                   and has_table_privilege(r.oid, c.oid, ?) as granted
              from pg_class c join pg_namespace n on n.oid = c.relnamespace, pg_roles r
             where c.oid = ? and r.rolname = ?
            """;

    private static final String POLICIES = """
            select p.polpermissive, case when ? = 'a' then coalesce(pg_get_expr(p.polwithcheck, p.polrelid), pg_get_expr(p.polqual, p.polrelid))
                   else pg_get_expr(p.polqual, p.polrelid) end as expression
              from pg_policy p, pg_roles r
             where p.polrelid = ? and r.rolname = ? and p.polcmd in (?::"char", '*')
               and exists (select from unnest(p.polroles) as to_role(id)
                            where case when to_role.id = 0 then true else pg_has_role(r.oid, to_role.id, 'USAGE') end)
             order by p.polname
            """;

    private final Connection connection;
    private final Publications publications;

    /** @param connection in no transaction */
    RoomPolicyReader(Connection connection, Publications publications) {
        this.connection = connection;
        this.publications = publications;
    }

    /**
     * What is known of the policies for a role.
     *
     * @param predicate empty where there is no table
     * @param hanging   what answers hang on, where they hang on nothing else
     * @param versions  of all that this goes by, in the catalog when it was read or a little before; empty where there is no table
     */
    record Read(Optional<Predicate> predicate, Optional<CompiledPolicy> hanging, Map<Item, String> versions) {
        /** Whether it is as it was. */
        boolean isCurrent(Connection connection) throws SQLException {
            return !versions.isEmpty() && isOf(CatalogVersion.read(connection, versions.keySet()));
        }

        private boolean isOf(Map<Item, String> present) {
            return present.entrySet().containsAll(versions.entrySet());
        }
    }

    /** Reads until nothing that it goes by is newer than its versions. */
    Read read(Verb verb, String role) throws SQLException {
        Optional<Integer> table = oid();
        if (table.isEmpty()) {
            return new Read(Optional.empty(), Optional.empty(), Map.of());
        }
        Set<Item> items = CatalogVersion.surroundings(connection, Set.of(table.get()));
        while (true) {
            Map<Item, String> versions = CatalogVersion.read(connection, items);
            Read read = readOnce(verb, role, table.get(), versions);
            Set<Integer> tables = new HashSet<>(read.hanging().stream()
                    .flatMap(policy -> policy.dependencies().stream())
                    .map(Dependency::table)
                    .toList());
            tables.add(table.get());
            Set<Item> wanted = CatalogVersion.surroundings(connection, tables);
            if (items.containsAll(wanted)) {
                return read;
            }
            items.addAll(wanted);
        }
    }

    /** Tables that would have to be heard of, so that answers could hold. Within a transaction whose search_path is empty. */
    Set<TableName> unheard(String role) throws SQLException {
        Optional<Integer> table = oid();
        var unheard = new HashSet<TableName>();
        for (Verb verb : table.isPresent() ? Verb.values() : new Verb[0]) {
            if (predicate(verb, role, table.orElseThrow()) instanceof Predicate.Asked asked) {
                unheard.addAll(PolicyReader.unheard(
                        connection, table.orElseThrow(), role, asked.expression(), publications, FIXED));
            }
        }
        return unheard;
    }

    private Optional<Integer> oid() throws SQLException {
        try (Statement query = connection.createStatement();
                ResultSet row = query.executeQuery(TABLE)) {
            return row.next() ? Optional.of((int) row.getLong(1)) : Optional.empty();
        }
    }

    private Read readOnce(Verb verb, String role, int table, Map<Item, String> versions) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement path = connection.prepareStatement("set local search_path = ''")) {
            path.execute(); // so that expressions come out qualified
            Predicate predicate = predicate(verb, role, table);
            Optional<CompiledPolicy> hanging = predicate instanceof Predicate.Asked asked
                    ? PolicyReader.hanging(connection, table, role, asked.expression(), publications, FIXED)
                    : Optional.empty();
            return new Read(Optional.of(predicate), hanging, versions);
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    private Predicate predicate(Verb verb, String role, int table) throws SQLException {
        try (PreparedStatement standing = connection.prepareStatement(STANDING)) {
            standing.setString(1, verb == Verb.HEAR ? "SELECT" : "INSERT");
            standing.setLong(2, Integer.toUnsignedLong(table));
            standing.setString(3, role);
            try (ResultSet row = standing.executeQuery()) {
                if (!row.next() || !row.getBoolean("granted")) {
                    return new Predicate.Never();
                }
                return row.getBoolean("exempt") ? new Predicate.Always() : policies(verb, role, table);
            }
        }
    }

    private Predicate policies(Verb verb, String role, int table) throws SQLException {
        String command = verb == Verb.HEAR ? "r" : "a";
        var permissive = new ArrayList<String>();
        var restrictive = new ArrayList<String>();
        try (PreparedStatement query = connection.prepareStatement(POLICIES)) {
            query.setString(1, command);
            query.setLong(2, Integer.toUnsignedLong(table));
            query.setString(3, role);
            query.setString(4, command);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    String expression = row.getString("expression");
                    if (expression == null) {
                        continue; // as PostgreSQL, which goes past one that says nothing of the command
                    }
                    if (row.getBoolean("polpermissive")) {
                        permissive.addFirst(
                                "(" + expression + ")"); // in PostgreSQL's order: one that raises may come first
                    } else {
                        restrictive.add("(" + expression + ")");
                    }
                }
            }
        }
        return TableSecurity.combine(permissive, restrictive, Set.of());
    }
}

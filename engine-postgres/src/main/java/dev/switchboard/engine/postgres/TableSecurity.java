package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.CatalogVersion.Item;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import dev.switchboard.engine.postgres.policy.Dependency;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a table's policies and grants say for one role, as they stand now: the policies for SELECT combined as
 * PostgreSQL combines them, restrictive AND (permissive OR), under its rules for owners, BYPASSRLS and FORCE
 * (PostgreSQL, "Row Security Policies"; CREATE POLICY, "Application of Multiple Policies"). Immutable.
 *
 * @param table     its present name
 * @param columns   all columns in order, as the row type has them
 * @param readable  columns on which the role has SELECT; none where it cannot use the schema, or cannot be taken on
 * @param domains   columns of domain types: they may refuse the NULL that stands for a column not read
 * @param surroundings what the policies hang on besides: what changed there makes it another one
 * @param predicate decides on a row
 */
record TableSecurity(
        TableName table,
        List<String> columns,
        Set<String> readable,
        Set<String> domains,
        Map<Item, String> surroundings,
        Predicate predicate) {
    TableSecurity {
        columns = List.copyOf(columns);
        readable = Set.copyOf(readable);
        domains = Set.copyOf(domains);
        surroundings = Map.copyOf(surroundings);
    }

    sealed interface Predicate {
        /** No policy applies to the role. */
        record Always() implements Predicate {}

        /** No row is visible. */
        record Never() implements Predicate {}

        /**
         * PostgreSQL has to be asked.
         *
         * @param expression SQL over a relation of the table's bare name
         * @param reads      columns that it reads
         * @param compiled   the same, where it can be decided here
         */
        record Asked(String expression, Set<String> reads, Optional<CompiledPolicy> compiled) implements Predicate {
            public Asked {
                reads = Set.copyOf(reads);
            }

            Asked(String expression, Set<String> reads) {
                this(expression, reads, Optional.empty());
            }
        }
    }

    /** The policies, where they can be decided without PostgreSQL. */
    Optional<CompiledPolicy> compiled() {
        return predicate instanceof Predicate.Asked asked ? asked.compiled() : Optional.empty();
    }

    /** Whether a row may be there that the role does not see. */
    boolean mayHide() {
        return switch (predicate) {
            case Predicate.Always _ -> false;
            case Predicate.Never _ -> true;
            case Predicate.Asked asked -> !asked.expression().equals(EVERYTHING);
        };
    }

    /** What {@link #combine} makes of one policy that is {@code true}. */
    private static final String EVERYTHING = "((true))";

    private static final String TABLE = """
            select n.nspname, c.relname, c.relrowsecurity, c.relforcerowsecurity,
                   r.rolsuper or r.rolbypassrls as bypass,
                   pg_has_role(r.oid, c.relowner, 'USAGE') as owned,
                   array(select a.attname::text from pg_attribute a
                          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as columns,
                   array(select a.attname::text from pg_attribute a
                          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                            and has_schema_privilege(r.oid, n.oid, 'USAGE')
                            and pg_has_role(session_user, r.oid, 'MEMBER')
                            and has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')) as readable,
                   array(select a.attname::text from pg_attribute a join pg_type t on t.oid = a.atttypid
                          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                            and t.typtype = 'd') as domains,
                   exists (select from pg_publication_tables p
                            where p.pubname = ? and p.schemaname = n.nspname and p.tablename = c.relname)
                     -- what one publication leaves out, another would bring
                     and (not exists (select from pg_publication_tables p
                                       where p.pubname = any (?) and p.schemaname = n.nspname and p.tablename = c.relname)
                          or exists (select from pg_publication p
                                       left join pg_publication_rel r on r.prpubid = p.oid and r.prrelid = c.oid
                                      where p.pubname = ? and p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate
                                        and to_jsonb(r) ->> 'prqual' is null and to_jsonb(r) ->> 'prattrs' is null))
                     as subscribable
              from pg_class c join pg_namespace n on n.oid = c.relnamespace, pg_roles r
             where c.oid = ? and r.rolname = ?
            """;
    private static final String POLICIES = """
            select p.polpermissive, pg_get_expr(p.polqual, p.polrelid) as expression,
                   array(select a.attname::text from pg_depend d
                           join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                          where d.classid = 'pg_policy'::regclass and d.objid = p.oid
                            and d.refclassid = 'pg_class'::regclass and d.refobjid = p.polrelid) as reads
              from pg_policy p, pg_roles r
             where p.polrelid = ? and r.rolname = ? and p.polcmd in ('r', '*') and p.polqual is not null
               and exists (select from unnest(p.polroles) as to_role(id)
                            where case when to_role.id = 0 then true else pg_has_role(r.oid, to_role.id, 'USAGE') end)
             order by p.polname
            """;

    /** The tables that compiled policies read besides their own. */
    Set<Integer> dependencies() {
        return compiled().stream()
                .flatMap(policy -> policy.dependencies().stream())
                .map(Dependency::table)
                .collect(Collectors.toSet());
    }

    /** The same, where it can be told what the policies hang on at all. */
    Optional<Set<Integer>> reads() {
        return predicate instanceof Predicate.Asked && compiled().isEmpty()
                ? Optional.empty()
                : Optional.of(dependencies());
    }

    /** The same, but that PostgreSQL is asked. */
    TableSecurity asked() {
        return predicate instanceof Predicate.Asked asked
                ? new TableSecurity(
                        table,
                        columns,
                        readable,
                        domains,
                        surroundings,
                        new Predicate.Asked(asked.expression(), asked.reads()))
                : this;
    }

    /** As {@link #load(Connection, int, String, Publications)} where nothing is known of the stream. */
    static TableSecurity load(Connection connection, int oid, String role) throws SQLException {
        return load(connection, oid, role, Publications.none());
    }

    /**
     * Reads it; a table or role that does not exist shows nothing, nor does a table whose changes the stream brings for policies
     * alone. The connection must be in no transaction.
     */
    static TableSecurity load(Connection connection, int oid, String role, Publications publications)
            throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.execute("set local search_path = ''"); // so that expressions come out qualified
            return read(connection, oid, role, publications).compiled(connection, oid, role, publications);
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    /** Within a transaction whose search_path is empty. */
    static TableSecurity read(Connection connection, int oid, String role, Publications publications)
            throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(TABLE)) {
            query.setString(1, publications.subscribable());
            query.setArray(
                    2, connection.createArrayOf("text", publications.others().toArray()));
            query.setString(3, publications.subscribable());
            query.setLong(4, Integer.toUnsignedLong(oid));
            query.setString(5, role);
            try (ResultSet row = query.executeQuery()) {
                if (!row.next()) {
                    return new TableSecurity(
                            new TableName("", ""), List.of(), Set.of(), Set.of(), Map.of(), new Predicate.Never());
                }
                var table = new TableName(row.getString("nspname"), row.getString("relname"));
                List<String> columns = strings(row.getArray("columns"));
                boolean exempt = !row.getBoolean("relrowsecurity")
                        || row.getBoolean("bypass")
                        || (row.getBoolean("owned") && !row.getBoolean("relforcerowsecurity"));
                if (!publications.others().isEmpty() && !row.getBoolean("subscribable")) {
                    return new TableSecurity(table, columns, Set.of(), Set.of(), Map.of(), new Predicate.Never());
                }
                Predicate predicate = exempt
                        ? new Predicate.Always()
                        : policies(connection, oid, role, columns, strings(row.getArray("domains")));
                return new TableSecurity(
                        table,
                        columns,
                        Set.copyOf(strings(row.getArray("readable"))),
                        Set.copyOf(strings(row.getArray("domains"))),
                        Map.of(),
                        predicate);
            }
        }
    }

    /** The same, with its policies compiled where that can be. */
    private TableSecurity compiled(Connection connection, int oid, String role, Publications publications)
            throws SQLException {
        if (!(predicate instanceof Predicate.Asked asked)) {
            return this;
        }
        Optional<CompiledPolicy> policy = PolicyReader.compile(connection, oid, role, asked.expression(), publications);
        Set<Integer> dependencies = policy.stream()
                .flatMap(all -> all.dependencies().stream())
                .map(Dependency::table)
                .collect(Collectors.toSet());
        var tables = new HashSet<>(dependencies);
        tables.add(oid);
        Set<Item> items = CatalogVersion.surroundings(connection, tables);
        boolean remembers = policy.filter(all -> !all.decides()).isPresent();
        if (!dependencies.contains(oid) && !remembers) {
            items.remove(Item.table(oid)); // what it says is here; but what was said of rows hangs on collations too
        }
        if (dependencies.isEmpty()) {
            items.remove(Item.SHARED);
            items.remove(Item.PUBLICATIONS);
        }
        return new TableSecurity(
                table,
                columns,
                readable,
                domains,
                CatalogVersion.read(connection, items),
                new Predicate.Asked(asked.expression(), asked.reads(), policy));
    }

    /**
     * PostgreSQL evaluates restrictive policies by name and permissive ones by name descending. The order matters where
     * one raises and an earlier one has decided already.
     */
    private static Predicate policies(
            Connection connection, int oid, String role, List<String> all, List<String> domains) throws SQLException {
        var permissive = new ArrayList<String>();
        var restrictive = new ArrayList<String>();
        var reads = new HashSet<>(domains); // a domain may refuse the NULL that stands for a column not read
        try (PreparedStatement query = connection.prepareStatement(POLICIES)) {
            query.setLong(1, Integer.toUnsignedLong(oid));
            query.setString(2, role);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    String expression = row.getString("expression");
                    if (row.getBoolean("polpermissive")) {
                        permissive.addFirst("(" + expression + ")");
                    } else {
                        restrictive.add("(" + expression + ")");
                    }
                    // the use of a whole row leaves no trace of its columns in pg_depend
                    reads.addAll(expression.contains(".*") ? all : strings(row.getArray("reads")));
                }
            }
        }
        return combine(permissive, restrictive, reads);
    }

    /** restrictive AND (permissive OR); without a permissive policy nothing is visible. */
    static Predicate combine(List<String> permissive, List<String> restrictive, Set<String> reads) {
        if (permissive.isEmpty()) {
            return new Predicate.Never();
        }
        var conjuncts = new ArrayList<>(restrictive);
        conjuncts.add("(" + String.join(" or ", permissive) + ")");
        return new Predicate.Asked(String.join(" and ", conjuncts), reads);
    }

    private static List<String> strings(Array array) throws SQLException {
        return List.of((String[]) array.getArray());
    }
}

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.policy.ColumnKind;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import dev.switchboard.engine.postgres.policy.NotCompiledException;
import dev.switchboard.engine.postgres.policy.PolicyCatalog;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Compiles the policies of a table, with what the catalog says of its columns, of the functions that the policies call and of the
 * tables that they read. Used within the transaction that the policies were read in.
 */
final class PolicyReader implements PolicyCatalog {
    private static final String COLUMNS = """
            select a.attname, a.atttypid::bigint, coalesce(element.typname, t.typname) as plain_name,
                   coalesce(element.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace as own, array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid) as labels,
                   coalesce((select c.collisdeterministic from pg_collation c where c.oid = a.attcollation), true) as deterministic
              from pg_attribute a join pg_type t on t.oid = a.atttypid
              left join pg_type element on element.oid = t.typelem and t.typcategory = 'A'
             where a.attrelid = ? and a.attnum > 0 and not a.attisdropped
            """;

    /** Bodies that are bound when they are made, or read with PostgreSQL's names first. */
    private static final String FUNCTION = """
            select coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body, p.prosqlbody is null as read_anew, p.pronargs,
                   coalesce(p.proargnames, array(select '' from generate_series(1, p.pronargs))) as names, p.proretset,
                   case when p.prosecdef then pg_get_userbyid(p.proowner) end as owner,
                   p.provariadic = 0 and p.prokind = 'f' and p.pronargdefaults = 0
                     and coalesce(p.proargmodes, '{}') <@ '{i,t}'::"char"[]
                     and l.lanname = 'sql' and p.provolatile in ('s', 'i')
                     and p.prorettype < 16384 -- no domain, which may have a collation of its own
                     and not exists (
                           select from unnest(p.proconfig) as setting
                            where not case when p.prosqlbody is null
                                        then setting in ('search_path=', 'search_path=""', 'search_path=pg_catalog')
                                        else starts_with(setting, 'search_path=') end)
                     as understood
              from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
             where n.nspname = ? and p.proname = ?
            """;

    private static final String IMMUTABLE = """
            select coalesce(bool_and(p.provolatile = 'i' and p.prokind = 'f'), false)
              from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = ?
            """;

    private static final String TABLE = """
            select c.oid::bigint, c.relkind = 'r' and c.relpersistence = 'p' and not c.relhassubclass and not c.relispartition
                     as plain,
                   -- before these, a table that was published while somebody wrote to it could stay unheard
                   current_setting('server_version_num')::int >= 180000
                     or current_setting('server_version_num')::int % 10000
                          >= case current_setting('server_version_num')::int / 10000
                               when 14 then 18 when 15 then 13 when 16 then 9 when 17 then 5 end as told,
                   exists (select from pg_publication p
                             left join pg_publication_rel r on r.prpubid = p.oid and r.prrelid = c.oid
                            where p.pubname = any (?) and p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate
                              and (p.puballtables or (r.oid is not null and to_jsonb(r) ->> 'prqual' is null
                                                      and to_jsonb(r) ->> 'prattrs' is null))) as heard
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = ? and c.relname = ?
            """;

    /** Types of PostgreSQL's own whose operators and text hang on nothing but the value; arrays of them are as well. */
    private static final Set<String> PLAIN = Set.of(
            "bit",
            "bool",
            "bpchar",
            "bytea",
            "char",
            "cidr",
            "date",
            "float4",
            "float8",
            "inet",
            "int2",
            "int4",
            "int8",
            "interval",
            "json",
            "jsonb",
            "macaddr",
            "name",
            "numeric",
            "text",
            "time",
            "timestamp",
            "timestamptz",
            "timetz",
            "uuid",
            "varbit",
            "varchar");

    private final Connection connection;
    private final String role;
    private final Publications publications;
    /** Tables that are not heard of, and taken for ones that are. */
    private final Optional<Set<TableName>> unheard;

    /** Settings that are as much of who asks as the claims are. */
    private final Set<String> settings;

    /** Whether columns count that are not compared here. */
    private boolean analysing;

    private Optional<SQLException> failed = Optional.empty();

    private PolicyReader(
            Connection connection, String role, Publications publications, Optional<Set<TableName>> unheard) {
        this(connection, role, publications, unheard, Set.of());
    }

    private PolicyReader(
            Connection connection,
            String role,
            Publications publications,
            Optional<Set<TableName>> unheard,
            Set<String> settings) {
        this.settings = settings;
        this.unheard = unheard;
        this.connection = connection;
        this.role = role;
        this.publications = publications;
    }

    /** @return what is known of the policies, unless they hold something that may come to something else each time */
    static Optional<CompiledPolicy> compile(
            Connection connection, int table, String role, String expression, Publications publications)
            throws SQLException {
        try {
            return Optional.of(compileOrSay(connection, table, role, expression, publications));
        } catch (NotCompiledException asked) {
            return Optional.empty();
        }
    }

    /** @throws NotCompiledException naming what only PostgreSQL can tell */
    static CompiledPolicy compileOrSay(
            Connection connection, int table, String role, String expression, Publications publications)
            throws SQLException, NotCompiledException {
        return new PolicyReader(connection, role, publications, Optional.empty()).compile(table, expression);
    }

    /** Which tables would have to be heard of, so that it could be compiled. */
    static Set<TableName> unheard(
            Connection connection, int table, String role, String expression, Publications publications)
            throws SQLException, NotCompiledException {
        var unheard = new LinkedHashSet<TableName>();
        new PolicyReader(connection, role, publications, Optional.of(unheard)).compile(table, expression);
        return unheard;
    }

    /**
     * What policies hang on that are asked about one row of a table, always the same for whoever asks.
     *
     * @return empty where they may come to something else each time
     */
    static Optional<CompiledPolicy> hanging(
            Connection connection, int table, String role, String expression, Publications publications, Fixed fixed)
            throws SQLException {
        return new PolicyReader(connection, role, publications, Optional.empty(), fixed.settings())
                .hanging(table, expression, fixed.columns());
    }

    /** Which tables would have to be heard of, so that it were known what they hang on. */
    static Set<TableName> unheard(
            Connection connection, int table, String role, String expression, Publications publications, Fixed fixed)
            throws SQLException {
        var unheard = new LinkedHashSet<TableName>();
        return new PolicyReader(connection, role, publications, Optional.of(unheard), fixed.settings())
                .hanging(table, expression, fixed.columns())
                .map(_ -> unheard)
                .orElseGet(LinkedHashSet::new);
    }

    /** What is always the same for whoever asks: columns of the row that is asked about, and settings beside those of the claims. */
    record Fixed(Set<String> columns, Set<String> settings) {}

    private Optional<CompiledPolicy> hanging(int table, String expression, Set<String> fixed) throws SQLException {
        analysing = true;
        Map<String, ColumnKind> columns = columns(table);
        columns.keySet().retainAll(fixed);
        var own = new Table(table, name(table), columns, names(table), Optional.empty());
        try {
            return Optional.of(CompiledPolicy.analyse(expression, own, this, "it is asked about rooms"));
        } catch (NotCompiledException otherEachTime) {
            if (failed.isPresent()) {
                throw failed.get();
            }
            return Optional.empty();
        }
    }

    private CompiledPolicy compile(int table, String expression) throws SQLException, NotCompiledException {
        try {
            return compileOrAnalyse(table, expression);
        } catch (NotCompiledException asked) {
            if (failed.isPresent()) {
                throw failed.get();
            }
            throw asked;
        }
    }

    private CompiledPolicy compileOrAnalyse(int table, String expression) throws SQLException, NotCompiledException {
        try {
            return CompiledPolicy.compile(expression, columns(table), this);
        } catch (NotCompiledException asked) {
            return analyse(table, expression, asked);
        }
    }

    private CompiledPolicy analyse(int table, String expression, NotCompiledException obstacle)
            throws SQLException, NotCompiledException {
        unheard.ifPresent(Set::clear);
        analysing = true;
        try {
            var own = new Table(table, name(table), columns(table), names(table), Optional.empty());
            return CompiledPolicy.analyse(expression, own, this, String.valueOf(obstacle.getMessage()));
        } catch (NotCompiledException noMore) {
            throw obstacle;
        }
    }

    private String name(int table) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement("select relname from pg_class where oid = ?")) {
            query.setLong(1, Integer.toUnsignedLong(table));
            try (ResultSet row = query.executeQuery()) {
                return row.next() ? row.getString(1) : "";
            }
        }
    }

    /** The same on a connection that is in no transaction. */
    static CompiledPolicy compileByItself(
            Connection connection, int table, String role, String expression, Publications publications)
            throws SQLException, NotCompiledException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.execute("set local search_path = ''");
            return compileOrSay(connection, table, role, expression, publications);
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    private Map<String, ColumnKind> columns(int table) throws SQLException {
        var columns = new HashMap<String, ColumnKind>();
        try (PreparedStatement query = connection.prepareStatement(COLUMNS)) {
            query.setLong(1, Integer.toUnsignedLong(table));
            try (ResultSet rows = query.executeQuery()) {
                while (rows.next()) {
                    String name = rows.getString(1);
                    int type = (int) rows.getLong("atttypid");
                    boolean plain = rows.getBoolean("own") && PLAIN.contains(rows.getString("plain_name"));
                    ColumnKind.of(
                                    type,
                                    Set.of((String[]) rows.getArray("labels").getArray()),
                                    rows.getBoolean("deterministic"))
                            .or(() -> Optional.of(ColumnKind.ofText(type)).filter(_ -> analysing && plain))
                            .ifPresent(kind -> columns.put(name, kind));
                }
            }
        }
        return columns;
    }

    private Set<String> names(int table) throws SQLException {
        var names = new HashSet<String>();
        try (PreparedStatement query = connection.prepareStatement(
                "select attname from pg_attribute where attrelid = ? and not attisdropped")) {
            query.setLong(1, Integer.toUnsignedLong(table));
            try (ResultSet rows = query.executeQuery()) {
                while (rows.next()) {
                    names.add(rows.getString(1));
                }
            }
        }
        return names;
    }

    @Override
    public boolean isFixed(String setting) {
        return PolicyCatalog.super.isFixed(setting) || settings.contains(setting);
    }

    @Override
    public boolean isImmutable(String name) {
        try (PreparedStatement query = connection.prepareStatement(IMMUTABLE)) {
            query.setString(1, name);
            try (ResultSet row = query.executeQuery()) {
                return row.next() && row.getBoolean(1);
            }
        } catch (SQLException broken) {
            failed = Optional.of(broken);
            return false;
        }
    }

    @Override
    public Optional<Function> function(String schema, String name, int arguments) {
        try (PreparedStatement query = connection.prepareStatement(FUNCTION)) {
            query.setString(1, schema);
            query.setString(2, name);
            try (ResultSet rows = query.executeQuery()) {
                var found = new ArrayList<Optional<Function>>();
                while (rows.next()) {
                    boolean understood = rows.getBoolean("understood");
                    int count = rows.getInt("pronargs");
                    List<String> names =
                            Arrays.asList((String[]) rows.getArray("names").getArray());
                    var function = new Function(
                            String.valueOf(rows.getString("body")),
                            rows.getBoolean("read_anew"),
                            names.subList(0, Math.min(arguments, names.size())),
                            rows.getBoolean("proretset"),
                            Optional.ofNullable(rows.getString("owner")));
                    found.add(Optional.of(function).filter(_ -> understood && count == arguments));
                }
                return found.size() == 1
                        ? found.getFirst()
                        : Optional.empty(); // which of several is called is not told
            }
        } catch (SQLException broken) {
            failed = Optional.of(broken);
            return Optional.empty();
        }
    }

    @Override
    public Table table(TableName name, Optional<String> reader) throws NotCompiledException {
        try (PreparedStatement query = connection.prepareStatement(TABLE)) {
            query.setArray(
                    1, connection.createArrayOf("text", publications.carried().toArray()));
            query.setString(2, name.schema());
            query.setString(3, name.table());
            try (ResultSet row = query.executeQuery()) {
                if (!row.next()) {
                    throw new NotCompiledException("table " + name + ", which is not there");
                }
                if (!row.getBoolean("told")) {
                    throw new NotCompiledException("table " + name + ", on a PostgreSQL without the fixes of May 2025");
                }
                if (!row.getBoolean("plain")) {
                    throw new NotCompiledException("table " + name + ", which is no plain table");
                }
                if (!row.getBoolean("heard") && !isTakenFor(name, (int) row.getLong(1))) {
                    throw new NotCompiledException("table " + name + ", whose changes are not published");
                }
                int oid = (int) row.getLong(1);
                return new Table(oid, name.table(), columns(oid), names(oid), policies(oid, reader.orElse(role)));
            }
        } catch (SQLException broken) {
            failed = Optional.of(broken);
            throw new NotCompiledException("table " + name);
        }
    }

    private boolean isTakenFor(TableName name, int oid) throws SQLException {
        boolean taken = unheard.isPresent() && UnheardTables.canBeAdded(connection, oid);
        if (taken) {
            unheard.get().add(name);
        }
        return taken;
    }

    private Optional<String> policies(int table, String reader) throws SQLException {
        return switch (TableSecurity.read(connection, table, reader, Publications.none())
                .predicate()) {
            case TableSecurity.Predicate.Always _ -> Optional.empty();
            case TableSecurity.Predicate.Never _ -> Optional.of("false");
            case TableSecurity.Predicate.Asked asked -> Optional.of(asked.expression());
        };
    }
}

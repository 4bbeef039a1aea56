package dev.switchboard.server.data;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.server.config.DataSettings;
import dev.switchboard.server.data.Catalog.Cardinality;
import dev.switchboard.server.data.Catalog.Column;
import dev.switchboard.server.data.Catalog.Junction;
import dev.switchboard.server.data.Catalog.Parameter;
import dev.switchboard.server.data.Catalog.Relationship;
import dev.switchboard.server.data.Catalog.Result;
import dev.switchboard.server.data.Catalog.Routine;
import dev.switchboard.server.data.Catalog.Table;
import dev.switchboard.server.data.Catalog.Usable;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads a {@link Catalog} from PostgreSQL's system catalogs, with an empty search path, so that all names come out qualified. */
final class CatalogReader {
    private static final String COLUMNS = """
            select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type, t.typname, a.attnotnull,
                   coalesce(pg_get_expr(d.adbin, d.adrelid),
                     case when a.attidentity <> '' then format('nextval(%L::regclass)', pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname)) end) as fallback,
                   a.attgenerated <> '' or a.attidentity = 'a' as generated,
                   c.relrowsecurity or coalesce('security_invoker=true' = any (c.reloptions), false) as guarded,
                   c.relkind = 'r' as plain,
                   c.relkind in ('r', 'p', 'm') and not c.relrowsecurity as estimable,
                   has_table_privilege((select oid from pg_roles where rolname = 'anon'), c.oid, 'select, insert, update, delete') as anonymous,
                   obj_description(c.oid, 'pg_class') as table_comment, col_description(c.oid, a.attnum) as comment,
                   case when t.typtype = 'e' then (select array_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) end as labels
              from pg_class c
              join pg_namespace n on n.oid = c.relnamespace
              left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              left join pg_type t on t.oid = a.atttypid
              left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
             where n.nspname = any (?) and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
             order by n.nspname, c.relname, a.attnum""";

    private static final String KEYS = """
            select n.nspname, c.relname, i.indisprimary,
                   (select array_agg(a.attname order by k.place)
                      from unnest(i.indkey::int2[]) with ordinality k (num, place)
                      join pg_attribute a on a.attrelid = c.oid and a.attnum = k.num
                     where k.place <= i.indnkeyatts) as columns
              from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = any (?) and i.indisunique and i.indpred is null and i.indexprs is null and i.indisvalid""";

    private static final String FOREIGN_KEYS = """
            select f.conname, n.nspname, c.relname, fn.nspname as other_schema, fc.relname as other_table,
                   (select array_agg(a.attname order by k.place) from unnest(f.conkey) with ordinality k (num, place)
                      join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.num) as columns,
                   (select array_agg(a.attname order by k.place) from unnest(f.confkey) with ordinality k (num, place)
                      join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.num) as other_columns
              from pg_constraint f
              join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace
              join pg_class fc on fc.oid = f.confrelid join pg_namespace fn on fn.oid = fc.relnamespace
             where f.contype = 'f' and f.conparentid = 0 and n.nspname = any (?) and fn.nspname = any (?)
             order by n.nspname, c.relname, f.conname""";

    private static final String ROUTINES = """
            select n.nspname, p.proname, p.proretset, p.provolatile = 'v' as changes, p.provariadic <> 0 as variadic,
                   p.pronargdefaults, obj_description(p.oid, 'pg_proc') as comment,
                   coalesce(p.proargnames, '{}') as names, coalesce(p.proargmodes::text[], '{}') as modes,
                   (select coalesce(array_agg(format_type(a.type, null) order by a.place), '{}')
                      from unnest(p.proargtypes::oid[]) with ordinality a (type, place)) as types,
                   (select coalesce(array_agg(t.typname order by a.place), '{}')
                      from unnest(p.proargtypes::oid[]) with ordinality a (type, place) join pg_type t on t.oid = a.type) as bases,
                   rt.typname = 'void' as void, rt.typtype = 'c' or rt.typname = 'record' as composite,
                   rn.nspname as table_schema, rc.relname as table_name,
                   (select coalesce(array_agg(ra.attname order by ra.attnum), '{}') from pg_attribute ra
                     where ra.attrelid = rc.oid and ra.attnum > 0 and not ra.attisdropped) as result_columns,
                   an.nspname as row_schema, ac.relname as row_table
              from pg_proc p
              join pg_namespace n on n.oid = p.pronamespace
              join pg_type rt on rt.oid = p.prorettype
              left join pg_class rc on rc.oid = rt.typrelid and rt.typtype = 'c'
              left join pg_namespace rn on rn.oid = rc.relnamespace
              left join pg_type at on p.pronargs = 1 and at.oid = p.proargtypes[0] and at.typtype = 'c'
              left join pg_class ac on ac.oid = at.typrelid
              left join pg_namespace an on an.oid = ac.relnamespace
             where n.nspname = any (?) and p.prokind = 'f'
               and rt.typname not in ('trigger', 'event_trigger')
             order by n.nspname, p.proname, p.oid""";

    private static final String TYPES = """
            select t.typname, format('%I.%I', n.nspname, t.typname) as qualified
              from pg_type t join pg_namespace n on n.oid = t.typnamespace
             where (n.nspname = 'pg_catalog' or n.nspname = any (?)) and t.typtype in ('b', 'd', 'e', 'r', 'm') and t.typelem = 0
             order by n.nspname = 'pg_catalog'""";

    private static final String ROLE_SETTINGS = """
            select r.rolname, s.setting
              from pg_db_role_setting d join pg_roles r on r.oid = d.setrole, unnest(d.setconfig) s (setting)
             where d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
               and pg_has_role(current_user, r.oid, 'MEMBER')
               and coalesce((select g.context from pg_settings g where g.name = lower(split_part(s.setting, '=', 1))), 'user') = 'user'
             order by d.setdatabase""";

    /** Per role of tokens what it has any privilege on, {@code kind} saying of what kind that is. */
    private static final String USABLE = """
            with roles as (
              select oid, rolname from pg_roles where pg_has_role(current_user, oid, 'MEMBER') and rolname !~ '^pg_'),
            spaces as (
              select r.oid as role, r.rolname, n.oid, n.nspname from roles r, pg_namespace n
               where n.nspname = any (?) and has_schema_privilege(r.oid, n.oid, 'usage'))
            select s.rolname, 'table' as kind, s.nspname, c.relname as name
              from spaces s join pg_class c on c.relnamespace = s.oid
             where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
               and (has_table_privilege(s.role, c.oid, 'select, insert, update, delete')
                    or has_any_column_privilege(s.role, c.oid, 'select, insert, update'))
            union all
            select distinct s.rolname, 'routine', s.nspname, p.proname
              from spaces s join pg_proc p on p.pronamespace = s.oid
             where has_function_privilege(s.role, p.oid, 'execute')
            union all
            select s.rolname, 'partly', s.nspname, c.relname
              from spaces s join pg_class c on c.relnamespace = s.oid
             where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
               and not has_table_privilege(s.role, c.oid, 'select') and has_any_column_privilege(s.role, c.oid, 'select')
            union all
            select rolname, 'role', '', '' from roles""";

    /** What SQL's own names of types stand for. */
    private static final Map<String, String> ALIASES = Map.ofEntries(
            Map.entry("int", "int4"),
            Map.entry("integer", "int4"),
            Map.entry("bigint", "int8"),
            Map.entry("smallint", "int2"),
            Map.entry("real", "float4"),
            Map.entry("double precision", "float8"),
            Map.entry("float", "float8"),
            Map.entry("decimal", "numeric"),
            Map.entry("boolean", "bool"),
            Map.entry("character varying", "varchar"),
            Map.entry("character", "bpchar"),
            Map.entry("char", "bpchar"),
            Map.entry("timestamp with time zone", "timestamptz"),
            Map.entry("timestamp without time zone", "timestamp"),
            Map.entry("time with time zone", "timetz"),
            Map.entry("time without time zone", "time"));

    private final DataSettings settings;
    private final ViewColumns views;
    private final List<String> schemas;
    private final List<String> typeSchemas;
    private final Map<TableName, List<Set<String>>> uniques = new HashMap<>();
    private final Map<TableName, List<String>> keys = new HashMap<>();
    private final Map<TableName, Map<String, TableName>> computed = new HashMap<>();

    private CatalogReader(DataSettings settings, ViewColumns views) {
        this.views = views;
        this.settings = settings;
        this.schemas = settings.schemas();
        var all = new ArrayList<>(schemas);
        all.addAll(settings.searchPath());
        this.typeSchemas = all;
    }

    /** Reads it in a transaction of its own. */
    static Catalog read(Connection connection, String fingerprint, DataSettings settings) throws SQLException {
        var reader = new CatalogReader(settings, ViewColumns.read(connection, settings.schemas()));
        try (Statement statement = connection.createStatement()) {
            statement.execute("begin isolation level repeatable read read only; set local search_path = '';"
                    + " set local statement_timeout = '60s'");
            try {
                return reader.read(connection, fingerprint);
            } finally {
                statement.execute("rollback");
            }
        }
    }

    private Catalog read(Connection connection, String fingerprint) throws SQLException {
        readKeys(connection);
        Map<TableName, List<Routine>> routines = readRoutines(connection);
        Map<TableName, Table> tables = readTables(connection);
        return new Catalog(
                fingerprint,
                tables,
                readRelationships(connection, tables.keySet()),
                routines,
                readTypes(connection),
                readRoleSettings(connection),
                readUsable(connection));
    }

    private static PreparedStatement prepare(Connection connection, String sql, List<String> names)
            throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        Array array = connection.createArrayOf("name", names.toArray());
        for (int i = 1; i <= statement.getParameterMetaData().getParameterCount(); i++) {
            statement.setArray(i, array);
        }
        return statement;
    }

    private static TableName name(ResultSet row, String schema, String table) throws SQLException {
        return new TableName(row.getString(schema), row.getString(table));
    }

    private static List<String> strings(ResultSet row, String column) throws SQLException {
        Array array = row.getArray(column);
        return array == null
                ? List.of()
                : Arrays.stream((Object[]) array.getArray())
                        .map(String::valueOf)
                        .toList();
    }

    private void readKeys(Connection connection) throws SQLException {
        try (PreparedStatement query = prepare(connection, KEYS, schemas);
                ResultSet row = query.executeQuery()) {
            while (row.next()) {
                TableName table = name(row, "nspname", "relname");
                List<String> columns = strings(row, "columns");
                uniques.computeIfAbsent(table, _ -> new ArrayList<>()).add(Set.copyOf(columns));
                if (row.getBoolean("indisprimary")) {
                    keys.put(table, columns);
                }
            }
        }
    }

    private Map<TableName, Table> readTables(Connection connection) throws SQLException {
        var tables = new HashMap<TableName, Table>();
        try (PreparedStatement query = prepare(connection, COLUMNS, schemas);
                ResultSet row = query.executeQuery()) {
            while (row.next()) {
                if (settings.requirePolicies() && !row.getBoolean("guarded")) {
                    continue;
                }
                TableName name = name(row, "nspname", "relname");
                Table table = tables.get(name);
                if (table == null) {
                    table = new Table(
                            name,
                            new LinkedHashMap<>(),
                            keys.getOrDefault(name, List.of()),
                            List.copyOf(uniques.getOrDefault(name, List.of())),
                            Map.copyOf(computed.getOrDefault(name, Map.of())),
                            row.getBoolean("anonymous") && !row.getBoolean("guarded"),
                            row.getBoolean("plain"),
                            row.getBoolean("estimable"),
                            Optional.ofNullable(row.getString("table_comment")));
                    tables.put(name, table);
                }
                String column = row.getString("attname");
                if (column != null) {
                    table.columns().put(column, column(row, column));
                }
            }
        }
        return Map.copyOf(tables);
    }

    private static Column column(ResultSet row, String name) throws SQLException {
        return new Column(
                name,
                row.getString("type"),
                row.getString("typname"),
                row.getBoolean("attnotnull"),
                Optional.ofNullable(row.getString("fallback")),
                row.getBoolean("generated"),
                Optional.ofNullable(row.getString("comment")),
                strings(row, "labels"));
    }

    private record ForeignKey(
            String constraint, TableName from, List<String> columns, TableName to, List<String> otherColumns) {}

    private Map<TableName, List<Relationship>> readRelationships(Connection connection, Set<TableName> known)
            throws SQLException {
        var foreignKeys = new ArrayList<ForeignKey>();
        try (PreparedStatement query = prepare(connection, FOREIGN_KEYS, schemas);
                ResultSet row = query.executeQuery()) {
            while (row.next()) {
                var key = new ForeignKey(
                        row.getString("conname"),
                        name(row, "nspname", "relname"),
                        strings(row, "columns"),
                        name(row, "other_schema", "other_table"),
                        strings(row, "other_columns"));
                if (known.contains(key.from()) && known.contains(key.to())) {
                    foreignKeys.add(key);
                }
            }
        }
        var relationships = new HashMap<TableName, List<Relationship>>();
        for (ForeignKey key : foreignKeys) {
            direct(key)
                    .forEach(relationship -> relationships
                            .computeIfAbsent(relationship.from(), _ -> new ArrayList<>())
                            .add(relationship));
        }
        for (ForeignKey one : foreignKeys) {
            for (ForeignKey other : foreignKeys) {
                if (!one.equals(other) && one.from().equals(other.from()) && isJunction(one, other)) {
                    relationships
                            .computeIfAbsent(one.to(), _ -> new ArrayList<>())
                            .add(through(one, other));
                }
            }
        }
        List<Relationship> ofTables =
                relationships.values().stream().flatMap(List::stream).toList();
        for (Relationship relationship : ofTables) {
            ofViews(relationship)
                    .forEach(derived -> relationships
                            .computeIfAbsent(derived.from(), _ -> new ArrayList<>())
                            .add(derived));
        }
        relationships.replaceAll((_, list) -> List.copyOf(list));
        return Map.copyOf(relationships);
    }

    /** A table, or a view of it, with what its columns are called there. */
    private record Side(TableName name, List<String> columns, boolean view) {}

    private List<Side> sides(TableName table, List<String> columns) {
        var sides = new ArrayList<Side>();
        sides.add(new Side(table, columns, false));
        views.origins()
                .keySet()
                .forEach(view ->
                        views.in(view, table, columns).ifPresent(names -> sides.add(new Side(view, names, true))));
        return sides;
    }

    /** The same relationship, seen from views and leading to views. */
    private List<Relationship> ofViews(Relationship relationship) {
        var derived = new ArrayList<Relationship>();
        for (Side from : sides(relationship.from(), relationship.fromColumns())) {
            for (Side to : sides(relationship.to(), relationship.toColumns())) {
                if (from.view() || to.view()) {
                    derived.add(new Relationship(
                            relationship.constraint(),
                            from.name(),
                            from.columns(),
                            to.name(),
                            to.columns(),
                            relationship.cardinality(),
                            relationship.holdsKey(),
                            to.view(),
                            relationship.junction()));
                }
            }
        }
        return derived;
    }

    private List<Relationship> direct(ForeignKey key) {
        boolean unique = uniques.getOrDefault(key.from(), List.of()).stream()
                .anyMatch(columns -> columns.equals(Set.copyOf(key.columns())));
        return List.of(
                new Relationship(
                        key.constraint(),
                        key.from(),
                        key.columns(),
                        key.to(),
                        key.otherColumns(),
                        unique ? Cardinality.ONE_TO_ONE : Cardinality.MANY_TO_ONE,
                        true,
                        false,
                        Optional.empty()),
                new Relationship(
                        key.constraint(),
                        key.to(),
                        key.otherColumns(),
                        key.from(),
                        key.columns(),
                        unique ? Cardinality.ONE_TO_ONE : Cardinality.ONE_TO_MANY,
                        false,
                        false,
                        Optional.empty()));
    }

    /** Both keys are part of the table's primary key. */
    private boolean isJunction(ForeignKey one, ForeignKey other) {
        Set<String> key = new HashSet<>(keys.getOrDefault(one.from(), List.of()));
        return key.containsAll(one.columns()) && key.containsAll(other.columns());
    }

    private static Relationship through(ForeignKey one, ForeignKey other) {
        return new Relationship(
                one.constraint(),
                one.to(),
                one.otherColumns(),
                other.to(),
                other.otherColumns(),
                Cardinality.MANY_TO_MANY,
                false,
                false,
                Optional.of(new Junction(one.from(), other.constraint(), one.columns(), other.columns())));
    }

    private Map<TableName, List<Routine>> readRoutines(Connection connection) throws SQLException {
        var routines = new HashMap<TableName, List<Routine>>();
        try (PreparedStatement query = prepare(connection, ROUTINES, schemas);
                ResultSet row = query.executeQuery()) {
            while (row.next()) {
                TableName name = name(row, "nspname", "proname");
                routines.computeIfAbsent(name, _ -> new ArrayList<>()).add(routine(row, name));
                if (row.getString("row_table") != null && !row.getBoolean("proretset")) {
                    computed.computeIfAbsent(name(row, "row_schema", "row_table"), _ -> new HashMap<>())
                            .put(name.table(), name);
                }
            }
        }
        routines.replaceAll((_, list) -> List.copyOf(list));
        return Map.copyOf(routines);
    }

    private static Routine routine(ResultSet row, TableName name) throws SQLException {
        List<String> names = strings(row, "names");
        List<String> modes = strings(row, "modes");
        List<String> types = strings(row, "types");
        List<String> bases = strings(row, "bases");
        var parameters = new ArrayList<Parameter>();
        var outputs = new ArrayList<String>();
        int defaults = row.getInt("pronargdefaults");
        int inputs = 0;
        for (int i = 0; i < Math.max(types.size(), modes.size()); i++) {
            String mode = modes.isEmpty() ? "i" : modes.get(i);
            String argument = i < names.size() ? names.get(i) : "";
            if (!mode.equals("o") && !mode.equals("t")) {
                parameters.add(new Parameter(
                        argument,
                        types.get(inputs),
                        bases.get(inputs),
                        inputs < types.size() - defaults,
                        mode.equals("v")));
                inputs++;
            }
            if (!mode.equals("i") && !mode.equals("v")) {
                outputs.add(argument);
            }
        }
        return new Routine(
                name,
                List.copyOf(parameters),
                result(row, outputs),
                row.getBoolean("changes"),
                Optional.ofNullable(row.getString("comment")));
    }

    private static Result result(ResultSet row, List<String> outputs) throws SQLException {
        boolean composite = row.getBoolean("composite") || !outputs.isEmpty();
        Optional<TableName> table = row.getString("table_name") == null
                ? Optional.empty()
                : Optional.of(name(row, "table_schema", "table_name"));
        List<String> columns = outputs.isEmpty() ? strings(row, "result_columns") : List.copyOf(outputs);
        return new Result(row.getBoolean("proretset"), table, columns, composite, row.getBoolean("void"));
    }

    private Map<String, String> readTypes(Connection connection) throws SQLException {
        var types = new HashMap<String, String>();
        try (PreparedStatement query = prepare(connection, TYPES, typeSchemas);
                ResultSet row = query.executeQuery()) {
            while (row.next()) {
                types.put(
                        row.getString(1), row.getString(2)); // those of pg_catalog last, which win as in a search path
            }
        }
        ALIASES.forEach((alias, name) -> types.put(alias, "pg_catalog." + name));
        return Map.copyOf(types);
    }

    private static Map<String, Map<String, String>> readRoleSettings(Connection connection) throws SQLException {
        var settings = new HashMap<String, Map<String, String>>();
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(ROLE_SETTINGS)) {
            while (row.next()) {
                String[] pair = row.getString("setting").split("=", 2);
                settings.computeIfAbsent(row.getString("rolname"), _ -> new LinkedHashMap<>())
                        .put(pair[0], pair.length > 1 ? pair[1] : "");
            }
        }
        return Map.copyOf(settings);
    }

    private Map<String, Usable> readUsable(Connection connection) throws SQLException {
        var usable = new HashMap<String, Usable>();
        try (PreparedStatement query = prepare(connection, USABLE, schemas);
                ResultSet row = query.executeQuery()) {
            while (row.next()) {
                Usable ofRole = usable.computeIfAbsent(
                        row.getString("rolname"), _ -> new Usable(new HashSet<>(), new HashSet<>(), new HashSet<>()));
                TableName name = name(row, "nspname", "name");
                switch (row.getString("kind")) {
                    case "table" -> ofRole.tables().add(name);
                    case "partly" -> ofRole.partly().add(name);
                    case "routine" -> ofRole.routines().add(name);
                    case String role -> {} // it is there, whatever it may do
                }
            }
        }
        return Map.copyOf(usable);
    }
}

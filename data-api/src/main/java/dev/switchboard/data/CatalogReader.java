package dev.switchboard.data;

import dev.switchboard.data.Catalog.Cardinality;
import dev.switchboard.data.Catalog.Column;
import dev.switchboard.data.Catalog.Computed;
import dev.switchboard.data.Catalog.Junction;
import dev.switchboard.data.Catalog.MediaHandler;
import dev.switchboard.data.Catalog.Parameter;
import dev.switchboard.data.Catalog.Relationship;
import dev.switchboard.data.Catalog.Representation;
import dev.switchboard.data.Catalog.Result;
import dev.switchboard.data.Catalog.Routine;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Catalog.Usable;
import dev.switchboard.data.Catalog.Writable;
import dev.switchboard.engine.model.TableName;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads a {@link Catalog} from PostgreSQL's system catalogs, with an empty search path, so that all names come out qualified. */
final class CatalogReader {
    /** What types domains are made of, below all domains between; other types are their own. */
    private static final String BASES = """
            with recursive domains (domain, base) as (
              select oid, typbasetype from pg_type where typtype = 'd'
              union all
              select d.domain, t.typbasetype from domains d join pg_type t on t.oid = d.base and t.typtype = 'd'),
            bases as (
              select d.domain as oid, t.oid as base, t.typname, t.typtype, t.typrelid
                from domains d join pg_type t on t.oid = d.base and t.typtype <> 'd'
              union all
              select oid, oid, typname, typtype, typrelid from pg_type where typtype <> 'd')
            """;

    private static final String COLUMNS = BASES + """
            select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type, t.typname, a.attnotnull,
                   a.atttypid::bigint as type_oid,
                   case when a.attidentity <> '' then
                     (select format('nextval(%L::regclass)', format('%I.%I', sn.nspname, s.relname))
                        from pg_depend sd join pg_class s on s.oid = sd.objid join pg_namespace sn on sn.oid = s.relnamespace
                       where sd.classid = 'pg_class'::regclass and sd.refobjid = c.oid and sd.refobjsubid = a.attnum and sd.deptype = 'i')
                   when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end as fallback,
                   a.attgenerated <> '' or a.attidentity = 'a' as generated,
                   c.relrowsecurity or coalesce('security_invoker=true' = any (c.reloptions), false) as guarded,
                   c.relkind in ('r', 'p') or pg_relation_is_updatable(c.oid, true) & 8 = 8 as inserts,
                   c.relkind in ('r', 'p') or pg_relation_is_updatable(c.oid, true) & 4 = 4 as updates,
                   c.relkind in ('r', 'p') or pg_relation_is_updatable(c.oid, true) & 16 = 16 as deletes,
                   c.relkind in ('r', 'p', 'm') and not c.relrowsecurity as estimable,
                   has_table_privilege((select oid from pg_roles where rolname = 'anon'), c.oid, 'select, insert, update, delete') as anonymous,
                   obj_description(c.oid, 'pg_class') as table_comment, col_description(c.oid, a.attnum) as comment,
                   case when t.typtype = 'e' then (select array_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.base) end as labels
              from pg_class c
              join pg_namespace n on n.oid = c.relnamespace
              left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              left join bases t on t.oid = a.atttypid
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
             where c.oid >= 16384 and i.indisunique and i.indpred is null and i.indexprs is null and i.indisvalid""";

    private static final String FOREIGN_KEYS = """
            select f.conname, n.nspname, c.relname, fn.nspname as other_schema, fc.relname as other_table,
                   (select array_agg(a.attname order by k.place) from unnest(f.conkey) with ordinality k (num, place)
                      join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.num) as columns,
                   (select array_agg(a.attname order by k.place) from unnest(f.confkey) with ordinality k (num, place)
                      join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.num) as other_columns
              from pg_constraint f
              join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace
              join pg_class fc on fc.oid = f.confrelid join pg_namespace fn on fn.oid = fc.relnamespace
             where f.contype = 'f' and f.conparentid = 0
             order by n.nspname, c.relname, f.conname""";

    private static final String ROUTINES = BASES + """
            select n.nspname, p.proname, p.proretset, p.prorows, p.provolatile = 'v' as changes,
                   p.pronargdefaults, obj_description(p.oid, 'pg_proc') as comment, p.proconfig,
                   coalesce(p.proargnames, '{}') as names, coalesce(p.proargmodes::text[], '{}') as modes,
                   (select coalesce(array_agg(format_type(a.type, -1) order by a.place), '{}')
                      from unnest(p.proargtypes::oid[]) with ordinality a (type, place)) as types,
                   (select coalesce(array_agg(t.typname order by a.place), '{}')
                      from unnest(p.proargtypes::oid[]) with ordinality a (type, place) join bases t on t.oid = a.type) as bases,
                   rt.typname = 'void' as void, rb.typtype = 'c' as composite, rt.typname = 'record' as record,
                   rt.typname as result, rb.typname as result_base,
                   rn.nspname as table_schema, rc.relname as table_name,
                   (select coalesce(array_agg(ra.attname order by ra.attnum), '{}') from pg_attribute ra
                     where ra.attrelid = rc.oid and ra.attnum > 0 and not ra.attisdropped) as result_columns,
                   an.nspname as row_schema, ac.relname as row_table
              from pg_proc p
              join pg_namespace n on n.oid = p.pronamespace
              join pg_type rt on rt.oid = p.prorettype
              join bases rb on rb.oid = p.prorettype
              left join pg_class rc on rc.oid = rb.typrelid and rb.typtype = 'c'
              left join pg_namespace rn on rn.oid = rc.relnamespace
              left join pg_type at on p.pronargs = 1 and at.oid = p.proargtypes[0] and at.typtype = 'c'
              left join pg_class ac on ac.oid = at.typrelid
              left join pg_namespace an on an.oid = ac.relnamespace
             where n.nspname = any (?) and p.prokind = 'f'
               and rt.typname not in ('trigger', 'event_trigger')
             order by n.nspname, p.proname, p.oid""";

    private static final String HANDLERS = BASES + """
            select d.typname as media, b.typname = 'bytea' as binary, n.nspname, p.proname, an.nspname as row_schema, ac.relname as row_table
              from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              join pg_type d on d.oid = p.prorettype and d.typtype = 'd' and d.typname like '%/%' and d.typname not like '%*%'
              join bases b on b.oid = d.oid
              join pg_type at on at.oid = p.proargtypes[0]
              left join pg_class ac on ac.oid = at.typrelid and at.typtype = 'c'
              left join pg_namespace an on an.oid = ac.relnamespace
             where n.nspname = any (?) and p.prokind = 'a' and p.pronargs = 1 and (ac.oid is not null or at.typname = 'anyelement')
             order by p.oid""";

    /** Functions of casts of domains, one way and the other, by the domain's OID. */
    private static final String REPRESENTATIONS = """
            select d.oid::bigint as domain, o.typname as other, c.castsource = d.oid as outwards, n.nspname, p.proname
              from pg_cast c
              join pg_type d on d.typtype = 'd' and d.oid in (c.castsource, c.casttarget)
              join pg_type o on o.oid = case when c.castsource = d.oid then c.casttarget else c.castsource end
              join pg_proc p on p.oid = c.castfunc join pg_namespace n on n.oid = p.pronamespace
             where c.castmethod = 'f' and o.typname in ('json', 'text') and o.typnamespace = 'pg_catalog'::regnamespace""";

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

    /** How long a statement may take, and how it sees others: too late for both within the function. */
    private static final Set<String> HOISTED = Set.of("statement_timeout", "default_transaction_isolation");

    private final DataSettings settings;
    private final ViewColumns views;
    private final List<String> schemas;
    private final List<String> typeSchemas;
    private final Map<TableName, List<Set<String>>> uniques = new HashMap<>();
    private final Map<TableName, List<String>> keys = new HashMap<>();
    private final Map<TableName, Map<String, Computed>> computed = new HashMap<>();
    private final List<Relationship> computedRelationships = new ArrayList<>();
    private final Map<Long, Representation> representations = new HashMap<>();

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
        var reader = new CatalogReader(settings, ViewColumns.read(connection));
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
        readRepresentations(connection);
        Map<TableName, List<Routine>> routines = readRoutines(connection);
        Map<TableName, Table> tables = readTables(connection);
        return new Catalog(
                fingerprint,
                tables,
                readRelationships(connection, tables.keySet()),
                routines,
                readTypes(connection),
                readHandlers(connection),
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
        try (Statement query = connection.createStatement();
                ResultSet row = query.executeQuery(KEYS)) {
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
                            keys.getOrDefault(name, keyOfView(name)),
                            List.copyOf(uniques.getOrDefault(name, List.of())),
                            Map.copyOf(computed.getOrDefault(name, Map.of())),
                            row.getBoolean("anonymous") && !row.getBoolean("guarded"),
                            new Writable(
                                    row.getBoolean("inserts"), row.getBoolean("updates"), row.getBoolean("deletes")),
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

    /** The keys of the tables below, as far as it shows them whole. */
    private List<String> keyOfView(TableName view) {
        return views.below(view).stream()
                .flatMap(table -> views.in(view, table, keys.getOrDefault(table, List.of())).stream())
                .flatMap(List::stream)
                .toList();
    }

    private Column column(ResultSet row, String name) throws SQLException {
        return new Column(
                name,
                row.getString("type"),
                row.getString("typname"),
                row.getBoolean("attnotnull"),
                Optional.ofNullable(row.getString("fallback")),
                row.getBoolean("generated"),
                Optional.ofNullable(row.getString("comment")),
                strings(row, "labels"),
                Optional.ofNullable(representations.get(row.getLong("type_oid"))));
    }

    private void readRepresentations(Connection connection) throws SQLException {
        var none = new Representation(Optional.empty(), Optional.empty(), Optional.empty());
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(REPRESENTATIONS)) {
            while (row.next()) {
                Optional<TableName> function = Optional.of(name(row, "nspname", "proname"));
                boolean json = row.getString("other").equals("json");
                Representation known = representations.getOrDefault(row.getLong("domain"), none);
                if (!row.getBoolean("outwards")) {
                    known = json
                            ? new Representation(known.toJson(), function, known.fromText())
                            : new Representation(known.toJson(), known.fromJson(), function);
                } else if (json) {
                    known = new Representation(function, known.fromJson(), known.fromText());
                }
                representations.put(row.getLong("domain"), known);
            }
        }
    }

    private List<MediaHandler> readHandlers(Connection connection) throws SQLException {
        var handlers = new ArrayList<MediaHandler>();
        try (PreparedStatement query = prepare(connection, HANDLERS, typeSchemas);
                ResultSet row = query.executeQuery()) {
            while (row.next()) {
                handlers.add(new MediaHandler(
                        row.getString("media"),
                        name(row, "nspname", "proname"),
                        row.getString("row_table") == null
                                ? Optional.empty()
                                : Optional.of(name(row, "row_schema", "row_table")),
                        row.getBoolean("binary")));
            }
        }
        return List.copyOf(handlers);
    }

    private record ForeignKey(
            String constraint, TableName from, List<String> columns, TableName to, List<String> otherColumns) {}

    private Map<TableName, List<Relationship>> readRelationships(Connection connection, Set<TableName> known)
            throws SQLException {
        var foreignKeys = new ArrayList<ForeignKey>();
        try (Statement query = connection.createStatement();
                ResultSet row = query.executeQuery(FOREIGN_KEYS)) {
            while (row.next()) {
                var key = new ForeignKey(
                        row.getString("conname"),
                        name(row, "nspname", "relname"),
                        strings(row, "columns"),
                        name(row, "other_schema", "other_table"),
                        strings(row, "other_columns"));
                foreignKeys.add(key);
            }
        }
        var all = new ArrayList<Relationship>();
        foreignKeys.forEach(key -> all.addAll(direct(key)));
        for (ForeignKey one : foreignKeys) {
            for (ForeignKey other : foreignKeys) {
                if (!one.equals(other) && one.from().equals(other.from()) && isJunction(one, other)) {
                    all.add(through(one, other));
                }
            }
        }
        var relationships = new HashMap<TableName, List<Relationship>>();
        all.stream()
                .flatMap(relationship -> shown(relationship, known).stream())
                .forEach(relationship -> relationships
                        .computeIfAbsent(relationship.from(), _ -> new ArrayList<>())
                        .add(relationship));
        for (Relationship relationship : computedRelationships) {
            if (known.contains(relationship.from()) && known.contains(relationship.to())) {
                relationships
                        .computeIfAbsent(relationship.from(), _ -> new ArrayList<>())
                        .add(relationship);
            }
        }
        relationships.replaceAll((_, list) -> List.copyOf(list));
        return Map.copyOf(relationships);
    }

    /** A table, or a view of it, with what its columns are called there. */
    private record Side(TableName name, List<String> columns, boolean view) {}

    private List<Side> sides(TableName table, List<String> columns, Set<TableName> known) {
        var sides = new ArrayList<Side>();
        if (known.contains(table)) {
            sides.add(new Side(table, columns, false));
        }
        known.forEach(
                view -> views.in(view, table, columns).ifPresent(names -> sides.add(new Side(view, names, true))));
        return sides;
    }

    /** The relationship as far as tables are shown, and the same as views show it that are. */
    private List<Relationship> shown(Relationship relationship, Set<TableName> known) {
        var shown = new ArrayList<Relationship>();
        for (Side from : sides(relationship.from(), relationship.fromColumns(), known)) {
            for (Side to : sides(relationship.to(), relationship.toColumns(), known)) {
                shown.add(relationship.between(
                        from.name(),
                        from.columns(),
                        to.name(),
                        to.columns(),
                        to.view(),
                        relationship.junction().map(junction -> shown(junction, from.name(), known))));
            }
        }
        return shown;
    }

    /** A junction that is not shown is used through a view of it, where there is one beside the table. */
    private Junction shown(Junction junction, TableName beside, Set<TableName> known) {
        if (known.contains(junction.table())) {
            return junction;
        }
        for (TableName view : known.stream()
                .filter(name -> name.schema().equals(beside.schema()))
                .sorted(Comparator.comparing(TableName::table))
                .toList()) {
            Optional<List<String>> from = views.in(view, junction.table(), junction.fromColumns());
            Optional<List<String>> to = views.in(view, junction.table(), junction.toColumns());
            if (from.isPresent() && to.isPresent()) {
                return new Junction(view, junction.otherConstraint(), from.get(), to.get());
            }
        }
        return junction;
    }

    private List<Relationship> direct(ForeignKey key) {
        boolean unique = uniques.getOrDefault(key.from(), List.of()).stream()
                .anyMatch(columns -> columns.equals(Set.copyOf(key.columns())));
        boolean self = key.from().equals(key.to());
        return List.of(
                new Relationship(
                        key.constraint(),
                        key.from(),
                        key.columns(),
                        key.to(),
                        key.otherColumns(),
                        unique ? Cardinality.ONE_TO_ONE : Cardinality.MANY_TO_ONE,
                        true,
                        self,
                        false,
                        Optional.empty(),
                        Optional.empty()),
                new Relationship(
                        key.constraint(),
                        key.to(),
                        key.otherColumns(),
                        key.from(),
                        key.columns(),
                        unique ? Cardinality.ONE_TO_ONE : Cardinality.ONE_TO_MANY,
                        false,
                        self,
                        false,
                        Optional.empty(),
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
                one.to().equals(other.to()),
                false,
                Optional.of(new Junction(one.from(), other.constraint(), one.columns(), other.columns())),
                Optional.empty());
    }

    private Map<TableName, List<Routine>> readRoutines(Connection connection) throws SQLException {
        var routines = new HashMap<TableName, List<Routine>>();
        try (PreparedStatement query = prepare(connection, ROUTINES, typeSchemas);
                ResultSet row = query.executeQuery()) {
            while (row.next()) {
                TableName name = name(row, "nspname", "proname");
                Routine routine = routine(row, name);
                if (schemas.contains(name.schema())) {
                    routines.computeIfAbsent(name, _ -> new ArrayList<>()).add(routine);
                }
                if (row.getString("row_table") != null) {
                    ofRow(routine, name(row, "row_schema", "row_table"), row);
                }
            }
        }
        routines.replaceAll((_, list) -> List.copyOf(list));
        return Map.copyOf(routines);
    }

    /** A function that takes a row stands for a column, or for the rows of another table that belong to it. */
    private void ofRow(Routine routine, TableName from, ResultSet row) throws SQLException {
        Result result = routine.result();
        boolean one = !result.set() || row.getFloat("prorows") == 1;
        if (!result.set()) {
            computed.computeIfAbsent(from, _ -> new HashMap<>())
                    .put(routine.name().table(), new Computed(routine.name(), row.getString("result_base")));
        }
        result.table()
                .ifPresent(to -> computedRelationships.add(new Relationship(
                        routine.name().table(),
                        from,
                        List.of(),
                        to,
                        List.of(),
                        one ? Cardinality.MANY_TO_ONE : Cardinality.ONE_TO_MANY,
                        false,
                        false,
                        false,
                        Optional.empty(),
                        Optional.of(routine.name()))));
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
                hoisted(strings(row, "proconfig")),
                Optional.ofNullable(row.getString("comment")));
    }

    /** Settings of a function that mean its transaction, which has begun when it is called. */
    private static Map<String, String> hoisted(List<String> settings) {
        var hoisted = new LinkedHashMap<String, String>();
        for (String setting : settings) {
            String[] pair = setting.split("=", 2);
            if (HOISTED.contains(pair[0]) && pair.length == 2) {
                hoisted.put(pair[0], pair[1]);
            }
        }
        return Collections.unmodifiableMap(hoisted);
    }

    private static Result result(ResultSet row, List<String> outputs) throws SQLException {
        boolean composite = row.getBoolean("composite") || !outputs.isEmpty();
        boolean record = row.getBoolean("record") && outputs.isEmpty();
        String type = row.getString("result");
        Optional<MediaType.Handled> media = !composite && type.matches("[^*/]+/[^*/]+")
                ? Optional.of(new MediaType.Handled(
                        type, row.getString("result_base").equals("bytea"), Optional.empty(), false))
                : Optional.empty();
        Optional<TableName> table = row.getString("table_name") == null
                ? Optional.empty()
                : Optional.of(name(row, "table_schema", "table_name"));
        List<String> columns = outputs.isEmpty() ? strings(row, "result_columns") : List.copyOf(outputs);
        return new Result(
                row.getBoolean("proretset"), table, columns, composite, record, row.getBoolean("void"), media);
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

package dev.switchboard.data;

import static dev.switchboard.data.CatalogRows.name;
import static dev.switchboard.data.CatalogRows.prepare;
import static dev.switchboard.data.CatalogRows.strings;

import dev.switchboard.data.Catalog.Column;
import dev.switchboard.data.Catalog.MediaHandler;
import dev.switchboard.data.Catalog.Representation;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Catalog.Usable;
import dev.switchboard.data.Catalog.Writable;
import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads a {@link Catalog} from PostgreSQL's system catalogs, with an empty search path, so that all names come out qualified. */
final class CatalogReader {
    private static final String COLUMNS = CatalogRows.BASES + """
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

    private static final String HANDLERS = CatalogRows.BASES + """
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

    private final DataSettings settings;
    private final ViewColumns views;
    private final List<String> schemas;
    private final List<String> typeSchemas;
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
        readRepresentations(connection);
        TableKeys keys = TableKeys.read(connection);
        RoutineReader routines = RoutineReader.read(connection, schemas, typeSchemas);
        Map<TableName, Table> tables = readTables(connection, keys, routines);
        return new Catalog(
                fingerprint,
                tables,
                new RelationshipReader(keys, views).read(connection, tables.keySet(), routines.relationships()),
                routines.routines(),
                readTypes(connection),
                readHandlers(connection),
                readRoleSettings(connection),
                readUsable(connection));
    }

    private Map<TableName, Table> readTables(Connection connection, TableKeys keys, RoutineReader routines)
            throws SQLException {
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
                            keys.primaries().getOrDefault(name, keyOfView(name, keys)),
                            keys.unique(name),
                            routines.computed(name),
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
    private List<String> keyOfView(TableName view, TableKeys keys) {
        return views.below(view).stream()
                .flatMap(table -> views.in(view, table, keys.primary(table)).stream())
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

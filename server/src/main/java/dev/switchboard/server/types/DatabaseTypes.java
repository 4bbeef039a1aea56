package dev.switchboard.server.types;

import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/** Reads the catalog and writes it as TypeScript. */
public final class DatabaseTypes {
    private static final String COLUMNS = """
            select c.relname as relation, c.relkind in ('v', 'm') as is_view, a.attname as name,
                   format_type(t.oid, null) as type, t.typtype, t.typname, tn.nspname as type_schema,
                   e.typname as element, e.typtype as element_type, en.nspname as element_schema,
                   format_type(e.oid, null) as element_format, format_type(b.oid, null) as base,
                   not a.attnotnull as nullable,
                   a.atthasdef or a.attidentity <> '' or not a.attnotnull as optional,
                   a.attgenerated <> '' or a.attidentity = 'a' as generated
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
              join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              join pg_type t on t.oid = a.atttypid join pg_namespace tn on tn.oid = t.typnamespace
              left join pg_type e on e.oid = t.typelem and t.typcategory = 'A' left join pg_namespace en on en.oid = e.typnamespace
              left join pg_type b on b.oid = t.typbasetype
             where n.nspname = :schema and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
             order by c.relname, a.attnum""";
    private static final String KEYS = """
            select c.relname as relation, k.conname as name, f.relname as target,
                   array(select a.attname::text from unnest(k.conkey) with ordinality u(num, ord)
                          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num order by u.ord) as columns,
                   array(select a.attname::text from unnest(k.confkey) with ordinality u(num, ord)
                          join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num order by u.ord) as targets,
                   exists (select from pg_index i where i.indrelid = k.conrelid and i.indisunique and i.indpred is null
                            and i.indkey::int2[] @> k.conkey and i.indkey::int2[] <@ k.conkey) as one_to_one
              from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
              join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
             where k.contype = 'f' and n.nspname = :schema and fn.nspname = :schema and k.conparentid = 0 and not c.relispartition
             order by c.relname, k.conname""";
    private static final String FUNCTIONS = """
            select p.proname as name, p.proretset as returns_set, p.pronargdefaults as defaults,
                   coalesce(p.proargnames, '{}') as names, coalesce(p.proargmodes::text[], '{}') as modes,
                   array(select format_type(u.type, null) from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality u(type, ord)
                          order by u.ord) as types,
                   format_type(p.prorettype, null) as returns, r.relname as relation, r.relkind in ('v', 'm') as is_view
              from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              join pg_type t on t.oid = p.prorettype
              left join pg_class r on r.oid = t.typrelid and r.relnamespace = n.oid and r.relkind in ('r', 'p', 'v', 'm')
             where n.nspname = :schema and p.prokind = 'f' and t.typname not in ('trigger', 'event_trigger')
               and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
               and not exists (select from pg_proc o where o.pronamespace = p.pronamespace and o.proname = p.proname and o.oid <> p.oid)
             order by p.proname""";
    private static final String ENUMS = """
            select t.typname as name, array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder) as values
              from pg_type t join pg_namespace n on n.oid = t.typnamespace
             where n.nspname = :schema and t.typtype = 'e' order by t.typname""";

    private DatabaseTypes() {}

    /** @return a TypeScript module that exports {@code Database} and {@code Json} */
    public static String of(Jdbi jdbi, List<String> schemas) {
        return jdbi.inTransaction(handle -> TypeScript.of(
                schemas.stream().map(schema -> read(handle, schema)).toList()));
    }

    private static Schema read(Handle handle, String schema) {
        List<Schema.Enumeration> enums = handle.createQuery(ENUMS)
                .bind("schema", schema)
                .map((row, _) -> new Schema.Enumeration(row.getString("name"), texts(row, "values")))
                .list();
        Map<String, List<Schema.Relationship>> keys = new LinkedHashMap<>();
        handle.createQuery(KEYS)
                .bind("schema", schema)
                .map((row, _) -> keys.computeIfAbsent(row.getString("relation"), _ -> new ArrayList<>())
                        .add(new Schema.Relationship(
                                row.getString("name"),
                                texts(row, "columns"),
                                row.getBoolean("one_to_one"),
                                row.getString("target"),
                                texts(row, "targets"))))
                .list();
        Map<String, List<Schema.Column>> tables = new LinkedHashMap<>();
        Map<String, List<Schema.Column>> views = new LinkedHashMap<>();
        handle.createQuery(COLUMNS)
                .bind("schema", schema)
                .map((row, _) -> (row.getBoolean("is_view") ? views : tables)
                        .computeIfAbsent(row.getString("relation"), _ -> new ArrayList<>())
                        .add(column(row, schema)))
                .list();
        List<Schema.Function> functions = handle.createQuery(FUNCTIONS)
                .bind("schema", schema)
                .map((row, _) -> function(row, schema))
                .list();
        return new Schema(schema, relations(tables, keys), relations(views, keys), functions, enums);
    }

    private static List<Schema.Relation> relations(
            Map<String, List<Schema.Column>> columns, Map<String, List<Schema.Relationship>> keys) {
        return columns.entrySet().stream()
                .map(entry -> new Schema.Relation(
                        entry.getKey(), entry.getValue(), keys.getOrDefault(entry.getKey(), List.of())))
                .toList();
    }

    private static Schema.Column column(ResultSet row, String schema) throws SQLException {
        return new Schema.Column(
                row.getString("name"),
                columnType(row, schema),
                row.getBoolean("nullable"),
                row.getBoolean("optional"),
                row.getBoolean("generated"));
    }

    private static String columnType(ResultSet row, String schema) throws SQLException {
        Optional<String> element = Optional.ofNullable(row.getString("element"));
        if (element.isPresent()) {
            boolean isEnum =
                    "e".equals(row.getString("element_type")) && schema.equals(row.getString("element_schema"));
            String type = isEnum ? enumeration(schema, element.get()) : scalar(row.getString("element_format"));
            return (type.contains("|") ? "(" + type + ")" : type) + "[]";
        }
        if ("e".equals(row.getString("typtype"))) {
            return schema.equals(row.getString("type_schema"))
                    ? enumeration(schema, row.getString("typname"))
                    : "string";
        }
        return scalar(Optional.ofNullable(row.getString("base")).orElse(row.getString("type")));
    }

    private static String enumeration(String schema, String name) {
        return "Database[" + TypeScript.quoted(schema) + "][\"Enums\"][" + TypeScript.quoted(name) + "]";
    }

    private static Schema.Function function(ResultSet row, String schema) throws SQLException {
        List<String> names = texts(row, "names");
        List<String> modes = texts(row, "modes");
        List<String> types = texts(row, "types");
        var inputs = new ArrayList<Schema.Argument>();
        var outputs = new ArrayList<String>();
        for (int i = 0; i < types.size(); i++) {
            String mode = modes.isEmpty() ? "i" : modes.get(i);
            String name = i < names.size() ? names.get(i) : "";
            if (List.of("i", "b", "v").contains(mode)) {
                inputs.add(new Schema.Argument(name, typeOf(types.get(i)), false));
            }
            if (List.of("o", "b", "t").contains(mode)) {
                outputs.add(name + ": " + typeOf(types.get(i)));
            }
        }
        int required = inputs.size() - row.getInt("defaults");
        for (int i = required; i < inputs.size(); i++) {
            inputs.set(
                    i, new Schema.Argument(inputs.get(i).name(), inputs.get(i).type(), true));
        }
        Optional<String> relation = Optional.ofNullable(row.getString("relation"));
        String kind = row.getBoolean("is_view") ? "Views" : "Tables";
        String returns = relation.map(name -> "Database[" + TypeScript.quoted(schema) + "][\"" + kind + "\"]["
                        + TypeScript.quoted(name) + "][\"Row\"]")
                .orElse(
                        outputs.isEmpty()
                                ? typeOf(row.getString("returns"))
                                : "{ " + String.join("; ", outputs) + " }");
        return new Schema.Function(row.getString("name"), inputs, returns, relation, row.getBoolean("returns_set"));
    }

    private static String typeOf(String type) {
        return type.endsWith("[]") ? scalar(type.substring(0, type.length() - 2)) + "[]" : scalar(type);
    }

    /** As the data API writes a value of the type. */
    private static String scalar(String type) {
        return switch (type) {
            case "boolean" -> "boolean";
            case "smallint", "integer", "bigint", "real", "double precision", "numeric", "oid" -> "number";
            case "json", "jsonb" -> "Json";
            case "void" -> "undefined";
            case "record" -> "Record<string, unknown>";
            case "text",
                    "character varying",
                    "character",
                    "\"char\"",
                    "name",
                    "uuid",
                    "date",
                    "bytea",
                    "inet",
                    "cidr",
                    "macaddr",
                    "interval",
                    "xml",
                    "money",
                    "bit",
                    "bit varying",
                    "tsvector",
                    "tsquery",
                    "time without time zone",
                    "time with time zone",
                    "timestamp without time zone",
                    "timestamp with time zone",
                    "pg_lsn" -> "string";
            default -> "unknown";
        };
    }

    private static List<String> texts(ResultSet row, String column) throws SQLException {
        Array array = row.getArray(column);
        return Arrays.stream((Object[]) array.getArray()).map(String::valueOf).toList();
    }
}

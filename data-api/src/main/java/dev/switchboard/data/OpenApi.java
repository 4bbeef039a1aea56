package dev.switchboard.data;

import dev.switchboard.data.Catalog.Column;
import dev.switchboard.data.Catalog.Relationship;
import dev.switchboard.data.Catalog.Routine;
import dev.switchboard.data.Catalog.Table;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The description of a schema as an OpenAPI 2.0 document: what the asking role has privileges for, and no more. Pure. */
final class OpenApi {
    private static final JsonMapper JSON = JsonMapper.shared();

    private OpenApi() {}

    /** Asks, under the role itself, what it may do with tables and functions. */
    static Sql visible(String schema) {
        return new Sql()
                .add("""
                select "q"."b", 1, null::bigint, null::bigint, null::bigint, null::text, null::text
                  from (select coalesce(json_agg("r"), '[]')::text as "b" from (
                    select 't' as "kind", c.relname as "name",
                           has_table_privilege(c.oid, 'select') or has_any_column_privilege(c.oid, 'select') as "get",
                           has_table_privilege(c.oid, 'insert') or has_any_column_privilege(c.oid, 'insert') as "post",
                           has_table_privilege(c.oid, 'update') or has_any_column_privilege(c.oid, 'update') as "patch",
                           has_table_privilege(c.oid, 'delete') as "delete",
                           (select json_agg(a.attname) from pg_attribute a
                             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                               and has_column_privilege(c.oid, a.attnum, 'select, insert, update')) as "columns"
                      from pg_class c join pg_namespace n on n.oid = c.relnamespace
                     where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and n.nspname =\s""")
                .value(schema)
                .add(
                        " union all select 'f', p.proname, false, has_function_privilege(p.oid, 'execute'), false, false, null"
                                + " from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.prokind = 'f' and n.nspname = ")
                .value(schema)
                .add(") as \"r\") as \"q\"");
    }

    /** @param visible what {@link #visible} gave */
    static String describe(Catalog catalog, String schema, String visible) {
        var tables = new HashMap<String, List<String>>();
        var functions = new ArrayList<String>();
        var columns = new HashMap<String, Set<String>>();
        JSON.readTree(visible).forEach(entry -> {
            List<String> methods = List.of("get", "post", "patch", "delete").stream()
                    .filter(method -> entry.path(method).asBoolean())
                    .toList();
            if (entry.path("kind").asString().equals("f")) {
                if (!methods.isEmpty()) {
                    functions.add(entry.path("name").asString());
                }
            } else if (!methods.isEmpty()) {
                tables.put(entry.path("name").asString(), methods);
                var usable = new HashSet<String>();
                entry.path("columns").forEach(column -> usable.add(column.asString()));
                columns.put(entry.path("name").asString(), usable);
            }
        });
        ObjectNode document = JSON.createObjectNode().put("swagger", "2.0");
        document.putObject("info")
                .put("title", "Switchboard data API")
                .put("description", "Tables and functions of schema " + schema)
                .put("version", "14.0");
        document.put("basePath", DataRoutes.PREFIX);
        document.putArray("consumes").add("application/json").add("text/csv");
        document.putArray("produces")
                .add("application/json")
                .add("application/vnd.pgrst.object+json")
                .add("text/csv");
        ObjectNode paths = document.putObject("paths");
        ObjectNode definitions = document.putObject("definitions");
        catalog.tables().values().stream()
                .filter(table -> table.name().schema().equals(schema)
                        && tables.containsKey(table.name().table()))
                .sorted(Comparator.comparing(table -> table.name().table()))
                .map(table ->
                        table.withColumns(columns.getOrDefault(table.name().table(), Set.of())))
                .forEach(table -> {
                    path(paths, table, tables);
                    definition(definitions, catalog, table);
                });
        catalog.routines().forEach((name, overloads) -> {
            if (name.schema().equals(schema) && functions.contains(name.table())) {
                routine(paths, overloads.getFirst());
            }
        });
        return document.toString();
    }

    private static void path(ObjectNode paths, Table table, Map<String, List<String>> methods) {
        String name = table.name().table();
        ObjectNode path = paths.putObject("/" + name);
        for (String method : methods.getOrDefault(name, List.of())) {
            ObjectNode operation = path.putObject(method);
            operation.putArray("tags").add(name);
            table.comment().ifPresent(comment -> operation.put("summary", comment));
            var parameters = operation.putArray("parameters");
            if (!method.equals("post")) {
                table.columns()
                        .keySet()
                        .forEach(column -> parameters
                                .addObject()
                                .put("name", column)
                                .put("in", "query")
                                .put("required", false)
                                .put("type", "string"));
            }
            if (method.equals("post") || method.equals("patch")) {
                parameters
                        .addObject()
                        .put("name", "body")
                        .put("in", "body")
                        .put("required", false)
                        .putObject("schema")
                        .put("$ref", "#/definitions/" + name);
            }
            String status = method.equals("get") ? "200" : method.equals("post") ? "201" : "204";
            ObjectNode response =
                    operation.putObject("responses").putObject(status).put("description", "Done");
            if (method.equals("get")) {
                response.putObject("schema")
                        .put("type", "array")
                        .putObject("items")
                        .put("$ref", "#/definitions/" + name);
            }
        }
    }

    private static void definition(ObjectNode definitions, Catalog catalog, Table table) {
        ObjectNode definition = definitions.putObject(table.name().table()).put("type", "object");
        table.comment().ifPresent(comment -> definition.put("description", comment));
        var required = definition.putArray("required");
        ObjectNode properties = definition.putObject("properties");
        for (Column column : table.columns().values()) {
            if (column.required()) {
                required.add(column.name());
            }
            ObjectNode property = properties.putObject(column.name());
            property.put("format", column.type()).put("type", type(column.baseType()));
            if (!column.enumeration().isEmpty()) {
                column.enumeration().forEach(property.withArray("enum")::add);
            }
            column.fallback().ifPresent(fallback -> property.put("default", fallback));
            String notes = notes(catalog, table, column);
            if (!notes.isEmpty()) {
                property.put("description", notes);
            }
        }
    }

    /** The column's comment, and what keys it is part of, in the form that generators of client code read. */
    private static String notes(Catalog catalog, Table table, Column column) {
        var notes = new ArrayList<String>();
        column.comment().ifPresent(notes::add);
        if (table.key().contains(column.name())) {
            notes.add("Note:\nThis is a Primary Key.<pk/>");
        }
        for (Relationship relationship : catalog.relationshipsOf(table.name())) {
            if (relationship.holdsKey() && relationship.fromColumns().equals(List.of(column.name()))) {
                String to = relationship.to().table() + "."
                        + relationship.toColumns().getFirst();
                notes.add("This is a Foreign Key to `" + to + "`.<fk table='"
                        + relationship.to().table() + "' column='"
                        + relationship.toColumns().getFirst() + "'/>");
            }
        }
        return String.join("\n\n", notes);
    }

    private static void routine(ObjectNode paths, Routine routine) {
        ObjectNode operation = paths.putObject("/rpc/" + routine.name().table()).putObject("post");
        operation.putArray("tags").add("(rpc) " + routine.name().table());
        routine.comment().ifPresent(comment -> operation.put("summary", comment));
        ObjectNode schema = operation
                .putArray("parameters")
                .addObject()
                .put("name", "args")
                .put("in", "body")
                .put("required", !routine.parameters().isEmpty())
                .putObject("schema")
                .put("type", "object");
        ObjectNode properties = schema.putObject("properties");
        routine.parameters()
                .forEach(parameter -> properties
                        .putObject(parameter.name())
                        .put("format", parameter.type())
                        .put("type", type(parameter.baseType())));
        operation.putObject("responses").putObject("200").put("description", "OK");
    }

    private static String type(String base) {
        if (Set.of("int2", "int4", "int8", "oid").contains(base)) {
            return "integer";
        }
        if (Set.of("float4", "float8", "numeric").contains(base)) {
            return "number";
        }
        if (base.equals("bool")) {
            return "boolean";
        }
        if (base.equals("json") || base.equals("jsonb")) {
            return "object";
        }
        return base.startsWith("_") ? "array" : "string";
    }
}

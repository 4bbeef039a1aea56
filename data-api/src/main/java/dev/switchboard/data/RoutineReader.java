package dev.switchboard.data;

import static dev.switchboard.data.CatalogRows.name;
import static dev.switchboard.data.CatalogRows.strings;

import dev.switchboard.data.Catalog.Cardinality;
import dev.switchboard.data.Catalog.Computed;
import dev.switchboard.data.Catalog.Parameter;
import dev.switchboard.data.Catalog.Relationship;
import dev.switchboard.data.Catalog.Result;
import dev.switchboard.data.Catalog.Routine;
import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Functions: those that are called, and those that stand for a column or a relationship of the row that they take. */
final class RoutineReader {
    private static final String ROUTINES = CatalogRows.BASES + """
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

    /** How long a statement may take, and how it sees others: too late for both within the function. */
    private static final Set<String> HOISTED = Set.of("statement_timeout", "default_transaction_isolation");

    private final List<String> schemas;
    private final Map<TableName, List<Routine>> routines = new HashMap<>();
    private final Map<TableName, Map<String, Computed>> computed = new HashMap<>();
    private final List<Relationship> relationships = new ArrayList<>();

    /** @param schemas whose functions can be called */
    private RoutineReader(List<String> schemas) {
        this.schemas = schemas;
    }

    /** @param typeSchemas whose functions are read */
    static RoutineReader read(Connection connection, List<String> schemas, List<String> typeSchemas)
            throws SQLException {
        var reader = new RoutineReader(schemas);
        try (PreparedStatement query = CatalogRows.prepare(connection, ROUTINES, typeSchemas);
                ResultSet row = query.executeQuery()) {
            while (row.next()) {
                reader.take(row);
            }
        }
        reader.routines.replaceAll((_, list) -> List.copyOf(list));
        return reader;
    }

    /** By name: those that can be called. */
    Map<TableName, List<Routine>> routines() {
        return Map.copyOf(routines);
    }

    /** By their names: columns that functions of the table's rows are. */
    Map<String, Computed> computed(TableName table) {
        return Map.copyOf(computed.getOrDefault(table, Map.of()));
    }

    /** Those that functions are, from a row to rows of another table. */
    List<Relationship> relationships() {
        return List.copyOf(relationships);
    }

    private void take(ResultSet row) throws SQLException {
        TableName name = name(row, "nspname", "proname");
        Routine routine = routine(row, name);
        if (schemas.contains(name.schema())) {
            routines.computeIfAbsent(name, _ -> new ArrayList<>()).add(routine);
        }
        if (row.getString("row_table") != null) {
            ofRow(routine, name(row, "row_schema", "row_table"), row);
        }
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
                .ifPresent(to -> relationships.add(new Relationship(
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
}

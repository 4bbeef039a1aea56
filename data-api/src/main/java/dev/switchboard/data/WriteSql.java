package dev.switchboard.data;

import dev.switchboard.data.Catalog.Column;
import dev.switchboard.data.Catalog.Representation;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Query.Condition;
import dev.switchboard.data.Query.Placed;
import dev.switchboard.engine.model.TableName;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** INSERT, UPDATE and DELETE of what a request gives, RETURNING what its answer is made of. Pure. */
final class WriteSql {
    /** How rows are called that a statement has written. */
    static final String WRITTEN = "_sb_src";

    /** The setting in which an upsert counts rows that were there already. */
    private static final String UPDATED = "switchboard.updated";

    private final Table table;
    private final Query query;
    private final Preferences preferences;

    WriteSql(Table table, Query query, Preferences preferences) {
        this.table = table;
        this.query = query;
        this.preferences = preferences;
    }

    /** How many of the rows that were written are new. */
    static Sql inserted() {
        return Sql.of("(select count(*) - max(coalesce(nullif(current_setting('" + UPDATED
                + "', true), ''), '0')::bigint) from \"_sb_src\")");
    }

    /** Empty where the body holds no object. */
    Optional<Sql> insert(Body body, Set<String> returning) {
        List<Column> columns = columns(body);
        if (body.rows() == 0) {
            return Optional.empty();
        }
        var sql = new Sql().add("insert into ").name(table.name()).add(" as ").name(WRITTEN);
        if (columns.isEmpty()) {
            sql.add(" default values");
        } else {
            names(sql.add(" ("), columns).add(") select ");
            values(sql, columns).add(" from ");
            records(sql, body, columns);
        }
        preferences.resolution().ifPresent(resolution -> onConflict(sql, resolution, columns));
        return Optional.of(returning(sql, returning));
    }

    private void onConflict(Sql sql, Preferences.Resolution resolution, List<Column> columns) {
        List<String> key = query.onConflict().orElse(table.key());
        if (key.isEmpty()) {
            return; // nothing by which rows could be there already
        }
        sql.add(" on conflict (");
        for (int i = 0; i < key.size(); i++) {
            sql.add(i == 0 ? "" : ", ").name(known(key.get(i)).name());
        }
        sql.add(")");
        List<Column> others =
                columns.stream().filter(column -> !key.contains(column.name())).toList();
        if (resolution == Preferences.Resolution.IGNORE || columns.isEmpty()) {
            sql.add(" do nothing");
            return;
        }
        sql.add(" do update set ");
        List<Column> set = others.isEmpty() ? columns : others;
        for (int i = 0; i < set.size(); i++) {
            sql.add(i == 0 ? "" : ", ")
                    .name(set.get(i).name())
                    .add(" = excluded.")
                    .name(set.get(i).name());
        }
        // true, and counts: no system column tells it of partitioned tables and views
        sql.add(" where set_config('" + UPDATED + "', (coalesce(nullif(current_setting('" + UPDATED
                + "', true), ''), '0')::bigint + 1)::text, true) is not null");
    }

    /** Empty where the body sets nothing: no row changes then. */
    Optional<Sql> update(Body body, Set<String> returning) {
        List<Column> columns = columns(body);
        if (columns.isEmpty()) {
            return Optional.empty();
        }
        var sql = new Sql()
                .add("update ")
                .name(table.name())
                .add(" as ")
                .name(WRITTEN)
                .add(" set ");
        for (int i = 0; i < columns.size(); i++) {
            sql.add(i == 0 ? "" : ", ").name(columns.get(i).name()).add(" = ").add(value(columns.get(i)));
        }
        sql.add(" from (select * from ");
        records(sql, body, columns).add(" limit 1) as \"body\"");
        return Optional.of(returning(where(sql), returning));
    }

    Sql delete(Set<String> returning) {
        var sql = new Sql().add("delete from ").name(table.name()).add(" as ").name(WRITTEN);
        return returning(where(sql), returning);
    }

    private Sql where(Sql sql) {
        var source = new Source(
                new Sql(), WRITTEN, Optional.of(table), List.of(), table.name().table(), Source.Rows.STORED);
        var writer = new Conditions(source, Map.of());
        List<Sql> conditions = query.conditions().stream()
                .filter(placed -> placed.path().isEmpty())
                .map((Placed<Condition> placed) -> writer.write(placed.value()))
                .toList();
        return conditions.isEmpty() ? sql : sql.add(" where ").add(Sql.join(" and ", conditions));
    }

    /** The columns that the body gives values for, or those that the request names. */
    private List<Column> columns(Body body) {
        Collection<String> names = query.columns().isPresent() ? query.columns().get() : body.columns();
        return names.stream().distinct().map(this::known).toList();
    }

    private Column known(String name) {
        return table.column(name)
                .orElseThrow(() -> new DataException(
                        DataError.NO_COLUMN,
                        "Could not find the '" + name + "' column of '"
                                + table.name().table() + "' in the schema cache"));
    }

    private static Sql names(Sql sql, List<Column> columns) {
        for (int i = 0; i < columns.size(); i++) {
            sql.add(i == 0 ? "" : ", ").name(columns.get(i).name());
        }
        return sql;
    }

    private static Sql values(Sql sql, List<Column> columns) {
        return sql.add(Sql.join(", ", columns.stream().map(WriteSql::value).toList()));
    }

    /** What the body gives for the column. */
    private static Sql value(Column column) {
        Sql value = new Sql().add("\"body\".").name(column.name());
        return fromJson(column)
                .map(function -> new Sql().name(function).add("(").add(value).add(")"))
                .orElse(value);
    }

    private static Optional<TableName> fromJson(Column column) {
        return column.representation().flatMap(Representation::fromJson);
    }

    /** The body as rows, each value as its column's type reads it; what an object lacks is null, or the column's default. */
    private Sql records(Sql sql, Body body, List<Column> columns) {
        List<Column> defaults = preferences.missingDefault()
                ? columns.stream()
                        .filter(column -> column.fallback().isPresent())
                        .toList()
                : List.of();
        if (defaults.isEmpty()) {
            sql.add("json_to_recordset(").value(body.json()).add("::json)");
        } else {
            sql.add("jsonb_to_recordset((select coalesce(jsonb_agg(jsonb_build_object(");
            for (int i = 0; i < defaults.size(); i++) {
                sql.add(i == 0 ? "" : ", ")
                        .value(defaults.get(i).name())
                        .add("::text, ")
                        .fromCatalog(defaults.get(i).fallback().orElseThrow());
            }
            sql.add(") || \"element\"), '[]') from jsonb_array_elements(")
                    .value(body.json())
                    .add("::jsonb) as \"element\"))");
        }
        sql.add(" as \"body\" (");
        for (int i = 0; i < columns.size(); i++) {
            Column column = columns.get(i);
            sql.add(i == 0 ? "" : ", ")
                    .name(column.name())
                    .add(" ")
                    .fromCatalog(fromJson(column).isPresent() ? "json" : column.type());
        }
        return sql.add(")");
    }

    private Sql returning(Sql sql, Set<String> columns) {
        var source = new Source(
                new Sql(), WRITTEN, Optional.of(table), List.of(), table.name().table(), Source.Rows.STORED);
        List<Sql> parts = columns.stream()
                .map(name -> source.column(name).add(" as ").name(name))
                .toList();
        return sql.add(" returning ").add(parts.isEmpty() ? Sql.of("1 as \"p\"") : Sql.join(", ", parts));
    }
}

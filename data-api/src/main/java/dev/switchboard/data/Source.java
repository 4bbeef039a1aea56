package dev.switchboard.data;

import dev.switchboard.data.Catalog.Column;
import dev.switchboard.data.Catalog.Representation;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Query.Field;
import dev.switchboard.data.Query.Step;
import dev.switchboard.engine.model.TableName;
import java.util.List;
import java.util.Optional;

/**
 * Where rows come from in a FROM clause, and what columns they have. Immutable.
 *
 * @param from    the clause without an alias
 * @param alias   that this program gave it
 * @param table   whose rows they are; empty for those of a function that has columns of its own
 * @param columns the names, where there is no table
 * @param label   what messages call it
 * @param rows    what they are to PostgreSQL
 */
record Source(Sql from, String alias, Optional<Table> table, List<String> columns, String label, Rows rows) {
    /** What rows are. */
    enum Rows {
        /** Of the table's type. */
        STORED,
        /** Kept of what a function gave: columns, and no row of the table's type any more. */
        CALLED,
        /** The same of what a statement has written, whose computed columns are there already. */
        WRITTEN
    }

    static Source of(Table table, String alias) {
        return new Source(
                new Sql().name(table.name()),
                alias,
                Optional.of(table),
                List.of(),
                table.name().table(),
                Rows.STORED);
    }

    boolean has(String column) {
        return table.map(known ->
                        known.column(column).isPresent() || known.computed().containsKey(column))
                .orElseGet(() -> columns.contains(column));
    }

    private boolean isJson(String column) {
        return table.flatMap(known -> known.column(column)).map(Column::isJson).orElse(false);
    }

    /** Whether the column holds what a text search looks into as it is. */
    boolean isSearchVector(String column) {
        return table.flatMap(known -> known.column(column)
                        .map(Column::baseType)
                        .or(() -> Optional.ofNullable(known.computed().get(column))
                                .map(Catalog.Computed::baseType)))
                .filter("tsvector"::equals)
                .isPresent();
    }

    /** How the column's values look to clients, where that is not as PostgreSQL writes them. */
    Optional<Representation> representation(Field field) {
        return field.steps().isEmpty()
                ? table.flatMap(known -> known.column(field.name())).flatMap(Column::representation)
                : Optional.empty();
    }

    /** The row itself, for a function that takes one; rows that were written are none of the table's type any more. */
    Sql row() {
        if (rows == Rows.STORED || table.isEmpty()) {
            return new Sql().name(alias);
        }
        List<Sql> values = table.get().columns().keySet().stream()
                .map(name -> new Sql().name(alias).add(".").name(name))
                .toList();
        return new Sql()
                .add("row(")
                .add(Sql.join(", ", values))
                .add(")::")
                .name(table.get().name());
    }

    Sql column(String name) {
        Optional<TableName> function = table.filter(known -> known.column(name).isEmpty())
                .map(known -> known.computed().get(name))
                .map(Catalog.Computed::function);
        if (function.isPresent() && rows != Rows.WRITTEN) {
            return new Sql().name(function.get()).add("(").add(row()).add(")");
        }
        if (!has(name)) {
            throw noColumn(name);
        }
        return new Sql().name(alias).add(".").name(name);
    }

    /** As PostgreSQL would say it, had the name gone there. */
    DataException noColumn(String name) {
        List<String> all =
                table.map(known -> List.copyOf(known.columns().keySet())).orElse(columns);
        return new DataException(
                400,
                "42703",
                "column " + label + "." + name + " does not exist",
                Optional.empty(),
                Suggestion.column(name, all)
                        .map(meant -> "Perhaps you meant to reference the column \"" + label + "." + meant + "\"."));
    }

    /** A column, or what is found in its JSON. */
    Sql field(Field field) {
        Sql value = column(field.name());
        boolean json = isJson(field.name());
        for (Step step : field.steps()) {
            Sql inner = json ? value : new Sql().add("to_jsonb(").add(value).add(")");
            value = new Sql().add("(").add(inner).add(step.text() ? " ->> " : " -> ");
            if (step.index()) {
                value.number(Long.parseLong(step.key())).add(")");
            } else {
                value.value(step.key()).add("::text)");
            }
            json = true;
        }
        return value;
    }

    /** How the field is called in an answer, unless the client says otherwise. */
    static String nameOf(Field field) {
        for (Step step : field.steps().reversed()) {
            if (!step.index()) {
                return step.key();
            }
        }
        return field.name();
    }
}

package dev.switchboard.engine.postgres.policy;

import dev.switchboard.engine.model.TableName;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A part of a policy's expression, as it was parsed. Each knows which part of the source it is, so that what reads no column can be
 * given to PostgreSQL as it stands.
 */
sealed interface Expression {
    /** Where it stands in the source. */
    Span span();

    /** From a position up to another. */
    record Span(int from, int to) {
        Span to(Span end) {
            return new Span(from, end.to);
        }
    }

    /** @param qualifier the table or its alias; empty where there is none */
    record Column(String qualifier, String name, Span span) implements Expression {}

    /** A string, a number, {@code true}, {@code false} or {@code NULL}. */
    record Literal(Optional<String> text, Span span) implements Expression {}

    /** @param schema empty for PostgreSQL's own */
    record Call(String schema, String name, List<Expression> arguments, Span span) implements Expression {}

    /** @param type as it is written, {@code character varying}, {@code public.mood} */
    record Cast(Expression of, String type, Span span) implements Expression {}

    record Operation(String operator, Expression left, Expression right, Span span) implements Expression {}

    /** {@code left operator ANY (array)}, or ALL. */
    record Quantified(String operator, boolean all, Expression left, Expression array, Span span)
            implements Expression {}

    record ArrayOf(List<Expression> elements, Span span) implements Expression {}

    /** {@code ( SELECT value AS name)}, without a table; with {@code ARRAY} before it, all values of it. */
    record Selected(Expression value, boolean array, Span span) implements Expression {}

    /** A SELECT from tables in parentheses: its one value, all of them as an array, or whether there is a row. */
    record Subquery(Query query, Form form, Span span) implements Expression {
        enum Form {
            VALUE,
            ARRAY,
            EXISTS
        }
    }

    /** {@code left IN ( SELECT ...)}. */
    record In(Expression left, Query query, Span span) implements Expression {}

    /**
     * A SELECT, whose inner joins are conditions like others.
     *
     * @param outputs    none for {@code SELECT FROM}
     * @param from       none where it has no tables
     * @param fromSpan   what stands after FROM
     * @param joins      conditions after ON, those joined by AND each by itself
     * @param conditions likewise those after WHERE
     * @param span       with its parentheses, where it has some
     */
    record Query(
            List<Expression> outputs,
            List<Source> from,
            Span fromSpan,
            List<Expression> joins,
            List<Expression> conditions,
            Span span) {
        List<Expression> parts() {
            return Stream.of(outputs, joins, conditions).flatMap(List::stream).toList();
        }

        Query within(Span span) {
            return new Query(outputs, from, fromSpan, joins, conditions, span);
        }

        Set<String> aliases() {
            return from.stream().map(Source::alias).collect(Collectors.toSet());
        }
    }

    /** A table, under the name by which its columns are known. */
    record Source(TableName table, String alias) {}

    /** @param what NULL, TRUE, FALSE or UNKNOWN */
    record Is(Expression of, String what, boolean negated, Span span) implements Expression {}

    record Not(Expression of, Span span) implements Expression {}

    record And(List<Expression> parts, Span span) implements Expression {}

    record Or(List<Expression> parts, Span span) implements Expression {}

    /** The columns that it reads of tables which are not its own. */
    default List<Column> freeColumns() {
        var columns = new ArrayList<Column>();
        collectFree(this, Set.of(), columns);
        return columns;
    }

    private static void collectFree(Expression expression, Set<String> aliases, List<Column> free) {
        switch (expression) {
            case Column column -> {
                boolean own = column.qualifier().isEmpty() ? !aliases.isEmpty() : aliases.contains(column.qualifier());
                if (!own) {
                    free.add(column);
                }
            }
            case Subquery subquery -> collectFree(subquery.query(), aliases, free);
            case In in -> {
                collectFree(in.left(), aliases, free);
                collectFree(in.query(), aliases, free);
            }
            default -> expression.parts().forEach(part -> collectFree(part, aliases, free));
        }
    }

    private static void collectFree(Query query, Set<String> outer, List<Column> free) {
        var aliases = new HashSet<>(outer);
        aliases.addAll(query.aliases());
        query.parts().forEach(part -> collectFree(part, aliases, free));
    }

    /** What it consists of. */
    default List<Expression> parts() {
        return switch (this) {
            case Column _, Literal _ -> List.of();
            case Call call -> call.arguments();
            case Cast cast -> List.of(cast.of());
            case Operation operation -> List.of(operation.left(), operation.right());
            case Quantified quantified -> List.of(quantified.left(), quantified.array());
            case ArrayOf array -> array.elements();
            case Selected selected -> List.of(selected.value());
            case Subquery subquery -> subquery.query().parts();
            case In in ->
                Stream.concat(Stream.of(in.left()), in.query().parts().stream()).toList();
            case Is is -> List.of(is.of());
            case Not not -> List.of(not.of());
            case And and -> and.parts();
            case Or or -> or.parts();
        };
    }

    /** What it demands altogether: the parts of an AND, else itself. */
    default List<Expression> conjuncts() {
        return this instanceof And and
                ? and.parts().stream()
                        .flatMap(part -> part.conjuncts().stream())
                        .toList()
                : List.of(this);
    }
}

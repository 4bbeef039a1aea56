package dev.switchboard.engine.policy;

import java.util.List;
import java.util.Optional;
import java.util.Set;

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

    record Column(String name, Span span) implements Expression {}

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

    /** @param what NULL, TRUE, FALSE or UNKNOWN */
    record Is(Expression of, String what, boolean negated, Span span) implements Expression {}

    record Not(Expression of, Span span) implements Expression {}

    record And(List<Expression> parts, Span span) implements Expression {}

    record Or(List<Expression> parts, Span span) implements Expression {}

    /** The columns that it reads. */
    default Set<String> columns() {
        var columns = new java.util.LinkedHashSet<String>();
        collect(this, columns);
        return columns;
    }

    private static void collect(Expression expression, Set<String> columns) {
        if (expression instanceof Column column) {
            columns.add(column.name());
        }
        expression.parts().forEach(part -> collect(part, columns));
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
            case Is is -> List.of(is.of());
            case Not not -> List.of(not.of());
            case And and -> and.parts();
            case Or or -> or.parts();
        };
    }
}

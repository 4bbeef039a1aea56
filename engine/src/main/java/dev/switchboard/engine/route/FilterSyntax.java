package dev.switchboard.engine.route;

import java.util.List;

/** A filter as the client wrote it; syntax only, no table looked at. */
public sealed interface FilterSyntax {
    /** All have to hold: what commas separate, or {@code and(...)}. */
    record All(List<FilterSyntax> conditions) implements FilterSyntax {
        public All {
            conditions = List.copyOf(conditions);
        }
    }

    /** {@code or(...)}. */
    record Any(List<FilterSyntax> conditions) implements FilterSyntax {
        public Any {
            conditions = List.copyOf(conditions);
        }
    }

    /** {@code not.}: unknown stays unknown, as in SQL. */
    record Not(FilterSyntax condition) implements FilterSyntax {}

    /** @param values unquoted; one, but for {@code in} */
    record Condition(String column, Operator operator, List<String> values) implements FilterSyntax {
        public Condition {
            values = List.copyOf(values);
        }

        public String value() {
            return values.getFirst();
        }
    }

    /**
     * Reads a filter.
     *
     * @throws InvalidFilterException naming what is wrong with it
     */
    static FilterSyntax parse(String filter) {
        return new FilterParser(filter).parse();
    }
}

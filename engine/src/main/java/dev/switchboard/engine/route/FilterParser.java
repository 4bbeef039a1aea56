package dev.switchboard.engine.route;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;

/**
 * Reads {@code column=[not.]operator.value}, conditions that commas join, and beyond the original groups: {@code
 * or(...)}, {@code and(...)}, {@code not.or(...)}. A value ends at a comma outside of its own parentheses; one that holds
 * commas, quotes or outer blanks is written in double quotes, with a backslash before a quote or a backslash. A column
 * may be written in double quotes too. One use per filter.
 */
final class FilterParser {
    /** The longest filter, in characters. */
    static final int LONGEST = 8192;

    static final int MOST_CONDITIONS = 100;
    static final int MOST_VALUES = 1000;
    static final int DEEPEST = 8;

    private final String filter;
    private int at;
    private int conditions;

    FilterParser(String filter) {
        this.filter = filter;
    }

    FilterSyntax parse() {
        if (filter.length() > LONGEST) {
            throw new InvalidFilterException("it is longer than " + LONGEST + " characters");
        }
        if (filter.indexOf(0) >= 0) {
            throw new InvalidFilterException("it holds a NUL character");
        }
        List<FilterSyntax> all = list(0);
        if (at < filter.length()) {
            throw wrong("a ')' that closes nothing");
        }
        return all.size() == 1 ? all.getFirst() : new FilterSyntax.All(all);
    }

    /** Conditions up to the end, or to the parenthesis that closes their group. */
    private List<FilterSyntax> list(int depth) {
        if (depth > DEEPEST) {
            throw wrong("groups deeper than " + DEEPEST);
        }
        var list = new ArrayList<FilterSyntax>();
        do {
            list.add(one(depth));
        } while (takes(','));
        return list;
    }

    private FilterSyntax one(int depth) {
        skipBlanks();
        for (Group group : Group.values()) {
            if (filter.startsWith(group.opening, at)) {
                at += group.opening.length();
                List<FilterSyntax> inner = list(depth + 1);
                if (!takes(')')) {
                    throw wrong("'" + group.opening + "' without its ')'");
                }
                skipBlanks();
                return group.of(inner);
            }
        }
        return condition(depth);
    }

    private enum Group {
        NOT_OR("not.or("),
        NOT_AND("not.and("),
        OR("or("),
        AND("and(");

        private final String opening;

        Group(String opening) {
            this.opening = opening;
        }

        FilterSyntax of(List<FilterSyntax> inner) {
            return switch (this) {
                case OR -> new FilterSyntax.Any(inner);
                case AND -> new FilterSyntax.All(inner);
                case NOT_OR -> new FilterSyntax.Not(new FilterSyntax.Any(inner));
                case NOT_AND -> new FilterSyntax.Not(new FilterSyntax.All(inner));
            };
        }
    }

    private FilterSyntax condition(int depth) {
        if (++conditions > MOST_CONDITIONS) {
            throw wrong("more than " + MOST_CONDITIONS + " conditions");
        }
        String column = column();
        boolean negated = filter.startsWith("not.", at);
        at += negated ? "not.".length() : 0;
        Operator operator = operator();
        List<String> values = operator == Operator.IN ? values() : List.of(scalar(depth));
        var condition = new FilterSyntax.Condition(column, operator, values);
        return negated ? new FilterSyntax.Not(condition) : condition;
    }

    private String column() {
        if (at < filter.length() && filter.charAt(at) == '"') {
            String quoted = quoted();
            if (!takes('=')) {
                throw wrong("expected '=' after the column");
            }
            return quoted;
        }
        int equals = filter.indexOf('=', at);
        if (equals <= at || filter.charAt(at) == ',') {
            throw wrong("expected column=operator.value");
        }
        String column = filter.substring(at, equals);
        at = equals + 1;
        return column;
    }

    private Operator operator() {
        int dot = filter.indexOf('.', at);
        if (dot < 0) {
            throw wrong("expected column=operator.value");
        }
        String word = filter.substring(at, dot);
        Optional<Operator> operator = Operator.of(word);
        if (operator.isEmpty()) {
            throw wrong("operator '" + word + "' is not one of " + Operator.words());
        }
        at = dot + 1;
        return operator.get();
    }

    private String scalar(int depth) {
        return value(c -> c == ',' || (depth > 0 && c == ')'));
    }

    private List<String> values() {
        if (!takes('(')) {
            throw wrong("in takes a list: column=in.(a,b)");
        }
        if (takes(')')) {
            return List.of();
        }
        var values = new ArrayList<String>();
        do {
            values.add(value(c -> c == ',' || c == ')'));
        } while (takes(','));
        if (!takes(')')) {
            throw wrong("the list of in does not end");
        }
        if (values.size() > MOST_VALUES) {
            throw wrong("too many values for `in` filter. Maximum " + MOST_VALUES);
        }
        return values;
    }

    /** Up to a character that ends it, outside of parentheses that it opened itself. */
    private String value(IntPredicate ends) {
        if (at < filter.length() && filter.charAt(at) == '"') {
            String value = quoted();
            if (at < filter.length() && !ends.test(filter.charAt(at))) {
                throw wrong("text after the closing quote");
            }
            return value;
        }
        int start = at;
        int open = 0;
        while (at < filter.length()) {
            char c = filter.charAt(at);
            if (open == 0 && ends.test(c)) {
                break;
            }
            open += c == '(' ? 1 : c == ')' && open > 0 ? -1 : 0;
            at++;
        }
        return filter.substring(start, at);
    }

    private String quoted() {
        var text = new StringBuilder();
        for (at++; at < filter.length(); at++) {
            char c = filter.charAt(at);
            if (c == '"') {
                at++;
                return text.toString();
            }
            if (c == '\\' && at + 1 < filter.length()) {
                at++;
            }
            text.append(filter.charAt(at));
        }
        throw wrong("a quote does not end");
    }

    private boolean takes(char wanted) {
        if (at < filter.length() && filter.charAt(at) == wanted) {
            at++;
            return true;
        }
        return false;
    }

    private void skipBlanks() {
        while (at < filter.length() && filter.charAt(at) == ' ') {
            at++;
        }
    }

    private InvalidFilterException wrong(String what) {
        return new InvalidFilterException(what + ", at character " + (at + 1) + " of '" + filter + "'");
    }
}

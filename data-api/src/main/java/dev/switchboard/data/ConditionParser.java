package dev.switchboard.data;

import dev.switchboard.data.Query.Comparison;
import dev.switchboard.data.Query.Condition;
import dev.switchboard.data.Query.Field;
import dev.switchboard.data.Query.Operator;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** {@code id=not.eq.1}, {@code or=(a.eq.1,and(b.gt.2,c.is.null))}: conditions on columns. */
final class ConditionParser {
    static final int DEEPEST = 32;
    static final int MOST = 500;

    private static final String OPERATORS = "\"not\" or operator (eq, gt, ...)";
    private static final Map<String, String> SEARCHES = Map.of(
            "fts",
            "to_tsquery",
            "plfts",
            "plainto_tsquery",
            "phfts",
            "phraseto_tsquery",
            "wfts",
            "websearch_to_tsquery");
    private static final Map<String, String> TRUTHS =
            Map.of("null", "null", "not_null", "not null", "true", "true", "false", "false", "unknown", "unknown");

    private final Scanner scanner;
    private int conditions;

    private ConditionParser(Scanner scanner) {
        this.scanner = scanner;
    }

    /** The value of a filter parameter: an operator and what follows, to the end. */
    static Condition comparison(Field field, String text) {
        var scanner = new Scanner("filter", text);
        var parser = new ConditionParser(scanner);
        boolean not = scanner.take("not.");
        Comparison comparison = parser.operation(false);
        scanner.skipSpace();
        if (!scanner.atEnd()) {
            throw scanner.unexpected("end of input");
        }
        return new Condition.Compare(field, not, comparison);
    }

    /** Whether text is a filter and not the argument of a function. */
    static boolean isComparison(String text) {
        var scanner = new Scanner("filter", text);
        try {
            scanner.take("not.");
            new ConditionParser(scanner).operation(false);
            scanner.skipSpace();
            return scanner.atEnd();
        } catch (DataException malformed) {
            return false;
        }
    }

    /** {@code (a.eq.1,b.gt.2)}. */
    static Condition group(boolean not, boolean or, String text) {
        var parser = new ConditionParser(new Scanner("logic tree", text));
        Condition group = parser.group(not, or, 0);
        parser.scanner.skipSpace();
        if (!parser.scanner.atEnd()) {
            throw parser.scanner.unexpected("end of input");
        }
        return group;
    }

    private Condition group(boolean not, boolean or, int depth) {
        if (depth > DEEPEST) {
            throw new DataException(
                    DataError.TOO_COMPLEX, "Conditions are nested more than " + DEEPEST + " levels deep");
        }
        scanner.skipSpace();
        scanner.expect("(");
        var members = new ArrayList<Condition>();
        do {
            if (++conditions > MOST) {
                throw new DataException(DataError.TOO_COMPLEX, "There are more than " + MOST + " conditions");
            }
            scanner.skipSpace();
            members.add(member(depth));
            scanner.skipSpace();
        } while (scanner.take(","));
        scanner.expect(")");
        return new Condition.Group(not, or, List.copyOf(members));
    }

    private Condition member(int depth) {
        int start = scanner.position();
        boolean not = scanner.take("not.");
        for (String word : List.of("and", "or")) {
            if (scanner.take(word)) {
                scanner.skipSpace();
                if (scanner.at("(")) {
                    return group(not, word.equals("or"), depth + 1);
                }
                break;
            }
        }
        scanner.back(start);
        var field = new Field(scanner.name(), SelectParser.steps(scanner));
        scanner.expect(".");
        boolean negated = scanner.take("not.");
        return new Condition.Compare(field, negated, operation(true));
    }

    /** @param inTree whether the value ends at a comma or parenthesis */
    private Comparison operation(boolean inTree) {
        String word = scanner.until(".(,)");
        Optional<String> argument = Optional.empty();
        if (scanner.take("(")) {
            argument = Optional.of(scanner.until(")"));
            scanner.expect(")");
        }
        if (!scanner.at(".")) {
            scanner.back(0);
            throw scanner.unexpected(OPERATORS);
        }
        scanner.take(".");
        if (SEARCHES.containsKey(word)) {
            return new Comparison.Search(SEARCHES.getOrDefault(word, ""), argument, value(inTree));
        }
        if (word.equals("in") && argument.isEmpty()) {
            return new Comparison.In(list());
        }
        if (word.equals("is") && argument.isEmpty()) {
            return is(value(inTree).strip());
        }
        if (word.equals("isdistinct") && argument.isEmpty()) {
            return new Comparison.Distinct(value(inTree));
        }
        Operator operator = operator(word);
        if (argument.isPresent()
                && !(operator.takesQuantifier()
                        && (argument.get().equals("any") || argument.get().equals("all")))) {
            throw scanner.unexpected("operator without (" + argument.get() + ")");
        }
        return new Comparison.Operation(operator, argument, value(inTree));
    }

    private Operator operator(String word) {
        for (Operator operator : Operator.values()) {
            if (operator.name().toLowerCase(Locale.ROOT).equals(word)) {
                return operator;
            }
        }
        scanner.back(0);
        throw scanner.unexpected(OPERATORS);
    }

    private Comparison is(String word) {
        String sql = TRUTHS.get(word.toLowerCase(Locale.ROOT));
        if (sql == null) {
            throw scanner.unexpected("isVal: (null, not_null, true, false, unknown)");
        }
        return new Comparison.Is(sql);
    }

    private String value(boolean inTree) {
        if (!inTree) {
            return scanner.rest();
        }
        int start = scanner.position();
        if (scanner.at("\"")) {
            String quoted = scanner.quoted();
            scanner.skipSpace();
            if (scanner.atEnd() || scanner.at(",") || scanner.at(")")) {
                return quoted;
            }
            scanner.back(start);
        }
        if (scanner.at("{")) {
            return braces();
        }
        return scanner.until(",)");
    }

    /** An array or JSON value: to the brace that closes it, quotes respected. */
    private String braces() {
        var value = new StringBuilder();
        int depth = 0;
        boolean quoted = false;
        do {
            char c = scanner.next();
            value.append(c);
            if (quoted && c == '\\') {
                value.append(scanner.next());
            } else if (c == '"') {
                quoted = !quoted;
            } else if (!quoted) {
                depth += c == '{' ? 1 : c == '}' ? -1 : 0;
            }
        } while (depth > 0);
        return value.toString();
    }

    private List<String> list() {
        scanner.expect("(");
        var values = new ArrayList<String>();
        if (scanner.take(")")) {
            return List.of();
        }
        do {
            values.add(element());
        } while (scanner.take(","));
        scanner.expect(")");
        return List.copyOf(values);
    }

    /** In quotes, or bare, as in an array literal: blanks around it do not count. What only begins with a quote is bare. */
    private String element() {
        scanner.skipSpace();
        int start = scanner.position();
        if (scanner.at("\"")) {
            String quoted = scanner.quoted();
            scanner.skipSpace();
            if (scanner.at(",") || scanner.at(")")) {
                return quoted;
            }
            scanner.back(start);
        }
        return scanner.until(",)").strip();
    }
}

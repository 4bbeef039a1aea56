package dev.switchboard.engine.postgres.policy;

import dev.switchboard.engine.route.Truth;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** From a parsed expression to a condition; what is in no known form is refused. One per policy. */
final class PolicyCompiler {
    private static final Map<String, String> TURNED =
            Map.of("=", "=", "<>", "<>", "<", ">", "<=", ">=", ">", "<", ">=", "<=");

    private final String source;
    private final Map<String, ColumnKind> columns;
    private final GroupValues groupValues;
    private final List<CompiledPolicy.ValueSource> values = new ArrayList<>();
    private final List<Dependency> dependencies = new ArrayList<>();
    private final Map<String, ColumnKind> read = new HashMap<>();

    PolicyCompiler(String source, Map<String, ColumnKind> columns, PolicyCatalog catalog) {
        this.source = source;
        this.columns = columns;
        this.groupValues = new GroupValues(catalog);
    }

    CompiledPolicy compile() throws NotCompiledException {
        Condition condition = condition(ExpressionParser.parse(source));
        return new CompiledPolicy(Optional.of(condition), "", values, read, dependencies);
    }

    CompiledPolicy analyse(PolicyCatalog.Table table, String obstacle) throws NotCompiledException {
        Expression expression = ExpressionParser.parse(source);
        groupValues.require(expression, GroupValues.Scope.of(source).with(Map.of(table.name(), table)));
        addDependencies();
        for (Expression.Column column : expression.freeColumns()) {
            kind(column.name());
        }
        return new CompiledPolicy(Optional.empty(), obstacle, values, read, dependencies);
    }

    private Condition condition(Expression expression) throws NotCompiledException {
        if (expression.freeColumns().isEmpty()) {
            return new Condition.Constant(value(expression, false));
        }
        return switch (expression) {
            case Expression.And and -> new Condition.All(conditions(and.parts()));
            case Expression.Or or -> new Condition.Any(conditions(or.parts()));
            case Expression.Not not -> new Condition.Not(condition(not.of()));
            case Expression.Is is -> is(is);
            case Expression.Column column -> flag(column);
            case Expression.Operation operation -> compare(operation);
            case Expression.Quantified quantified -> oneOf(quantified);
            case Expression.In in -> in(in);
            case Expression.Subquery subquery -> exists(subquery);
            case Expression.Literal _,
                    Expression.Call _,
                    Expression.Cast _,
                    Expression.ArrayOf _,
                    Expression.Selected _ -> throw unknown(expression);
        };
    }

    private List<Condition> conditions(List<Expression> parts) throws NotCompiledException {
        var conditions = new ArrayList<Condition>();
        for (Expression part : parts) {
            conditions.add(condition(part));
        }
        return conditions;
    }

    private Condition is(Expression.Is is) throws NotCompiledException {
        Optional<Condition.Operand> operand = operand(is.of());
        Condition plain;
        if (is.what().equals("null") && operand.isPresent()) {
            plain = new Condition.IsNull(operand.get().column());
        } else {
            Truth what = switch (is.what()) {
                case "true" -> Truth.TRUE;
                case "false" -> Truth.FALSE;
                default -> Truth.UNKNOWN;
            };
            plain = new Condition.Is(condition(is.of()), what);
        }
        return is.negated() ? new Condition.Not(plain) : plain;
    }

    private Condition flag(Expression.Column column) throws NotCompiledException {
        if (kind(column.name()).family() != ColumnKind.BOOL) {
            throw unknown(column);
        }
        return new Condition.Flag(column.name());
    }

    private Condition compare(Expression.Operation operation) throws NotCompiledException {
        Optional<Condition.Operand> left = operand(operation.left());
        Optional<Condition.Operand> right = operand(operation.right());
        String operator = TURNED.containsKey(operation.operator()) ? operation.operator() : "";
        if (operator.isEmpty() || left.isPresent() == right.isPresent()) {
            throw unknown(operation); // an operator of columns, or two columns
        }
        Condition.Operand column = left.orElseGet(right::orElseThrow);
        Expression other = left.isPresent() ? operation.right() : operation.left();
        if (!operator.equals("=") && !operator.equals("<>") && !column.kind().isOrdered()) {
            throw new NotCompiledException("an order of text");
        }
        return new Condition.Compare(
                column.column(),
                column.kind(),
                left.isPresent() ? operator : TURNED.getOrDefault(operator, ""),
                value(other, false));
    }

    /** {@code <> ALL} is what {@code NOT = ANY} is. */
    private Condition oneOf(Expression.Quantified quantified) throws NotCompiledException {
        Condition.Operand column = operand(quantified.left()).orElseThrow(() -> unknown(quantified));
        boolean any = !quantified.all() && quantified.operator().equals("=");
        boolean none = quantified.all() && quantified.operator().equals("<>");
        if (!any && !none) {
            throw unknown(quantified);
        }
        Condition oneOf = new Condition.OneOf(column.column(), column.kind(), value(quantified.array(), true));
        return any ? oneOf : new Condition.Not(oneOf);
    }

    /** Of {@code column IN ( SELECT ...)} the answers are those of {@code = ANY (ARRAY( SELECT ...))}, NULL too. */
    private Condition in(Expression.In in) throws NotCompiledException {
        Condition.Operand column = operand(in.left()).orElseThrow(() -> unknown(in));
        if (in.query().outputs().size() != 1) {
            throw unknown(in);
        }
        String array = "ARRAY" + text(in.query().span());
        return new Condition.OneOf(column.column(), column.kind(), rows(in.query(), array));
    }

    /**
     * {@code EXISTS ( SELECT FROM t WHERE t.a = column AND ...)}, where nothing but that reads a column of the policy's table, is true
     * where the column is one of those {@code a}, and otherwise false; with several such comparisons, where the columns are together in
     * one row.
     */
    private Condition exists(Expression.Subquery subquery) throws NotCompiledException {
        Expression.Query query = subquery.query();
        boolean rowsAsTheyAre = query.outputs().stream()
                .allMatch(output -> output instanceof Expression.Column || output instanceof Expression.Literal);
        if (subquery.form() != Expression.Subquery.Form.EXISTS || !rowsAsTheyAre) {
            throw unknown(subquery); // an aggregate makes a row, and a function of sets may make none
        }
        List<Expression> joining = query.conditions().stream()
                .filter(condition -> !free(condition, query).isEmpty())
                .toList();
        if (joining.isEmpty()) {
            throw unknown(subquery);
        }
        var columns = new ArrayList<Condition.Operand>();
        var inner = new ArrayList<Expression>();
        for (Expression condition : joining) {
            if (!(condition instanceof Expression.Operation join)
                    || !join.operator().equals("=")) {
                throw unknown(subquery);
            }
            boolean left = !free(join.left(), query).isEmpty();
            columns.add(operand(left ? join.left() : join.right()).orElseThrow(() -> unknown(subquery)));
            inner.add(left ? join.right() : join.left());
        }
        var others = new ArrayList<>(query.conditions());
        others.removeAll(joining);
        var set = new Expression.Query(inner, query.from(), query.fromSpan(), query.joins(), others, query.span());
        if (columns.size() == 1) {
            int value = rows(set, array(text(inner.getFirst().span()), query, others));
            return new Condition.Is(
                    new Condition.OneOf(
                            columns.getFirst().column(), columns.getFirst().kind(), value),
                    Truth.TRUE);
        }
        var texts = new ArrayList<String>();
        for (int i = 0; i < columns.size(); i++) {
            ColumnKind kind = groupValues.kind(inner.get(i), query, source);
            if (kind.family() != columns.get(i).kind().family() || !kind.isTextAsWritten()) {
                throw unknown(subquery);
            }
            texts.add("(" + text(inner.get(i).span()) + ")::text");
        }
        return new Condition.TogetherIn(
                columns, rows(set, array("ARRAY[" + String.join(", ", texts) + "]", query, others)));
    }

    private String array(String output, Expression.Query query, List<Expression> conditions) {
        String where = conditions.isEmpty()
                ? ""
                : conditions.stream()
                        .map(condition -> text(condition.span()))
                        .collect(Collectors.joining(" AND ", " WHERE ", ""));
        return "ARRAY( SELECT " + output + " FROM " + text(query.fromSpan()) + where + ")";
    }

    /** What a part of a query reads of the policy's table. */
    private static List<Expression.Column> free(Expression part, Expression.Query query) {
        Set<String> own = query.aliases();
        return part.freeColumns().stream()
                .filter(column -> !own.contains(column.qualifier()))
                .toList();
    }

    private Optional<Condition.Operand> operand(Expression expression) throws NotCompiledException {
        if (expression instanceof Expression.Column column) {
            return Optional.of(new Condition.Operand(column.name(), kind(column.name())));
        }
        if (expression instanceof Expression.Cast cast
                && cast.of() instanceof Expression.Column column
                && cast.type().equals("text")
                && kind(column.name()).isTextAsWritten()) {
            return Optional.of(
                    new Condition.Operand(column.name(), kind(column.name()).asText()));
        }
        return Optional.empty();
    }

    private ColumnKind kind(String column) throws NotCompiledException {
        ColumnKind kind = columns.get(column);
        if (kind == null) {
            throw new NotCompiledException("column " + column + " of a type that is not compared here");
        }
        read.put(column, kind);
        return kind;
    }

    private int value(Expression expression, boolean array) throws NotCompiledException {
        groupValues.require(expression, GroupValues.Scope.of(source));
        return add(text(expression.span()), array);
    }

    private int rows(Expression.Query query, String array) throws NotCompiledException {
        groupValues.requireQuery(query, GroupValues.Scope.of(source), true);
        return add(array, true);
    }

    private int add(String sql, boolean array) {
        addDependencies();
        return place(sql, array);
    }

    private void addDependencies() {
        for (GroupValues.Reading reading : groupValues.takeReadings()) {
            Optional<Dependency.Key> key = reading.key()
                    .map(found -> new Dependency.Key(found.column(), found.kind(), place(found.sql(), found.array())));
            var dependency = new Dependency(reading.table(), key);
            if (!dependencies.contains(dependency)) {
                dependencies.add(dependency);
            }
        }
    }

    private int place(String sql, boolean array) {
        var value = new CompiledPolicy.ValueSource(sql, array);
        if (!values.contains(value)) {
            values.add(value);
        }
        return values.indexOf(value);
    }

    private String text(Expression.Span span) {
        return source.substring(span.from(), span.to());
    }

    private NotCompiledException unknown(Expression expression) {
        return new NotCompiledException(text(expression.span()));
    }
}

package dev.switchboard.engine.postgres.policy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Whether an expression comes to the same as long as the claims are the same, the tables of its subqueries, and the columns that its
 * scope names, so that PostgreSQL has to say it once per group, or once per row of a group: literals, the claims themselves, functions,
 * operators and casts that nothing else bears upon, and SELECTs over columns of plain types. Finds what rows it depends on. One per
 * policy.
 */
final class GroupValues {
    /** Types whose reading depends on no setting. */
    private static final Set<String> TYPES = Set.of(
            "uuid",
            "text",
            "character varying",
            "integer",
            "bigint",
            "smallint",
            "boolean",
            "json",
            "jsonb",
            "numeric",
            "int",
            "int8",
            "int4",
            "int2",
            "bool",
            "varchar");

    private static final Set<String> MOMENTS =
            Set.of("date", "timestamp without time zone", "timestamp with time zone");

    private static final Set<String> OF_THE_GRAMMAR = Set.of("coalesce", "nullif", "greatest", "least");
    /** One value of however many rows, whatever their order: of an array the elements are compared. */
    private static final Set<String> AGGREGATES = Set.of("array_agg", "count", "min", "max", "bool_and", "bool_or");

    private static final Set<String> OF_THE_TOKEN = Set.of("uid", "jwt", "role", "email");
    private static final Set<String> WORDS_OF_MOMENTS =
            Set.of("now", "today", "tomorrow", "yesterday", "epoch", "allballs", "infinity");

    private final PolicyCatalog catalog;
    private final List<Reading> readings = new ArrayList<>();
    private final Set<String> underWay = new HashSet<>();

    GroupValues(PolicyCatalog catalog) {
        this.catalog = catalog;
    }

    /**
     * That a table is read.
     *
     * @param key which of its rows, if that is known
     */
    record Reading(int table, Optional<Key> key) {}

    /**
     * Rows that have in a column what an expression says.
     *
     * @param sql   reads no column
     * @param array whether it is an array of what the column may have
     * @param tells  how much: a constant least, what is of a question beside the claims more, what claims say most
     */
    record Key(String column, ColumnKind kind, String sql, boolean array, int tells) {}

    /**
     * What names stand for.
     *
     * @param source     the text that expressions are of
     * @param tables     by alias
     * @param function   whose body this is, or empty
     * @param parameters of it, with what stands for them where that reads no column
     * @param reader     as whom tables are read; empty for the policies' own role
     * @param readAnew   whether it is the text of a function, read at each call
     */
    record Scope(
            String source,
            Map<String, PolicyCatalog.Table> tables,
            String function,
            Map<String, Optional<String>> parameters,
            Optional<String> reader,
            boolean readAnew) {
        static Scope of(String source) {
            return new Scope(source, Map.of(), "", Map.of(), Optional.empty(), false);
        }

        Scope with(Map<String, PolicyCatalog.Table> more) {
            var all = new HashMap<>(tables);
            all.putAll(more);
            return new Scope(source, all, function, parameters, reader, readAnew);
        }

        /** The column that a name means, unless it is a parameter. */
        @Nullable
        ColumnKind kind(Expression.Column column) throws NotCompiledException {
            if (!column.qualifier().isEmpty()) {
                PolicyCatalog.Table table = tables.get(column.qualifier());
                return table == null ? null : known(table, column);
            }
            List<PolicyCatalog.Table> having = tables.values().stream()
                    .filter(table -> table.names().contains(column.name()))
                    .toList();
            if (having.size() > 1) {
                throw new NotCompiledException("column " + column.name() + " of several tables");
            }
            return having.isEmpty() ? null : known(having.getFirst(), column); // a column comes before a parameter
        }

        private static ColumnKind known(PolicyCatalog.Table table, Expression.Column column)
                throws NotCompiledException {
            ColumnKind kind = table.columns().get(column.name());
            if (kind == null) {
                throw new NotCompiledException(
                        "column " + column.name() + " of a type that is not compared here, in a subquery");
            }
            return kind;
        }

        boolean isParameter(Expression.Column column) {
            boolean of = column.qualifier().isEmpty() || column.qualifier().equals(function);
            return of && parameters.containsKey(column.name());
        }
    }

    /** What was found to be read, since it was last taken. */
    List<Reading> takeReadings() {
        List<Reading> taken = List.copyOf(readings);
        readings.clear();
        return taken;
    }

    void require(Expression expression, Scope scope) throws NotCompiledException {
        if (scope.readAnew()) {
            requireFixed(expression);
        }
        switch (expression) {
            case Expression.Column column -> requireColumn(column, scope);
            case Expression.Call call -> requireCall(call, scope, false);
            case Expression.Cast cast -> requireCast(cast);
            case Expression.Subquery subquery -> {
                requireQuery(subquery.query(), scope, false);
                return;
            }
            case Expression.In in -> {
                require(in.left(), scope);
                requireQuery(in.query(), scope, true);
                return;
            }
            default -> {}
        }
        for (Expression part : expression.parts()) {
            require(part, scope);
        }
    }

    /** Of which kind a column of a query's tables is, or its text. */
    ColumnKind kind(Expression expression, Expression.Query query, String source) throws NotCompiledException {
        Expression.Column column = expression instanceof Expression.Cast cast
                        && cast.type().equals("text")
                        && cast.of() instanceof Expression.Column cased
                ? cased
                : expression instanceof Expression.Column plain ? plain : null;
        ColumnKind kind = column == null ? null : scope(query, Scope.of(source)).kind(column);
        if (kind == null) {
            throw new NotCompiledException(
                    source.substring(expression.span().from(), expression.span().to()) + " compared with a column");
        }
        return expression instanceof Expression.Cast ? kind.asText() : kind;
    }

    private Scope scope(Expression.Query query, Scope outer) throws NotCompiledException {
        var tables = new HashMap<String, PolicyCatalog.Table>();
        for (Expression.Source source : query.from()) {
            tables.put(source.alias(), catalog.table(source.table(), outer.reader()));
        }
        return outer.with(tables);
    }

    private static void requireColumn(Expression.Column column, Scope scope) throws NotCompiledException {
        if (scope.kind(column) == null && !scope.isParameter(column)) {
            throw new NotCompiledException("column " + column.name() + " in a value");
        }
    }

    /** @param rows whether a function that returns several may stand for them */
    void requireQuery(Expression.Query query, Scope outer, boolean rows) throws NotCompiledException {
        Scope scope = scope(query, outer);
        for (Expression.Source source : query.from()) {
            PolicyCatalog.Table table = Objects.requireNonNull(scope.tables().get(source.alias()));
            readings.add(new Reading(table.oid(), key(query, source.alias(), table, scope)));
            if (table.policies().isPresent()) {
                requirePolicies(table, table.policies().get(), outer.reader());
            }
        }
        for (Expression output : query.outputs()) {
            if (rows && query.from().isEmpty() && output instanceof Expression.Call call) {
                requireCall(call, scope, true);
                for (Expression argument : call.arguments()) {
                    require(argument, scope);
                }
            } else {
                require(output, scope);
            }
        }
        for (Expression condition : query.joins()) {
            require(condition, scope);
        }
        for (Expression condition : query.conditions()) {
            require(condition, scope);
        }
    }

    /** Whoever reads the table of a subquery sees of it what its policies show. */
    private void requirePolicies(PolicyCatalog.Table table, String policies, Optional<String> reader)
            throws NotCompiledException {
        String name = "table " + table.oid() + " " + reader;
        if (!underWay.add(name)) {
            throw new NotCompiledException("policies of " + table.name() + " that read it");
        }
        require(
                ExpressionParser.parse(policies),
                new Scope(policies, Map.of(table.name(), table), "", Map.of(), reader, false));
        underWay.remove(name);
    }

    /** What the rows of one of the query's tables must have in a column. */
    private Optional<Key> key(Expression.Query query, String alias, PolicyCatalog.Table table, Scope scope)
            throws NotCompiledException {
        var conditions = new ArrayList<>(query.joins());
        conditions.addAll(query.conditions());
        Optional<Key> found = Optional.empty();
        for (Expression condition : conditions) {
            Optional<Key> key = switch (condition) {
                case Expression.Operation operation
                when operation.operator().equals("=") -> {
                    Optional<Key> one = key(operation.left(), operation.right(), false, alias, table, scope);
                    yield one.isPresent() ? one : key(operation.right(), operation.left(), false, alias, table, scope);
                }
                case Expression.Quantified of
                when of.operator().equals("=") && !of.all() -> key(of.left(), of.array(), true, alias, table, scope);
                default -> Optional.empty();
            };
            if (key.isPresent() && key.get().tells() > found.map(Key::tells).orElse(-1)) {
                found = key;
            }
        }
        return found;
    }

    private Optional<Key> key(
            Expression side, Expression other, boolean array, String alias, PolicyCatalog.Table table, Scope scope)
            throws NotCompiledException {
        if (!(side instanceof Expression.Column column)) {
            return Optional.empty();
        }
        boolean ofTable = column.qualifier().equals(alias)
                || (column.qualifier().isEmpty() && scope.tables().size() == 1);
        ColumnKind kind = table.columns().get(column.name());
        if (!ofTable || kind == null || !kind.isCompared()) {
            return Optional.empty();
        }
        return withoutColumns(other, scope).map(sql -> new Key(column.name(), kind, sql, array, tells(other)));
    }

    private static int tells(Expression expression) {
        if (isConstant(expression)) {
            return 0;
        }
        return isOfRoom(expression) ? 1 : 2;
    }

    /** Whether it says which room is asked about, of which there are fewer than of claims. */
    private static boolean isOfRoom(Expression expression) {
        return (expression instanceof Expression.Call call && call.schema().equals("realtime"))
                || expression.parts().stream().anyMatch(GroupValues::isOfRoom);
    }

    private static boolean isConstant(Expression expression) {
        return !(expression instanceof Expression.Call)
                && !(expression instanceof Expression.Column)
                && !(expression instanceof Expression.Subquery)
                && expression.parts().stream().allMatch(GroupValues::isConstant);
    }

    /** Whether it comes to the same for whoever evaluates it: it reads no table but in functions that run as their owner. */
    private boolean isOfAnybody(Expression expression) {
        boolean own = switch (expression) {
            case Expression.Subquery _, Expression.In _ -> false;
            case Expression.Call call ->
                call.schema().isEmpty()
                        || call.schema().equals("pg_catalog")
                        || (call.schema().equals("auth") && OF_THE_TOKEN.contains(call.name()))
                        || catalog.function(
                                        call.schema(),
                                        call.name(),
                                        call.arguments().size())
                                .flatMap(PolicyCatalog.Function::owner)
                                .isPresent();
            default -> true;
        };
        return own && expression.parts().stream().allMatch(this::isOfAnybody);
    }

    /**
     * The text of an expression that reads no column, with what stands for parameters, such that the policies' own role can evaluate
     * it; empty for any other.
     */
    private Optional<String> withoutColumns(Expression expression, Scope scope) throws NotCompiledException {
        if (scope.reader().isPresent() && !isOfAnybody(expression)) {
            return Optional.empty();
        }
        var sql = new StringBuilder();
        int at = expression.span().from();
        for (Expression.Column column : expression.freeColumns()) {
            Optional<String> argument = scope.kind(column) == null && scope.isParameter(column)
                    ? scope.parameters().get(column.name())
                    : Optional.empty();
            if (argument == null || argument.isEmpty() || column.span().from() < at) {
                return Optional.empty();
            }
            sql.append(scope.source(), at, column.span().from())
                    .append('(')
                    .append(argument.get())
                    .append(')');
            at = column.span().to();
        }
        return Optional.of(
                sql.append(scope.source(), at, expression.span().to()).toString());
    }

    private void requireCall(Expression.Call call, Scope scope, boolean rows) throws NotCompiledException {
        boolean builtIn = call.schema().isEmpty() || call.schema().equals("pg_catalog");
        if (builtIn) {
            boolean aggregate =
                    AGGREGATES.contains(call.name()) && !scope.tables().isEmpty();
            boolean fixed = (call.schema().isEmpty() && OF_THE_GRAMMAR.contains(call.name()))
                    || catalog.isImmutable(call.name());
            if (!fixed && !isFixedSetting(call) && !aggregate) {
                throw new NotCompiledException("function " + call.name());
            }
            return;
        }
        String name = call.schema() + "." + call.name();
        // what a text calls that is read anew is not known to the catalog
        if (scope.readAnew() && !(call.schema().equals("auth") && OF_THE_TOKEN.contains(call.name()))) {
            throw new NotCompiledException("function " + name + " in a function's text");
        }
        PolicyCatalog.Function function = catalog.function(
                        call.schema(), call.name(), call.arguments().size())
                .orElseThrow(() -> new NotCompiledException("function " + name));
        if ((function.returnsSet() && !rows) || !underWay.add(name)) {
            throw new NotCompiledException("function " + name);
        }
        var parameters = new HashMap<String, Optional<String>>();
        for (int i = 0; i < function.parameters().size(); i++) {
            parameters.put(
                    function.parameters().get(i),
                    withoutColumns(call.arguments().get(i), scope));
        }
        requireBody(call.name(), function, parameters, scope.reader());
        underWay.remove(name);
    }

    private void requireBody(
            String name,
            PolicyCatalog.Function function,
            Map<String, Optional<String>> parameters,
            Optional<String> caller)
            throws NotCompiledException {
        Expression value = ExpressionParser.parseBody(function.body());
        boolean first = value instanceof Expression.Subquery rows
                && !function.returnsSet()
                && rows.query().outputs().stream().noneMatch(GroupValues::isAggregate);
        if (first) {
            throw new NotCompiledException("function " + name + ", which returns the first of some rows");
        }
        require(
                value,
                new Scope(
                        function.body(),
                        Map.of(),
                        name,
                        parameters,
                        function.owner().or(() -> caller),
                        function.readAnew()));
    }

    private static boolean isAggregate(Expression expression) {
        return (expression instanceof Expression.Call call && AGGREGATES.contains(call.name()))
                || (!(expression instanceof Expression.Subquery)
                        && expression.parts().stream().anyMatch(GroupValues::isAggregate));
    }

    /**
     * What a text may not have besides, since it is read anew at each call: moments, which may say {@code now}, types that are not
     * PostgreSQL's own, and names that another schema may have before PostgreSQL.
     */
    private void requireFixed(Expression expression) throws NotCompiledException {
        switch (expression) {
            case Expression.Literal literal
            when literal.text().filter(GroupValues::mayBeMoment).isPresent() ->
                throw new NotCompiledException("the constant '" + literal.text().get() + "' in a function");
            case Expression.Cast cast
            when !TYPES.contains(elementType(cast)) ->
                throw new NotCompiledException("a cast to " + cast.type() + " in a function");
            case Expression.Call call
            when call.schema().isEmpty() && !OF_THE_GRAMMAR.contains(call.name()) && !isFixedSetting(call) ->
                throw new NotCompiledException("function " + call.name() + " without its schema in a function");
            default -> {}
        }
    }

    /** Whether a type of moments would read it, with the clock or without. */
    private static boolean mayBeMoment(String text) {
        String words = text.strip().toLowerCase(Locale.ROOT);
        return java.util.Arrays.stream(words.split("[^a-z]+")).anyMatch(WORDS_OF_MOMENTS::contains)
                || words.matches("\\d{1,4}-\\d.*");
    }

    private static String elementType(Expression.Cast cast) {
        return cast.type().endsWith("[]") ? cast.type().substring(0, cast.type().length() - 2) : cast.type();
    }

    /** {@code current_setting('request.jwt.claims', true)}; also the older {@code request.jwt.claim.sub}. */
    private boolean isFixedSetting(Expression.Call call) {
        return call.name().equals("current_setting")
                && literal(call.arguments().isEmpty() ? call : call.arguments().getFirst())
                        .filter(catalog::isFixed)
                        .isPresent();
    }

    private static Optional<String> literal(Expression expression) {
        return switch (expression) {
            case Expression.Literal literal -> literal.text();
            case Expression.Cast cast when cast.type().equals("text") -> literal(cast.of());
            default -> Optional.empty();
        };
    }

    /** A moment is read from a constant that says which one it is; {@code 'now'} and the like do not. */
    private static void requireCast(Expression.Cast cast) throws NotCompiledException {
        String type = elementType(cast);
        boolean constant = cast.of() instanceof Expression.Literal;
        boolean known = TYPES.contains(type)
                || (MOMENTS.contains(cast.type()) && constant && isMoment(((Expression.Literal) cast.of()).text()))
                || (type.contains(".") && constant); // an enumeration's label: its type is compared with the column's
        if (!known) {
            throw new NotCompiledException("a cast to " + cast.type());
        }
    }

    private static boolean isMoment(Optional<String> text) {
        return text.filter(moment -> moment.matches("\\d{4}-\\d\\d-\\d\\d.*")).isPresent();
    }
}

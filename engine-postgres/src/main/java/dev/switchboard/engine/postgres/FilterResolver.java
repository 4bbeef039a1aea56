package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.route.Comparison;
import dev.switchboard.engine.route.Filter;
import dev.switchboard.engine.route.FilterSyntax;
import dev.switchboard.engine.route.InvalidFilterException;
import dev.switchboard.engine.route.LikePattern;
import dev.switchboard.engine.route.Operator;
import dev.switchboard.engine.route.Predicate;
import dev.switchboard.engine.route.Truth;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Gives a filter's conditions the types of their columns. Values are cast by PostgreSQL, so 007 is 7 and an upper-case uuid
 * a lower-case one. What the engine does not compare as PostgreSQL would, ordering under a language's collation for
 * example, is left to PostgreSQL. One use per filter.
 */
final class FilterResolver {
    /** Conditions of one filter that PostgreSQL decides with each change. */
    private static final int MOST_ASKED = 8;

    private final Connection connection;
    private final TableSecurity security;
    private final Map<String, ColumnFacts> columns;
    private final Interned<Map<String, Integer>> shared;
    private final Map<String, Integer> read = new HashMap<>();
    private int asked;

    /** A part of the filter, as the engine and as PostgreSQL decide it. */
    private record Resolved(Predicate predicate, String sql) {}

    /** @param shared of all filters of the table */
    FilterResolver(
            Connection connection,
            TableSecurity security,
            Map<String, ColumnFacts> columns,
            Interned<Map<String, Integer>> shared) {
        this.shared = shared;
        this.connection = connection;
        this.security = security;
        this.columns = columns;
    }

    /** Everything is asked under the subscriber's role, in a transaction of its own that leaves nothing behind. */
    Filter resolve(String text, ClaimsGroup group) throws SQLException, RefusedException {
        FilterSyntax syntax;
        try {
            syntax = FilterSyntax.parse(text);
        } catch (InvalidFilterException invalid) {
            throw unparsable(String.valueOf(invalid.getMessage()));
        }
        connection.setAutoCommit(false);
        try (PreparedStatement become = connection.prepareStatement(Impersonation.BECOME_BRIEFLY)) {
            become.setString(1, group.role());
            become.setString(2, group.json());
            become.execute();
            Resolved resolved = resolve(syntax);
            if (asked > 0) {
                refuseWhatRaises(resolved.sql());
            }
            boolean needsSql = resolved.predicate().mayBeUndecided();
            return new Filter(resolved.predicate(), needsSql ? resolved.sql() : "", shared.one(Map.copyOf(read)));
        } catch (InvalidFilterException invalid) {
            throw unparsable(String.valueOf(invalid.getMessage()));
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    /** Whether PostgreSQL has to compile patterns to resolve the filter, which may take it long. */
    static boolean hasPatterns(String text) {
        try {
            return hasPatterns(FilterSyntax.parse(text));
        } catch (InvalidFilterException invalid) {
            return false;
        }
    }

    private static boolean hasPatterns(FilterSyntax syntax) {
        return switch (syntax) {
            case FilterSyntax.All(var conditions) -> conditions.stream().anyMatch(FilterResolver::hasPatterns);
            case FilterSyntax.Any(var conditions) -> conditions.stream().anyMatch(FilterResolver::hasPatterns);
            case FilterSyntax.Not(var condition) -> hasPatterns(condition);
            case FilterSyntax.Condition condition -> condition.operator().takesPattern();
        };
    }

    private static RefusedException unparsable(String why) {
        return new RefusedException("Error parsing `filter` params: " + why);
    }

    private Resolved resolve(FilterSyntax syntax) throws SQLException, RefusedException {
        return switch (syntax) {
            case FilterSyntax.All(var conditions) -> {
                List<Resolved> all = resolveAll(conditions);
                yield new Resolved(
                        new Predicate.All(all.stream().map(Resolved::predicate).toList()), join(all, " and "));
            }
            case FilterSyntax.Any(var conditions) -> {
                List<Resolved> any = resolveAll(conditions);
                yield new Resolved(
                        new Predicate.Any(any.stream().map(Resolved::predicate).toList()), join(any, " or "));
            }
            case FilterSyntax.Not(var condition) -> {
                Resolved inner = resolve(condition);
                yield new Resolved(new Predicate.Not(inner.predicate()), "not (" + inner.sql() + ")");
            }
            case FilterSyntax.Condition condition -> condition(condition);
        };
    }

    private List<Resolved> resolveAll(List<FilterSyntax> conditions) throws SQLException, RefusedException {
        var resolved = new ArrayList<Resolved>();
        for (FilterSyntax condition : conditions) {
            resolved.add(resolve(condition));
        }
        return resolved;
    }

    private static String join(List<Resolved> parts, String operator) {
        return parts.stream().map(part -> "(" + part.sql() + ")").collect(Collectors.joining(operator));
    }

    private Resolved condition(FilterSyntax.Condition condition) throws SQLException, RefusedException {
        ColumnFacts facts = PostgresSubscriptionCatalog.named(
                "filter", security.table(), condition.column(), columns, security.readable());
        read.put(facts.name(), facts.typeOid());
        return switch (condition.operator()) {
            case IS -> is(condition, facts);
            case LIKE, ILIKE, MATCH, IMATCH -> pattern(condition, facts);
            case EQ, NEQ, LT, LTE, GT, GTE, IN, ISDISTINCT -> comparison(condition, facts);
        };
    }

    private Resolved is(FilterSyntax.Condition condition, ColumnFacts facts) throws RefusedException {
        String word = condition.value().toLowerCase(Locale.ROOT);
        boolean bool = facts.isBuiltIn() && facts.typeName().equals("bool");
        if (!Set.of("null", "true", "false", "unknown").contains(word) || (!bool && !word.equals("null"))) {
            throw unparsable("'is' takes null" + (bool ? ", true, false or unknown" : "") + ", not '"
                    + condition.value() + "', for column \"" + condition.column() + "\" of type " + facts.typeName());
        }
        String sql = sql(condition.column()) + " is " + word;
        if (facts.typeKind() == 'c') {
            return asked(condition.column(), sql); // a row of nulls is null too
        }
        Optional<Boolean> value =
                word.equals("true") || word.equals("false") ? Optional.of(word.equals("true")) : Optional.empty();
        return new Resolved(new Predicate.Is(facts.name(), value), sql);
    }

    private Resolved pattern(FilterSyntax.Condition condition, ColumnFacts facts)
            throws SQLException, RefusedException {
        if (!facts.text()) {
            throw unparsable("'" + condition.operator().word() + "' needs a text column, and \"" + condition.column()
                    + "\" has type " + facts.typeName());
        }
        String sql = sql(condition.column()) + " " + condition.operator().sql() + " " + literal(condition.value());
        switch (condition.operator()) {
            case MATCH, IMATCH -> refuseInvalidExpression(condition.value());
            case LIKE, ILIKE -> {
                var pattern = new LikePattern(condition.value());
                if (condition.operator() == Operator.LIKE && facts.isBuiltIn() && facts.deterministic()) {
                    return new Resolved(new Predicate.Like(facts.name(), pattern), sql);
                }
            }
            case EQ, NEQ, LT, LTE, GT, GTE, IN, IS, ISDISTINCT ->
                throw new IllegalStateException(condition.operator() + " takes no pattern");
        }
        return asked(condition.column(), sql);
    }

    private void refuseInvalidExpression(String expression) throws SQLException, RefusedException {
        try (PreparedStatement query = connection.prepareStatement("select '' ~ ?")) {
            query.setString(1, expression);
            query.execute();
        } catch (SQLException raised) {
            throw refusal(raised);
        }
    }

    private Resolved comparison(FilterSyntax.Condition condition, ColumnFacts facts)
            throws SQLException, RefusedException {
        List<String> values = canonical(condition.values(), facts);
        String sql = comparisonSql(condition, values, facts);
        if (facts.typeKind() == 'e') {
            return new Resolved(label(condition, values, facts), sql);
        }
        Optional<Comparison> rule = Optional.of(facts)
                .filter(ColumnFacts::isBuiltIn)
                .flatMap(column -> Comparison.ofType(column.typeName()))
                .filter(known -> compares(known, condition.operator(), facts));
        if (rule.isEmpty()) {
            return asked(condition.column(), sql);
        }
        if (condition.operator() == Operator.IN) {
            Set<Comparison.Key> keys = values.stream().map(rule.get()::key).collect(Collectors.toSet());
            return new Resolved(new Predicate.In(facts.name(), keys), sql);
        }
        return new Resolved(
                new Predicate.Compare(
                        facts.name(), condition.operator(), rule.get().key(values.getFirst())),
                sql);
    }

    private static boolean compares(Comparison rule, Operator operator, ColumnFacts facts) {
        return !rule.dependsOnCollation() || (facts.deterministic() && (!operator.orders() || facts.byteOrdered()));
    }

    private String comparisonSql(FilterSyntax.Condition condition, List<String> values, ColumnFacts facts) {
        String column = sql(condition.column());
        if (condition.operator() != Operator.IN) {
            return column + " " + condition.operator().sql() + " " + typed(values.getFirst(), facts);
        }
        return values.isEmpty()
                ? "false"
                : values.stream()
                        .map(value -> column + " = " + typed(value, facts))
                        .collect(Collectors.joining(" or "));
    }

    private Predicate label(FilterSyntax.Condition condition, List<String> values, ColumnFacts facts)
            throws SQLException {
        Map<String, Integer> positions = labels(facts);
        var satisfying = new HashSet<String>();
        positions.forEach((label, position) -> {
            boolean satisfies = values.stream().anyMatch(value -> {
                int order = position.compareTo(positions.getOrDefault(value, 0));
                return switch (condition.operator()) {
                    case EQ, IN -> order == 0;
                    case NEQ, ISDISTINCT -> order != 0;
                    case LT -> order < 0;
                    case LTE -> order <= 0;
                    case GT -> order > 0;
                    case GTE -> order >= 0;
                    case LIKE, ILIKE, IS, MATCH, IMATCH -> false;
                };
            });
            if (satisfies) {
                satisfying.add(label);
            }
        });
        Truth ofNull = switch (condition.operator()) {
            case ISDISTINCT -> Truth.TRUE;
            case IN -> values.isEmpty() ? Truth.FALSE : Truth.UNKNOWN;
            default -> Truth.UNKNOWN;
        };
        return new Predicate.Label(facts.name(), satisfying, positions.keySet(), ofNull);
    }

    /** The labels of an enum by their order, enumsortorder. */
    private Map<String, Integer> labels(ColumnFacts facts) throws SQLException {
        var positions = new LinkedHashMap<String, Integer>();
        try (PreparedStatement query = connection.prepareStatement(
                "select enumlabel from pg_enum where enumtypid = ? order by enumsortorder")) {
            query.setLong(1, Integer.toUnsignedLong(facts.baseOid()));
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    positions.put(row.getString(1), positions.size());
                }
            }
        }
        return positions;
    }

    private Resolved asked(String column, String sql) throws RefusedException {
        if (++asked > MOST_ASKED) {
            throw unparsable("more than " + MOST_ASKED + " conditions that only PostgreSQL can decide");
        }
        return new Resolved(new Predicate.Asked(column), sql);
    }

    private String sql(String column) {
        return TableName.quote(security.table().table()) + "." + TableName.quote(column);
    }

    private static String typed(String value, ColumnFacts facts) {
        return literal(value) + "::" + facts.sqlType();
    }

    /** An escape string, which means the same whatever standard_conforming_strings says. */
    private static String literal(String text) {
        return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'";
    }

    /** The values as the column's type writes them. */
    private List<String> canonical(List<String> values, ColumnFacts facts) throws SQLException, RefusedException {
        var canonical = new ArrayList<String>();
        try (PreparedStatement query =
                connection.prepareStatement("select format('%s', v.value::" + JdbcText.escape(facts.sqlType())
                        + ") from unnest(?::text[]) with ordinality as v(value, place) order by v.place")) {
            query.setArray(1, connection.createArrayOf("text", values.toArray()));
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    canonical.add(row.getString(1));
                }
            }
            return canonical;
        } catch (SQLException raised) {
            throw refusal(raised);
        }
    }

    /** Whether PostgreSQL has the operators, and the role may use them. */
    private void refuseWhatRaises(String sql) throws SQLException, RefusedException {
        String table = TableName.quote(security.table().table());
        try (PreparedStatement query = connection.prepareStatement("select " + JdbcText.escape(sql)
                + " from unnest(array[]::" + JdbcText.escape(security.table().quoted()) + "[]) as "
                + JdbcText.escape(table))) {
            query.execute();
        } catch (SQLException raised) {
            throw refusal(raised);
        }
    }

    private static RefusedException refusal(SQLException raised) throws SQLException {
        if (SqlState.isTimeout(raised)) {
            return unparsable("it takes longer than 250 ms to look at; simplify it");
        }
        if (SqlState.isTransient(raised)) {
            throw raised;
        }
        return unparsable("PostgreSQL says: " + SqlState.text(raised));
    }
}

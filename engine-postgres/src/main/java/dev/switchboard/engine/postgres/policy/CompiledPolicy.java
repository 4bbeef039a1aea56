package dev.switchboard.engine.postgres.policy;

import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.route.Audience;
import dev.switchboard.engine.route.Comparison;
import dev.switchboard.engine.route.Truth;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * What is known of a table's policies for a role: how they decide on a row, without PostgreSQL; or at least what their decisions hang
 * on, so that one that PostgreSQL made can be remembered. Immutable.
 */
public final class CompiledPolicy {
    private final Optional<Condition> condition;
    /** Why it does not decide; empty where it does. */
    private final String obstacle;

    private final List<ValueSource> values;
    /** The columns that are read. */
    private final Map<String, ColumnKind> columns;

    private final List<Dependency> dependencies;

    /**
     * A value that depends on the claims, and on the tables that the policies {@link #dependencies depend} on.
     *
     * @param sql   an expression that reads no column of the policies' table
     * @param array whether it is an array, whose elements are compared
     */
    public record ValueSource(String sql, boolean array) {}

    CompiledPolicy(
            Optional<Condition> condition,
            String obstacle,
            List<ValueSource> values,
            Map<String, ColumnKind> columns,
            List<Dependency> dependencies) {
        this.columns = Map.copyOf(columns);
        this.condition = condition;
        this.obstacle = obstacle;
        this.values = List.copyOf(values);
        this.dependencies = List.copyOf(dependencies);
    }

    /**
     * Compiles the policies of a table.
     *
     * @param expression as PostgreSQL deparses it with an empty search_path
     * @param columns    that can be compiled over
     * @throws NotCompiledException naming what is not understood
     */
    public static CompiledPolicy compile(String expression, Map<String, ColumnKind> columns, PolicyCatalog catalog)
            throws NotCompiledException {
        return new PolicyCompiler(expression, columns, catalog).compile();
    }

    /**
     * Finds out what the decisions of policies hang on that cannot be compiled: the values of columns, the claims, rows of other
     * tables, and nothing else.
     *
     * @param table    the policies' own, with columns of whichever type is PostgreSQL's own
     * @param obstacle why they were not compiled
     * @throws NotCompiledException naming what may come to something else each time
     */
    public static CompiledPolicy analyse(
            String expression, PolicyCatalog.Table table, PolicyCatalog catalog, String obstacle)
            throws NotCompiledException {
        return new PolicyCompiler(expression, table.columns(), catalog).analyse(table, obstacle);
    }

    /** Whether it decides on rows; else PostgreSQL does, for {@link #obstacle}. */
    public boolean decides() {
        return condition.isPresent();
    }

    /** What of it only PostgreSQL can tell; empty where it decides. */
    public String obstacle() {
        return obstacle;
    }

    /** What PostgreSQL has to say once per group of claims. */
    public List<ValueSource> values() {
        return values;
    }

    /**
     * What rows of a dependency have in its key's column for one group.
     *
     * @return empty where all of its rows count
     */
    public Optional<Set<Comparison.Key>> concerned(Dependency dependency, ClaimValues group) {
        return dependency
                .key()
                .filter(key -> fits(group.get(key.value()), key))
                .map(key -> group.elements(key.value(), key.kind().rule()).keys());
    }

    private static boolean fits(ClaimValues.Value value, Dependency.Key key) {
        return (value.isNull() && value.texts().isEmpty())
                || ColumnKind.familyOf(value.typeOid()) == key.kind().family();
    }

    /** The rows of other tables that the values depend on. */
    public List<Dependency> dependencies() {
        return dependencies;
    }

    /** Whether these values are of the types that the columns are compared by; if not, PostgreSQL has to be asked. */
    public boolean fits(ClaimValues group) {
        return group.values().size() == values.size() && condition.stream().allMatch(all -> all.fits(group));
    }

    /** Whether a table's columns were of the types, when the change was written, that they have now; if not, PostgreSQL is asked. */
    public boolean fits(Relation relation) {
        return columns.entrySet().stream().allMatch(entry -> {
            int index = relation.indexOf(entry.getKey());
            return index >= 0
                    && relation.columns().get(index).typeOid()
                            == entry.getValue().typeOid();
        });
    }

    /**
     * Whether a row, which has every column that the policies read, is visible. One with a label that its enumeration does not have
     * any more is not.
     *
     * @throws java.util.NoSuchElementException where it does not decide
     */
    public boolean shows(Relation relation, Row row, ClaimValues group) {
        for (Map.Entry<String, ColumnKind> column : columns.entrySet()) {
            int index = relation.indexOf(column.getKey());
            if (!column.getValue().labels().isEmpty()
                    && row.hasValue(index)
                    && !column.getValue().knows(row.text(index))) {
                return false;
            }
        }
        return condition.orElseThrow().of(relation, row, group) == Truth.TRUE;
    }

    /** What the visible rows of a group have in common. */
    public Audience audience(ClaimValues group) {
        return condition.map(all -> all.audience(group)).orElseGet(Audience.Any::new);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CompiledPolicy policy
                && condition.equals(policy.condition)
                && values.equals(policy.values)
                && columns.equals(policy.columns)
                && dependencies.equals(policy.dependencies);
    }

    @Override
    public int hashCode() {
        return Objects.hash(condition, values, columns, dependencies);
    }

    @Override
    public String toString() {
        return condition.map(Condition::toString).orElse(obstacle) + " over " + values;
    }
}

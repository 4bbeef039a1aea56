package dev.switchboard.engine.route;

import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A filter resolved against its table.
 *
 * @param predicate decides as far as that goes without PostgreSQL
 * @param sql       the same as SQL over a relation of the table's bare name, where rows may be left undecided; else empty
 * @param columns   that it reads, with their types as they were (pg_type.oid); another type makes the filter void
 */
public record Filter(Predicate predicate, String sql, Map<String, Integer> columns) {
    public Filter {
        columns = Map.copyOf(columns);
    }

    /** An equality that has to hold, so that subscriptions can be found by its value. */
    record Anchor(String column, Set<Comparison.Key> values) {}

    Optional<Anchor> anchor() {
        List<Predicate> all = predicate instanceof Predicate.All(var predicates) ? predicates : List.of(predicate);
        for (Predicate one : all) {
            if (one instanceof Predicate.Compare compare && compare.operator() == Operator.EQ) {
                return Optional.of(new Anchor(compare.column(), Set.of(compare.value())));
            }
            if (one instanceof Predicate.In in && !in.values().isEmpty()) {
                return Optional.of(new Anchor(in.column(), in.values()));
            }
        }
        return Optional.empty();
    }

    /** What it makes of a row, under SQL's rules for NULL. */
    public Truth of(Relation relation, Row row) {
        return predicate.of(relation, row);
    }

    /** Whether the relation still has its columns with the types that it was resolved for. */
    boolean fits(Relation relation) {
        return columns.entrySet().stream().allMatch(entry -> {
            int index = relation.indexOf(entry.getKey());
            if (index < 0) {
                return false;
            }
            Column column = relation.columns().get(index);
            return column.typeOid() == entry.getValue();
        });
    }
}

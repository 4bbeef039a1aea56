package dev.switchboard.engine.route;

import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.Relation;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which columns of a change a subscription is sent. Immutable.
 *
 * @param columns with the primary key; empty for all
 * @param deltas  how an UPDATE may come; empty where it has to come whole
 * @param positioned whether each change says where it stands in the stream
 * @param leaving whether it is told of an UPDATE after which the row is not for it any more
 */
public record Selection(Optional<List<String>> columns, Optional<Deltas> deltas, boolean positioned, boolean leaving) {
    /** All columns, always. */
    public static final Selection ALL = new Selection(Optional.empty(), Optional.empty(), false);

    public Selection {
        columns = columns.map(List::copyOf);
    }

    public Selection(Optional<List<String>> columns, Optional<Deltas> deltas, boolean leaving) {
        this(columns, deltas, false, leaving);
    }

    /** The same, of changes that say where they stand in the stream. */
    public Selection withPositions() {
        return new Selection(columns, deltas, true, leaving);
    }

    /**
     * That an UPDATE may come as the key and what it changed.
     *
     * @param key    the primary key
     * @param always columns that come besides
     * @param shape  all columns that were to be sent when the subscription was made, with their types (pg_type.oid)
     */
    public record Deltas(List<String> key, Set<String> always, Map<String, Integer> shape) {
        public Deltas {
            key = List.copyOf(key);
            always = Set.copyOf(always);
            shape = Map.copyOf(shape);
        }

        /** Whether rows still have the columns that they had, so that one without some of them can be completed. */
        public boolean fits(Relation relation, BitSet columns) {
            return columns.cardinality() == shape.size()
                    && columns.stream().allMatch(i -> {
                        Column column = relation.columns().get(i);
                        return Integer.valueOf(column.typeOid()).equals(shape.get(column.name()));
                    });
        }
    }
}

package dev.switchboard.engine.postgres.policy;

import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.route.Audience;
import dev.switchboard.engine.route.Comparison;
import dev.switchboard.engine.route.Truth;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What a compiled policy demands of a row, under SQL's rules for NULL. Values are told by their place among the policy's. Pure; every
 * column that it names must be in the row.
 */
sealed interface Condition {
    Truth of(Relation relation, Row row, ClaimValues values);

    /** What the rows have in common of which it is true. */
    Audience audience(ClaimValues values);

    /** Whether the values are of the types that it was compiled for. */
    boolean fits(ClaimValues values);

    /** A value that reads no column. */
    record Constant(int value) implements Condition {
        @Override
        public Truth of(Relation relation, Row row, ClaimValues values) {
            List<Optional<String>> texts = ClaimValues.written(values.get(value));
            return texts.isEmpty()
                    ? Truth.UNKNOWN
                    : Truth.of(texts.getFirst().orElseThrow().equals("t"));
        }

        @Override
        public Audience audience(ClaimValues values) {
            ClaimValues.Value constant = values.get(value);
            boolean holds = !constant.isNull()
                    && ClaimValues.written(constant).getFirst().orElseThrow().equals("t");
            return holds ? new Audience.Any() : new Audience.None();
        }

        @Override
        public boolean fits(ClaimValues values) {
            return isOf(values.get(value), ColumnKind.BOOL);
        }
    }

    /** A column compared with a value: {@code = <> < <= > >=}. */
    record Compare(String column, ColumnKind kind, String operator, int value) implements Condition {
        @Override
        public Truth of(Relation relation, Row row, ClaimValues values) {
            ClaimValues.Value right = values.get(value);
            int index = relation.indexOf(column);
            if (right.isNull() || !row.hasValue(index)) {
                return Truth.UNKNOWN;
            }
            Comparison.Key left = kind.rule().key(row.text(index));
            int order = left.compareTo(key(right));
            return Truth.of(
                    switch (operator) {
                        case "=" -> order == 0;
                        case "<>" -> order != 0;
                        case "<" -> order < 0;
                        case "<=" -> order <= 0;
                        case ">" -> order > 0;
                        case ">=" -> order >= 0;
                        default -> throw new IllegalStateException(operator);
                    });
        }

        private Comparison.Key key(ClaimValues.Value right) {
            return kind.rule().key(ClaimValues.written(right).getFirst().orElseThrow());
        }

        @Override
        public Audience audience(ClaimValues values) {
            ClaimValues.Value right = values.get(value);
            if (right.isNull()) {
                return new Audience.None();
            }
            return operator.equals("=")
                    ? new Audience.ByValue(column, java.util.Set.of(key(right)))
                    : new Audience.Any();
        }

        @Override
        public boolean fits(ClaimValues values) {
            return isOf(values.get(value), kind.family());
        }
    }

    /** {@code = ANY (array)}. */
    record OneOf(String column, ColumnKind kind, int value) implements Condition {
        @Override
        public Truth of(Relation relation, Row row, ClaimValues values) {
            ClaimValues.Value array = values.get(value);
            int index = relation.indexOf(column);
            if (array.isNull()) {
                return Truth.UNKNOWN;
            }
            if (array.texts().isEmpty()) {
                return Truth.FALSE;
            }
            if (!row.hasValue(index)) {
                return Truth.UNKNOWN;
            }
            ClaimValues.Elements elements = values.elements(value, kind.rule());
            if (elements.keys().contains(kind.rule().key(row.text(index)))) {
                return Truth.TRUE;
            }
            return elements.nulls() ? Truth.UNKNOWN : Truth.FALSE;
        }

        @Override
        public Audience audience(ClaimValues values) {
            return Audience.of(column, values.elements(value, kind.rule()).keys());
        }

        @Override
        public boolean fits(ClaimValues values) {
            return isOf(values.get(value), kind.family());
        }
    }

    /** A column of the policy's table, or its text. */
    record Operand(String column, ColumnKind kind) {}

    /** Whether there is a row that has all of these columns: of a value that is an array of the rows' texts. Never unknown. */
    record TogetherIn(List<Operand> columns, int value) implements Condition {
        public TogetherIn {
            columns = List.copyOf(columns);
        }

        @Override
        public Truth of(Relation relation, Row row, ClaimValues values) {
            var keys = new ArrayList<Comparison.Key>();
            for (Operand operand : columns) {
                int index = relation.indexOf(operand.column());
                if (!row.hasValue(index)) {
                    return Truth.FALSE; // NULL is equal to nothing
                }
                keys.add(operand.kind().rule().key(row.text(index)));
            }
            return Truth.of(values.rows(value, rules()).contains(keys));
        }

        @Override
        public Audience audience(ClaimValues values) {
            var audiences = new ArrayList<Audience>();
            for (int i = 0; i < columns.size(); i++) {
                int place = i;
                audiences.add(Audience.of(
                        columns.get(i).column(),
                        values.rows(value, rules()).stream()
                                .map(keys -> keys.get(place))
                                .collect(Collectors.toSet())));
            }
            return Audience.all(audiences);
        }

        private List<Comparison> rules() {
            return columns.stream().map(operand -> operand.kind().rule()).toList();
        }

        @Override
        public boolean fits(ClaimValues values) {
            return isOf(values.get(value), ColumnKind.TEXT);
        }
    }

    /** A column of type bool by itself. */
    record Flag(String column) implements Condition {
        @Override
        public Truth of(Relation relation, Row row, ClaimValues values) {
            int index = relation.indexOf(column);
            return row.hasValue(index) ? Truth.of(row.text(index).equals("t")) : Truth.UNKNOWN;
        }

        @Override
        public Audience audience(ClaimValues values) {
            return new Audience.ByValue(column, java.util.Set.of(Comparison.ORDERED_TEXT.key("t")));
        }

        @Override
        public boolean fits(ClaimValues values) {
            return true;
        }
    }

    /** {@code IS NULL} of a column. */
    record IsNull(String column) implements Condition {
        @Override
        public Truth of(Relation relation, Row row, ClaimValues values) {
            return Truth.of(row.isNull(relation.indexOf(column)));
        }

        @Override
        public Audience audience(ClaimValues values) {
            return new Audience.Any();
        }

        @Override
        public boolean fits(ClaimValues values) {
            return true;
        }
    }

    /** {@code IS TRUE}, {@code IS FALSE}, {@code IS UNKNOWN} of a condition. */
    record Is(Condition of, Truth what) implements Condition {
        @Override
        public Truth of(Relation relation, Row row, ClaimValues values) {
            return Truth.of(of.of(relation, row, values) == what);
        }

        @Override
        public Audience audience(ClaimValues values) {
            return what == Truth.TRUE ? of.audience(values) : new Audience.Any();
        }

        @Override
        public boolean fits(ClaimValues values) {
            return of.fits(values);
        }
    }

    record Not(Condition of) implements Condition {
        @Override
        public Truth of(Relation relation, Row row, ClaimValues values) {
            return of.of(relation, row, values).not();
        }

        @Override
        public Audience audience(ClaimValues values) {
            return new Audience.Any();
        }

        @Override
        public boolean fits(ClaimValues values) {
            return of.fits(values);
        }
    }

    record All(List<Condition> parts) implements Condition {
        public All {
            parts = List.copyOf(parts);
        }

        @Override
        public Truth of(Relation relation, Row row, ClaimValues values) {
            Truth result = Truth.TRUE;
            for (Condition part : parts) {
                result = result.and(part.of(relation, row, values));
            }
            return result;
        }

        @Override
        public Audience audience(ClaimValues values) {
            return Audience.all(
                    parts.stream().map(part -> part.audience(values)).toList());
        }

        @Override
        public boolean fits(ClaimValues values) {
            return parts.stream().allMatch(part -> part.fits(values));
        }
    }

    record Any(List<Condition> parts) implements Condition {
        public Any {
            parts = List.copyOf(parts);
        }

        @Override
        public Truth of(Relation relation, Row row, ClaimValues values) {
            Truth result = Truth.FALSE;
            for (Condition part : parts) {
                result = result.or(part.of(relation, row, values));
            }
            return result;
        }

        @Override
        public Audience audience(ClaimValues values) {
            return Audience.any(
                    parts.stream().map(part -> part.audience(values)).toList());
        }

        @Override
        public boolean fits(ClaimValues values) {
            return parts.stream().allMatch(part -> part.fits(values));
        }
    }

    /** NULL is of every type: no comparison with it is true. */
    private static boolean isOf(ClaimValues.Value value, int family) {
        return (value.isNull() && value.texts().isEmpty()) || ColumnKind.familyOf(value.typeOid()) == family;
    }
}

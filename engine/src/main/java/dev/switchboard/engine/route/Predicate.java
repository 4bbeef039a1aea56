package dev.switchboard.engine.route;

import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** A filter resolved against its table: what decides on a row without asking PostgreSQL, as far as that goes. */
public sealed interface Predicate {
    record All(List<Predicate> predicates) implements Predicate {
        public All {
            predicates = List.copyOf(predicates);
        }
    }

    record Any(List<Predicate> predicates) implements Predicate {
        public Any {
            predicates = List.copyOf(predicates);
        }
    }

    record Not(Predicate predicate) implements Predicate {}

    /** @param operator one of EQ, NEQ, LT, LTE, GT, GTE, ISDISTINCT */
    record Compare(String column, Operator operator, Comparison.Key value) implements Predicate {}

    record In(String column, Set<Comparison.Key> values) implements Predicate {
        public In {
            values = Set.copyOf(values);
        }
    }

    /**
     * A comparison of an enum, worked out for every label that there was. A label that came later is for PostgreSQL.
     *
     * @param ofNull what NULL makes of it
     */
    record Label(String column, Set<String> satisfying, Set<String> known, Truth ofNull) implements Predicate {
        public Label {
            satisfying = Set.copyOf(satisfying);
            known = Set.copyOf(known);
        }
    }

    /** @param value of a bool; empty for NULL */
    record Is(String column, Optional<Boolean> value) implements Predicate {}

    record Like(String column, LikePattern pattern) implements Predicate {}

    /** Only PostgreSQL can compare that. */
    record Asked(String column) implements Predicate {}

    /** The column that a single condition is about. */
    default Optional<String> onlyColumn() {
        return switch (this) {
            case All _, Any _ -> Optional.empty();
            case Not not -> not.predicate().onlyColumn();
            case Compare compare -> Optional.of(compare.column());
            case In in -> Optional.of(in.column());
            case Label label -> Optional.of(label.column());
            case Is is -> Optional.of(is.column());
            case Like like -> Optional.of(like.column());
            case Asked asked -> Optional.of(asked.column());
        };
    }

    /** Whether there may be rows that it leaves to PostgreSQL. */
    default boolean mayBeUndecided() {
        return switch (this) {
            case All(var all) -> all.stream().anyMatch(Predicate::mayBeUndecided);
            case Any(var any) -> any.stream().anyMatch(Predicate::mayBeUndecided);
            case Not(var predicate) -> predicate.mayBeUndecided();
            case Compare _, In _, Is _ -> false;
            case Label _, Like _, Asked _ -> true;
        };
    }

    /** As people read it, near to how filters write it. */
    default String words() {
        return switch (this) {
            case All(var all) -> words("and", all);
            case Any(var any) -> words("or", any);
            case Not(var predicate) -> "not " + predicate.words();
            case Compare compare ->
                compare.column() + "=" + compare.operator().word() + "."
                        + compare.value().words();
            case In in -> in.column() + "=in." + values(in.values());
            case Label label ->
                label.column() + " in " + label.satisfying().stream().sorted().toList();
            case Is is -> is.column() + "=is." + is.value().map(String::valueOf).orElse("null");
            case Like like -> like.column() + "=like." + like.pattern().pattern();
            case Asked asked -> "on " + asked.column();
        };
    }

    private static String words(String operator, List<Predicate> predicates) {
        return operator + "("
                + String.join(",", predicates.stream().map(Predicate::words).toList()) + ")";
    }

    private static String values(Set<Comparison.Key> keys) {
        return keys.stream().map(key -> key.words()).sorted().limit(10).toList()
                + (keys.size() > 10 ? " and " + (keys.size() - 10) + " more" : "");
    }

    /** The predicate of a row; a column that the row does not have, or that the WAL did not carry, is unknown. */
    default Truth of(Relation relation, Row row) {
        return switch (this) {
            case All all -> {
                Truth truth = Truth.TRUE;
                for (Predicate predicate : all.predicates()) {
                    truth = truth.and(predicate.of(relation, row));
                    if (truth == Truth.FALSE) {
                        yield truth;
                    }
                }
                yield truth;
            }
            case Any any -> {
                Truth truth = Truth.FALSE;
                for (Predicate predicate : any.predicates()) {
                    truth = truth.or(predicate.of(relation, row));
                    if (truth == Truth.TRUE) {
                        yield truth;
                    }
                }
                yield truth;
            }
            case Not not -> not.predicate().of(relation, row).not();
            case Compare compare -> ofColumn(compare.column(), relation, row);
            case In in -> ofColumn(in.column(), relation, row);
            case Label label -> ofColumn(label.column(), relation, row);
            case Is is -> ofColumn(is.column(), relation, row);
            case Like like -> ofColumn(like.column(), relation, row);
            case Asked asked -> ofColumn(asked.column(), relation, row);
        };
    }

    private Truth ofColumn(String column, Relation relation, Row row) {
        int index = relation.indexOf(column);
        if (index < 0 || row.isAbsent(index)) {
            return Truth.UNKNOWN;
        }
        return row.isNull(index) ? ofNull() : ofValue(row.text(index));
    }

    private Truth ofNull() {
        return switch (this) {
            case Is is -> Truth.of(is.value().isEmpty());
            case Label label -> label.ofNull();
            case Compare compare -> compare.operator() == Operator.ISDISTINCT ? Truth.TRUE : Truth.UNKNOWN;
            case In in -> in.values().isEmpty() ? Truth.FALSE : Truth.UNKNOWN;
            case Asked _ -> Truth.UNDECIDED;
            case Like _, All _, Any _, Not _ -> Truth.UNKNOWN;
        };
    }

    private Truth ofValue(String text) {
        return switch (this) {
            case Compare compare -> compare(compare, text);
            case In in -> {
                Optional<Comparison.Key> any = in.values().stream().findAny();
                yield Truth.of(
                        any.isPresent() && in.values().contains(any.get().rule().key(text)));
            }
            case Label label -> {
                if (label.satisfying().contains(text)) {
                    yield Truth.TRUE;
                }
                yield label.known().contains(text) ? Truth.FALSE : Truth.UNDECIDED;
            }
            case Is is -> Truth.of(is.value().isPresent() && is.value().get() == text.equals("t"));
            case Like like ->
                like.pattern().isCheapFor(text) ? Truth.of(like.pattern().matches(text)) : Truth.UNDECIDED;
            case Asked _ -> Truth.UNDECIDED;
            case All _, Any _, Not _ -> throw new IllegalStateException("a group has no value");
        };
    }

    private static Truth compare(Compare compare, String text) {
        Comparison.Key key = compare.value().rule().key(text);
        return Truth.of(
                switch (compare.operator()) {
                    case EQ -> key.equals(compare.value());
                    case NEQ, ISDISTINCT -> !key.equals(compare.value());
                    case LT -> key.compareTo(compare.value()) < 0;
                    case LTE -> key.compareTo(compare.value()) <= 0;
                    case GT -> key.compareTo(compare.value()) > 0;
                    case GTE -> key.compareTo(compare.value()) >= 0;
                    case IN, LIKE, ILIKE, IS, MATCH, IMATCH ->
                        throw new IllegalStateException(compare.operator() + " is no comparison of two values");
                });
    }
}

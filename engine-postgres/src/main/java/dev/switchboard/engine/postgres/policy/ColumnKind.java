package dev.switchboard.engine.postgres.policy;

import dev.switchboard.engine.route.Comparison;
import java.util.Optional;
import java.util.Set;

/**
 * A column that policies may be compiled over: its values are equal where their text is, or are integers, or moments.
 *
 * @param rule   how its values are compared
 * @param family the type's oid, or that of the widest one that it is compared with by value: {@code int8}, {@code text}
 * @param labels of an enumeration, as they are now: a row may still have one that was renamed
 */
public record ColumnKind(Comparison rule, int family, int typeOid, Set<String> labels) {
    public ColumnKind {
        labels = Set.copyOf(labels);
    }

    static final int BOOL = 16;
    static final int INT8 = 20;
    static final int TEXT = 25;
    private static final int NOT_COMPARED = 0;
    private static final int INT2 = 21;
    private static final int INT4 = 23;
    private static final int VARCHAR = 1043;
    private static final int DATE = 1082;
    private static final int TIMESTAMP = 1114;
    private static final int TIMESTAMPTZ = 1184;
    private static final int UUID = 2950;

    /** As text, which a cast makes of it. */
    ColumnKind asText() {
        return new ColumnKind(Comparison.TEXT, TEXT, typeOid, labels);
    }

    /**
     * The kind of a column, if it is one of these.
     *
     * @param typeOid       of its type; a domain has none
     * @param labels        of an enumeration; empty for other types
     * @param deterministic whether its collation, if it has one, tells texts apart that differ
     */
    public static Optional<ColumnKind> of(int typeOid, Set<String> labels, boolean deterministic) {
        if (!labels.isEmpty()) {
            return Optional.of(new ColumnKind(Comparison.TEXT, typeOid, typeOid, labels));
        }
        return ofBase(typeOid, deterministic)
                .map(base -> new ColumnKind(base.rule(), base.family(), typeOid, Set.of()));
    }

    private record Base(Comparison rule, int family) {}

    private static Optional<Base> ofBase(int typeOid, boolean deterministic) {
        return switch (typeOid) {
            case UUID -> Optional.of(new Base(Comparison.UUID, typeOid));
            case BOOL -> Optional.of(new Base(Comparison.ORDERED_TEXT, typeOid));
            case INT2, INT4, INT8 -> Optional.of(new Base(Comparison.INTEGER, INT8));
            case TEXT, VARCHAR -> deterministic ? Optional.of(new Base(Comparison.TEXT, TEXT)) : Optional.empty();
            case DATE -> Optional.of(new Base(Comparison.DATE, typeOid));
            case TIMESTAMP, TIMESTAMPTZ -> Optional.of(new Base(Comparison.TIMESTAMP, typeOid));
            default -> Optional.empty();
        };
    }

    /**
     * A column whose values are the same where their text is, and not compared otherwise.
     *
     * @param typeOid one of PostgreSQL's own, or an array of such
     */
    public static ColumnKind ofText(int typeOid) {
        return new ColumnKind(Comparison.TEXT, NOT_COMPARED, typeOid, Set.of());
    }

    /** Whether it is known which of its values are equal. */
    boolean isCompared() {
        return family != NOT_COMPARED;
    }

    /** What values of a type are compared as. */
    static int familyOf(int typeOid) {
        return switch (typeOid) {
            case INT2, INT4 -> INT8;
            case VARCHAR -> TEXT;
            default -> typeOid;
        };
    }

    /** Whether the enumeration, if it is one, has the label still. */
    boolean knows(String text) {
        return labels.isEmpty() || labels.contains(text);
    }

    /** Whether a cast to text gives what the WAL writes. */
    boolean isTextAsWritten() {
        return rule == Comparison.TEXT || rule == Comparison.INTEGER || family == UUID;
    }

    /** Whether its values may be asked which is the greater: text has an order of its own per collation, enumerations per type. */
    boolean isOrdered() {
        return rule != Comparison.TEXT;
    }
}

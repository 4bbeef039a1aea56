package dev.switchboard.engine.route;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** The comparisons of a filter, as the original names them, with PostgreSQL's operator. */
public enum Operator {
    EQ("="),
    NEQ("<>"),
    LT("<"),
    LTE("<="),
    GT(">"),
    GTE(">="),
    IN("= any"),
    LIKE("like"),
    ILIKE("ilike"),
    IS("is"),
    MATCH("~"),
    IMATCH("~*"),
    ISDISTINCT("is distinct from");

    private final String sql;

    Operator(String sql) {
        this.sql = sql;
    }

    public String sql() {
        return sql;
    }

    /** As filters write it. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    public boolean orders() {
        return switch (this) {
            case LT, LTE, GT, GTE -> true;
            case EQ, NEQ, IN, LIKE, ILIKE, IS, MATCH, IMATCH, ISDISTINCT -> false;
        };
    }

    /** Whether it compares with a pattern, so that only text can stand on its left. */
    public boolean takesPattern() {
        return switch (this) {
            case LIKE, ILIKE, MATCH, IMATCH -> true;
            case EQ, NEQ, LT, LTE, GT, GTE, IN, IS, ISDISTINCT -> false;
        };
    }

    static Optional<Operator> of(String word) {
        return Arrays.stream(values())
                .filter(operator -> operator.word().equals(word))
                .findFirst();
    }

    static String words() {
        return Arrays.stream(values()).map(Operator::word).collect(Collectors.joining(", "));
    }
}

package dev.switchboard.engine.route;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;

/**
 * How the text forms of two values of a type are compared for PostgreSQL's {@code =}: each is brought to a key, and the
 * keys are equal where the values are. A type without a rule here cannot be filtered by {@code eq}.
 */
public enum Equality {
    /** The text form itself: integers, bool, uuid, text under a deterministic collation, dates and times, enums. */
    TEXT,
    /** Scale does not count: 1.0 = 1.00. */
    NUMERIC,
    /** -0 = 0. */
    FLOAT,
    /** Trailing blanks do not count. */
    BLANK_PADDED;

    /** A value brought to the form that equals decides on. */
    public record Key(Equality rule, String text) {}

    /** The rule for a base type by its name in pg_type, where there is one. */
    public static Optional<Equality> ofType(String typeName, char typeKind) {
        if (typeKind == 'e') {
            return Optional.of(TEXT);
        }
        return switch (typeName) {
            case "bool", "int2", "int4", "int8", "oid", "uuid", "text", "varchar", "name", "char" -> Optional.of(TEXT);
            case "date", "time", "timestamp", "timestamptz" -> Optional.of(TEXT);
            case "numeric" -> Optional.of(NUMERIC);
            case "float4", "float8" -> Optional.of(FLOAT);
            case "bpchar" -> Optional.of(BLANK_PADDED);
            default -> Optional.empty();
        };
    }

    /** The key of a value given as PostgreSQL writes it. */
    public Key key(String value) {
        return new Key(
                this,
                switch (this) {
                    case TEXT -> value;
                    case NUMERIC ->
                        isFinite(value)
                                ? new BigDecimal(value).stripTrailingZeros().toString()
                                : value;
                    case FLOAT -> value.equals("-0") ? "0" : value;
                    case BLANK_PADDED -> value.stripTrailing();
                });
    }

    Key key(byte[] bytes, int offset, int length) {
        return key(new String(Arrays.copyOfRange(bytes, offset, offset + length), StandardCharsets.UTF_8));
    }

    private static boolean isFinite(String numeric) {
        return !numeric.equals("NaN") && !numeric.endsWith("Infinity");
    }
}

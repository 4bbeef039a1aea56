package dev.switchboard.engine.route;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How the text forms of two values of a type are compared as PostgreSQL compares the values: each is brought to a key. A
 * type without a rule here is compared by PostgreSQL itself.
 */
public enum Comparison {
    /** Equal where the text is, under a deterministic collation; ordered by bytes under C, POSIX and C.UTF-8. */
    TEXT,
    /** As {@link #TEXT}, but trailing blanks do not count. */
    BLANK_PADDED,
    /** Types whose text is ordered as their values are: bool, time. */
    ORDERED_TEXT,
    UUID,
    INTEGER,
    /** Scale does not count; NaN is greater than Infinity, and equal to itself. */
    NUMERIC,
    FLOAT4,
    /** -0 = 0; NaN is the greatest, and equal to itself. */
    FLOAT8,
    /** Days; years beyond 9999 and BC included, and the infinities. */
    DATE,
    /** Microseconds, likewise. */
    TIMESTAMP;

    private static final long MICROS_PER_SECOND = 1_000_000;
    private static final long SECONDS_PER_DAY = 86_400;
    /** 2000-01-01, from which PostgreSQL counts: every moment that it has fits into 64 bits then. */
    private static final long POSTGRES_EPOCH = 10_957;

    /** The rule for a base type of PostgreSQL by its name in pg_type, where there is one. */
    public static Optional<Comparison> ofType(String typeName) {
        return switch (typeName) {
            case "text", "varchar", "name", "char" -> Optional.of(TEXT);
            case "bpchar" -> Optional.of(BLANK_PADDED);
            case "bool", "time" -> Optional.of(ORDERED_TEXT);
            case "uuid" -> Optional.of(UUID);
            case "int2", "int4", "int8", "oid" -> Optional.of(INTEGER);
            case "numeric" -> Optional.of(NUMERIC);
            case "float4" -> Optional.of(FLOAT4);
            case "float8" -> Optional.of(FLOAT8);
            case "date" -> Optional.of(DATE);
            case "timestamp", "timestamptz" -> Optional.of(TIMESTAMP);
            default -> Optional.empty();
        };
    }

    /** Whether the order depends on the column's collation. */
    public boolean dependsOnCollation() {
        return this == TEXT || this == BLANK_PADDED;
    }

    /** A value brought to what decides: equal keys are equal values, and keys of one rule are ordered as values are. */
    public record Key(Comparison rule, Comparable<?> value) implements Comparable<Key> {
        /** The value as people read it. */
        String words() {
            return switch (rule) {
                case DATE, TIMESTAMP -> moment((Long) value);
                case TEXT, ORDERED_TEXT, BLANK_PADDED, UUID, INTEGER, NUMERIC, FLOAT4, FLOAT8 -> value.toString();
            };
        }

        private String moment(long number) {
            if (number == Long.MAX_VALUE || number == Long.MIN_VALUE) {
                return number > 0 ? "infinity" : "-infinity";
            }
            return rule == DATE
                    ? LocalDate.ofEpochDay(number).toString()
                    : LocalDate.ofEpochDay(POSTGRES_EPOCH)
                            .atStartOfDay()
                            .plus(number, ChronoUnit.MICROS)
                            .toString();
        }

        @Override
        @SuppressWarnings("unchecked") // keys of one rule hold values of one class
        public int compareTo(Key other) {
            if (rule != other.rule) {
                throw new IllegalArgumentException("a key of " + rule + " compared with one of " + other.rule);
            }
            return ((Comparable<Object>) value).compareTo(other.value);
        }
    }

    /** Text in the order of its UTF-8 bytes, which differs from that of Java's characters, and takes half of a string's room. */
    private static final class Utf8 implements Comparable<Utf8> {
        private final byte[] bytes;

        private Utf8(byte[] bytes) {
            this.bytes = bytes;
        }

        static Utf8 of(String text) {
            return new Utf8(text.getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public int compareTo(Utf8 other) {
            return Arrays.compareUnsigned(bytes, other.bytes);
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Utf8 text && Arrays.equals(bytes, text.bytes);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(bytes);
        }

        @Override
        public String toString() {
            return new String(bytes, StandardCharsets.UTF_8);
        }
    }

    /** Ordered as PostgreSQL orders them, by their bytes; Java's own is not. */
    private record Uuid(long high, long low) implements Comparable<Uuid> {
        static Uuid of(String text) {
            var parsed = java.util.UUID.fromString(text);
            return new Uuid(parsed.getMostSignificantBits(), parsed.getLeastSignificantBits());
        }

        @Override
        public int compareTo(Uuid other) {
            int byHigh = Long.compareUnsigned(high, other.high);
            return byHigh != 0 ? byHigh : Long.compareUnsigned(low, other.low);
        }

        @Override
        public String toString() {
            return new java.util.UUID(high, low).toString();
        }
    }

    /** @param rank -1 for -Infinity, 0 for finite, 1 for Infinity, 2 for NaN */
    private record Numeric(int rank, BigDecimal value) implements Comparable<Numeric> {
        @Override
        public String toString() {
            return switch (rank) {
                case -1 -> "-Infinity";
                case 1 -> "Infinity";
                case 2 -> "NaN";
                default -> value.toPlainString();
            };
        }

        static Numeric of(String text) {
            return switch (text) {
                case "-Infinity" -> new Numeric(-1, BigDecimal.ZERO);
                case "Infinity" -> new Numeric(1, BigDecimal.ZERO);
                case "NaN" -> new Numeric(2, BigDecimal.ZERO);
                default -> new Numeric(0, new BigDecimal(text).stripTrailingZeros());
            };
        }

        @Override
        public int compareTo(Numeric other) {
            int byRank = Integer.compare(rank, other.rank);
            return byRank != 0 ? byRank : value.compareTo(other.value);
        }
    }

    /**
     * The key of a value given as PostgreSQL writes it under {@code DateStyle} ISO and {@code TimeZone} UTC.
     *
     * @throws RuntimeException if the text is not of such a type
     */
    public Key key(String text) {
        return new Key(
                this,
                switch (this) {
                    case TEXT, ORDERED_TEXT -> Utf8.of(text);
                    case BLANK_PADDED -> Utf8.of(withoutTrailingBlanks(text));
                    case UUID -> Uuid.of(text);
                    case INTEGER -> Long.parseLong(text);
                    case NUMERIC -> Numeric.of(text);
                    case FLOAT4 -> withoutNegativeZero(Float.parseFloat(text));
                    case FLOAT8 -> withoutNegativeZero(Double.parseDouble(text));
                    case DATE -> days(text);
                    case TIMESTAMP -> micros(text);
                });
    }

    private static String withoutTrailingBlanks(String text) {
        int end = text.length();
        while (end > 0 && text.charAt(end - 1) == ' ') {
            end--;
        }
        return text.substring(0, end);
    }

    private static double withoutNegativeZero(double value) {
        return value == 0 ? 0.0 : value;
    }

    /** {@code 2025-11-03}, {@code 12345-01-01}, {@code 0044-03-15 BC}, {@code infinity}. */
    private static long days(String text) {
        return switch (text) {
            case "infinity" -> Long.MAX_VALUE;
            case "-infinity" -> Long.MIN_VALUE;
            default -> {
                boolean beforeChrist = text.endsWith(" BC");
                int dash = text.indexOf('-');
                int year = Integer.parseInt(text.substring(0, dash));
                int month = Integer.parseInt(text.substring(dash + 1, dash + 3));
                int day = Integer.parseInt(text.substring(dash + 4, dash + 6));
                yield LocalDate.of(beforeChrist ? 1 - year : year, month, day).toEpochDay();
            }
        };
    }

    /** {@code 2025-11-03 09:32:55.123456}, with {@code +00} for timestamptz, then {@code BC} where it is so. */
    private static long micros(String text) {
        int space = text.indexOf(' ');
        if (space < 0) {
            return days(text);
        }
        String era = text.endsWith(" BC") ? " BC" : "";
        long days = days(text.substring(0, space) + era);
        String time = text.substring(space + 1, text.length() - era.length()).replace("+00", "");
        long seconds = Integer.parseInt(time.substring(0, 2)) * 3600L
                + Integer.parseInt(time.substring(3, 5)) * 60L
                + Integer.parseInt(time.substring(6, 8));
        long fraction = time.length() > 9 ? Long.parseLong((time.substring(9) + "000000").substring(0, 6)) : 0;
        return ((days - POSTGRES_EPOCH) * SECONDS_PER_DAY + seconds) * MICROS_PER_SECOND + fraction;
    }
}

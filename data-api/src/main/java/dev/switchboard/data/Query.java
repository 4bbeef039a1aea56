package dev.switchboard.data;

import java.util.List;
import java.util.Optional;

/**
 * What the query string of a request asks for, as a tree; names are not yet looked up. Immutable.
 *
 * @param select     what comes back; everything where nothing is said
 * @param conditions all have to hold
 * @param orders     of the whole and of embedded resources
 * @param ranges     of the whole and of embedded resources
 * @param columns    that a body gives values for, where it says so
 * @param onConflict columns by which an upsert finds what is there
 * @param arguments  of a function, which is called by GET
 */
record Query(
        List<Item> select,
        List<Placed<Condition>> conditions,
        List<Placed<List<Order>>> orders,
        List<Placed<Range>> ranges,
        Optional<List<String>> columns,
        Optional<List<String>> onConflict,
        List<Argument> arguments) {

    /** Whether all columns are selected, and nothing else. */
    boolean isWhole() {
        return select.equals(List.of(new Item.Star()));
    }

    /** Something that belongs to an embedded resource, by the names on the way to it; empty for the whole. */
    record Placed<T>(List<String> path, T value) {}

    /** A parameter of a function, as text. */
    record Argument(String name, String value) {}

    /** Which rows of a list. */
    record Range(Optional<Long> limit, Optional<Long> offset) {}

    /**
     * A step into a JSON value.
     *
     * @param text whether it gives text instead of JSON
     */
    record Step(String key, boolean index, boolean text) {}

    /** A column, or a place in its JSON. */
    record Field(String name, List<Step> steps) {}

    /** One item of {@code select}. */
    sealed interface Item {
        /** All columns. */
        record Star() implements Item {}

        /**
         * A column.
         *
         * @param cast of the column, before an aggregate is made of it
         */
        record Column(
                Field field,
                Optional<String> alias,
                Optional<String> cast,
                Optional<String> aggregate,
                Optional<String> aggregateCast)
                implements Item {}

        /** The number of rows. */
        record Count(Optional<String> alias, Optional<String> cast) implements Item {}

        /**
         * Rows of another table that belong to this row.
         *
         * @param spread whether their columns become this row's
         */
        record Embed(
                String name,
                Optional<String> alias,
                Optional<String> hint,
                Join join,
                boolean spread,
                List<Item> select)
                implements Item {
            String label() {
                return alias.orElse(name);
            }
        }
    }

    /** Whether rows stay that have nothing to embed. */
    enum Join {
        LEFT,
        INNER
    }

    /** A condition. */
    sealed interface Condition {
        record Compare(Field field, boolean not, Comparison comparison) implements Condition {}

        record Group(boolean not, boolean or, List<Condition> members) implements Condition {}
    }

    /** What a column is compared with. */
    sealed interface Comparison {
        /**
         * An operator between column and value.
         *
         * @param quantifier of an array of values: any or all
         */
        record Operation(Operator operator, Optional<String> quantifier, String value) implements Comparison {}

        record In(List<String> values) implements Comparison {}

        /** @param what NULL, NOT NULL, TRUE, FALSE or UNKNOWN, as SQL */
        record Is(String what) implements Comparison {}

        record Distinct(String value) implements Comparison {}

        /** @param function that makes a text search query of text */
        record Search(String function, Optional<String> language, String value) implements Comparison {}
    }

    /** Operators with one value, by PostgREST's name, and PostgreSQL's. */
    enum Operator {
        EQ("="),
        NEQ("<>"),
        GT(">"),
        GTE(">="),
        LT("<"),
        LTE("<="),
        LIKE("like"),
        ILIKE("ilike"),
        MATCH("~"),
        IMATCH("~*"),
        CS("@>"),
        CD("<@"),
        OV("&&"),
        SL("<<"),
        SR(">>"),
        NXR("&<"),
        NXL("&>"),
        ADJ("-|-");

        private final String sql;

        Operator(String sql) {
            this.sql = sql;
        }

        String sql() {
            return sql;
        }

        boolean takesPattern() {
            return this == LIKE || this == ILIKE;
        }

        boolean takesQuantifier() {
            return switch (this) {
                case EQ, GT, GTE, LT, LTE, LIKE, ILIKE, MATCH, IMATCH -> true;
                case NEQ, CS, CD, OV, SL, SR, NXR, NXL, ADJ -> false;
            };
        }
    }

    /**
     * One term of an order.
     *
     * @param embedded the resource to one whose column it is
     */
    record Order(Optional<String> embedded, Field field, boolean descending, Optional<Boolean> nullsFirst) {}
}

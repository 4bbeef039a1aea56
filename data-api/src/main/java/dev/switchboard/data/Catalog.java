package dev.switchboard.data;

import dev.switchboard.engine.model.TableName;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the exposed schemas hold, as read at one moment. Immutable.
 *
 * @param fingerprint  another one as soon as something is defined
 * @param types        names that a cast may use, with how they are written in SQL
 * @param handlers     aggregates that make answers of media types of their own
 * @param roleSettings of each role, {@code ALTER ROLE ... SET}
 * @param usable       the tables and functions that each role may use at all; of a role that is not there nothing is known
 */
record Catalog(
        String fingerprint,
        Map<TableName, Table> tables,
        Map<TableName, List<Relationship>> relationships,
        Map<TableName, List<Routine>> routines,
        Map<String, String> types,
        List<MediaHandler> handlers,
        Map<String, Map<String, String>> roleSettings,
        Map<String, Usable> usable) {

    /**
     * What a role has privileges on.
     *
     * @param partly the tables of which it may read some columns only
     */
    record Usable(Set<TableName> tables, Set<TableName> routines, Set<TableName> partly) {
        private static final Usable NOTHING = new Usable(Set.of(), Set.of(), Set.of());
    }

    /**
     * How values of a domain look to clients: functions of its casts. PostgreSQL itself ignores casts of domains.
     *
     * @param toJson   of a value
     * @param fromJson of what a body holds
     * @param fromText of what a filter compares with
     */
    record Representation(Optional<TableName> toJson, Optional<TableName> fromJson, Optional<TableName> fromText) {}

    /**
     * A column.
     *
     * @param type       as SQL writes it
     * @param baseType   below all domains, as {@code pg_type} names it
     * @param fallback   the expression of its default; empty if it has none
     * @param generated  whether no value can be given for it
     */
    record Column(
            String name,
            String type,
            String baseType,
            boolean required,
            Optional<String> fallback,
            boolean generated,
            Optional<String> comment,
            List<String> enumeration,
            Optional<Representation> representation) {
        boolean isJson() {
            return baseType.equals("json") || baseType.equals("jsonb");
        }
    }

    /** A function that takes a row and stands for a column. */
    record Computed(TableName function, String baseType) {}

    /**
     * A table or view.
     *
     * @param key      columns of the primary key; of a view, those of the tables below that it shows
     * @param uniques  sets of columns of which no two rows have the same
     * @param open     whether role anon reaches it and no policy restricts that
     * @param writable what may be done with it, whatever the privileges
     * @param estimable whether it is a table whose rows no policy hides, so that an estimate tells of nothing hidden
     * @param computed functions that take a row and stand for columns, by name
     */
    record Table(
            TableName name,
            LinkedHashMap<String, Column> columns,
            List<String> key,
            List<Set<String>> uniques,
            Map<String, Computed> computed,
            boolean open,
            Writable writable,
            boolean estimable,
            Optional<String> comment) {
        /** As who may use these columns alone sees it. */
        Table withColumns(Set<String> usable) {
            var left = new LinkedHashMap<>(columns);
            left.keySet().retainAll(usable);
            return new Table(name, left, key, uniques, computed, open, writable, estimable, comment);
        }

        Optional<Column> column(String name) {
            return Optional.ofNullable(columns.get(name));
        }

        boolean isRepresented() {
            return columns.values().stream()
                    .anyMatch(column -> column.representation()
                            .flatMap(Representation::toJson)
                            .isPresent());
        }
    }

    /** Which statements a table or view takes. */
    record Writable(boolean inserts, boolean updates, boolean deletes) {}

    /**
     * An aggregate that makes the whole answer, of a media type that its result's domain is named like.
     *
     * @param rows   of which table it takes rows; empty for any
     * @param binary whether it gives bytes
     */
    record MediaHandler(String mediaType, TableName aggregate, Optional<TableName> rows, boolean binary) {}

    /** How many rows belong to how many. */
    enum Cardinality {
        MANY_TO_ONE("many-to-one"),
        ONE_TO_ONE("one-to-one"),
        ONE_TO_MANY("one-to-many"),
        MANY_TO_MANY("many-to-many");

        private final String wire;

        Cardinality(String wire) {
            this.wire = wire;
        }

        String wire() {
            return wire;
        }

        boolean isToOne() {
            return this == MANY_TO_ONE || this == ONE_TO_ONE;
        }
    }

    /** The table between two of which many belong to many; its columns refer to the one and to the other. */
    record Junction(TableName table, String otherConstraint, List<String> fromColumns, List<String> toColumns) {}

    /**
     * Two tables that belong together, seen from one of them.
     *
     * @param constraint  foreign key; with a junction, the one of its keys that leads to {@code from}
     * @param holdsKey    whether {@code from} has the foreign key
     * @param self        whether the key leads from a table to itself
     * @param function    that gives the rows of {@code to} for one of {@code from}, instead of a key
     * @param toView      whether {@code to} is a view of the table that the key is about
     */
    record Relationship(
            String constraint,
            TableName from,
            List<String> fromColumns,
            TableName to,
            List<String> toColumns,
            Cardinality cardinality,
            boolean holdsKey,
            boolean self,
            boolean toView,
            Optional<Junction> junction,
            Optional<TableName> function) {
        /** The same, between others: views of its tables, or with another junction. */
        Relationship between(
                TableName otherFrom,
                List<String> columns,
                TableName otherTo,
                List<String> otherColumns,
                boolean view,
                Optional<Junction> otherJunction) {
            return new Relationship(
                    constraint,
                    otherFrom,
                    columns,
                    otherTo,
                    otherColumns,
                    cardinality,
                    holdsKey,
                    self,
                    view,
                    otherJunction,
                    function);
        }
    }

    /** A parameter that a caller gives. */
    record Parameter(String name, String type, String baseType, boolean required, boolean variadic) {}

    /**
     * What a function gives.
     *
     * @param set     whether rows instead of one value
     * @param table   whose rows they are, where that is known
     * @param columns names, where it gives several columns; empty for a single value
     * @param composite whether it gives a row, and no single value
     * @param record    whether only the call itself says what columns there are
     * @param mediaType that its domain is named like, and whether that is of bytes
     */
    record Result(
            boolean set,
            Optional<TableName> table,
            List<String> columns,
            boolean composite,
            boolean record,
            boolean isVoid,
            Optional<MediaType.Handled> mediaType) {}

    /**
     * A function.
     *
     * @param changes  whether it may write (VOLATILE)
     * @param settings of its own that hold for the whole transaction
     */
    record Routine(
            TableName name,
            List<Parameter> parameters,
            Result result,
            boolean changes,
            Map<String, String> settings,
            Optional<String> comment) {
        boolean takesOneUnnamed() {
            return parameters.size() == 1 && parameters.getFirst().name().isEmpty();
        }
    }

    Optional<Table> table(TableName name) {
        return Optional.ofNullable(tables.get(name));
    }

    /** Whether PostgreSQL would let the role do anything with the table; true where that is not known. */
    boolean mayUse(String role, TableName table) {
        return Optional.ofNullable(usable.get(role))
                .map(known -> known.tables().contains(table))
                .orElse(true);
    }

    /** What is there for a role, which is all that a hint may name. */
    Usable usableBy(String role) {
        return usable.getOrDefault(role, Usable.NOTHING);
    }

    List<Relationship> relationshipsOf(TableName name) {
        return relationships.getOrDefault(name, List.of());
    }
}

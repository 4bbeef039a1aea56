package dev.switchboard.data;

import static dev.switchboard.data.CatalogRows.name;
import static dev.switchboard.data.CatalogRows.strings;

import dev.switchboard.data.Catalog.Cardinality;
import dev.switchboard.data.Catalog.Junction;
import dev.switchboard.data.Catalog.Relationship;
import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Relationships between tables by their foreign keys, directly and through junctions, and the same as views show them. */
final class RelationshipReader {
    private static final String FOREIGN_KEYS = """
            select f.conname, n.nspname, c.relname, fn.nspname as other_schema, fc.relname as other_table,
                   (select array_agg(a.attname order by k.place) from unnest(f.conkey) with ordinality k (num, place)
                      join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.num) as columns,
                   (select array_agg(a.attname order by k.place) from unnest(f.confkey) with ordinality k (num, place)
                      join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.num) as other_columns
              from pg_constraint f
              join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace
              join pg_class fc on fc.oid = f.confrelid join pg_namespace fn on fn.oid = fc.relnamespace
             where f.contype = 'f' and f.conparentid = 0
             order by n.nspname, c.relname, f.conname""";

    private final TableKeys keys;
    private final ViewColumns views;

    private record ForeignKey(
            String constraint, TableName from, List<String> columns, TableName to, List<String> otherColumns) {}

    RelationshipReader(TableKeys keys, ViewColumns views) {
        this.keys = keys;
        this.views = views;
    }

    /**
     * By the table that they start from.
     *
     * @param known    tables and views that are shown
     * @param computed relationships that functions are
     */
    Map<TableName, List<Relationship>> read(Connection connection, Set<TableName> known, List<Relationship> computed)
            throws SQLException {
        var foreignKeys = new ArrayList<ForeignKey>();
        try (Statement query = connection.createStatement();
                ResultSet row = query.executeQuery(FOREIGN_KEYS)) {
            while (row.next()) {
                var key = new ForeignKey(
                        row.getString("conname"),
                        name(row, "nspname", "relname"),
                        strings(row, "columns"),
                        name(row, "other_schema", "other_table"),
                        strings(row, "other_columns"));
                foreignKeys.add(key);
            }
        }
        var all = new ArrayList<Relationship>();
        foreignKeys.forEach(key -> all.addAll(direct(key)));
        for (ForeignKey one : foreignKeys) {
            for (ForeignKey other : foreignKeys) {
                if (!one.equals(other) && one.from().equals(other.from()) && isJunction(one, other)) {
                    all.add(through(one, other));
                }
            }
        }
        var relationships = new HashMap<TableName, List<Relationship>>();
        all.stream()
                .flatMap(relationship -> shown(relationship, known).stream())
                .forEach(relationship -> relationships
                        .computeIfAbsent(relationship.from(), _ -> new ArrayList<>())
                        .add(relationship));
        for (Relationship relationship : computed) {
            if (known.contains(relationship.from()) && known.contains(relationship.to())) {
                relationships
                        .computeIfAbsent(relationship.from(), _ -> new ArrayList<>())
                        .add(relationship);
            }
        }
        relationships.replaceAll((_, list) -> List.copyOf(list));
        return Map.copyOf(relationships);
    }

    /** A table, or a view of it, with what its columns are called there. */
    private record Side(TableName name, List<String> columns, boolean view) {}

    private List<Side> sides(TableName table, List<String> columns, Set<TableName> known) {
        var sides = new ArrayList<Side>();
        if (known.contains(table)) {
            sides.add(new Side(table, columns, false));
        }
        known.forEach(
                view -> views.in(view, table, columns).ifPresent(names -> sides.add(new Side(view, names, true))));
        return sides;
    }

    /** The relationship as far as tables are shown, and the same as views show it that are. */
    private List<Relationship> shown(Relationship relationship, Set<TableName> known) {
        var shown = new ArrayList<Relationship>();
        for (Side from : sides(relationship.from(), relationship.fromColumns(), known)) {
            for (Side to : sides(relationship.to(), relationship.toColumns(), known)) {
                shown.add(relationship.between(
                        from.name(),
                        from.columns(),
                        to.name(),
                        to.columns(),
                        to.view(),
                        relationship.junction().map(junction -> shown(junction, from.name(), known))));
            }
        }
        return shown;
    }

    /** A junction that is not shown is used through a view of it, where there is one beside the table. */
    private Junction shown(Junction junction, TableName beside, Set<TableName> known) {
        if (known.contains(junction.table())) {
            return junction;
        }
        for (TableName view : known.stream()
                .filter(name -> name.schema().equals(beside.schema()))
                .sorted(Comparator.comparing(TableName::table))
                .toList()) {
            Optional<List<String>> from = views.in(view, junction.table(), junction.fromColumns());
            Optional<List<String>> to = views.in(view, junction.table(), junction.toColumns());
            if (from.isPresent() && to.isPresent()) {
                return new Junction(view, junction.otherConstraint(), from.get(), to.get());
            }
        }
        return junction;
    }

    private List<Relationship> direct(ForeignKey key) {
        boolean unique =
                keys.unique(key.from()).stream().anyMatch(columns -> columns.equals(Set.copyOf(key.columns())));
        boolean self = key.from().equals(key.to());
        return List.of(
                new Relationship(
                        key.constraint(),
                        key.from(),
                        key.columns(),
                        key.to(),
                        key.otherColumns(),
                        unique ? Cardinality.ONE_TO_ONE : Cardinality.MANY_TO_ONE,
                        true,
                        self,
                        false,
                        Optional.empty(),
                        Optional.empty()),
                new Relationship(
                        key.constraint(),
                        key.to(),
                        key.otherColumns(),
                        key.from(),
                        key.columns(),
                        unique ? Cardinality.ONE_TO_ONE : Cardinality.ONE_TO_MANY,
                        false,
                        self,
                        false,
                        Optional.empty(),
                        Optional.empty()));
    }

    /** Both keys are part of the table's primary key. */
    private boolean isJunction(ForeignKey one, ForeignKey other) {
        Set<String> key = new HashSet<>(keys.primary(one.from()));
        return key.containsAll(one.columns()) && key.containsAll(other.columns());
    }

    private static Relationship through(ForeignKey one, ForeignKey other) {
        return new Relationship(
                one.constraint(),
                one.to(),
                one.otherColumns(),
                other.to(),
                other.otherColumns(),
                Cardinality.MANY_TO_MANY,
                false,
                one.to().equals(other.to()),
                false,
                Optional.of(new Junction(one.from(), other.constraint(), one.columns(), other.columns())),
                Optional.empty());
    }
}

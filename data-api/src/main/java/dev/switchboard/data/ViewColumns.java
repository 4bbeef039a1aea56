package dev.switchboard.data;

import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which columns of views are columns of tables, and of which: a foreign key of a table is one of its views too, where they show its
 * columns. PostgreSQL notes it in the view's rule ({@code pg_rewrite}), for each column of its query: that needs no right to
 * the tables. Immutable.
 *
 * @param origins of a view's columns by name
 */
record ViewColumns(Map<TableName, Map<String, Origin>> origins) {
    private static final int DEEPEST = 16;

    private static final String VIEWS = """
            select n.nspname, c.relname, r.ev_action::text as action,
                   (select coalesce(array_agg(a.attname order by a.attnum), '{}') from pg_attribute a
                     where a.attrelid = c.oid and a.attnum > 0) as columns
              from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
             where r.rulename = '_RETURN' and c.relkind in ('v', 'm') and c.oid >= 16384""";

    private static final String COLUMNS = """
            select c.oid::bigint, a.attnum, n.nspname, c.relname, a.attname
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
              join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             where c.oid::bigint = any (?)""";

    /** A column of a table, or of another view. */
    record Origin(TableName table, String column) {}

    /** Where a column comes from, by number. */
    private record Place(long table, int column) {}

    private record View(List<String> columns, Map<Integer, ViewRule.Target> targets) {}

    /** Reads it, of views in all schemas. */
    static ViewColumns read(Connection connection) throws SQLException {
        var views = new LinkedHashMap<TableName, View>();
        var tables = new LinkedHashSet<Long>();
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(VIEWS)) {
            while (row.next()) {
                List<String> columns =
                        Arrays.asList((String[]) row.getArray("columns").getArray());
                Map<Integer, ViewRule.Target> targets = ViewRule.targets(row.getString("action"));
                targets.values().forEach(target -> tables.add(target.table()));
                views.put(
                        new TableName(row.getString("nspname"), row.getString("relname")), new View(columns, targets));
            }
        }
        Map<Place, Origin> places = places(connection, tables);
        var direct = new HashMap<TableName, Map<String, Origin>>();
        views.forEach((name, view) -> {
            var origins = new LinkedHashMap<String, Origin>();
            view.targets().forEach((number, target) -> {
                Origin origin = places.get(new Place(target.table(), target.column()));
                if (origin != null && number > 0 && number <= view.columns().size()) {
                    origins.put(view.columns().get(number - 1), origin);
                }
            });
            direct.put(name, origins);
        });
        return new ViewColumns(resolved(direct));
    }

    private static Map<Place, Origin> places(Connection connection, LinkedHashSet<Long> tables) throws SQLException {
        var places = new HashMap<Place, Origin>();
        try (PreparedStatement query = connection.prepareStatement(COLUMNS)) {
            query.setArray(1, connection.createArrayOf("int8", tables.toArray()));
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    places.put(
                            new Place(row.getLong(1), row.getInt(2)),
                            new Origin(new TableName(row.getString(3), row.getString(4)), row.getString(5)));
                }
            }
        }
        return places;
    }

    /** Columns of views over views lead to the tables below. */
    private static Map<TableName, Map<String, Origin>> resolved(Map<TableName, Map<String, Origin>> direct) {
        var resolved = new HashMap<TableName, Map<String, Origin>>();
        direct.forEach((view, origins) -> {
            var deep = new LinkedHashMap<String, Origin>();
            origins.forEach((column, origin) -> deep.put(column, bottom(direct, origin)));
            resolved.put(view, deep);
        });
        return resolved;
    }

    private static Origin bottom(Map<TableName, Map<String, Origin>> direct, Origin origin) {
        Origin deeper = origin;
        for (int i = 0; i < DEEPEST; i++) {
            Origin next = direct.getOrDefault(deeper.table(), Map.of()).get(deeper.column());
            if (next == null) {
                return deeper;
            }
            deeper = next;
        }
        return deeper;
    }

    /** How columns of a table are called in a view; empty if it does not show them all. */
    Optional<List<String>> in(TableName view, TableName table, List<String> columns) {
        Map<String, Origin> shown = origins.getOrDefault(view, Map.of());
        var names = new ArrayList<String>();
        for (String column : columns) {
            Optional<String> name = shown.entrySet().stream()
                    .filter(entry -> entry.getValue().equals(new Origin(table, column)))
                    .map(Map.Entry::getKey)
                    .findFirst();
            if (name.isEmpty()) {
                return Optional.empty();
            }
            names.add(name.get());
        }
        return Optional.of(names);
    }

    /** The tables below a view, in the order of its columns. */
    List<TableName> below(TableName view) {
        return origins.getOrDefault(view, Map.of()).values().stream()
                .map(Origin::table)
                .distinct()
                .toList();
    }
}

package dev.switchboard.server.data;

import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.postgresql.PGResultSetMetaData;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which columns of views are columns of tables, and of which: a foreign key of a table is one of its views too, where they show its
 * columns. PostgreSQL says it itself: it describes the result of a view's query, and names the table and the column of
 * each result column that is one. Immutable.
 *
 * @param origins of a view's columns by name
 */
record ViewColumns(Map<TableName, Map<String, Origin>> origins) {
    private static final Logger LOG = LoggerFactory.getLogger(ViewColumns.class);
    private static final int DEEPEST = 16;

    private static final String VIEWS = """
            select n.nspname, c.relname, pg_get_viewdef(c.oid) as definition
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('v', 'm') and n.nspname = any (?)""";

    /** A column of a table, or of another view. */
    record Origin(TableName table, String column) {}

    /** Reads it; a view whose query cannot be described is left out. Not within a transaction: such a query would end it. */
    static ViewColumns read(Connection connection, List<String> schemas) throws SQLException {
        var definitions = new LinkedHashMap<TableName, String>();
        try (PreparedStatement query = connection.prepareStatement(VIEWS)) {
            query.setArray(1, connection.createArrayOf("name", schemas.toArray()));
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    definitions.put(
                            new TableName(row.getString("nspname"), row.getString("relname")),
                            row.getString("definition"));
                }
            }
        }
        if (definitions.isEmpty()) {
            return new ViewColumns(Map.of());
        }
        var direct = new HashMap<TableName, Map<String, Origin>>();
        try (Statement statement = connection.createStatement()) {
            for (Map.Entry<TableName, String> view : definitions.entrySet()) {
                describe(connection, view.getKey(), view.getValue())
                        .ifPresent(origins -> direct.put(view.getKey(), origins));
            }
            statement.execute("deallocate all"); // nobody asks for these again
        }
        return new ViewColumns(resolved(direct));
    }

    private static Optional<Map<String, Origin>> describe(Connection connection, TableName view, String definition) {
        String sql =
                new Sql().fromCatalog(definition.strip().replaceFirst(";$", "")).text();
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            PGResultSetMetaData result = statement.getMetaData().unwrap(PGResultSetMetaData.class);
            var origins = new LinkedHashMap<String, Origin>();
            for (int i = 1; i <= statement.getMetaData().getColumnCount(); i++) {
                if (!result.getBaseColumnName(i).isEmpty()) {
                    origins.put(
                            statement.getMetaData().getColumnLabel(i),
                            new Origin(
                                    new TableName(result.getBaseSchemaName(i), result.getBaseTableName(i)),
                                    result.getBaseColumnName(i)));
                }
            }
            return Optional.of(origins);
        } catch (SQLException refused) {
            LOG.debug("The view {} cannot be described: {}", view, refused.getMessage());
            return Optional.empty();
        }
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
}

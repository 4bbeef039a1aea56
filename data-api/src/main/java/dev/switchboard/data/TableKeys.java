package dev.switchboard.data;

import static dev.switchboard.data.CatalogRows.name;
import static dev.switchboard.data.CatalogRows.strings;

import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What identifies rows: primary keys, and all unique ones, of tables by their names. Immutable. */
record TableKeys(Map<TableName, List<String>> primaries, Map<TableName, List<Set<String>>> uniques) {
    private static final String KEYS = """
            select n.nspname, c.relname, i.indisprimary,
                   (select array_agg(a.attname order by k.place)
                      from unnest(i.indkey::int2[]) with ordinality k (num, place)
                      join pg_attribute a on a.attrelid = c.oid and a.attnum = k.num
                     where k.place <= i.indnkeyatts) as columns
              from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
             where c.oid >= 16384 and i.indisunique and i.indpred is null and i.indexprs is null and i.indisvalid""";

    static TableKeys read(Connection connection) throws SQLException {
        var primaries = new HashMap<TableName, List<String>>();
        var uniques = new HashMap<TableName, List<Set<String>>>();
        try (Statement query = connection.createStatement();
                ResultSet row = query.executeQuery(KEYS)) {
            while (row.next()) {
                TableName table = name(row, "nspname", "relname");
                List<String> columns = strings(row, "columns");
                uniques.computeIfAbsent(table, _ -> new ArrayList<>()).add(Set.copyOf(columns));
                if (row.getBoolean("indisprimary")) {
                    primaries.put(table, columns);
                }
            }
        }
        uniques.replaceAll((_, sets) -> List.copyOf(sets));
        return new TableKeys(Map.copyOf(primaries), Map.copyOf(uniques));
    }

    /** In order; empty if the table has none. */
    List<String> primary(TableName table) {
        return primaries.getOrDefault(table, List.of());
    }

    List<Set<String>> unique(TableName table) {
        return uniques.getOrDefault(table, List.of());
    }
}

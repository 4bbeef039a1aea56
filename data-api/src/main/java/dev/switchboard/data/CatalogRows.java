package dev.switchboard.data;

import dev.switchboard.engine.model.TableName;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;

/** What those who read the catalog share. */
final class CatalogRows {
    /** What types domains are made of, below all domains between; other types are their own. */
    static final String BASES = """
            with recursive domains (domain, base) as (
              select oid, typbasetype from pg_type where typtype = 'd'
              union all
              select d.domain, t.typbasetype from domains d join pg_type t on t.oid = d.base and t.typtype = 'd'),
            bases as (
              select d.domain as oid, t.oid as base, t.typname, t.typtype, t.typrelid
                from domains d join pg_type t on t.oid = d.base and t.typtype <> 'd'
              union all
              select oid, oid, typname, typtype, typrelid from pg_type where typtype <> 'd')
            """;

    private CatalogRows() {}

    /** @param names for every parameter */
    static PreparedStatement prepare(Connection connection, String sql, List<String> names) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        Array array = connection.createArrayOf("name", names.toArray());
        for (int i = 1; i <= statement.getParameterMetaData().getParameterCount(); i++) {
            statement.setArray(i, array);
        }
        return statement;
    }

    static TableName name(ResultSet row, String schema, String table) throws SQLException {
        return new TableName(row.getString(schema), row.getString(table));
    }

    static List<String> strings(ResultSet row, String column) throws SQLException {
        Array array = row.getArray(column);
        return array == null
                ? List.of()
                : Arrays.stream((Object[]) array.getArray())
                        .map(String::valueOf)
                        .toList();
    }
}

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.explain.Image;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Finds a row of a table as the stream would bring it. */
final class RowLookup {
    private static final String COLUMNS = """
            select attname, atttypid from pg_attribute
             where attrelid = ? and attnum > 0 and not attisdropped order by attnum
            """;

    private static final String WRITERS = """
            select distinct a.pid, coalesce(a.state, '') as state, coalesce(extract(epoch from now() - a.xact_start), 0)::int as seconds
              from pg_locks l join pg_stat_activity a on a.pid = l.pid
             where l.locktype = 'relation' and l.database = (select oid from pg_database where datname = current_database())
               and l.relation = ? and l.mode = 'RowExclusiveLock' and l.granted and a.pid <> pg_backend_pid()
             order by a.pid
            """;

    private final Connection connection;
    private final TableName table;
    private final int oid;

    RowLookup(Connection connection, TableName table, int oid) {
        this.connection = connection;
        this.table = table;
        this.oid = oid;
    }

    /** pg_class.oid of a table, if there is one. */
    static Optional<Integer> oid(Connection connection, TableName table) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement("select to_regclass(?)::oid")) {
            query.setString(1, table.quoted());
            try (ResultSet found = query.executeQuery()) {
                found.next();
                long oid = found.getLong(1);
                return found.wasNull() ? Optional.empty() : Optional.of((int) oid);
            }
        }
    }

    /**
     * The one row with these values.
     *
     * @throws InvalidSettingException if there are several
     */
    Optional<Image> find(Image.Pattern pattern) throws SQLException {
        Relation relation = relation();
        String name = TableName.quote(table.table());
        try (PreparedStatement query = connection.prepareStatement("select " + texts(relation, name) + " from "
                + JdbcText.escape(table.quoted()) + " where to_jsonb(" + JdbcText.escape(name)
                + ") @> ?::jsonb limit 2")) {
            query.setString(1, pattern.json());
            try (ResultSet rows = query.executeQuery()) {
                return one(relation, rows, pattern);
            }
        }
    }

    /** The same among the rows that somebody sees, of the columns that are theirs to read. */
    Optional<Image> findAs(ClaimsGroup group, Set<String> readable, Image.Pattern pattern) throws SQLException {
        Relation all = relation();
        var relation = new Relation(
                oid,
                table,
                all.identity(),
                all.columns().stream()
                        .filter(column -> readable.contains(column.name()))
                        .toList());
        String columns = String.join(
                ", ",
                relation.columns().stream()
                        .map(column -> TableName.quote(column.name()))
                        .toList());
        try (PreparedStatement query = connection.prepareStatement("begin read only; " + Impersonation.BECOME
                + "; select " + texts(relation, "readable") + " from (select " + JdbcText.escape(columns) + " from "
                + JdbcText.escape(table.quoted())
                + ") as readable where to_jsonb(readable) @> ?::jsonb limit 2; rollback")) {
            query.setString(1, group.role());
            query.setString(2, group.json());
            query.setString(3, pattern.json());
            query.execute();
            RoundTrips.nextRows(query).close();
            try (ResultSet rows = RoundTrips.nextRows(query)) {
                return one(relation, rows, pattern);
            }
        }
    }

    /** As the stream writes it: a boolean as t, where a cast to text says true. */
    private static String texts(Relation relation, String name) {
        return JdbcText.escape(String.join(
                ", ",
                relation.columns().stream()
                        .map(column -> name + "." + TableName.quote(column.name()))
                        .map(column ->
                                "case when " + column + " is distinct from null then format('%s', " + column + ") end")
                        .toList()));
    }

    private Optional<Image> one(Relation relation, ResultSet rows, Image.Pattern pattern) throws SQLException {
        if (!rows.next()) {
            return Optional.empty();
        }
        var values = new ArrayList<Optional<String>>();
        for (int i = 1; i <= relation.columns().size(); i++) {
            values.add(Optional.ofNullable(rows.getString(i)));
        }
        if (rows.next()) {
            throw new InvalidSettingException(
                    "several rows of " + table + " have " + pattern.json() + "; name one by its key");
        }
        return Optional.of(new Image(relation, Row.ofTexts(values)));
    }

    private Relation relation() throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(COLUMNS)) {
            query.setLong(1, Integer.toUnsignedLong(oid));
            var columns = new ArrayList<Column>();
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    columns.add(new Column(row.getString("attname"), (int) row.getLong("atttypid"), false));
                }
            }
            return new Relation(oid, table, ReplicaIdentity.DEFAULT, columns);
        }
    }

    /** Transactions that have written to the table, or may have, and are not over. */
    List<String> writers() throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(WRITERS)) {
            query.setLong(1, Integer.toUnsignedLong(oid));
            var writers = new ArrayList<String>();
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    writers.add("process " + row.getInt("pid") + ", " + row.getString("state") + ", for "
                            + row.getInt("seconds") + " s");
                }
            }
            return writers;
        }
    }
}

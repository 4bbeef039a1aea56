package dev.switchboard.engine.postgres.listener;

import dev.switchboard.engine.postgres.Database;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;

/** Dead letters in a table of the database itself, {@code switchboard_dead_letters}, made when the first one comes. Thread-safe. */
public final class PostgresDeadLetters implements DeadLetters {
    private static final String TABLE = """
            create table if not exists switchboard_dead_letters (
              id bigint generated always as identity primary key,
              listener text not null, schema_name text not null, table_name text not null, type text not null,
              "row" jsonb not null, old_row jsonb, position text not null, committed_at timestamptz not null,
              error text not null, kept_at timestamptz not null default now(),
              unique (listener, position));
            alter table switchboard_dead_letters enable row level security""";

    /** One that comes again, since its confirmation was lost, is kept once. */
    private static final String INSERT = """
            insert into switchboard_dead_letters
              (listener, schema_name, table_name, type, "row", old_row, position, committed_at, error)
            values (?, ?, ?, ?, ?::jsonb, ?::jsonb, ?, ?::timestamptz, ?)
            on conflict (listener, position) do nothing""";

    private final Database database;

    /** @param database of a user who may create a table, or insert into the one that is there */
    public PostgresDeadLetters(Database database) {
        this.database = database;
    }

    @Override
    public void keep(String listener, RowChange change, Exception cause) throws SQLException {
        try (Connection connection =
                DriverManager.getConnection(database.url(), database.user(), database.password())) {
            makeTable(connection);
            try (PreparedStatement insert = connection.prepareStatement(INSERT)) {
                insert.setString(1, listener);
                insert.setString(2, change.table().schema());
                insert.setString(3, change.table().table());
                insert.setString(4, change.type().name());
                insert.setString(5, change.row());
                insert.setString(6, change.old().orElse(null));
                insert.setString(7, change.position().toString());
                insert.setString(8, change.committedAt().toString());
                insert.setString(9, cause.toString());
                insert.executeUpdate();
            }
        }
    }

    private static void makeTable(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                var known = statement.executeQuery("select to_regclass('switchboard_dead_letters') is not null")) {
            known.next();
            if (!known.getBoolean(1)) {
                try (Statement make = connection.createStatement()) {
                    make.execute(TABLE);
                }
            }
        }
    }
}

package dev.switchboard.engine.postgres;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Optional;

/**
 * The schema {@code realtime} in a database of the user's own: policies on its messages say who may be in private rooms, and rows that
 * are inserted are broadcast. One that is there already, in the original's conventions, serves as it is. Stateless.
 */
final class RoomsSchema {
    private static final String CREATION = "/db/platform/V010__realtime.sql";
    private static final String LATER = "/db/platform/V011__kept_messages.sql";

    /** Whether it is there, whether it is ours, and whether it is as it is now. */
    private static final String STATE = """
            select to_regclass('realtime.messages') is not null,
                   to_regprocedure('switchboard.keep_messages(interval)') is not null,
                   exists (select from pg_attribute
                            where attrelid = to_regclass('realtime.messages') and attname = 'expires_at')
            """;

    private RoomsSchema() {}

    /** What is missing of it, if anything. */
    static Optional<Preparation.Lack> lack(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(STATE)) {
            row.next();
            boolean there = row.getBoolean(1);
            boolean ours = row.getBoolean(2);
            boolean whole = row.getBoolean(3);
            if (there && (!ours || whole)) {
                return Optional.empty();
            }
            var scripts = new ArrayList<String>();
            if (!there) {
                scripts.add("create schema if not exists switchboard");
                scripts.add(script(CREATION));
            }
            scripts.add(script(LATER));
            return Optional.of(new Preparation.Lack(
                    Preparation.Weight.ADVISED,
                    there
                            ? "the schema realtime is that of an earlier version: broadcasts are not kept for a time of their own"
                            : "there is no schema realtime: private rooms are refused, and the database cannot broadcast",
                    scripts,
                    "A server that runs takes it up when it is started again."));
        }
    }

    private static String script(String name) {
        try (InputStream in = RoomsSchema.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the program lacks its own " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip().replaceFirst(";$", "");
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

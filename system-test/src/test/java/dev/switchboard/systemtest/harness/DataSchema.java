package dev.switchboard.systemtest.harness;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import org.jdbi.v3.core.Jdbi;

/** The tables that the tests of the data API ask for. */
public final class DataSchema {
    private DataSchema() {}

    public static void create(Jdbi jdbi) throws SQLException {
        run(jdbi, "/data-api.sql");
    }

    /** Those of the kinds that KF4 to KF20 stand for. */
    public static void createKinds(Jdbi jdbi) throws SQLException {
        run(jdbi, "/data-kinds.sql");
    }

    private static void run(Jdbi jdbi, String resource) throws SQLException {
        try (InputStream in = DataSchema.class.getResourceAsStream(resource)) {
            String script = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            jdbi.useHandle(handle -> {
                try (var statement = handle.getConnection().createStatement()) {
                    statement.execute(script);
                }
            });
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

package dev.switchboard.systemtest.harness;

import dev.switchboard.data.DataSettings;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** The tables that the tests of the data API ask for. */
public final class DataSchema {
    private DataSchema() {}

    /** Everything may be asked for, and nothing of it is kept where that is asked for; few connections. */
    public static DataSettings settings(String... schemas) {
        return DataSettings.of(List.of(schemas))
                .with(new DataSettings.Limits(0, 5_000_000, Duration.ofSeconds(8), 4))
                .with(new DataSettings.Offers(true, false, true));
    }

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

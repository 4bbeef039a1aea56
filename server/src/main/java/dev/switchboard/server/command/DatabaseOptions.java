package dev.switchboard.server.command;

import dev.switchboard.engine.postgres.Database;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which database a command is about: an installation's, or one of the user's own. */
final class DatabaseOptions extends InstallationOption {
    @Option(
            names = "--database-url",
            description = "A PostgreSQL of your own instead of the embedded one; the password may be in PGPASSWORD.")
    private @Nullable String databaseUrl;

    @Override
    <T> T withDatabase(Function<Database, T> work) {
        return Installation.withDatabase(dataDirectory(), databaseUrl, work);
    }
}

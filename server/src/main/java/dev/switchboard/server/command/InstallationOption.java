package dev.switchboard.server.command;

import dev.switchboard.engine.postgres.Database;
import java.nio.file.Path;
import java.util.function.Function;
import picocli.CommandLine.Option;

/** Which installation a command is about. */
class InstallationOption {
    @Option(names = "--data-dir", description = "Where the server keeps everything.", defaultValue = ".switchboard")
    private Path dataDirectory = Path.of("");

    final Path dataDirectory() {
        return dataDirectory;
    }

    /** Does something with its database, which is started for it if it does not run. */
    <T> T withDatabase(Function<Database, T> work) {
        return Installation.withDatabase(dataDirectory, null, work);
    }
}

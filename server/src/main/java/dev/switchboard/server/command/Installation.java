package dev.switchboard.server.command;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.server.DataDirectory;
import dev.switchboard.server.config.DatabaseUrl;
import dev.switchboard.server.config.Secrets;
import dev.switchboard.server.postgres.EmbeddedPostgres;
import dev.switchboard.server.postgres.Migrations;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** An installation as commands find it, whether its server runs or not. */
final class Installation {
    private Installation() {}

    /** @throws InvalidSettingException if there is none */
    static Secrets secrets(Path dataDirectory) {
        Path file = dataDirectory.resolve("secrets.properties");
        if (!Files.exists(file)) {
            throw new InvalidSettingException("there is no installation in " + dataDirectory
                    + "; start one with: switchboard start, or name its --data-dir");
        }
        return Secrets.loadOrCreate(file, Instant.now());
    }

    /**
     * Does something with the database: the one of the URL, else the embedded one, which is started for it if it does not
     * run.
     */
    static <T> T withDatabase(Path dataDirectory, @Nullable String databaseUrl, Function<Database, T> work) {
        if (databaseUrl != null) {
            return work.apply(DatabaseUrl.parse(databaseUrl, Optional.ofNullable(System.getenv("PGPASSWORD"))));
        }
        Secrets secrets = secrets(dataDirectory);
        Path postgres = dataDirectory.resolve("postgres");
        Optional<Database> running = EmbeddedPostgres.findRunning(postgres, secrets.superuser());
        if (running.isPresent()) {
            return work.apply(running.get());
        }
        try (DataDirectory _ = DataDirectory.lock(dataDirectory);
                EmbeddedPostgres started = EmbeddedPostgres.start(postgres, secrets.superuser())) {
            Migrations.apply(started.database(), secrets.authenticator(), Migrations.present(started.database()));
            return work.apply(started.database());
        }
    }
}

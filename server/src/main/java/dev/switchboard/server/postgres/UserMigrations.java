package dev.switchboard.server.postgres;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Database;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationState;
import org.flywaydb.core.api.callback.BaseCallback;
import org.flywaydb.core.api.callback.Context;
import org.flywaydb.core.api.callback.Event;
import org.flywaydb.core.api.output.MigrateResult;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * The user's own migrations: files {@code VERSION_name.sql} of a directory, as {@code supabase/migrations} has them, each once, in order, in
 * a transaction of its own. What was applied is noted with a checksum in {@code switchboard.user_migrations}. Blocking.
 */
public final class UserMigrations {
    private static final String SCHEMA = "switchboard";
    private static final String HISTORY = "user_migrations";
    private static final Pattern LACKING_EXTENSION = Pattern.compile("extension \"([^\"]+)\" is not available");
    private static final Pattern LACKING_SCHEMA =
            Pattern.compile("schema \"(storage|vault|cron|net|pgsodium|graphql_public)\"");

    private static final Pattern NAME = Pattern.compile("\\d+(\\.\\d+)*_.+\\.sql");

    private final Flyway flyway;
    private final Path directory;

    /**
     * A file.
     *
     * @param name without the version
     */
    public record Migration(String version, String name) {}

    /** @throws InvalidSettingException if there is no such directory */
    public UserMigrations(Database superuser, Path directory) {
        if (!Files.isDirectory(directory)) {
            throw new InvalidSettingException(directory + " is no directory; name one that holds files like"
                    + " 20260131120000_name.sql, for example supabase/migrations");
        }
        this.directory = directory;
        flyway = Flyway.configure()
                .dataSource(superuser.url(), superuser.user(), superuser.password())
                .schemas(SCHEMA)
                .defaultSchema(SCHEMA)
                .table(HISTORY)
                .baselineOnMigrate(true) // the schema holds what is the server's own
                .baselineVersion("0")
                .locations("filesystem:" + directory.toAbsolutePath())
                .sqlMigrationPrefix("")
                .sqlMigrationSeparator("_")
                .repeatableSqlMigrationPrefix("repeatable")
                .ignoreMigrationPatterns(new String[0]) // a file that is gone is told of, also the newest
                .placeholderReplacement(false)
                .callbacks(new SearchPath())
                .load();
    }

    /** Unqualified names are those of schema public, and of extensions. */
    private static final class SearchPath extends BaseCallback {
        @Override
        public boolean supports(Event event, Context context) {
            return event == Event.BEFORE_EACH_MIGRATE;
        }

        @Override
        public void handle(Event event, Context context) {
            try (Statement statement = context.getConnection().createStatement()) {
                statement.execute("set search_path = public, extensions");
            } catch (SQLException failed) {
                throw new IllegalStateException("the search path cannot be set", failed);
            }
        }
    }

    /**
     * What has not been applied, in order.
     *
     * @throws InvalidSettingException if a file that was applied has changed or is gone
     */
    public List<Migration> pending() {
        validate();
        return Arrays.stream(flyway.info().pending())
                .map(UserMigrations::migration)
                .toList();
    }

    private static Migration migration(MigrationInfo info) {
        return new Migration(String.valueOf(info.getVersion()), info.getDescription());
    }

    private void validate() {
        refuseOtherNames();
        Arrays.stream(flyway.info().all())
                .filter(info -> info.getState().isResolved()
                        && !info.getState().isApplied()
                        && info.getState() != MigrationState.PENDING)
                .findFirst()
                .ifPresent(left -> {
                    throw new InvalidSettingException("Migration " + left.getVersion() + " (" + left.getDescription()
                            + ") comes before one that was applied already, or has the version 0: it would be left out."
                            + " Give it a version after the last one.");
                });
        var result = flyway.validateWithResult();
        result.invalidMigrations.stream()
                .filter(invalid ->
                        !invalid.errorDetails.errorCode.toString().equals("RESOLVED_VERSIONED_MIGRATION_NOT_APPLIED"))
                .findFirst()
                .ifPresent(invalid -> {
                    throw new InvalidSettingException(
                            "Migration " + invalid.version + " was applied, and its file has changed or is gone since: "
                                    + invalid.errorDetails
                                            .errorMessage
                                            .lines()
                                            .findFirst()
                                            .orElse("")
                                    + ". Put it back as it was, and make the change by a new file.");
                });
    }

    /**
     * Applies what has not been applied; one that fails leaves nothing, and those after it wait.
     *
     * @return how many
     * @throws InvalidSettingException if one fails; the message names file, cause and remedy
     */
    public int apply() {
        validate();
        try {
            MigrateResult result = flyway.migrate();
            return result.migrationsExecuted;
        } catch (FlywayException failed) {
            throw new InvalidSettingException(explain(failed));
        }
    }

    private static String explain(FlywayException failed) {
        String message = String.valueOf(failed.getMessage());
        Optional<SQLException> raised = cause(failed);
        String text = raised.map(UserMigrations::text).orElse(message);
        String file = found("Location\\s*:\\s*\\S*?([^/\\\\\\s]+\\.sql)", message)
                .map(name -> name + ": ")
                .orElse("");
        String line = found("Line\\s*:\\s*(\\d+)", message)
                .map(number -> " (statement at line " + number + ")")
                .orElse("");
        Matcher extension = LACKING_EXTENSION.matcher(text);
        if (extension.find()) {
            return file + "this PostgreSQL does not have the extension " + extension.group(1) + line
                    + ". Take the statement out if nothing needs it, or use a PostgreSQL that has it: --database-url."
                    + " Nothing of this file was applied.";
        }
        Matcher schema = LACKING_SCHEMA.matcher(text);
        if (schema.find() || text.contains("relation \"storage.")) {
            return file + text + line
                    + ". Switchboard has no part of the original that lives in that schema; take the statements out."
                    + " Nothing of this file was applied.";
        }
        return file + text + line + ". Nothing of this file was applied.";
    }

    private void refuseOtherNames() {
        try (Stream<Path> files = Files.walk(directory)) {
            files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.endsWith(".sql") && !NAME.matcher(name).matches())
                    .findFirst()
                    .ifPresent(name -> {
                        throw new InvalidSettingException(
                                name + " has no version, so nobody knows when it comes; call it"
                                        + " like 20260131120000_" + name + ", or keep it elsewhere");
                    });
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static Optional<String> found(String pattern, String text) {
        return Pattern.compile(pattern).matcher(text).results().findFirst().map(match -> match.group(1));
    }

    /** As PostgreSQL says it, with its detail and hint, and without positions within the statement. */
    private static String text(SQLException raised) {
        ServerErrorMessage server = raised instanceof PSQLException driver ? driver.getServerErrorMessage() : null;
        if (server == null) {
            return String.valueOf(raised.getMessage()).strip();
        }
        return Stream.of(server.getMessage(), server.getDetail(), server.getHint())
                .filter(part -> part != null && !part.isEmpty())
                .collect(Collectors.joining("; "));
    }

    private static Optional<SQLException> cause(Throwable failed) {
        for (Throwable cause = failed; cause != null; cause = cause.getCause()) {
            if (cause instanceof SQLException raised) {
                return Optional.of(raised);
            }
        }
        return Optional.empty();
    }
}

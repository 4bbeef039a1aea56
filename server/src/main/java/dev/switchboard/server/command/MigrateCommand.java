package dev.switchboard.server.command;

import dev.switchboard.engine.postgres.Database;
import dev.switchboard.server.postgres.UserMigrations;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code switchboard migrate DIR}, beside a running server or alone. */
@Command(
        name = "migrate",
        description = {
            "Applies your own SQL files, VERSION_name.sql, that have not been applied yet: in order, each in a transaction of"
                    + " its own, so that one which fails leaves nothing.",
            "",
            "What was applied is kept with a checksum; a file that changed afterwards is refused. Folders supabase/migrations"
                    + " work as they are: the schemas, roles and helpers that they presume are there. Tables appear in the"
                    + " data API at once; what subscribers are to hear of is published by alter publication"
                    + " supabase_realtime add table, or switchboard publish."
        },
        mixinStandardHelpOptions = true,
        showDefaultValues = true)
final class MigrateCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "DIR", description = "The directory, for example supabase/migrations.")
    private Path directory = Path.of("");

    @Option(names = "--dry-run", description = "Only says what it would apply.")
    private boolean dryRun;

    @Mixin
    private DatabaseOptions options = new DatabaseOptions();

    @Override
    public Integer call() {
        return options.withDatabase(this::migrate);
    }

    private int migrate(Database database) {
        PrintWriter out = spec.commandLine().getOut();
        var migrations = new UserMigrations(database, directory);
        List<UserMigrations.Migration> pending = migrations.pending();
        if (pending.isEmpty()) {
            out.println("Nothing to apply: every file of " + directory + " has been applied.");
        }
        pending.forEach(migration ->
                out.println((dryRun ? "would apply " : "applying ") + migration.version() + " " + migration.name()));
        out.flush();
        if (!dryRun && !pending.isEmpty()) {
            out.println("Applied " + migrations.apply() + ".");
        }
        out.flush();
        return 0;
    }
}

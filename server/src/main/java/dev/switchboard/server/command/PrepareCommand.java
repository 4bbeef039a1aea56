package dev.switchboard.server.command;

import dev.switchboard.accounts.AccountsSchema;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.Preparation;
import dev.switchboard.server.Switchboard;
import dev.switchboard.server.config.DatabaseUrl;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code switchboard prepare}. */
@Command(
        name = "prepare",
        description = {
            "Makes a PostgreSQL of your own ready, 14 to 18: looks for what is missing (wal_level, slots, rights, roles,"
                    + " publication, replica identities), says what it does, and does it.",
            "",
            "What this user may not do is said with its statement, for an administrator. `start --database-url` only"
                    + " looks, and changes nothing."
        },
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        sortOptions = false)
final class PrepareCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--database-url",
            required = true,
            description = "postgresql://user:password@host:5432/database; the password may be in PGPASSWORD.")
    private String databaseUrl = "";

    @Option(
            names = "--slot",
            description = "Name of the server's replication slot, as start has it.",
            defaultValue = Switchboard.SLOT)
    private String slot = "";

    @Option(names = "--dry-run", description = "Only says what it would do, as SQL.")
    private boolean dryRun;

    @Override
    public Integer call() {
        Database database = DatabaseUrl.parse(databaseUrl, Optional.ofNullable(System.getenv("PGPASSWORD")));
        var preparation = new Preparation(database, Switchboard.PUBLICATION, slot);
        PrintWriter out = spec.commandLine().getOut();
        var lacks = new ArrayList<>(preparation.lacks());
        AccountsSchema.lack(database).ifPresent(lacks::add);
        if (lacks.isEmpty()) {
            out.println("Nothing is missing.");
        }
        for (Preparation.Lack lack : lacks) {
            out.println("-- " + describe(lack));
            lack.statements().forEach(statement -> out.println(statement + ";"));
            if (!lack.then().isEmpty()) {
                out.println("-- " + lack.then());
            }
            if (!dryRun && !lack.statements().isEmpty()) {
                String failed = preparation.mend(lack);
                out.println(failed.isEmpty() ? "-- done" : "-- FAILED: " + failed);
            }
            out.println();
        }
        out.flush();
        return dryRun ? 0 : finish(preparation, out);
    }

    private static int finish(Preparation preparation, PrintWriter out) {
        List<Preparation.Lack> left = preparation.lacks().stream()
                .filter(lack -> lack.weight() == Preparation.Weight.NEEDED)
                .toList();
        if (left.isEmpty()) {
            out.println("The database is ready: switchboard start --database-url ...");
        } else {
            out.println("Still needed:");
            left.forEach(lack -> out.println("  " + lack.what()));
        }
        out.flush();
        return left.isEmpty() ? 0 : 1;
    }

    static String describe(Preparation.Lack lack) {
        return switch (lack.weight()) {
            case NEEDED -> "NEEDED: " + lack.what();
            case ADVISED -> "advised: " + lack.what();
        };
    }
}

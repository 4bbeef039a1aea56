package dev.switchboard.server.command;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.TablePublisher;
import dev.switchboard.server.Switchboard;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code switchboard publish TABLE}, beside a running server or alone. */
@Command(
        name = "publish",
        description = {
            "Makes a table's changes available to subscribers: adds it to the publication supabase_realtime and sets"
                    + " REPLICA IDENTITY FULL.",
            "",
            "What FULL costs: every UPDATE and DELETE writes the whole old row to the WAL, for wide rows up to twice the"
                    + " volume. What it gives: policies can decide who sees a DELETE, and old values reach those who may"
                    + " see them. Without it a DELETE is shown only where the policies read nothing but the key."
        },
        mixinStandardHelpOptions = true,
        showDefaultValues = true)
final class PublishCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "TABLE", description = "The table, schema.table or a table of schema public.")
    private String table = "";

    @Option(names = "--keep-identity", description = "Leaves the replica identity as it is.")
    private boolean keepIdentity;

    @Mixin
    private DatabaseOptions options = new DatabaseOptions();

    @Override
    public Integer call() {
        return options.withDatabase(this::publish);
    }

    private int publish(Database database) {
        TableName name = TableName.parse(table);
        PrintWriter out = spec.commandLine().getOut();
        new TablePublisher(database, Switchboard.PUBLICATION)
                .publish(name, keepIdentity ? TablePublisher.Identity.KEEP : TablePublisher.Identity.FULL)
                .forEach(out::println);
        out.flush();
        return 0;
    }
}

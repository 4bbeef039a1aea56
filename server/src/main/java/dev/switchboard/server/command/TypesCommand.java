package dev.switchboard.server.command;

import dev.switchboard.server.types.DatabaseTypes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code switchboard types}. */
@Command(
        name = "types",
        description = {
            "Writes the database's tables, views, functions and enums as TypeScript types, for",
            "createClient<Database>(url, key) and the hooks of @switchboard/react."
        },
        mixinStandardHelpOptions = true,
        showDefaultValues = true)
final class TypesCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Mixin
    private DatabaseOptions options = new DatabaseOptions();

    @Option(names = "--schema", split = ",", description = "Schemas to write.", defaultValue = "public")
    private List<String> schemas = List.of();

    @Option(names = "--out", description = "File to write; by default it is printed.")
    private @Nullable Path file;

    @Override
    public void run() {
        String types = options.withDatabase(database ->
                DatabaseTypes.of(Jdbi.create(database.url(), database.user(), database.password()), schemas));
        if (file == null) {
            spec.commandLine().getOut().print(types);
            spec.commandLine().getOut().flush();
            return;
        }
        try {
            Files.writeString(file, types);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot write " + file + ": " + failed.getMessage(), failed);
        }
        spec.commandLine().getOut().println("Wrote " + types.lines().count() + " lines to " + file);
    }
}

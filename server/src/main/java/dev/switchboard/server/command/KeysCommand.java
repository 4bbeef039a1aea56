package dev.switchboard.server.command;

import dev.switchboard.server.DataDirectory;
import dev.switchboard.tokens.KeyRing;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code switchboard keys rotate}. */
@Command(name = "keys", description = "The keys that sign access tokens.", mixinStandardHelpOptions = true)
final class KeysCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what to do: rotate");
    }

    @Command(
            name = "rotate",
            description = {
                "Has a new key sign access tokens (ES256). A running server takes it over within seconds.",
                "The former key verifies what it signed for eight more days; nobody has to sign in again."
            },
            mixinStandardHelpOptions = true)
    void rotate(
            @Option(
                            names = "--revoke",
                            description =
                                    "The former keys verify nothing any more: for a key that got out. Clients refresh"
                                            + " their tokens, or sign in again.")
                    boolean revoke,
            @Option(
                            names = "--data-dir",
                            description = "Where the server keeps everything.",
                            defaultValue = ".switchboard")
                    Path dataDirectory) {
        Installation.secrets(dataDirectory);
        KeyRing.Rotation rotation =
                KeyRing.rotate(dataDirectory.resolve(DataDirectory.SIGNING_KEYS), Instant.now(), revoke);
        PrintWriter out = spec.commandLine().getOut();
        out.println("Signs from now on: " + rotation.signing());
        rotation.verifying().forEach(key -> out.println("Still verifies:     " + key));
        out.flush();
    }
}

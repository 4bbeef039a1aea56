package dev.switchboard.server.command;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.server.DataDirectory;
import dev.switchboard.server.config.Secrets;
import dev.switchboard.tokens.JwtTokens;
import dev.switchboard.tokens.KeyRing;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code switchboard token}. */
@Command(
        name = "token",
        description = "Prints a token signed with the installation's secret, for scripts and tests.",
        mixinStandardHelpOptions = true,
        showDefaultValues = true)
final class TokenCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(names = "--role", description = "Database role: anon, authenticated, service_role.", required = true)
    private String role = "";

    @Option(names = "--ttl", description = "How long it lives: 90s, 15m, 1h, 30d.", defaultValue = "1h")
    private String ttl = "";

    @Option(names = "--sub", description = "UUID of the user, which auth.uid() gives.")
    private @Nullable String subject;

    @Option(names = "--claim", description = "A further claim, NAME=TEXT; may come several times.")
    private Map<String, String> claims = new HashMap<>();

    @Mixin
    private InstallationOption installation = new InstallationOption();

    @Override
    public Integer call() {
        Map<String, Object> all = new HashMap<>(claims);
        if (subject != null) {
            all.put("sub", subject);
        }
        Secrets secrets = Installation.secrets(installation.dataDirectory());
        var keys =
                KeyRing.loadOrCreate(installation.dataDirectory().resolve(DataDirectory.SIGNING_KEYS), Instant.now());
        var tokens = new JwtTokens(secrets.jwt(), keys, Optional.empty(), true);
        PrintWriter out = spec.commandLine().getOut();
        out.println(tokens.issue(role, all, Instant.now(), life(ttl)));
        out.flush();
        return 0;
    }

    private static Duration life(String text) {
        try {
            String upper = text.toUpperCase(Locale.ROOT);
            Duration life = Duration.parse(upper.endsWith("D") ? "P" + upper : "PT" + upper);
            if (life.isPositive()) {
                return life;
            }
        } catch (DateTimeParseException malformed) {
            // said below
        }
        throw new InvalidSettingException("--ttl '" + text + "' is no time: use for example 90s, 15m, 1h or 30d");
    }
}

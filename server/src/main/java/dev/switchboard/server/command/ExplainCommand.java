package dev.switchboard.server.command;

import dev.switchboard.accounts.UserDirectory;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.RowExplanation;
import dev.switchboard.server.DataDirectory;
import dev.switchboard.server.Switchboard;
import dev.switchboard.tokens.JwtTokens;
import dev.switchboard.tokens.KeyRing;
import java.io.PrintWriter;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code switchboard explain TABLE}. */
@Command(
        name = "explain",
        description = {
            "Says why somebody hears of changes of a row, or does not: publication, replica identity, role, grants, each policy"
                    + " with what it makes of the row and the claims that it read, and how it is decided.",
            "",
            "As the database is now. Tells of rows and policies what the user asked about may not see: it is for who runs the"
                    + " server. Changes nothing. Exit code 0: the row is shown; 1: something stops it."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class ExplainCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "TABLE", description = "The table, schema.table or a table of schema public.")
    private String table = "";

    @ArgGroup
    private Who who = new Who();

    /** Under whose rights; nobody's who is signed in, if none of these is given. */
    static final class Who {
        @Option(
                names = "--user",
                paramLabel = "EMAIL",
                description = "A user of this installation, as if just signed in.")
        private @Nullable String email;

        @Option(names = "--as", paramLabel = "TOKEN", description = "The user of an access token, or a key.")
        private @Nullable String token;
    }

    @Option(
            names = "--row",
            paramLabel = "JSON",
            description = "One row, by some of its values: '{\"id\": 7}'. Without it, what holds for every row.")
    private @Nullable String row;

    @Mixin
    private DatabaseOptions options = new DatabaseOptions();

    @Override
    public Integer call() {
        return options.withDatabase(this::explain);
    }

    private int explain(Database database) {
        List<RowExplanation.Step> steps = RowExplanation.of(
                database, Switchboard.PUBLICATION, TableName.parse(table), group(database), Optional.ofNullable(row));
        PrintWriter out = spec.commandLine().getOut();
        for (RowExplanation.Step step : steps) {
            String outcome = switch (step.outcome()) {
                case PASSED -> "passed";
                case STOPPED -> "STOPPED";
                case TOLD -> "";
            };
            out.printf("%-8s %-22s %s%n", outcome, step.name(), step.text());
        }
        Optional<RowExplanation.Step> end = RowExplanation.end(steps);
        out.println();
        out.println(end.map(step -> "Changes of it end at " + step.name().toLowerCase(Locale.ROOT) + ": " + step.text())
                .orElse(row == null ? "Nothing stops changes of every row." : "Changes of it are shown."));
        out.flush();
        return end.isPresent() ? 1 : 0;
    }

    private ClaimsGroup group(Database database) {
        if (who.token != null) {
            return ofToken(who.token);
        }
        if (who.email == null) {
            return new ClaimsGroup("anon", "{\"role\":\"anon\"}");
        }
        Jdbi jdbi = Jdbi.create(database.url(), database.user(), database.password());
        var users = new UserDirectory(jdbi, new SecureRandom());
        return ofToken(tokens().issue("authenticated", users.claims(who.email), Instant.now(), Duration.ofMinutes(1)));
    }

    private ClaimsGroup ofToken(String token) {
        return switch (tokens().verify(token, Instant.now())) {
            case TokenVerifier.Result.Valid(var claims) -> claims.group();
            case TokenVerifier.Result.Invalid refused ->
                throw new InvalidSettingException("the token of --as is not believed: " + refused.message());
        };
    }

    private JwtTokens tokens() {
        var keys = KeyRing.loadOrCreate(options.dataDirectory().resolve(DataDirectory.SIGNING_KEYS), Instant.now());
        return new JwtTokens(Installation.secrets(options.dataDirectory()).jwt(), keys, Optional.empty(), true);
    }
}

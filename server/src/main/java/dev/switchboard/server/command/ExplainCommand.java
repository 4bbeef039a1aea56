package dev.switchboard.server.command;

import dev.switchboard.accounts.UserDirectory;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.explain.Step;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.RowExplanation;
import dev.switchboard.server.DataDirectory;
import dev.switchboard.server.Switchboard;
import dev.switchboard.server.explain.CodeMeaning;
import dev.switchboard.tokens.JwtTokens;
import dev.switchboard.tokens.KeyRing;
import java.io.PrintWriter;
import java.net.URI;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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
import tools.jackson.databind.JsonNode;

/** {@code switchboard explain}. */
@Command(
        name = "explain",
        description = {
            "Says why somebody hears of changes of a row, or does not: publication, stream, sockets and channels, filter, role, grants,"
                    + " each policy with what it makes of the row and the claims that it read, what was decided, what was sent.",
            "",
            "What the server's stream and sockets did is asked of the running server; without one, the database alone is looked at."
                    + " Tells of rows and policies what the user asked about may not see: it is for who runs the server. Changes"
                    + " nothing. Exit code 0: the row is shown; 1: something stops it.",
            "",
            "  explain calls --user ann@example.org --row '{\"id\": 7}'      why she hears of that row, or does not",
            "  explain calls                                               the last changes of the table, with their positions",
            "  explain calls --user ann@example.org --change 0/1A2B3C8#0   the same of one change, as it was decided then",
            "  explain --user ann@example.org --request 'GET /rest/v1/calls?status=eq.ringing'   why an answer is empty",
            "  explain --code OutboxOverflow                               what a code that a client was told means"
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class ExplainCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @ArgGroup(multiplicity = "1")
    private What what = new What();

    /** What is to be explained. */
    static final class What {
        @Parameters(
                paramLabel = "TABLE",
                arity = "0..1",
                description = "Changes of a table, schema.table or a table of schema public.")
        private @Nullable String table;

        @Option(
                names = "--request",
                paramLabel = "REQUEST",
                description = "An answer of the data API: 'GET /rest/v1/calls?status=eq.ringing'.")
        private @Nullable String request;

        @Option(
                names = "--code",
                paramLabel = "CODE",
                description = "A code that a client was told, on its socket or in an answer over HTTP.")
        private @Nullable String code;
    }

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

    @ArgGroup
    private Which which = new Which();

    /** Which change; without any of these, what holds for every row, and the table's last changes. */
    static final class Which {
        @Option(names = "--row", paramLabel = "JSON", description = "Of one row, by some of its values: '{\"id\": 7}'.")
        private @Nullable String row;

        @Option(
                names = "--change",
                paramLabel = "POSITION",
                description = "One change, by its position in the stream, as explain TABLE lists them.")
        private @Nullable String change;
    }

    @Option(names = "--channel", paramLabel = "NAME", description = "By that channel alone, if there are several.")
    private @Nullable String channel;

    @Option(names = "--url", description = "Of the running server.", defaultValue = "http://127.0.0.1:8000")
    private URI url = URI.create("");

    @Mixin
    private DatabaseOptions options = new DatabaseOptions();

    @Override
    public Integer call() {
        return what.code != null ? explainCode(what.code) : options.withDatabase(this::explain);
    }

    private int explainCode(String wanted) {
        List<CodeMeaning> found = CodeMeaning.of(wanted);
        if (found.isEmpty()) {
            throw new InvalidSettingException("No client is told " + wanted
                    + "; docs/errors.md lists the codes of the WebSocket, docs/errors-http.md those of HTTP answers");
        }
        PrintWriter out = spec.commandLine().getOut();
        for (CodeMeaning meaning : found) {
            out.println(meaning.code() + ": " + meaning.message() + ".");
            out.println("  met in    " + meaning.where());
            out.println("  then      " + meaning.then());
            out.println("  remedy    " + meaning.remedy());
        }
        out.flush();
        return 0;
    }

    private int explain(Database database) {
        ClaimsGroup group = group(database);
        var server = new ExplainingServer(url, tokens());
        Optional<JsonNode> answer = server.ask(parameters(group));
        if (answer.isPresent()) {
            return print(ExplainingServer.steps(answer.get()), answer.get());
        }
        if (what.table == null || which.change != null) {
            throw new InvalidSettingException("No server answers at " + url + ", which alone knows that: "
                    + server.trouble() + "; name it with --url");
        }
        var wanted = new RowExplanation.Wanted(
                Optional.ofNullable(which.row).map(RowExplanation::pattern), Optional.empty());
        var steps = new ArrayList<Step>();
        steps.add(Step.told(
                "server",
                "none answers at " + url + " (" + server.trouble()
                        + "; --url names it): what its stream and sockets did is not known"));
        steps.addAll(RowExplanation.of(database, Switchboard.PUBLICATION, TableName.parse(what.table), group, wanted)
                .steps());
        return print(steps, Step.end(steps), what.table);
    }

    private Map<String, String> parameters(ClaimsGroup group) {
        var parameters = new LinkedHashMap<String, String>();
        put(parameters, "table", what.table);
        put(parameters, "request", what.request);
        put(parameters, "row", which.row);
        put(parameters, "change", which.change);
        put(parameters, "channel", channel);
        parameters.put("claims", group.json());
        return parameters;
    }

    private static void put(Map<String, String> parameters, String name, @Nullable String value) {
        if (value != null) {
            parameters.put(name, value);
        }
    }

    private int print(List<Step> steps, JsonNode answer) {
        String endsAt = answer.path("endsAt").asString("");
        Optional<Step> end = steps.stream()
                .filter(step ->
                        step.outcome() == Step.Outcome.STOPPED && step.name().equals(endsAt))
                .findFirst();
        int code = print(steps, end, what.table == null ? "the request" : what.table);
        PrintWriter out = spec.commandLine().getOut();
        if (answer.has("recent")) {
            out.println();
            out.println(answer.path("recent").isEmpty() ? "No change of it is kept." : "Its last changes:");
        }
        for (JsonNode change : answer.path("recent")) {
            out.printf(
                    "  %-18s %s  %-8s concerned %d, denied %d, sent to %d   %s%n",
                    change.path("position").asString(),
                    change.path("committedAt").asString(),
                    change.path("event").asString(),
                    change.path("concerned").asInt(),
                    change.path("denied").asInt(),
                    change.path("sent").asInt(),
                    change.path("row").asString(""));
            for (JsonNode denial : change.path("denials")) {
                out.printf(
                        "  %-18s denied to %s of %s: %s%n",
                        "",
                        denial.path("channel").asString(),
                        denial.path("claims").asString(),
                        denial.path("reason").asString());
            }
        }
        out.flush();
        return code;
    }

    private int print(List<Step> steps, Optional<Step> end, String about) {
        PrintWriter out = spec.commandLine().getOut();
        for (Step step : steps) {
            String outcome = switch (step.outcome()) {
                case PASSED -> "passed";
                case STOPPED -> "STOPPED";
                case TOLD -> "";
            };
            out.printf("%-8s %-22s %s%n", outcome, step.name(), step.text());
        }
        out.println();
        out.println(end.map(step -> "It ends at " + step.name().toLowerCase(Locale.ROOT) + ": " + step.text())
                .orElseGet(() -> which.row == null && which.change == null
                        ? "Nothing stops " + (what.table == null ? about : "changes of every row of " + about) + "."
                        : "It is shown."));
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

package dev.switchboard.server.command;

import dev.switchboard.callcenter.analysis.BuiltInAnalyzer;
import dev.switchboard.callcenter.analysis.CallAnalyzer;
import dev.switchboard.callcenter.analysis.ChatAnalyzer;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.telephony.SecretReference;
import dev.switchboard.telephony.SecretReference.MissingSecretException;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of {@code start} about who analyses calls that were written down. */
final class AnalyzerOptions {
    private static final Duration ANSWER = Duration.ofSeconds(60);

    @Option(
            names = "--analyzer",
            description =
                    "What analyses calls that were written down: none (other programs do), built-in (counts and looks words up),"
                            + " or the address of an API in OpenAI's format, as https://api.openai.com/v1.",
            defaultValue = "none")
    private String analyzer = "none";

    @Option(names = "--analyzer-model", description = "The model that such an API is asked for.")
    private @Nullable String model;

    @Option(names = "--analyzer-key", description = "Where the API's key is: env:NAME or file:/path.")
    private @Nullable String key;

    Optional<CallAnalyzer> analyzer() {
        return switch (analyzer) {
            case "none" -> Optional.empty();
            case "built-in" -> Optional.of(new BuiltInAnalyzer());
            default -> Optional.of(chat());
        };
    }

    private ChatAnalyzer chat() {
        if (!analyzer.matches("https?://[^\\s?#@]+")) {
            throw new InvalidSettingException("Invalid value for option '--analyzer': " + analyzer
                    + " is neither none nor built-in, nor an address as https://api.openai.com/v1, without user");
        }
        if (model == null) {
            throw new InvalidSettingException("--analyzer " + analyzer + " needs --analyzer-model");
        }
        try {
            Optional<String> token = Optional.ofNullable(key).map(new SecretReference(System::getenv)::read);
            return new ChatAnalyzer(URI.create(analyzer), model, token, ANSWER);
        } catch (MissingSecretException missing) {
            throw new InvalidSettingException("--analyzer-key: " + missing.getMessage());
        }
    }
}

package dev.switchboard.server.command;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.explain.Step;
import dev.switchboard.server.explain.ExplainRoutes;
import dev.switchboard.tokens.JwtTokens;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A running server, asked with its service key. */
final class ExplainingServer {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final URI url;
    private final JwtTokens tokens;
    private String trouble = "";

    ExplainingServer(URI url, JwtTokens tokens) {
        this.url = url;
        this.tokens = tokens;
    }

    /** Why there was no answer. */
    String trouble() {
        return trouble;
    }

    /**
     * Empty where no server of this installation answers.
     *
     * @throws InvalidSettingException for what the server says cannot be explained
     */
    Optional<JsonNode> ask(Map<String, String> parameters) {
        String query = parameters.entrySet().stream()
                .map(parameter ->
                        parameter.getKey() + "=" + URLEncoder.encode(parameter.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
        String key = tokens.issue("service_role", Map.of(), Instant.now(), Duration.ofMinutes(1));
        HttpRequest request = HttpRequest.newBuilder(url.resolve(ExplainRoutes.PATH + "?" + query))
                .timeout(PATIENCE)
                .header("Authorization", "Bearer " + key)
                .build();
        try (HttpClient client =
                HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build()) {
            return read(client.send(request, HttpResponse.BodyHandlers.ofString()));
        } catch (IOException unreachable) {
            trouble = unreachable.getMessage() == null ? "it cannot be reached" : unreachable.getMessage();
            return Optional.empty();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(interrupted);
        }
    }

    /** What an answer says of each step. */
    static List<Step> steps(JsonNode answer) {
        var steps = new ArrayList<Step>();
        for (JsonNode step : answer.path("steps")) {
            steps.add(new Step(
                    step.path("name").asString(),
                    Step.Outcome.valueOf(step.path("outcome").asString().toUpperCase(Locale.ROOT)),
                    step.path("text").asString()));
        }
        return steps;
    }

    private Optional<JsonNode> read(HttpResponse<String> response) {
        try {
            JsonNode answer = JsonMapper.shared().readTree(response.body());
            if (response.statusCode() == 200) {
                return Optional.of(answer);
            }
            if (response.statusCode() == 400 || response.statusCode() == 503) {
                throw new InvalidSettingException(answer.path("message").asString(response.body()));
            }
            trouble = response.statusCode() == 401
                    ? "the server there is of another --data-dir"
                    : "it answers with status " + response.statusCode();
        } catch (JacksonException notJson) {
            trouble = "what answers is no Switchboard";
        }
        return Optional.empty();
    }
}

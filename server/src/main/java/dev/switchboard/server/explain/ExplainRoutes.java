package dev.switchboard.server.explain;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.authorize.Denial;
import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.explain.Image;
import dev.switchboard.engine.explain.LiveSources;
import dev.switchboard.engine.explain.Question;
import dev.switchboard.engine.explain.Step;
import dev.switchboard.engine.journal.Passage;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.RowExplanation;
import dev.switchboard.http.Handler;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import java.time.InstantSource;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * {@code GET /realtime/v1/explain?table=orders&row={"id":1}}: why whose token it is hears of changes of a row, or does not. With the
 * service key everything, under the claims of parameter {@code claims}; with a user's own token what that user may know.
 */
public final class ExplainRoutes implements Handler {
    public static final String PATH = "/realtime/v1/explain";

    /** Answers under way, each with a connection of its own: whoever has a key may ask. */
    private static final int MOST_AT_ONCE = 2;

    /** Of a table's recent changes, and of who was denied one. */
    private static final int MOST_RECENT = 20;

    private static final int MOST_DENIED = 10;
    private static final String SERVICE = "service_role";
    private static final String TOPIC_PREFIX = "realtime:";

    private final Explainer explainer;
    private final RequestExplanation requests;
    private final TokenVerifier tokens;
    private final InstantSource clock;
    private final Semaphore free = new Semaphore(MOST_AT_ONCE);

    /**
     * @param database of a user who sees every row and may take on the roles of tokens
     * @param requests explains answers of the data API
     */
    public ExplainRoutes(
            Database database,
            String publication,
            LiveSources live,
            RequestExplanation requests,
            TokenVerifier tokens,
            InstantSource clock) {
        explainer = new Explainer(database, publication, live);
        this.requests = requests;
        this.tokens = tokens;
        this.clock = clock;
    }

    @Override
    public Response handle(Request request, Client client) {
        if (!request.method().equals("GET")) {
            return refusal(ExplainError.NOT_GET);
        }
        Optional<String> token = request.bearer().or(() -> request.header("apikey"));
        if (token.isEmpty()) {
            return refusal(ExplainError.TOKEN_MISSING);
        }
        return switch (tokens.verify(token.get(), clock.instant())) {
            case TokenVerifier.Result.Invalid refused ->
                refusal(401, refused.code().code(), refused.message());
            case TokenVerifier.Result.Valid(var claims) -> explainIfFree(request, claims);
        };
    }

    private Response explainIfFree(Request request, Claims asker) {
        if (!free.tryAcquire()) {
            return refusal(ExplainError.BUSY).with("Retry-After", "1");
        }
        try {
            return asker.group().role().equals(SERVICE) ? explain(request) : explainToOneself(request, asker);
        } catch (InvalidSettingException wrong) {
            return refusal(
                    ExplainError.NOT_EXPLAINED.status(),
                    ExplainError.NOT_EXPLAINED.code(),
                    String.valueOf(wrong.getMessage()));
        } finally {
            free.release();
        }
    }

    private Response explain(Request request) {
        JsonNode claims = claims(request);
        var group = new ClaimsGroup(claims.path("role").asString("authenticated"), claims.toString());
        Optional<String> asked = request.parameter("request");
        if (asked.isPresent()) {
            return answer(json(requests.explain(asked.get(), group)));
        }
        Optional<String> table = request.parameter("table");
        if (table.isEmpty()) {
            return refusal(ExplainError.TABLE_MISSING);
        }
        var question = new Question(
                TableName.parse(table.get()),
                group,
                Optional.ofNullable(claims.get("sub")).map(JsonNode::asString),
                topic(request));
        Optional<Image.Pattern> row = request.parameter("row").map(RowExplanation::pattern);
        Optional<Position> change = request.parameter("change").map(ExplainRoutes::position);
        ObjectNode answer = json(explainer.explain(question, row, change));
        if (row.isEmpty() && change.isEmpty()) {
            var recent = answer.putArray("recent");
            explainer.recent(question, MOST_RECENT).forEach(passage -> recent.add(json(passage)));
        }
        return answer(answer);
    }

    private Response explainToOneself(Request request, Claims asker) {
        if (Stream.of("request", "change", "claims")
                .anyMatch(name -> request.parameter(name).isPresent())) {
            return refusal(ExplainError.FOR_SERVICE);
        }
        Optional<String> table = request.parameter("table");
        if (table.isEmpty()) {
            return refusal(ExplainError.TABLE_MISSING);
        }
        var question = new Question(TableName.parse(table.get()), asker.group(), asker.subject(), topic(request));
        return answer(json(
                explainer.explainToOneself(question, request.parameter("row").map(RowExplanation::pattern))));
    }

    private static Position position(String text) {
        try {
            return Position.parse(text);
        } catch (IllegalArgumentException malformed) {
            throw new InvalidSettingException("a change is named by its position, such as 0/1A2B3C8#0, not by " + text);
        }
    }

    private static Optional<String> topic(Request request) {
        return request.parameter("channel").map(name -> name.startsWith(TOPIC_PREFIX) ? name : TOPIC_PREFIX + name);
    }

    private static JsonNode claims(Request request) {
        String text = request.parameter("claims").orElse("{\"role\":\"anon\"}");
        try {
            JsonNode claims = JsonMapper.shared().readTree(text);
            if (claims.isObject()) {
                return claims;
            }
        } catch (JacksonException malformed) {
            // as one that is no object
        }
        throw new InvalidSettingException("claims is no JSON object: " + text);
    }

    private static Response answer(ObjectNode body) {
        return Response.json(200, body.toString()).with("Cache-Control", "no-store");
    }

    private static ObjectNode json(Explainer.Answer explained) {
        ObjectNode answer = JsonMapper.shared().createObjectNode();
        answer.put("shown", explained.end().isEmpty());
        explained.end().ifPresent(end -> answer.put("endsAt", end.name()));
        var all = answer.putArray("steps");
        for (Step step : explained.steps()) {
            all.addObject()
                    .put("name", step.name())
                    .put("outcome", step.outcome().name().toLowerCase(Locale.ROOT))
                    .put("text", step.text());
        }
        return answer;
    }

    private static ObjectNode json(Passage passage) {
        ObjectNode json = JsonMapper.shared().createObjectNode();
        json.put("position", passage.position().toString())
                .put("committedAt", passage.transaction().committedAt().toString())
                .put("event", passage.event())
                .put("concerned", passage.concerned())
                .put("denied", passage.denied())
                .put("sent", Explainer.sent(passage));
        Image.of(passage).map(Image::words).ifPresent(words -> json.put("row", words));
        var denials = json.putArray("denials");
        for (Denial denial : passage.denials().stream().limit(MOST_DENIED).toList()) {
            denials.addObject()
                    .put("channel", denial.subscription().channel().topic())
                    .put("claims", denial.subscription().group().json())
                    .put("reason", denial.reason().words());
        }
        return json;
    }

    private static Response refusal(ExplainError error) {
        return refusal(error.status(), error.code(), error.message());
    }

    private static Response refusal(int status, String code, String message) {
        ObjectNode body =
                JsonMapper.shared().createObjectNode().put("code", code).put("message", message);
        return Response.json(status, body.toString());
    }
}

package dev.switchboard.server.web;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.RowExplanation;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.http.Handler;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import java.time.InstantSource;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Semaphore;
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

    private static final String SERVICE = "service_role";

    private final Database database;
    private final String publication;
    private final TokenVerifier tokens;
    private final InstantSource clock;
    private final Semaphore free = new Semaphore(MOST_AT_ONCE);

    /** @param database of a user who sees every row and may take on the roles of tokens */
    public ExplainRoutes(Database database, String publication, TokenVerifier tokens, InstantSource clock) {
        this.database = database;
        this.publication = publication;
        this.tokens = tokens;
        this.clock = clock;
    }

    @Override
    public Response handle(Request request, Client client) {
        if (!request.method().equals("GET")) {
            return refusal(405, "MethodNotAllowed", "explain answers GET");
        }
        Optional<String> token = request.bearer().or(() -> request.header("apikey"));
        if (token.isEmpty()) {
            return refusal(401, ErrorCode.TOKEN_MALFORMED.code(), "a token is needed: Authorization: Bearer ...");
        }
        return switch (tokens.verify(token.get(), clock.instant())) {
            case TokenVerifier.Result.Invalid refused ->
                refusal(401, refused.code().code(), refused.message());
            case TokenVerifier.Result.Valid valid ->
                explainIfFree(request, valid.claims().group());
        };
    }

    private Response explainIfFree(Request request, ClaimsGroup asker) {
        if (!free.tryAcquire()) {
            return refusal(503, "ExplainBusy", "others are being explained to; try again")
                    .with("Retry-After", "1");
        }
        try {
            return explain(request, asker);
        } finally {
            free.release();
        }
    }

    private Response explain(Request request, ClaimsGroup asker) {
        Optional<String> table = request.parameter("table");
        if (table.isEmpty()) {
            return refusal(400, "MissingTable", "which table? ?table=orders");
        }
        try {
            Optional<String> row = request.parameter("row");
            boolean all = asker.role().equals(SERVICE);
            ClaimsGroup who = all ? claims(request) : asker;
            TableName name = TableName.parse(table.get());
            List<RowExplanation.Step> steps = all
                    ? RowExplanation.of(database, publication, name, who, row)
                    : RowExplanation.ofOneself(database, publication, name, who, row);
            return Response.json(200, json(steps)).with("Cache-Control", "no-store");
        } catch (InvalidSettingException wrong) {
            return refusal(400, "NotExplained", String.valueOf(wrong.getMessage()));
        }
    }

    private static ClaimsGroup claims(Request request) {
        String text = request.parameter("claims").orElse("{\"role\":\"anon\"}");
        try {
            JsonNode claims = JsonMapper.shared().readTree(text);
            return new ClaimsGroup(claims.path("role").asString("authenticated"), claims.toString());
        } catch (JacksonException malformed) {
            throw new InvalidSettingException("claims is no JSON object: " + text);
        }
    }

    private static String json(List<RowExplanation.Step> steps) {
        ObjectNode answer = JsonMapper.shared().createObjectNode();
        answer.put("shown", RowExplanation.end(steps).isEmpty());
        RowExplanation.end(steps).ifPresent(end -> answer.put("endsAt", end.name()));
        var all = answer.putArray("steps");
        for (RowExplanation.Step step : steps) {
            all.addObject()
                    .put("name", step.name())
                    .put("outcome", step.outcome().name().toLowerCase(Locale.ROOT))
                    .put("text", step.text());
        }
        return answer.toString();
    }

    private static Response refusal(int status, String code, String message) {
        ObjectNode body =
                JsonMapper.shared().createObjectNode().put("code", code).put("message", message);
        return Response.json(status, body.toString());
    }
}

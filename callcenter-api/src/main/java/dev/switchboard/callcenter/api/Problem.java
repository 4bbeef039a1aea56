package dev.switchboard.callcenter.api;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.http.Response;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** A refusal on its way out: problem details (RFC 9457) with our code. */
final class Problem extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Refusal refusal;
    private final String detail;

    Problem(Refusal refusal, String detail) {
        super(refusal.code() + ": " + detail, null, false, false);
        this.refusal = refusal;
        this.detail = detail;
    }

    Response response() {
        return response(refusal, detail, Optional.empty());
    }

    static Response response(Answer.Refused refused) {
        return response(refused.refusal(), refused.detail(), refused.holder());
    }

    private static Response response(Refusal refusal, String detail, Optional<Answer.Holder> holder) {
        ObjectNode body = JsonMapper.shared()
                .createObjectNode()
                .put("type", "urn:switchboard:problem:" + refusal.code())
                .put("title", refusal.title())
                .put("status", refusal.status())
                .put("detail", detail)
                .put("code", refusal.code());
        holder.ifPresent(agent -> body.putObject("claimedBy")
                .put("userId", agent.user().toString())
                .put("name", agent.name()));
        return Response.of(refusal.status(), "application/problem+json", body.toString());
    }
}

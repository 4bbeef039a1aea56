package dev.switchboard.callcenter.api;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Organizations;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.http.Response;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What can be done with calls, {@code /api/calls} and the two documents' {@code /api/twilio}. */
final class CallEndpoints {
    private static final Duration PARKED = Duration.ofMinutes(3);
    private static final int MOST_PARKED_SECONDS = 86_400;
    private static final int MOST_WINDOW_MINUTES = 10_080;
    private static final int WINDOW_MINUTES = 60;
    private static final double BAD_FAILURE_RATE = 0.05;

    private final CallCentre calls;
    private final Organizations organizations;
    private final InstantSource clock;

    CallEndpoints(CallCentre calls, Organizations organizations, InstantSource clock) {
        this.calls = calls;
        this.organizations = organizations;
        this.clock = clock;
    }

    private interface CommandOf {
        CallCommand of(Exchange exchange);
    }

    /** By method and path, as the table of endpoints has them. */
    Map<String, Endpoint.Action> actions() {
        var actions = new HashMap<String, Endpoint.Action>();
        actions.put("GET /calls/health-check", this::health);
        actions.put("POST /calls", this::dial);
        command(actions, "enqueue", exchange -> new CallCommand.Enqueue(exchange.required("queueId")));
        command(actions, "offer", exchange -> new CallCommand.Offer(exchange.ids("agents")));
        command(actions, "callback", exchange -> new CallCommand.RequestCallback(exchange.optionalText("number")));
        command(actions, "decline", exchange -> new CallCommand.Decline(agent(exchange)));
        command(actions, "claim", exchange -> new CallCommand.Claim(agent(exchange)));
        command(
                actions,
                "start",
                exchange -> new CallCommand.Start(agent(exchange), exchange.optionalText("phoneNumber")));
        command(actions, "hold", _ -> new CallCommand.Hold());
        command(actions, "unhold", _ -> new CallCommand.Unhold());
        command(actions, "mute", exchange -> new CallCommand.Mute(exchange.flag("muted")));
        command(actions, "park", CallEndpoints::park);
        command(actions, "unpark", exchange -> new CallCommand.Unpark(agent(exchange)));
        command(actions, "transfer", CallEndpoints::transfer);
        command(actions, "complete-transfer", _ -> new CallCommand.CompleteTransfer());
        command(actions, "cancel-transfer", _ -> new CallCommand.CancelTransfer());
        command(actions, "monitor", exchange -> new CallCommand.Monitor(agent(exchange), monitoring(exchange)));
        command(actions, "end", exchange -> new CallCommand.End(exchange.optionalText("reason")));
        command(actions, "wrap-up", exchange -> new CallCommand.WrapUp(exchange.optionalText("code")));
        actions.put(
                "POST /twilio/claim-call",
                exchange -> run(exchange, bySid(exchange), new CallCommand.Claim(exchange.required("agentId"))));
        actions.put("POST /twilio/update-user-call", this::updateUserCall);
        return actions;
    }

    private void command(Map<String, Endpoint.Action> actions, String verb, CommandOf command) {
        actions.put("POST /calls/{id}/" + verb, exchange -> run(exchange, exchange.id(0), command.of(exchange)));
    }

    private static UUID agent(Exchange exchange) {
        return exchange.optionalId("agentId")
                .or(() -> exchange.actor().user())
                .orElseThrow(
                        () -> new Problem(Refusal.INVALID_REQUEST, "agentId is missing: the service key is nobody"));
    }

    private Response run(Exchange exchange, UUID call, CallCommand command) {
        var key = exchange.idempotencyKey().isEmpty()
                ? Optional.<dev.switchboard.callcenter.OnceKey>empty()
                : organizations.organizationOf(call).flatMap(exchange::once);
        return response(calls.execute(exchange.actor(), call, command, key));
    }

    static Response response(Answer answer) {
        return switch (answer) {
            case Answer.Done(String json) -> Exchange.json("{\"call\":" + json + "}");
            case Answer.Repeated(String json) ->
                Exchange.json("{\"call\":" + json + "}").with("Idempotency-Replayed", "true");
            case Answer.Refused refused -> Problem.response(refused);
        };
    }

    private static CallCommand park(Exchange exchange) {
        int seconds = exchange.optionalInt("timeoutSeconds").orElse((int) PARKED.toSeconds());
        if (seconds < 1 || seconds > MOST_PARKED_SECONDS) {
            throw new Problem(
                    Refusal.INVALID_REQUEST,
                    "timeoutSeconds is not between 1 and " + MOST_PARKED_SECONDS + ": " + seconds);
        }
        return new CallCommand.Park(
                exchange.optionalInt("slot"), exchange.optionalText("comment"), Duration.ofSeconds(seconds));
    }

    private static CallCommand transfer(Exchange exchange) {
        Optional<UUID> to = exchange.optionalId("to");
        Optional<UUID> queue = exchange.optionalId("queueId");
        if (to.isPresent() == queue.isPresent()) {
            throw new Problem(Refusal.INVALID_REQUEST, "name either an agent (to) or a queue (queueId)");
        }
        if (queue.isPresent()) {
            return new CallCommand.TransferToQueue(queue.get());
        }
        CallCommand.TransferKind kind = switch (exchange.optionalText("kind").orElse("blind")) {
            case "blind" -> CallCommand.TransferKind.BLIND;
            case "attended" -> CallCommand.TransferKind.ATTENDED;
            case String other ->
                throw new Problem(Refusal.INVALID_REQUEST, "kind is neither blind nor attended: " + other);
        };
        return new CallCommand.Transfer(kind, to.orElseThrow(), exchange.flag("force"));
    }

    private static CallCommand.Monitoring monitoring(Exchange exchange) {
        return switch (exchange.text("mode")) {
            case "listen" -> CallCommand.Monitoring.LISTEN;
            case "whisper" -> CallCommand.Monitoring.WHISPER;
            case "barge" -> CallCommand.Monitoring.BARGE;
            case String other ->
                throw new Problem(Refusal.INVALID_REQUEST, "mode is none of listen, whisper, barge: " + other);
        };
    }

    private UUID bySid(Exchange exchange) {
        String sid = exchange.text("callSid");
        return calls.bySid(exchange.actor(), sid)
                .orElseThrow(() -> new Problem(Refusal.NOT_FOUND, "There is no call " + sid));
    }

    private Response updateUserCall(Exchange exchange) {
        UUID agent = exchange.required("agentId");
        CallCommand command = switch (exchange.text("action")) {
            case "start" -> new CallCommand.Start(agent, exchange.optionalText("phoneNumber"));
            case "end" -> {
                if (exchange.actor().user().filter(user -> !user.equals(agent)).isPresent()) {
                    throw new Problem(Refusal.NOT_YOURSELF, "agentId is not the user of the token: " + agent);
                }
                yield new CallCommand.End(Optional.empty());
            }
            case String other ->
                throw new Problem(Refusal.INVALID_REQUEST, "action is neither start nor end: " + other);
        };
        return run(exchange, bySid(exchange), command);
    }

    private Response dial(Exchange exchange) {
        String to = exchange.text("to");
        if (!to.matches("\\+[1-9][0-9]{6,14}")) {
            throw new Problem(Refusal.INVALID_REQUEST, "to is not of the form +14155550100: " + to);
        }
        Optional<String> from = exchange.optionalText("from");
        UUID user = exchange.actor().user().orElseThrow();
        UUID organization = Membership.organization(organizations, exchange, "calls.handle");
        return response(calls.dial(exchange.actor(), organization, user, from, to, exchange.once(organization)));
    }

    private Response health(Exchange exchange) {
        int minutes =
                exchange.parameter("window_minutes").map(CallEndpoints::minutes).orElse(WINDOW_MINUTES);
        UUID organization = Membership.organization(organizations, exchange, "calls.read");
        var now = clock.instant();
        var figures = (ObjectNode)
                JsonMapper.shared().readTree(organizations.health(organization, now, Duration.ofMinutes(minutes)));
        var reasons = new ArrayList<String>();
        if (!figures.path("staleCalls").isEmpty()) {
            reasons.add(figures.path("staleCalls").size() + " live calls never had news of their provider");
        }
        if (!figures.path("unconfirmedCommands").isEmpty()) {
            reasons.add("the provider has not confirmed commands for "
                    + figures.path("unconfirmedCommands").size() + " calls");
        }
        if (figures.path("failureRate").asDouble(0) > BAD_FAILURE_RATE) {
            reasons.add("the failure rate is above 5 %: " + figures.path("failureRate"));
        }
        if (figures.path("recentTimeouts").asInt() > 0) {
            reasons.add(figures.path("recentTimeouts") + " calls rang past their limit");
        }
        figures.put("status", reasons.isEmpty() ? "healthy" : "degraded");
        figures.set("reasons", JsonMapper.shared().<JsonNode>valueToTree(reasons));
        figures.put("windowMinutes", minutes);
        figures.put("organizationId", organization.toString());
        figures.put("timestamp", now.toString());
        return Exchange.json(figures.toString());
    }

    private static int minutes(String text) {
        try {
            int minutes = Integer.parseInt(text);
            if (minutes >= 1 && minutes <= MOST_WINDOW_MINUTES) {
                return minutes;
            }
        } catch (NumberFormatException malformed) {
            // refused below
        }
        throw new Problem(
                Refusal.INVALID_REQUEST, "window_minutes is not between 1 and " + MOST_WINDOW_MINUTES + ": " + text);
    }
}

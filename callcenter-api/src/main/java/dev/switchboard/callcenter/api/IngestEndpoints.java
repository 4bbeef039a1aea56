package dev.switchboard.callcenter.api;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.ProviderEvents;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.callcenter.state.ProviderStatus;
import dev.switchboard.callcenter.telephony.Line;
import dev.switchboard.http.Response;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;

/** What other programs produce, {@code /api/ingest}, with the service key; fields are named as the columns. */
final class IngestEndpoints {
    private final CallCentre calls;
    private final Ingest ingest;
    private final ProviderEvents events;

    IngestEndpoints(CallCentre calls, Ingest ingest, ProviderEvents events) {
        this.calls = calls;
        this.ingest = ingest;
        this.events = events;
    }

    /** By method and path, as the table of endpoints has them. */
    Map<String, Endpoint.Action> actions() {
        var actions = new HashMap<String, Endpoint.Action>();
        actions.put(
                "POST /ingest/calls",
                exchange -> CallEndpoints.response(calls.incoming(
                        exchange.text("provider"),
                        exchange.text("provider_call_sid"),
                        exchange.text("from_number"),
                        exchange.text("to_number"))));
        actions.put("POST /ingest/calls/{id}/events", this::event);
        kind(actions, "POST /ingest/calls/{id}/segments", Ingest.Kind.SEGMENT);
        kind(actions, "PUT /ingest/calls/{id}/analysis", Ingest.Kind.ANALYSIS);
        actions.put(
                "PUT /ingest/calls/{id}/analysis/{step}",
                exchange -> written(ingest.write(
                        Ingest.Kind.ANALYSIS_STEP, exchange.id(0), exchange.variable(1), exchange.body())));
        kind(actions, "PUT /ingest/recordings/{id}", Ingest.Kind.RECORDING);
        kind(actions, "PUT /ingest/streams/{id}/progress", Ingest.Kind.STREAM_PROGRESS);
        kind(actions, "PUT /ingest/scans/{id}", Ingest.Kind.SCAN);
        kind(actions, "PUT /ingest/executions/{id}", Ingest.Kind.EXECUTION);
        kind(actions, "PUT /ingest/signals/{id}", Ingest.Kind.SIGNAL);
        return actions;
    }

    private void kind(Map<String, Endpoint.Action> actions, String endpoint, Ingest.Kind kind) {
        actions.put(endpoint, exchange -> written(ingest.write(kind, exchange.id(0), "", exchange.body())));
    }

    private static Response written(Answer answer) {
        return switch (answer) {
            case Answer.Done(String json) -> Exchange.json(json);
            case Answer.Repeated(String json) -> Exchange.json(json);
            case Answer.Refused refused -> Problem.response(refused);
        };
    }

    private Response event(Exchange exchange) {
        UUID call = exchange.id(0);
        ProviderStatus status = ProviderStatus.of(exchange.text("status"))
                .orElseThrow(() -> new Problem(Refusal.INVALID_REQUEST, "no such status: " + exchange.text("status")));
        var event = new ProviderEvents.Event(
                exchange.text("leg"),
                role(exchange.text("role")),
                exchange.optionalId("agent_id"),
                status,
                exchange.optionalInt("sequence").orElse(0),
                exchange.optionalTime("at"));
        return written(events.accept(call, event));
    }

    private static Line.Role role(String name) {
        for (Line.Role role : Line.Role.values()) {
            if (role.name().toLowerCase(Locale.ROOT).equals(name)) {
                return role;
            }
        }
        throw new Problem(Refusal.INVALID_REQUEST, "role is none of customer, agent, supervisor, external: " + name);
    }
}

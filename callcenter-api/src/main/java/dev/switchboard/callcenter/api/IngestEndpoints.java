package dev.switchboard.callcenter.api;

import static dev.switchboard.callcenter.api.Endpoint.Field.optional;
import static dev.switchboard.callcenter.api.Endpoint.Field.required;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.ProviderEvents;
import dev.switchboard.callcenter.api.Endpoint.Field;
import dev.switchboard.callcenter.api.Endpoint.FieldType;
import dev.switchboard.callcenter.api.Endpoint.Who;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.callcenter.state.ProviderStatus;
import dev.switchboard.http.Response;
import java.util.List;
import java.util.Locale;
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

    List<Endpoint> endpoints() {
        return List.of(
                new Endpoint(
                        "POST",
                        "/ingest/calls",
                        Who.SERVICE,
                        "A call came in at one of our numbers",
                        List.of(
                                required("provider", FieldType.TEXT, "who carries it"),
                                required(
                                        "provider_call_sid",
                                        FieldType.TEXT,
                                        "the provider's id; the same again is the same call"),
                                required("from_number", FieldType.TEXT, "E.164"),
                                required("to_number", FieldType.TEXT, "E.164, one of the organization's numbers")),
                        exchange -> CallEndpoints.response(calls.incoming(
                                exchange.text("provider"),
                                exchange.text("provider_call_sid"),
                                exchange.text("from_number"),
                                exchange.text("to_number")))),
                new Endpoint(
                        "POST",
                        "/ingest/calls/{id}/events",
                        Who.SERVICE,
                        "What the provider says of a leg of a call",
                        List.of(
                                required("leg", FieldType.TEXT, "the provider's id of the leg"),
                                required("role", FieldType.TEXT, "customer, agent, supervisor or external"),
                                optional("agent_id", FieldType.UUID, "whose leg it is"),
                                required(
                                        "status",
                                        FieldType.TEXT,
                                        "queued, initiated, ringing, in-progress, completed, busy, no-answer, canceled, failed"),
                                optional("sequence", FieldType.INTEGER, "as the provider counts"),
                                optional("at", FieldType.TIME, "as the provider says; by default now")),
                        this::event),
                kind(
                        "POST",
                        "/ingest/calls/{id}/segments",
                        "A piece of a transcript; a final one replaces its partial",
                        Ingest.Kind.SEGMENT,
                        List.of(
                                required("track", FieldType.TEXT, "inbound, outbound or both"),
                                required("seq", FieldType.INTEGER, "its place"),
                                required("text", FieldType.WORDS, "what was said"),
                                optional("final", FieldType.BOOLEAN, "whether it stays so"),
                                optional("confidence", FieldType.NUMBER, "0 to 1"),
                                optional("start_ms", FieldType.INTEGER, "since the call was answered"))),
                kind(
                        "PUT",
                        "/ingest/calls/{id}/analysis",
                        "What an analysis says of a whole call",
                        Ingest.Kind.ANALYSIS,
                        List.of(
                                optional("ai_status", FieldType.TEXT, "pending, processing, analyzed or failed"),
                                optional("insights", FieldType.OBJECT, "what was found"),
                                optional("sentiment", FieldType.NUMBER, "-1 to 1"),
                                optional("scorecard", FieldType.OBJECT, "the answers"),
                                optional("score", FieldType.INTEGER, "0 to 100"))),
                new Endpoint(
                        "PUT",
                        "/ingest/calls/{id}/analysis/{step}",
                        Who.SERVICE,
                        "A step of a call's analysis",
                        List.of(
                                required("status", FieldType.TEXT, "pending, processing, analyzed or failed"),
                                optional("result", FieldType.OBJECT, "what came of it")),
                        exchange -> written(ingest.write(
                                Ingest.Kind.ANALYSIS_STEP, exchange.id(0), exchange.variable(1), exchange.body()))),
                kind(
                        "PUT",
                        "/ingest/recordings/{id}",
                        "A recording, new or known",
                        Ingest.Kind.RECORDING,
                        List.of(
                                required("call_id", FieldType.UUID, "of which call"),
                                optional("provider_sid", FieldType.TEXT, "the provider's id"),
                                optional("title", FieldType.TEXT, "by default: Call with ..."),
                                optional(
                                        "status",
                                        FieldType.TEXT,
                                        "queued, recording, processing, ready, failed or deleted"),
                                optional("url_key", FieldType.TEXT, "where it is kept"),
                                optional("duration_s", FieldType.INTEGER, "seconds"),
                                optional("channels", FieldType.INTEGER, "1 or 2"),
                                optional("bytes", FieldType.NUMBER, "size"),
                                optional("error", FieldType.WORDS, "why it failed"))),
                kind(
                        "PUT",
                        "/ingest/streams/{id}/progress",
                        "Progress of a stream",
                        Ingest.Kind.STREAM_PROGRESS,
                        List.of(
                                required("completed", FieldType.INTEGER, "done"),
                                required("total", FieldType.INTEGER, "of so many"),
                                optional("percentage", FieldType.NUMBER, "by default completed of total"),
                                optional("goal_status", FieldType.TEXT, "active, paused, achieved or failed"))),
                kind(
                        "PUT",
                        "/ingest/scans/{id}",
                        "A scan, new or known",
                        Ingest.Kind.SCAN,
                        List.of(
                                required("organization_id", FieldType.UUID, "whose"),
                                required("owner", FieldType.UUID, "who started it"),
                                optional("status", FieldType.TEXT, "queued, running, completed, failed or cancelled"),
                                optional("current_step", FieldType.TEXT, "what it does now"),
                                optional("progress_percentage", FieldType.NUMBER, "0 to 100"),
                                optional("targets_analyzed", FieldType.INTEGER, "so far"),
                                optional("targets_identified", FieldType.INTEGER, "so far"))),
                kind(
                        "PUT",
                        "/ingest/executions/{id}",
                        "An execution of an AI agent, new or known",
                        Ingest.Kind.EXECUTION,
                        List.of(
                                required("organization_id", FieldType.UUID, "whose"),
                                required("stream_id", FieldType.UUID, "in which stream"),
                                required("agent_id", FieldType.TEXT, "which AI agent"),
                                required("status", FieldType.TEXT, "queued, running, succeeded, failed or cancelled"),
                                optional("started_at", FieldType.TIME, "by default when it leaves queued"),
                                optional("ended_at", FieldType.TIME, "by default now"),
                                optional("tokens", FieldType.NUMBER, "used"),
                                optional("error", FieldType.WORDS, "why it failed"),
                                optional("call_id", FieldType.UUID, "about which call"))),
                kind(
                        "PUT",
                        "/ingest/signals/{id}",
                        "A signal for one user",
                        Ingest.Kind.SIGNAL,
                        List.of(
                                required("organization_id", FieldType.UUID, "whose"),
                                required("user_id", FieldType.UUID, "for whom"),
                                required("business_name", FieldType.TEXT, "about whom"),
                                required("signal_type", FieldType.TEXT, "what"),
                                optional("priority", FieldType.TEXT, "low, medium, high or critical"),
                                optional("data", FieldType.OBJECT, "more of it"))));
    }

    private Endpoint kind(String method, String template, String summary, Ingest.Kind kind, List<Field> fields) {
        return new Endpoint(
                method,
                template,
                Who.SERVICE,
                summary,
                fields,
                exchange -> written(ingest.write(kind, exchange.id(0), "", exchange.body())));
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

    private static ProviderEvents.Role role(String name) {
        for (ProviderEvents.Role role : ProviderEvents.Role.values()) {
            if (role.name().toLowerCase(Locale.ROOT).equals(name)) {
                return role;
            }
        }
        throw new Problem(Refusal.INVALID_REQUEST, "role is none of customer, agent, supervisor, external: " + name);
    }
}

package dev.switchboard.callcenter.api;

import static dev.switchboard.callcenter.api.Endpoint.Field.optional;
import static dev.switchboard.callcenter.api.Endpoint.Field.required;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Organizations;
import dev.switchboard.callcenter.api.Endpoint.FieldType;
import dev.switchboard.callcenter.api.Endpoint.Who;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.http.Response;
import java.util.List;
import java.util.UUID;

/** Agents and queues, {@code /api/agents} and {@code /api/queues}; {@code me} stands for the user of the token. */
final class AgentEndpoints {
    private final CallCentre calls;
    private final Organizations organizations;

    AgentEndpoints(CallCentre calls, Organizations organizations) {
        this.calls = calls;
        this.organizations = organizations;
    }

    List<Endpoint> endpoints() {
        return List.of(
                new Endpoint(
                        "GET",
                        "/agents",
                        Who.BOTH,
                        "Agents, with who is busy and who can be given a call",
                        List.of(),
                        exchange -> Exchange.json("{\"agents\":"
                                + organizations.agents(
                                        Membership.organization(organizations, exchange, "organization.read"))
                                + "}")),
                new Endpoint(
                        "POST",
                        "/agents/{id}/state",
                        Who.BOTH,
                        "Sets what an agent wants; during a call it comes after it. Of others: for supervisors",
                        List.of(
                                required("state", FieldType.TEXT, "available, paused or offline"),
                                optional("reason", FieldType.TEXT, "of a pause: lunch, training")),
                        this::state),
                new Endpoint(
                        "POST",
                        "/agents/{id}/device",
                        Who.BOTH,
                        "Says whether an agent's phone can be reached",
                        List.of(required("reachable", FieldType.BOOLEAN, "whether it is registered")),
                        exchange -> run(exchange, new AgentCommand.Reach(exchange.flag("reachable")))),
                new Endpoint(
                        "GET",
                        "/queues",
                        Who.USER,
                        "Queues with who waits and who is there",
                        List.of(),
                        exchange -> Exchange.json("{\"queues\":"
                                + asked(exchange, "select (public.board_figures(?) -> 'queues')::text")
                                + "}")),
                new Endpoint(
                        "GET",
                        "/queues/figures",
                        Who.USER,
                        "The figures of the board",
                        List.of(),
                        exchange -> Exchange.json(asked(exchange, "select public.board_figures(?)::text"))),
                new Endpoint(
                        "POST",
                        "/queues/{id}/next",
                        Who.USER,
                        "Takes the longest waiting call",
                        List.of(),
                        exchange -> {
                            UUID organization = Membership.organization(organizations, exchange, "calls.handle");
                            UUID user = exchange.actor().user().orElseThrow();
                            return CallEndpoints.response(
                                    calls.next(exchange.actor(), organization, user, exchange.id(0)));
                        }));
    }

    private String asked(Exchange exchange, String sql) {
        UUID organization = Membership.organization(organizations, exchange, "organization.read");
        return organizations.asked(exchange.actor().user().orElseThrow(), sql, organization);
    }

    private Response state(Exchange exchange) {
        AgentCommand.Choice choice = switch (exchange.text("state")) {
            case "available" -> AgentCommand.Choice.AVAILABLE;
            case "paused" -> AgentCommand.Choice.PAUSED;
            case "offline" -> AgentCommand.Choice.OFFLINE;
            case String other ->
                throw new Problem(
                        Refusal.INVALID_REQUEST,
                        "state is none of available, paused, offline: " + other + "; the others follow from calls");
        };
        return run(exchange, new AgentCommand.Choose(choice, exchange.optionalText("reason")));
    }

    private Response run(Exchange exchange, AgentCommand command) {
        UUID organization = Membership.organization(organizations, exchange, "calls.handle");
        UUID agent = exchange.variable(0).equals("me")
                ? exchange.actor()
                        .user()
                        .orElseThrow(
                                () -> new Problem(Refusal.INVALID_REQUEST, "the service key is nobody: name the agent"))
                : exchange.id(0);
        return switch (calls.execute(exchange.actor(), organization, agent, command)) {
            case Answer.Done(String json) -> Exchange.json("{\"agent\":" + json + "}");
            case Answer.Repeated(String json) -> Exchange.json("{\"agent\":" + json + "}");
            case Answer.Refused refused -> Problem.response(refused);
        };
    }
}

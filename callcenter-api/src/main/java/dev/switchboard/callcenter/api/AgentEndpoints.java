package dev.switchboard.callcenter.api;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Organizations;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.callcenter.telephony.TelephonyProvider;
import dev.switchboard.http.Response;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Agents and queues, {@code /api/agents} and {@code /api/queues}; {@code me} stands for the user of the token. */
final class AgentEndpoints {
    private static final Logger LOG = LoggerFactory.getLogger(AgentEndpoints.class);

    private final CallCentre calls;
    private final Organizations organizations;
    private final TelephonyProvider provider;
    private final InstantSource clock;

    AgentEndpoints(CallCentre calls, Organizations organizations, TelephonyProvider provider, InstantSource clock) {
        this.calls = calls;
        this.organizations = organizations;
        this.provider = provider;
        this.clock = clock;
    }

    /** By method and path, as the table of endpoints has them. */
    Map<String, Endpoint.Action> actions() {
        var actions = new HashMap<String, Endpoint.Action>();
        actions.put(
                "GET /agents",
                exchange -> Exchange.json("{\"agents\":"
                        + organizations.agents(Membership.organization(organizations, exchange, "organization.read"))
                        + "}"));
        actions.put("POST /agents/{id}/state", this::state);
        actions.put("POST /telephony/token", this::deviceToken);
        actions.put(
                "POST /agents/{id}/device",
                exchange -> run(exchange, new AgentCommand.Reach(exchange.flag("reachable"))));
        actions.put(
                "GET /queues",
                exchange -> Exchange.json(
                        "{\"queues\":" + asked(exchange, "select (public.board_figures(?) -> 'queues')::text") + "}"));
        actions.put(
                "GET /queues/figures",
                exchange -> Exchange.json(asked(exchange, "select public.board_figures(?)::text")));
        actions.put("POST /queues/{id}/next", exchange -> {
            UUID organization = Membership.organization(organizations, exchange, "calls.handle");
            UUID user = exchange.actor().user().orElseThrow();
            return CallEndpoints.response(calls.next(exchange.actor(), organization, user, exchange.id(0)));
        });
        return actions;
    }

    private String asked(Exchange exchange, String sql) {
        UUID organization = Membership.organization(organizations, exchange, "organization.read");
        return organizations.asked(exchange.actor().user().orElseThrow(), sql, organization);
    }

    private Response deviceToken(Exchange exchange) {
        UUID organization = Membership.organization(organizations, exchange, "calls.handle");
        UUID user = exchange.actor().user().orElseThrow();
        String identity = organizations
                .device(organization, user)
                .orElseThrow(() -> new Problem(Refusal.NOT_AN_AGENT, Refusal.NOT_AN_AGENT.title()));
        TelephonyProvider.DeviceToken token;
        try {
            token = provider.deviceToken(organization, identity, clock.instant())
                    .orElseThrow(() -> new Problem(Refusal.NO_LINE, Refusal.NO_LINE.title()));
        } catch (TelephonyProvider.ProviderException failed) {
            LOG.warn("A device could be given no token: {}", failed.getMessage());
            throw new Problem(Refusal.TRY_AGAIN, Refusal.TRY_AGAIN.title());
        }
        ObjectNode body = JsonMapper.shared().createObjectNode();
        body.put("provider", token.provider())
                .put("identity", token.identity())
                .put("token", token.token())
                .put("expiresAt", token.expiresAt().toString());
        return Exchange.json(body.toString());
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

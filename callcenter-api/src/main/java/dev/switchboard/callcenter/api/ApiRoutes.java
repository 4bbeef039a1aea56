package dev.switchboard.callcenter.api;

import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.Organizations;
import dev.switchboard.callcenter.ProviderEvents;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.callcenter.telephony.TelephonyProvider;
import dev.switchboard.http.AnswerMetrics;
import dev.switchboard.http.Handler;
import dev.switchboard.http.Metrics;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import dev.switchboard.tokens.JwtTokens;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code /api}: finds the endpoint, looks who asks, and turns what goes wrong into problem details. */
public final class ApiRoutes implements Handler {
    public static final String PREFIX = "/api";

    private static final Logger LOG = LoggerFactory.getLogger(ApiRoutes.class);
    private static final int MOST_BODY_BYTES = 1_000_000;

    private final AnswerMetrics answers;
    private final JwtTokens tokens;
    private final InstantSource clock;
    private final List<Endpoint> endpoints;
    private final String openApi;

    public ApiRoutes(
            CallCentre calls,
            Organizations organizations,
            Ingest ingest,
            TelephonyProvider provider,
            JwtTokens tokens,
            InstantSource clock,
            Metrics metrics) {
        answers = new AnswerMetrics(metrics, "api");
        this.tokens = tokens;
        this.clock = clock;
        var actions = new HashMap<String, Endpoint.Action>();
        actions.putAll(new CallEndpoints(calls, organizations, clock).actions());
        actions.putAll(new AgentEndpoints(calls, organizations, provider, clock).actions());
        actions.putAll(new IngestEndpoints(calls, ingest, new ProviderEvents(calls)).actions());
        this.endpoints = EndpointTable.of(actions);
        this.openApi = OpenApiDocument.of(endpoints);
    }

    @Override
    public int mostBodyBytes() {
        return MOST_BODY_BYTES;
    }

    @Override
    public Response handle(Request request, Client client) {
        return answers.measure(() -> answer(request));
    }

    private Response answer(Request request) {
        try {
            return route(request).with("Cache-Control", "no-store");
        } catch (Problem refused) {
            return refused.response();
        } catch (RuntimeException failed) {
            LOG.error("{} {} failed: {}", request.method(), request.path(), failed.toString());
            return new Problem(Refusal.INTERNAL, Refusal.INTERNAL.title()).response();
        }
    }

    private Response route(Request request) {
        String path = request.path().substring(PREFIX.length());
        if (path.equals("/openapi.json") && request.method().equals("GET")) {
            return Exchange.json(openApi);
        }
        List<String> parts = List.of(path.startsWith("/") ? path.substring(1).split("/", -1) : new String[] {""});
        var others = new ArrayList<String>();
        for (Endpoint endpoint : endpoints) {
            Optional<List<String>> variables = endpoint.match(parts);
            if (variables.isPresent() && endpoint.method().equals(request.method())) {
                Actor actor = actor(request, endpoint.who());
                return endpoint.action().run(new Exchange(request, actor, variables.get(), endpoint));
            }
            if (variables.isPresent()) {
                others.add(endpoint.method());
            }
        }
        if (!others.isEmpty()) {
            throw new Problem(Refusal.METHOD_NOT_ALLOWED, request.path() + " takes " + String.join(", ", others));
        }
        throw new Problem(
                Refusal.NOT_FOUND, "No such endpoint: " + request.path() + "; GET /api/openapi.json lists them");
    }

    private Actor actor(Request request, Endpoint.Who who) {
        String token = request.bearer()
                .orElseThrow(() -> new Problem(Refusal.NOT_SIGNED_IN, "Authorization: Bearer ... is missing"));
        return switch (tokens.read(token)) {
            case JwtTokens.Reading.Refused(var code) -> throw new Problem(Refusal.NOT_SIGNED_IN, code.message());
            case JwtTokens.Reading.Signed signed
            when !clock.instant().isBefore(signed.expiresAt()) ->
                throw new Problem(Refusal.NOT_SIGNED_IN, "The token has expired");
            case JwtTokens.Reading.Signed signed
            when signed.early(clock.instant()).isPresent() ->
                throw new Problem(
                        Refusal.NOT_SIGNED_IN, signed.early(clock.instant()).get());
            case JwtTokens.Reading.Signed signed -> actor(signed, who);
        };
    }

    private static Actor actor(JwtTokens.Reading.Signed signed, Endpoint.Who who) {
        if (signed.role().equals("service_role")) {
            if (who == Endpoint.Who.USER) {
                throw new Problem(Refusal.NOT_SIGNED_IN, "This is asked by users, and the service key is nobody");
            }
            return new Actor.Server();
        }
        if (who == Endpoint.Who.SERVICE) {
            throw new Problem(Refusal.SERVICE_ONLY, Refusal.SERVICE_ONLY.title());
        }
        if (!signed.role().equals("authenticated")) {
            throw new Problem(Refusal.NOT_SIGNED_IN, "Sign in first: role " + signed.role() + " is nobody");
        }
        try {
            return new Actor.User(UUID.fromString(signed.text("sub").orElse("")), Set.of());
        } catch (IllegalArgumentException malformed) {
            throw new Problem(Refusal.NOT_SIGNED_IN, "The token's sub is no UUID");
        }
    }
}

package dev.switchboard.data;

import dev.switchboard.engine.memory.MemoryBudget;
import dev.switchboard.engine.pipeline.Fences;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.http.AnswerMetrics;
import dev.switchboard.http.Handler;
import dev.switchboard.http.Metrics;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import dev.switchboard.tokens.JwtTokens;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The endpoints below {@code /rest/v1}: tables, views and functions of the exposed schemas, and their description at the root. */
public final class DataRoutes implements Handler, AutoCloseable {
    /** Where the endpoints live. */
    public static final String PREFIX = "/rest/v1";

    private static final Logger LOG = LoggerFactory.getLogger(DataRoutes.class);
    private final DataSettings settings;
    private final JwtTokens tokens;
    private final InstantSource clock;
    private final AnswerMetrics answers;
    private final Catalogs catalogs;
    private final Statements statements;
    private final TableRoutes tables;
    private final RoutineRoutes routines;

    /**
     * @param connections of a user who may take on the roles of tokens
     * @param memory      that large answers share with what else is under way
     * @param fences      where rows meet the stream of changes, if there is one
     */
    public DataRoutes(
            DataSource connections,
            DataSettings settings,
            MemoryBudget memory,
            JwtTokens tokens,
            InstantSource clock,
            Metrics metrics,
            Optional<Fences> fences) {
        this.settings = settings;
        this.tokens = tokens;
        this.clock = clock;
        answers = new AnswerMetrics(metrics, "data");
        catalogs = new Catalogs(connections, settings);
        metrics.counter("data.catalog.reads", "Times that tables and functions were read", catalogs::reads);
        statements = new Statements(new Executor(connections, settings, memory), fences);
        tables = new TableRoutes(settings, statements);
        routines = new RoutineRoutes(settings, statements);
    }

    @Override
    public boolean answersOptions() {
        return true;
    }

    @Override
    public Response handle(Request request, Client client) {
        return answers.measure(() -> answerOrRefuse(request, client));
    }

    private Response answerOrRefuse(Request request, Client client) {
        long start = System.nanoTime();
        try {
            Response response = answer(request, client);
            return settings.timings() ? response.with("Server-Timing", timing(start)) : response;
        } catch (DataException refused) {
            return refusal(refused);
        } catch (RuntimeException failed) {
            LOG.error("{} {} failed: {}", request.method(), request.path(), failed.toString());
            return refusal(new DataException(DataError.UNEXPECTED, DataError.UNEXPECTED.message()));
        }
    }

    /** How long the answer took in all, in milliseconds (Server Timing, section 2). */
    private static String timing(long start) {
        return String.format(Locale.ROOT, "total;dur=%.1f", (System.nanoTime() - start) / 1e6);
    }

    private static Response refusal(DataException refused) {
        Response response = Response.json(refused.status(), refused.json())
                .with("Proxy-Status", "PostgREST; error=" + refused.code().replaceAll("[^A-Za-z0-9]", ""));
        for (Response.Header header : refused.headers()) {
            response = response.replacing(header);
        }
        return refused.status() == 401 ? response.with("WWW-Authenticate", "Bearer") : response;
    }

    /**
     * Answers a reading request as somebody with these claims asks.
     *
     * @param claims all of them, as JSON
     */
    public Response read(Request request, String role, String claims) {
        return answers.measure(() -> {
            try {
                return answer(request, _ -> {}, new Asked.Identity(role, claims, Optional.empty()));
            } catch (DataException refused) {
                return refusal(refused);
            }
        });
    }

    /**
     * What the answer of such a request hangs on; besides, on the rights of who asks.
     *
     * @throws UnknowableException if nobody can tell
     */
    public List<Reading> readings(String schema, String table, String query, String role) throws UnknowableException {
        Catalog catalog = catalogs.present();
        try {
            return readings(catalog, schema, table, query, role);
        } catch (UnknowableException refused) {
            if (!isRefreshed(catalog)) {
                throw refused;
            }
            return readings(catalogs.present(), schema, table, query, role);
        }
    }

    private List<Reading> readings(Catalog catalog, String schema, String table, String query, String role)
            throws UnknowableException {
        try {
            return new Readings(catalog, schema(Optional.of(schema)), role).of(table, query);
        } catch (DataException refused) {
            throw new UnknowableException(String.valueOf(refused.getMessage()));
        }
    }

    private Response answer(Request request, Client client) {
        return answer(request, client, identity(request));
    }

    private Response answer(Request request, Client client, Asked.Identity identity) {
        boolean reads = request.method().equals("GET") || request.method().equals("HEAD");
        var asked = new Asked(
                request,
                client,
                identity,
                schema(request.header(reads ? "accept-profile" : "content-profile")),
                MediaType.parse(request.header("accept")),
                MediaType.array(),
                Preferences.parse(
                        request.header("prefer").orElse(""), settings.offers().rollback()));
        Catalog catalog = catalogs.present();
        try {
            return route(asked, catalog);
        } catch (DataException refused) {
            if (refused.mayBeStale() && isRefreshed(catalog)) {
                return again(asked, catalogs.present());
            }
            throw refused.withoutColumnsOf(catalog.usableBy(identity.role()).partly());
        }
    }

    private Response again(Asked asked, Catalog catalog) {
        try {
            return route(asked, catalog);
        } catch (DataException refused) {
            throw refused.withoutColumnsOf(
                    catalog.usableBy(asked.identity().role()).partly());
        }
    }

    /** Whether the schema changed since the catalog was read; it is read again then. */
    private boolean isRefreshed(Catalog used) {
        try {
            return catalogs.refresh(used);
        } catch (SQLException failed) {
            LOG.warn("The catalog cannot be read at the moment: {}", failed.getMessage());
            return false;
        }
    }

    // Who asks, and for what

    private Asked.Identity identity(Request request) {
        Optional<String> bearer = request.bearer().filter(token -> !token.startsWith("sb_"));
        Optional<String> token = bearer.or(() -> request.header("apikey"))
                .or(() -> request.parameter("apikey").filter(key -> !ConditionParser.isComparison(key)));
        if (token.isEmpty()) {
            return new Asked.Identity("anon", "{\"role\":\"anon\"}", Optional.empty());
        }
        return switch (tokens.read(token.get())) {
            case JwtTokens.Reading.Refused(ErrorCode code) ->
                throw new DataException(DataError.INVALID_TOKEN, code.message());
            case JwtTokens.Reading.Signed signed -> {
                Instant now = clock.instant();
                if (!now.isBefore(signed.expiresAt().plus(JwtTokens.SKEW))) {
                    throw new DataException(DataError.CLAIMS, "JWT expired");
                }
                signed.early(now).ifPresent(early -> {
                    throw new DataException(DataError.CLAIMS, early);
                });
                yield new Asked.Identity(signed.role(), signed.json(), Optional.of(signed));
            }
        };
    }

    private String schema(Optional<String> profile) {
        String schema = profile.orElse(settings.schemas().getFirst());
        if (!settings.schemas().contains(schema)) {
            throw new DataException(
                    DataError.SCHEMA,
                    "Invalid schema: " + schema,
                    Optional.empty(),
                    Optional.of("Only the following schemas are exposed: " + String.join(", ", settings.schemas())));
        }
        return schema;
    }

    private Response route(Asked asked, Catalog catalog) {
        String path = asked.request().path().substring(PREFIX.length());
        String[] parts = path.split("/", -1);
        if (path.isEmpty() || path.equals("/")) {
            return root(asked, catalog);
        }
        if (parts.length == 3 && parts[1].equals("rpc")) {
            return routines.answer(asked, catalog, segment(parts[2]));
        }
        if (parts.length == 2) {
            return tables.answer(asked, catalog, segment(parts[1]));
        }
        throw new DataException(DataError.PATH, DataError.PATH.message());
    }

    private static String segment(String raw) {
        return Request.decode(raw.replace("+", "%2B"));
    }

    private Response root(Asked asked, Catalog catalog) {
        if (asked.isOptions()) {
            return Answers.allowed("GET", "HEAD");
        }
        if (!asked.request().method().equals("GET") && !asked.isHead()) {
            throw new DataException(
                    DataError.METHOD,
                    "Unsupported HTTP method: " + asked.request().method());
        }
        MediaType media = new Negotiation(catalog, settings.offers().plans()).ofRoot(asked.accepted());
        var plan = new Plan(OpenApi.visible(asked.schema()), Optional.empty(), true, Optional.empty());
        Plan.Outcome outcome = statements.run(plan, asked, catalog);
        String swagger = OpenApi.describe(catalog, asked.schema(), outcome.body());
        boolean current = media instanceof MediaType.OpenApi(boolean wanted) && wanted;
        return Response.of(200, media.contentType(), current ? OpenApi31.of(swagger) : swagger);
    }

    @Override
    public void close() {
        catalogs.close();
    }
}

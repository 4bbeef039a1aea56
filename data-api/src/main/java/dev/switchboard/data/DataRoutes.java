package dev.switchboard.data;

import dev.switchboard.data.Catalog.Routine;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Planner.Wanted;
import dev.switchboard.data.Preferences.Counted;
import dev.switchboard.data.Preferences.Returned;
import dev.switchboard.data.Query.Range;
import dev.switchboard.engine.memory.MemoryBudget;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.http.Handler;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import dev.switchboard.tokens.JwtTokens;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The endpoints below {@code /rest/v1}: tables, views and functions of the exposed schemas, and their description at the root. */
public final class DataRoutes implements Handler, AutoCloseable {
    /** Where the endpoints live. */
    public static final String PREFIX = "/rest/v1";

    private static final Logger LOG = LoggerFactory.getLogger(DataRoutes.class);
    /** Up to here an estimate is replaced by the exact count. */
    private static final long ESTIMATE_FROM = 1000;

    private final DataSettings settings;
    private final JwtTokens tokens;
    private final InstantSource clock;
    private final Catalogs catalogs;
    private final Executor executor;

    /**
     * @param connections of a user who may take on the roles of tokens
     * @param memory      that large answers share with what else is under way
     */
    public DataRoutes(
            DataSource connections, DataSettings settings, MemoryBudget memory, JwtTokens tokens, InstantSource clock) {
        this.settings = settings;
        this.tokens = tokens;
        this.clock = clock;
        catalogs = new Catalogs(connections, settings);
        executor = new Executor(connections, settings, memory);
    }

    @Override
    public boolean answersOptions() {
        return true;
    }

    @Override
    public Response handle(Request request, Client client) {
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

    private Response answer(Request request, Client client) {
        Asked.Identity identity = identity(request);
        boolean reads = request.method().equals("GET") || request.method().equals("HEAD");
        var asked = new Asked(
                request,
                client,
                identity,
                schema(request.header(reads ? "accept-profile" : "content-profile")),
                MediaType.parse(request.header("accept")),
                MediaType.array(),
                Preferences.parse(request.header("prefer").orElse(""), settings.rollback()));
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
            return new Asked.Identity("anon", "{\"role\":\"anon\"}");
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
                yield new Asked.Identity(signed.role(), signed.json());
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
            return call(asked, catalog, segment(parts[2]));
        }
        if (parts.length == 2) {
            return table(asked, catalog, segment(parts[1]));
        }
        throw new DataException(DataError.PATH, DataError.PATH.message());
    }

    private static String segment(String raw) {
        return Request.decode(raw.replace("+", "%2B"));
    }

    private Response root(Asked asked, Catalog catalog) {
        if (isOptions(asked)) {
            return allowed("GET", "HEAD");
        }
        if (!asked.request().method().equals("GET") && !asked.isHead()) {
            throw new DataException(
                    DataError.METHOD,
                    "Unsupported HTTP method: " + asked.request().method());
        }
        MediaType media = new Negotiation(catalog, settings.plans()).ofRoot(asked.accepted());
        var plan = new Plan(OpenApi.visible(asked.schema()), Optional.empty(), true, Optional.empty());
        Plan.Outcome outcome = run(plan, asked, catalog);
        String swagger = OpenApi.describe(catalog, asked.schema(), outcome.body());
        boolean current = media instanceof MediaType.OpenApi(boolean wanted) && wanted;
        return Response.of(200, media.contentType(), current ? OpenApi31.of(swagger) : swagger);
    }

    private static boolean isOptions(Asked asked) {
        return asked.request().method().equals("OPTIONS");
    }

    /** What may be asked of a resource (RFC 9110, section 10.2.1). */
    private static Response allowed(String... methods) {
        return Response.empty(200).with("Allow", "OPTIONS," + String.join(",", methods));
    }

    private static Response allowed(Table table) {
        var methods = new ArrayList<>(List.of("GET", "HEAD"));
        if (table.writable().inserts()) {
            methods.add("POST");
            if (table.writable().updates() && !table.key().isEmpty()) {
                methods.add("PUT");
            }
        }
        if (table.writable().updates()) {
            methods.add("PATCH");
        }
        if (table.writable().deletes()) {
            methods.add("DELETE");
        }
        return allowed(methods.toArray(String[]::new));
    }

    // Tables

    private Response table(Asked request, Catalog catalog, String name) {
        var wanted = new TableName(request.schema(), name);
        Table table = catalog.table(wanted)
                .orElseThrow(() -> noTable(catalog, request.identity().role(), wanted));
        if (isOptions(request)) {
            return allowed(table);
        }
        refuseUnusable(request, catalog, table);
        Query query = QueryParser.parse(request.request().query(), false);
        Asked asked = request.in(
                new Negotiation(catalog, settings.plans()).ofTable(table, query.isWhole(), request.accepted()));
        var planner = new Planner(catalog, settings, asked.identity().role());
        return switch (asked.request().method()) {
            case "GET", "HEAD" -> read(asked, catalog, planner, table, query);
            case "POST" -> insert(asked, catalog, planner, table, query);
            case "PATCH" -> update(asked, catalog, planner, table, query);
            case "PUT" -> replace(asked, catalog, planner, table, query);
            case "DELETE" -> written(asked, catalog, planner.delete(table, query, asked.wanted()), "*", 200, table);
            default ->
                throw new DataException(
                        DataError.METHOD,
                        "Unsupported HTTP method: " + asked.request().method());
        };
    }

    private static void refuseUnusable(Asked asked, Catalog catalog, Table table) {
        String role = asked.identity().role();
        if (!catalog.mayUse(role, table.name())) {
            throw SqlErrors.denied(table.name(), role);
        }
    }

    private static DataException noTable(Catalog catalog, String role, TableName name) {
        List<String> others = catalog.usableBy(role).tables().stream()
                .filter(other ->
                        other.schema().equals(name.schema()) && catalog.tables().containsKey(other))
                .map(TableName::table)
                .toList();
        return new DataException(
                DataError.NO_TABLE,
                "Could not find the table '" + name + "' in the schema cache",
                Optional.empty(),
                Suggestion.similar(name.table(), others)
                        .map(meant -> "Perhaps you meant the table '" + name.schema() + "." + meant + "'"));
    }

    private Response read(Asked asked, Catalog catalog, Planner planner, Table table, Query query) {
        Range range = range(asked.request(), query);
        Plan plan = planner.read(table, query, range, asked.wanted());
        Plan.Outcome outcome = run(plan, asked, catalog);
        Optional<Long> total = total(asked, catalog, planner, table, query, outcome);
        return listed(asked, range, outcome, total)
                .with(
                        "Content-Location",
                        Answers.location(table, asked.request().query()));
    }

    /** An estimate that is small is not worth its error: the exact number is counted instead. */
    private Optional<Long> total(
            Asked asked, Catalog catalog, Planner planner, Table table, Query query, Plan.Outcome outcome) {
        if (outcome.estimated().isEmpty()) {
            return outcome.total();
        }
        long estimated = outcome.estimated().get();
        if (asked.preferences().counted() != Counted.ESTIMATED || estimated > ESTIMATE_FROM) {
            return Optional.of(Math.max(estimated, outcome.rows()));
        }
        Preferences exact = asked.preferences().counting(Counted.EXACT);
        Plan plan = planner.read(
                table, query, new Range(Optional.of(0L), Optional.empty()), new Wanted(MediaType.array(), exact, true));
        return run(plan, asked, catalog).total();
    }

    /** What the query says, the header {@code Range} and the settings allow. */
    private Range range(Request request, Query query) {
        Range asked = query.ranges().stream()
                .filter(placed -> placed.path().isEmpty())
                .map(Query.Placed::value)
                .findFirst()
                .orElse(new Range(Optional.empty(), Optional.empty()));
        Optional<Long> limit = asked.limit();
        Optional<Long> offset = asked.offset();
        var matcher = java.util.regex.Pattern.compile("(\\d{1,18})-(\\d{0,18})")
                .matcher(request.header("range").orElse(""));
        if (request.method().equals("GET") && matcher.matches()) {
            long first = Long.parseLong(matcher.group(1));
            offset = Optional.of(Math.max(first, offset.orElse(0L)));
            if (!matcher.group(2).isEmpty()) {
                long count = Long.parseLong(matcher.group(2)) - first + 1;
                if (count <= 0) {
                    throw new DataException(
                            DataError.RANGE,
                            DataError.RANGE.message(),
                            "The lower boundary must be lower than or equal to the upper boundary in the Range header.");
                }
                limit = Optional.of(Math.min(count, limit.orElse(Long.MAX_VALUE)));
            }
        }
        if (settings.maxRows() > 0) {
            limit = Optional.of(Math.min(settings.maxRows(), limit.orElse(Long.MAX_VALUE)));
        }
        return new Range(limit, offset);
    }

    private static Response listed(Asked asked, Range range, Plan.Outcome outcome, Optional<Long> total) {
        long offset = range.offset().orElse(0L);
        if (total.isPresent() && offset > total.get()) {
            throw new DataException(
                            DataError.RANGE,
                            DataError.RANGE.message(),
                            "An offset of " + offset + " was requested, but there are only " + total.get() + " rows.")
                    .with(List.of(new Response.Header("Content-Range", "*/" + total.get())));
        }
        String rows = outcome.rows() == 0 ? "*" : offset + "-" + (offset + outcome.rows() - 1);
        boolean partial = total.isPresent() && outcome.rows() < total.get();
        return Answers.response(asked, partial ? 206 : 200, outcome)
                .with("Content-Range", rows + "/" + total.map(String::valueOf).orElse("*"));
    }

    private Response insert(Asked asked, Catalog catalog, Planner planner, Table table, Query query) {
        Body body = body(asked.request(), query.columns().isEmpty());
        Plan plan = planner.insert(table, query, body, asked.wanted());
        return written(asked, catalog, plan, "*", 201, table);
    }

    private Response update(Asked asked, Catalog catalog, Planner planner, Table table, Query query) {
        Body body = body(asked.request(), true);
        return written(asked, catalog, planner.update(table, query, body, asked.wanted()), "0", 200, table);
    }

    /** PUT: one row by its whole key, inserted or replaced. */
    private Response replace(Asked asked, Catalog catalog, Planner planner, Table table, Query query) {
        var key = new HashMap<String, String>();
        boolean exact = query.conditions().stream().allMatch(placed -> {
            if (placed.path().isEmpty()
                    && placed.value() instanceof Query.Condition.Compare(Query.Field field, boolean not, var comparison)
                    && !not
                    && comparison
                            instanceof Query.Comparison.Operation(Query.Operator operator, var quantifier, String value)
                    && operator == Query.Operator.EQ
                    && quantifier.isEmpty()) {
                key.put(field.name(), value);
                return true;
            }
            return false;
        });
        if (!exact || !key.keySet().equals(Set.copyOf(table.key()))) {
            throw new DataException(DataError.UPSERT_FILTERS, DataError.UPSERT_FILTERS.message());
        }
        Body body = body(asked.request(), true);
        if (body.rows() != 1 || !matches(body, key)) {
            throw new DataException(DataError.KEY_MISMATCH, DataError.KEY_MISMATCH.message());
        }
        Asked upsert = asked.with(asked.preferences().merging());
        var unfiltered = new Query(
                query.select(), List.of(), List.of(), List.of(), query.columns(), Optional.empty(), List.of());
        Plan plan = planner.insert(table, unfiltered, body, upsert.wanted());
        return written(upsert, catalog, plan, "*", 201, table);
    }

    private static boolean matches(Body body, Map<String, String> key) {
        var row = JsonMapper.shared().readTree(body.json()).path(0);
        return key.entrySet().stream()
                .allMatch(entry -> row.path(entry.getKey()).asString("").equals(entry.getValue()));
    }

    private static String type(Request request) {
        return request.header("content-type")
                .orElse("application/json")
                .split(";", 2)[0]
                .strip()
                .toLowerCase(Locale.ROOT);
    }

    private static Body body(Request request, boolean alike) {
        String type = type(request);
        return switch (type) {
            case "application/json", "", "application/vnd.pgrst.array+json", "application/vnd.pgrst.object+json" ->
                Body.json(request.body(), alike);
            case "application/x-www-form-urlencoded" -> Body.form(request.body());
            case "text/csv" -> Body.csv(request.body());
            default -> throw new DataException(DataError.INVALID_BODY, "Content-Type not acceptable: " + type);
        };
    }

    /**
     * @param first  of the written rows, in {@code Content-Range}; {@code *} where they have no order
     * @param status where there is a representation, or for an insert
     */
    private Response written(Asked asked, Catalog catalog, Plan plan, String first, int status, Table table) {
        Preferences preferences = asked.preferences();
        Plan.Outcome outcome = run(plan, asked, catalog);
        long written = outcome.written().orElse(0L);
        boolean represented = preferences.returned() == Returned.REPRESENTATION;
        boolean created = status == 201
                && outcome.inserted().filter(count -> count == 0 && written > 0).isEmpty();
        boolean put = asked.request().method().equals("PUT");
        int actual = created ? 201 : represented || (status == 201 && !put) ? 200 : 204;
        String rows = first.equals("0") && written > 0 ? "0-" + (written - 1) : "*";
        Response response =
                represented ? Answers.response(asked, actual, outcome) : Answers.plain(asked, actual, outcome);
        response = response.with(
                "Content-Range", rows + "/" + (preferences.counted() == Counted.NONE ? "*" : String.valueOf(written)));
        if (preferences.returned() == Returned.HEADERS && status == 201) {
            Optional<String> location = Answers.location(table, outcome);
            if (location.isPresent()) {
                response = response.with("Location", location.get());
            }
        }
        return response;
    }

    // Functions

    private Response call(Asked asked, Catalog catalog, String name) {
        Request request = asked.request();
        var function = new TableName(asked.schema(), name);
        var routines = new Routines(catalog, asked.identity().role());
        if (isOptions(asked)) {
            return routines.any(function).changes() ? allowed("POST") : allowed("GET", "HEAD", "POST");
        }
        boolean reading = request.method().equals("GET") || asked.isHead();
        if (!reading && !request.method().equals("POST")) {
            throw new DataException(DataError.ROUTINE_METHOD, "Cannot use the " + request.method() + " method on RPC");
        }
        Query query = QueryParser.parse(request.query(), reading);
        String type = type(request);
        if (reading) {
            var arguments = new HashMap<String, List<String>>();
            query.arguments()
                    .forEach(argument -> arguments
                            .computeIfAbsent(argument.name(), _ -> new ArrayList<>())
                            .add(argument.value()));
            Routine routine = routines.find(function, arguments.keySet(), false);
            return called(asked, catalog, query, routine, Routines.call(routine, arguments), true);
        }
        if (Routines.isWhole(type)) {
            Routine routine = routines.findWhole(function, type);
            return called(asked, catalog, query, routine, Routines.whole(routine, text(request, type)), false);
        }
        if (type.equals("application/x-www-form-urlencoded")) {
            Map<String, List<String>> fields = Body.fields(request.body());
            Routine routine = routines.find(function, fields.keySet(), false);
            return called(asked, catalog, query, routine, Routines.call(routine, fields), false);
        }
        String text = request.body().length == 0 ? "{}" : new String(request.body(), StandardCharsets.UTF_8).strip();
        Set<String> named = text.startsWith("{")
                ? Body.json(text.getBytes(StandardCharsets.UTF_8), true).columns()
                : Set.of();
        Set<String> arguments =
                query.columns().<Set<String>>map(LinkedHashSet::new).orElse(named);
        Routine routine = routines.find(function, arguments, request.body().length > 0);
        return called(asked, catalog, query, routine, Routines.call(routine, arguments, requireJson(text)), false);
    }

    private static String requireJson(String text) {
        try {
            JsonMapper.shared().readTree(text);
            if (!text.isEmpty() && text.indexOf('\0') < 0) {
                return text;
            }
        } catch (tools.jackson.core.JacksonException malformed) {
            throw new DataException(DataError.INVALID_BODY, DataError.INVALID_BODY.message());
        }
        throw new DataException(DataError.INVALID_BODY, DataError.INVALID_BODY.message());
    }

    private static String text(Request request, String type) {
        if (type.equals("application/octet-stream")) {
            return "\\x" + java.util.HexFormat.of().formatHex(request.body());
        }
        String text = new String(request.body(), StandardCharsets.UTF_8);
        if (text.indexOf('\0') >= 0) {
            throw new DataException(DataError.INVALID_BODY, "The body holds a NUL character, which no text can");
        }
        return text;
    }

    private Response called(
            Asked request, Catalog catalog, Query query, Routine routine, Routines.Call call, boolean reading) {
        Asked asked = request.in(new Negotiation(catalog, settings.plans())
                .ofResult(routine.result(), query.isWhole(), request.accepted()));
        if (asked.preferences().maxAffected().isPresent() && !routine.result().set()) {
            throw new DataException(DataError.MAX_AFFECTED_ROUTINE, DataError.MAX_AFFECTED_ROUTINE.message());
        }
        Range range = range(asked.request(), query);
        Plan plan = new Planner(catalog, settings, asked.identity().role())
                .call(routine, call, query, range, asked.wanted(), reading);
        Plan.Outcome outcome = run(plan, asked, catalog);
        if (routine.result().isVoid() && plan.explained().isEmpty()) {
            return Answers.plain(asked, 204, outcome);
        }
        if (!routine.result().set()) {
            String total = outcome.total().map(String::valueOf).orElse("*");
            return Answers.response(asked, 200, outcome)
                    .with("Content-Range", (outcome.rows() == 0 ? "*/" : "0-0/") + total);
        }
        return listed(asked, range, outcome, outcome.total());
    }

    // Running and answering

    private Plan.Outcome run(Plan plan, Asked asked, Catalog catalog) {
        Request request = asked.request();
        var scope = new Executor.Scope(
                asked.identity().role(),
                asked.identity().claims(),
                catalog.roleSettings().getOrDefault(asked.identity().role(), Map.of()),
                request.method(),
                request.path().substring(PREFIX.length()),
                json(request.headers()),
                json(cookies(request)),
                asked.schema(),
                asked.preferences().timezone());
        return executor.run(plan, scope, asked.preferences().rollback(), asked.client());
    }

    private static String json(Map<String, String> fields) {
        ObjectNode object = JsonMapper.shared().createObjectNode();
        fields.forEach((name, value) -> object.put(name, value.replace("\0", "")));
        return object.toString();
    }

    private static Map<String, String> cookies(Request request) {
        var cookies = new HashMap<String, String>();
        for (String pair : request.header("cookie").orElse("").split(";", -1)) {
            String[] sides = pair.strip().split("=", 2);
            if (sides.length == 2) {
                cookies.put(sides[0], sides[1]);
            }
        }
        return cookies;
    }

    @Override
    public void close() {
        catalogs.close();
    }
}

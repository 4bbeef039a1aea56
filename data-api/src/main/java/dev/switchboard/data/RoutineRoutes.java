package dev.switchboard.data;

import dev.switchboard.data.Catalog.Routine;
import dev.switchboard.data.Query.Range;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** The endpoints of functions, {@code /rpc/name}. Thread-safe. */
final class RoutineRoutes {
    private final DataSettings settings;
    private final Statements statements;

    RoutineRoutes(DataSettings settings, Statements statements) {
        this.settings = settings;
        this.statements = statements;
    }

    Response answer(Asked asked, Catalog catalog, String name) {
        Request request = asked.request();
        var function = new TableName(asked.schema(), name);
        var routines = new Routines(catalog, asked.identity().role());
        if (asked.isOptions()) {
            return routines.any(function).changes() ? Answers.allowed("POST") : Answers.allowed("GET", "HEAD", "POST");
        }
        boolean reading = request.method().equals("GET") || asked.isHead();
        if (!reading && !request.method().equals("POST")) {
            throw new DataException(DataError.ROUTINE_METHOD, "Cannot use the " + request.method() + " method on RPC");
        }
        Query query = QueryParser.parse(request.query(), reading);
        String type = Body.mediaType(request);
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
        } catch (JacksonException malformed) {
            throw new DataException(DataError.INVALID_BODY, DataError.INVALID_BODY.message());
        }
        throw new DataException(DataError.INVALID_BODY, DataError.INVALID_BODY.message());
    }

    private static String text(Request request, String type) {
        if (type.equals("application/octet-stream")) {
            return "\\x" + HexFormat.of().formatHex(request.body());
        }
        String text = new String(request.body(), StandardCharsets.UTF_8);
        if (text.indexOf('\0') >= 0) {
            throw new DataException(DataError.INVALID_BODY, "The body holds a NUL character, which no text can");
        }
        return text;
    }

    private Response called(
            Asked request, Catalog catalog, Query query, Routine routine, Routines.Call call, boolean reading) {
        Asked asked = request.in(new Negotiation(catalog, settings.offers().plans())
                .ofResult(routine.result(), query.isWhole(), request.accepted()));
        if (asked.preferences().maxAffected().isPresent() && !routine.result().set()) {
            throw new DataException(DataError.MAX_AFFECTED_ROUTINE, DataError.MAX_AFFECTED_ROUTINE.message());
        }
        Range range = Ranges.of(asked.request(), query, settings);
        Plan plan = new Planner(catalog, settings, asked.identity().role())
                .call(routine, call, query, range, asked.wanted(), reading);
        Plan.Outcome outcome = statements.run(plan, asked, catalog);
        if (routine.result().isVoid() && plan.explained().isEmpty()) {
            return Answers.plain(asked, 204, outcome);
        }
        if (!routine.result().set()) {
            String total = outcome.total().map(String::valueOf).orElse("*");
            return Answers.response(asked, 200, outcome)
                    .with("Content-Range", (outcome.rows() == 0 ? "*/" : "0-0/") + total);
        }
        return Answers.listed(asked, range, outcome, outcome.total());
    }
}

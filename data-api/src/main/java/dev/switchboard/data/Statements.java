package dev.switchboard.data;

import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.pipeline.Fences;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Runs plans under the role, the claims and the settings of who asks. Thread-safe. */
final class Statements {
    private final Executor executor;
    private final Optional<Fences> fences;

    /** @param fences where there is a stream of changes */
    Statements(Executor executor, Optional<Fences> fences) {
        this.executor = executor;
        this.fences = fences;
    }

    Plan.Outcome run(Plan plan, Asked asked, Catalog catalog) {
        Request request = asked.request();
        var scope = new Executor.Scope(
                asked.identity().role(),
                asked.identity().claims(),
                catalog.roleSettings().getOrDefault(asked.identity().role(), Map.of()),
                request.method(),
                request.path().substring(DataRoutes.PREFIX.length()),
                json(request.headers()),
                json(cookies(request)),
                asked.schema(),
                asked.preferences().timezone());
        boolean placed = asked.preferences().placed() && fences.isPresent();
        Optional<Lsn> before = fences.filter(_ -> placed).map(Fences::head);
        Executor.Ran ran =
                executor.run(plan, scope, new Executor.Wish(asked.preferences().rollback(), placed), asked.client());
        return ran.outcome().at(ran.place().flatMap(place -> header(place, before.orElseThrow(), asked.identity())));
    }

    /** Of rows that were read: with what their reader joins; of a writing: before what it stands. */
    private Optional<Response.Header> header(Executor.Place place, Lsn before, Asked.Identity reader) {
        Lsn end = Lsn.parse(place.lsn());
        if (place.snapshot().isEmpty()) {
            return Optional.of(new Response.Header(
                    "Switchboard-Position", Position.before(end).toString()));
        }
        StartingPoint seen = StartingPoint.parse(place.snapshot().get(), end);
        return reader.token()
                .flatMap(token -> fences.orElseThrow().seal(before, seen, token.user()))
                .map(fence -> new Response.Header("Switchboard-Fence", fence));
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
}

package dev.switchboard.data;

import dev.switchboard.http.Request;
import java.util.HashMap;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Runs plans under the role, the claims and the settings of who asks. Thread-safe. */
final class Statements {
    private final Executor executor;

    Statements(Executor executor) {
        this.executor = executor;
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
}

package dev.switchboard.data;

import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The description of a schema as OpenAPI 3.1, out of that as 2.0: the same paths and types in the newer form. Pure. */
final class OpenApi31 {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final String JSON_TYPE = "application/json";
    private static final Set<String> ABOUT = Set.of("tags", "summary", "description");

    private OpenApi31() {}

    /** @param swagger what {@link OpenApi#describe} gave */
    static String of(String swagger) {
        JsonNode old = JSON.readTree(swagger);
        ObjectNode document = JSON.createObjectNode().put("openapi", "3.1.0");
        document.set("info", old.path("info"));
        document.putArray("servers").addObject().put("url", old.path("basePath").asString("/"));
        ObjectNode paths = document.putObject("paths");
        for (Map.Entry<String, JsonNode> path : old.path("paths").properties()) {
            ObjectNode target = paths.putObject(path.getKey());
            for (Map.Entry<String, JsonNode> operation : path.getValue().properties()) {
                operation(target.putObject(operation.getKey()), operation.getValue());
            }
        }
        ObjectNode schemas = document.putObject("components").putObject("schemas");
        old.path("definitions").properties().forEach(entry -> schemas.set(entry.getKey(), entry.getValue()));
        return document.toString().replace("\"#/definitions/", "\"#/components/schemas/");
    }

    private static void operation(ObjectNode target, JsonNode old) {
        old.properties().stream()
                .filter(member -> ABOUT.contains(member.getKey()))
                .forEach(member -> target.set(member.getKey(), member.getValue()));
        ArrayNode parameters = target.putArray("parameters");
        for (JsonNode parameter : old.path("parameters")) {
            if (parameter.path("in").asString("").equals("body")) {
                ObjectNode body = target.putObject("requestBody");
                body.put("required", parameter.path("required").asBoolean(false));
                body.putObject("content").putObject(JSON_TYPE).set("schema", parameter.path("schema"));
            } else {
                ObjectNode other = parameters.addObject();
                other.put("name", parameter.path("name").asString(""))
                        .put("in", parameter.path("in").asString(""))
                        .put("required", parameter.path("required").asBoolean(false));
                other.putObject("schema").put("type", parameter.path("type").asString("string"));
            }
        }
        ObjectNode responses = target.putObject("responses");
        for (Map.Entry<String, JsonNode> response : old.path("responses").properties()) {
            ObjectNode one = responses.putObject(response.getKey());
            one.put("description", response.getValue().path("description").asString(""));
            if (response.getValue().has("schema")) {
                one.putObject("content")
                        .putObject(JSON_TYPE)
                        .set("schema", response.getValue().path("schema"));
            }
        }
    }
}

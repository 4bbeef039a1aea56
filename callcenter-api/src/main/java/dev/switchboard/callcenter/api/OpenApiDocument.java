package dev.switchboard.callcenter.api;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The endpoints as an OpenAPI 3.1 document. */
final class OpenApiDocument {
    private static final Pattern VARIABLE = Pattern.compile("\\{([a-z]+)}");

    private OpenApiDocument() {}

    static String of(List<Endpoint> endpoints) {
        ObjectNode document = JsonMapper.shared().createObjectNode().put("openapi", "3.1.0");
        document.putObject("info").put("title", "Switchboard call centre").put("version", "0.1.0");
        ObjectNode components = document.putObject("components");
        components
                .putObject("securitySchemes")
                .putObject("bearer")
                .put("type", "http")
                .put("scheme", "bearer")
                .put("bearerFormat", "JWT");
        problem(components.putObject("schemas").putObject("Problem"));
        ObjectNode paths = document.putObject("paths");
        for (Endpoint endpoint : endpoints) {
            String path = ApiRoutes.PREFIX + endpoint.template();
            ObjectNode item = paths.get(path) instanceof ObjectNode known ? known : paths.putObject(path);
            describe(item.putObject(endpoint.method().toLowerCase(Locale.ROOT)), endpoint);
        }
        return document.toString();
    }

    private static void problem(ObjectNode schema) {
        schema.put("type", "object");
        ObjectNode properties = schema.putObject("properties");
        for (String name : List.of("type", "title", "detail", "code")) {
            properties.putObject(name).put("type", "string");
        }
        properties.putObject("status").put("type", "integer");
        properties.putObject("claimedBy").put("type", "object");
    }

    private static void describe(ObjectNode operation, Endpoint endpoint) {
        operation.put("summary", endpoint.summary());
        operation.put(
                "operationId",
                endpoint.method().toLowerCase(Locale.ROOT)
                        + endpoint.template().replaceAll("[{}]", "").replaceAll("[/-]", "_"));
        operation.putArray("security").addObject().putArray("bearer");
        Matcher variables = VARIABLE.matcher(endpoint.template());
        while (variables.find()) {
            ObjectNode parameter = operation.withArray("parameters").addObject();
            parameter.put("name", variables.group(1)).put("in", "path").put("required", true);
            parameter.putObject("schema").put("type", "string");
        }
        if (!endpoint.fields().isEmpty()) {
            ObjectNode schema = operation
                    .putObject("requestBody")
                    .putObject("content")
                    .putObject("application/json")
                    .putObject("schema");
            schema.put("type", "object").put("additionalProperties", false);
            ObjectNode properties = schema.putObject("properties");
            for (Endpoint.Field field : endpoint.fields()) {
                type(properties.putObject(field.name()), field.type()).put("description", field.description());
                if (field.required()) {
                    schema.withArray("required").add(field.name());
                }
            }
        }
        ObjectNode answers = operation.putObject("responses");
        answers.putObject("200").put("description", "Done").putObject("content").putObject("application/json");
        answers.putObject("default")
                .put("description", "Refused: problem details with a code of docs/errors-http.md")
                .putObject("content")
                .putObject("application/problem+json")
                .putObject("schema")
                .put("$ref", "#/components/schemas/Problem");
    }

    private static ObjectNode type(ObjectNode schema, Endpoint.FieldType type) {
        return switch (type) {
            case UUID -> schema.put("type", "string").put("format", "uuid");
            case TEXT -> schema.put("type", "string").put("maxLength", 500);
            case WORDS -> schema.put("type", "string").put("maxLength", 100_000);
            case TIME -> schema.put("type", "string").put("format", "date-time");
            case INTEGER -> schema.put("type", "integer");
            case NUMBER -> schema.put("type", "number");
            case BOOLEAN -> schema.put("type", "boolean");
            case OBJECT -> schema.put("type", "object");
            case UUIDS -> {
                schema.put("type", "array")
                        .putObject("items")
                        .put("type", "string")
                        .put("format", "uuid");
                yield schema;
            }
        };
    }
}

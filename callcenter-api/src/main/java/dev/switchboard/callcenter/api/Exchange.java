package dev.switchboard.callcenter.api;

import dev.switchboard.callcenter.OnceKey;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** A request with what its endpoint knows of it: who asks, the variables of its path, its body with the fields checked. */
final class Exchange {
    private static final int LONGEST_KEY = 255;
    private static final int LONGEST_TEXT = 500;
    private static final int LONGEST_WORDS = 100_000;
    private static final Instant EARLIEST = Instant.parse("2000-01-01T00:00:00Z");
    private static final Instant LATEST = Instant.parse("2200-01-01T00:00:00Z");

    private final Request request;
    private final Actor actor;
    private final List<String> variables;
    private final ObjectNode body;

    Exchange(Request request, Actor actor, List<String> variables, Endpoint endpoint) {
        this.request = request;
        this.actor = actor;
        this.variables = List.copyOf(variables);
        this.body = body(request, endpoint);
    }

    private static ObjectNode body(Request request, Endpoint endpoint) {
        ObjectNode object = parse(request.body());
        for (String name : object.propertyNames()) {
            if (endpoint.fields().stream().noneMatch(field -> field.name().equals(name))) {
                throw new Problem(Refusal.INVALID_REQUEST, "unknown field " + name + "; known: " + known(endpoint));
            }
        }
        for (Endpoint.Field field : endpoint.fields()) {
            JsonNode value = object.path(field.name());
            if (value.isMissingNode() || value.isNull()) {
                if (field.required()) {
                    throw new Problem(Refusal.INVALID_REQUEST, field.name() + " is missing: " + field.description());
                }
            } else {
                check(field, value);
            }
        }
        return object;
    }

    private static String known(Endpoint endpoint) {
        return endpoint.fields().isEmpty()
                ? "none"
                : String.join(
                        ", ",
                        endpoint.fields().stream().map(Endpoint.Field::name).toList());
    }

    private static ObjectNode parse(byte[] body) {
        if (body.length == 0) {
            return JsonMapper.shared().createObjectNode();
        }
        try {
            if (JsonMapper.shared().readTree(body) instanceof ObjectNode object) {
                return object;
            }
        } catch (JacksonException malformed) {
            throw new Problem(Refusal.INVALID_REQUEST, "the body is no JSON: " + malformed.getOriginalMessage());
        }
        throw new Problem(Refusal.INVALID_REQUEST, "the body is no JSON object");
    }

    private static void check(Endpoint.Field field, JsonNode value) {
        boolean right = switch (field.type()) {
            case UUID -> value.isString() && uuid(value.asString()).isPresent();
            case TEXT ->
                value.isString()
                        && value.asString().length() <= LONGEST_TEXT
                        && value.asString().indexOf('\0') < 0;
            case WORDS ->
                value.isString()
                        && value.asString().length() <= LONGEST_WORDS
                        && value.asString().indexOf('\0') < 0;
            case INTEGER -> value.isInt();
            case NUMBER -> value.isNumber();
            case BOOLEAN -> value.isBoolean();
            case OBJECT -> value.isObject();
            case TIME -> value.isString() && time(value.asString()).isPresent();
            case UUIDS ->
                value.isArray()
                        && value.valueStream()
                                .allMatch(item ->
                                        item.isString() && uuid(item.asString()).isPresent());
        };
        if (!right) {
            String shown = value.toString();
            throw new Problem(
                    Refusal.INVALID_REQUEST,
                    field.name() + " is no " + field.type().name().toLowerCase(java.util.Locale.ROOT) + ": "
                            + shown.substring(0, Math.min(100, shown.length())));
        }
    }

    private static Optional<UUID> uuid(String text) {
        try {
            return text.length() == 36 ? Optional.of(UUID.fromString(text)) : Optional.empty();
        } catch (IllegalArgumentException malformed) {
            return Optional.empty();
        }
    }

    private static Optional<Instant> time(String text) {
        try {
            return Optional.of(OffsetDateTime.parse(text).toInstant())
                    .filter(at -> at.isAfter(EARLIEST) && at.isBefore(LATEST));
        } catch (DateTimeParseException malformed) {
            return Optional.empty();
        }
    }

    Actor actor() {
        return actor;
    }

    /** A variable of the path that is an id. */
    UUID id(int variable) {
        String text = variable(variable);
        return uuid(text).orElseThrow(() -> new Problem(Refusal.INVALID_REQUEST, "no UUID in the path: " + text));
    }

    String variable(int variable) {
        return Request.decode(variables.get(variable));
    }

    UUID required(String field) {
        return uuid(body.path(field).asString()).orElseThrow();
    }

    String text(String field) {
        return body.path(field).asString();
    }

    Optional<UUID> optionalId(String field) {
        return optionalText(field).flatMap(Exchange::uuid);
    }

    Optional<String> optionalText(String field) {
        JsonNode value = body.path(field);
        return value.isString() ? Optional.of(value.asString()) : Optional.empty();
    }

    Optional<Integer> optionalInt(String field) {
        JsonNode value = body.path(field);
        return value.isInt() ? Optional.of(value.asInt()) : Optional.empty();
    }

    Optional<Instant> optionalTime(String field) {
        return optionalText(field).flatMap(Exchange::time);
    }

    boolean flag(String field) {
        return body.path(field).asBoolean(false);
    }

    List<UUID> ids(String field) {
        var ids = new ArrayList<UUID>();
        body.path(field).forEach(item -> ids.add(UUID.fromString(item.asString())));
        return ids;
    }

    /** The body without one field. */
    String bodyWithout(String field) {
        ObjectNode copy = body.deepCopy();
        copy.remove(field);
        return copy.toString();
    }

    String body() {
        return body.toString();
    }

    Optional<UUID> organizationParameter() {
        return request.parameter("organization_id")
                .or(() -> request.parameter("org_id"))
                .map(text -> uuid(text)
                        .orElseThrow(
                                () -> new Problem(Refusal.INVALID_REQUEST, "organization_id is no UUID: " + text)));
    }

    Optional<String> parameter(String name) {
        return request.parameter(name);
    }

    Optional<String> idempotencyKey() {
        Optional<String> key = request.header("idempotency-key");
        if (key.filter(text -> text.isEmpty() || text.length() > LONGEST_KEY).isPresent()) {
            throw new Problem(Refusal.INVALID_REQUEST, "Idempotency-Key has 1 to " + LONGEST_KEY + " characters");
        }
        return key;
    }

    /** The key under which this request is carried out once, if it brings one. */
    Optional<OnceKey> once(UUID organization) {
        return idempotencyKey()
                .map(key -> new OnceKey(organization, actor.user().orElse(OnceKey.NOBODY), key, hash(request)));
    }

    private static byte[] hash(Request request) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update((request.method() + " " + request.path() + "\n").getBytes(StandardCharsets.UTF_8));
            return digest.digest(request.body());
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static Response json(String json) {
        return Response.json(200, json);
    }
}

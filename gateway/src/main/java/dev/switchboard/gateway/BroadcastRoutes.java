package dev.switchboard.gateway;

import dev.switchboard.engine.channel.PersonalTopic;
import dev.switchboard.engine.channel.PrivateRooms;
import dev.switchboard.engine.channel.RoomHistory;
import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.channel.Rooms;
import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.Room;
import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Json;
import dev.switchboard.engine.protocol.JsonBytes;
import dev.switchboard.engine.protocol.ServerMessage;
import dev.switchboard.http.BodyReader;
import dev.switchboard.http.Cors;
import dev.switchboard.http.EventLoopRoute;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * Broadcasts over HTTP (SPEC B6-B9): {@code POST .../api/broadcast} for several messages, all or none, and {@code POST
 * .../api/broadcast/{topic}/events/{event}} for one, JSON or raw bytes. 202 says that the message is on its way to who is
 * joined now. Runs on event loops and never blocks.
 */
public final class BroadcastRoutes implements EventLoopRoute {
    /** Where the endpoints live: behind the public prefix, and bare as the original server has them. */
    private static final List<String> PREFIXES = List.of("/realtime/v1/api/broadcast", "/api/broadcast");

    private static final int LONGEST_NAME = BroadcastContent.LONGEST_NAME - ServerMessage.TOPIC_PREFIX.length();

    /** Private rooms of one request: each is a question of PostgreSQL. */
    private static final int MOST_CLOSED = 100;

    private static final String FOREIGN = "is another user's";

    private final Audience audience;
    private final TokenVerifier tokens;
    private final InstantSource clock;
    private final BodyReader bodies;
    private final Cors cors;

    /**
     * Whom broadcasts go to.
     *
     * @param broadcast    tells everyone who is in the room
     * @param congested    whether so much waits to be broadcast that senders have to wait
     * @param rooms        who may send in public rooms
     * @param privateRooms who may send in private ones
     * @param blocking     for questions about those
     */
    public record Audience(
            BiConsumer<Room, BroadcastContent> broadcast,
            BooleanSupplier congested,
            Rooms rooms,
            PrivateRooms privateRooms,
            Executor blocking) {}

    /** @param persistence if it is to be kept, from where the stream brings it to the room */
    private record Message(Room room, BroadcastContent content, Optional<ClientMessage.Persistence> persistence) {
        Message(Room room, BroadcastContent content) {
            this(room, content, Optional.empty());
        }
    }

    /** A message that cannot be broadcast, by the names of its wrong members. */
    private static final class InvalidMessageException extends Exception {
        private static final long serialVersionUID = 1L;
        private final transient JsonObject errors;

        InvalidMessageException(JsonObject errors) {
            super(errors.encode());
            this.errors = errors;
        }
    }

    public BroadcastRoutes(Audience audience, TokenVerifier tokens, InstantSource clock, BodyReader bodies, Cors cors) {
        this.audience = audience;
        this.tokens = tokens;
        this.clock = clock;
        this.bodies = bodies;
        this.cors = cors;
    }

    @Override
    public boolean take(HttpServerRequest request) {
        Optional<String> rest = rest(String.valueOf(request.path()));
        rest.ifPresent(path -> handle(request, path));
        return rest.isPresent();
    }

    /** What follows the endpoint's prefix, where the path is one of these routes. */
    private static Optional<String> rest(String path) {
        return PREFIXES.stream()
                .filter(prefix -> path.equals(prefix) || path.startsWith(prefix + "/"))
                .map(prefix -> path.substring(prefix.length()))
                .findFirst();
    }

    private void handle(HttpServerRequest request, String rest) {
        cors.allow(request);
        if (request.method().equals(HttpMethod.OPTIONS)) {
            cors.preflight(request, "POST, OPTIONS");
            return;
        }
        if (!request.method().equals(HttpMethod.POST)) {
            answer(request, 405, "message", "Only POST is allowed");
            return;
        }
        Optional<Claims> claims = claims(request);
        if (claims.isEmpty()) {
            answer(request, 401, "message", "Unauthorized");
        } else if (audience.congested().getAsBoolean()) {
            answer(request, 429, "message", "Too many messages wait to be broadcast; send again later");
        } else {
            bodies.read(request, (status, message) -> refuse(request, status, message), body -> {
                boolean later = false;
                try {
                    later = take(request, claims.get(), rest, body);
                } finally {
                    if (!later) {
                        body.release();
                    }
                }
            });
        }
    }

    private Optional<Claims> claims(HttpServerRequest request) {
        Optional<String> bearer = Optional.ofNullable(request.getHeader("Authorization"))
                .filter(header -> header.regionMatches(true, 0, "Bearer ", 0, 7))
                .map(header -> header.substring(7).strip());
        return bearer.or(() -> Optional.ofNullable(request.getHeader("apikey")))
                .or(() -> Optional.ofNullable(request.getParam("apikey")))
                .flatMap(
                        token -> tokens.verify(token, clock.instant()) instanceof TokenVerifier.Result.Valid(var claims)
                                ? Optional.of(claims)
                                : Optional.empty());
    }

    private static void refuse(HttpServerRequest request, int status, String message) {
        if (!request.response().ended()) {
            answer(request, status, "message", message);
        }
    }

    /** Whether the body is given back later. */
    private boolean take(HttpServerRequest request, Claims claims, String rest, BodyReader.Read body) {
        try {
            return rest.isEmpty()
                    ? send(request, claims, batch(claims, body.bytes()), body)
                    : single(request, claims, rest, body);
        } catch (InvalidMessageException invalid) {
            answer(request, 422, new JsonObject().put("errors", invalid.errors));
            return false;
        }
    }

    /** All of them, if that is allowed in each of the rooms; none else. Says whether the body is given back later. */
    private boolean send(HttpServerRequest request, Claims claims, List<Message> messages, BodyReader.Read body) {
        boolean open = messages.stream().anyMatch(message -> !message.room().isPrivate());
        if (open && !audience.rooms().admits(claims)) {
            answer(request, 403, "message", audience.rooms().refusal().message());
            return false;
        }
        Set<Room> closed =
                messages.stream().map(Message::room).filter(Room::isPrivate).collect(Collectors.toSet());
        if (closed.isEmpty()) {
            broadcast(request, messages);
            return false;
        }
        if (closed.size() > MOST_CLOSED) {
            answer(request, 422, "message", "Messages to more than " + MOST_CLOSED + " private topics at once");
            return false;
        }
        Map<String, String> headers = OwnHeaders.of(request.headers());
        Context context = Objects.requireNonNull(Vertx.currentContext());
        audience.blocking().execute(() -> {
            Optional<Refusal> refusal = refusal(claims, closed, headers).or(() -> keep(claims, messages, headers));
            context.runOnContext(_ -> {
                body.release();
                refusal.ifPresentOrElse(
                        refused -> answer(request, refused.status(), "message", refused.message()),
                        () -> broadcast(request, messages));
            });
        });
        return true;
    }

    private record Refusal(int status, String message) {}

    private Optional<Refusal> refusal(Claims claims, Set<Room> rooms, Map<String, String> headers) {
        for (Room room : rooms) {
            switch (audience.privateRooms().maySpeak(question(claims, room, headers))) {
                case RoomPolicies.Answer.Rights rights when rights.broadcast() -> {}
                case RoomPolicies.Answer.Rights _ -> {
                    return Optional.of(new Refusal(403, "Unauthorized"));
                }
                case RoomPolicies.Answer.Unsupported _ -> {
                    return Optional.of(new Refusal(403, ErrorCode.PRIVATE_CHANNEL.message()));
                }
                case RoomPolicies.Answer.Unavailable _ -> {
                    return Optional.of(new Refusal(503, "The database cannot be asked now; send again later"));
                }
            }
        }
        return Optional.empty();
    }

    private static RoomPolicies.Question question(Claims claims, Room room, Map<String, String> headers) {
        return new RoomPolicies.Question(
                claims.group(), claims.subject(), room.topic().substring(ServerMessage.TOPIC_PREFIX.length()), headers);
    }

    /** Why one of them could not be kept, if one could not. */
    private Optional<Refusal> keep(Claims claims, List<Message> messages, Map<String, String> headers) {
        for (Message message : messages) {
            if (message.persistence().isPresent()) {
                var said = new RoomHistory.Said(
                        UUID.randomUUID(),
                        message.content(),
                        message.persistence().get());
                switch (audience.privateRooms().keep(question(claims, message.room(), headers), said)) {
                    case KEPT -> {}
                    case DENIED -> {
                        return Optional.of(new Refusal(403, "Unauthorized"));
                    }
                    case INVALID -> {
                        return Optional.of(new Refusal(422, ErrorCode.INVALID_PAYLOAD.message()));
                    }
                    case FAILED -> {
                        return Optional.of(new Refusal(503, ErrorCode.PERSISTENCE_FAILED.message()));
                    }
                }
            }
        }
        return Optional.empty();
    }

    private void broadcast(HttpServerRequest request, List<Message> messages) {
        messages.stream()
                .filter(message -> message.persistence().isEmpty())
                .forEach(message -> audience.broadcast().accept(message.room(), message.content()));
        request.response().setStatusCode(202).end();
    }

    private static List<Message> batch(Claims claims, byte[] body) throws InvalidMessageException {
        List<Json> items = Json.parse(body)
                .flatMap(json -> json instanceof Json.Fields fields ? fields.get("messages") : Optional.empty())
                .map(json -> json instanceof Json.Items(var values) ? values : List.<Json>of())
                .orElse(List.of());
        if (items.isEmpty()) {
            throw new InvalidMessageException(
                    new JsonObject().put("messages", new JsonArray().add("can't be blank: a list is expected")));
        }
        var messages = new ArrayList<Message>();
        var errors = new JsonArray();
        boolean valid = true;
        for (Json item : items) {
            var wrong = new JsonObject();
            message(claims, item, wrong).ifPresent(messages::add);
            errors.add(wrong);
            valid &= wrong.isEmpty();
        }
        if (!valid) {
            throw new InvalidMessageException(new JsonObject().put("messages", errors));
        }
        return messages;
    }

    private static Optional<Message> message(Claims claims, Json item, JsonObject wrong) {
        Json.Fields fields = item instanceof Json.Fields given ? given : new Json.Fields(Map.of());
        Optional<String> topic = fields.text("topic").filter(text -> !text.isEmpty());
        Optional<String> event = fields.text("event").filter(text -> !text.isEmpty());
        Optional<Json.Fields> payload = fields.fields("payload");
        require(wrong, "topic", topic.isPresent(), "can't be blank");
        require(wrong, "topic", topic.filter(BroadcastRoutes::isTooLong).isEmpty(), "is too long");
        require(wrong, "topic", topic.filter(name -> isForeign(name, claims)).isEmpty(), FOREIGN);
        require(wrong, "event", event.isPresent(), "can't be blank");
        require(wrong, "payload", payload.isPresent(), "must be an object");
        require(wrong, "persist", !ClientMessage.Persistence.isWanted(fields), "is for single messages");
        if (!wrong.isEmpty()) {
            return Optional.empty();
        }
        byte[] json = Json.write(payload.orElseThrow(), new JsonBytes()).toBytes();
        return Optional.of(new Message(
                new Room(ServerMessage.TOPIC_PREFIX + topic.orElseThrow(), fields.isTrue("private")),
                BroadcastContent.of(event.orElseThrow(), json, fields.text("id"))));
    }

    private static void require(JsonObject wrong, String member, boolean right, String message) {
        if (!right) {
            wrong.put(member, new JsonArray().add(message));
        }
    }

    private static boolean isForeign(String name, Claims claims) {
        return PersonalTopic.isForeign(ServerMessage.TOPIC_PREFIX + name, claims);
    }

    private static boolean isTooLong(String name) {
        return name.getBytes(StandardCharsets.UTF_8).length > LONGEST_NAME;
    }

    /** The segments are split before they are decoded: a topic may hold slashes, as %2F. */
    private boolean single(HttpServerRequest request, Claims claims, String rest, BodyReader.Read body) {
        String[] segments = rest.split("/", -1);
        if (segments.length != 4 || !segments[2].equals("events") || segments[1].isEmpty() || segments[3].isEmpty()) {
            answer(request, 404, "message", "Expected /api/broadcast/{topic}/events/{event}");
            return false;
        }
        String topic = decode(segments[1]);
        String event = decode(segments[3]);
        if (isTooLong(topic) || event.getBytes(StandardCharsets.UTF_8).length > BroadcastContent.LONGEST_NAME) {
            answer(request, 422, "message", "Topic or event is too long");
        } else if (isForeign(topic, claims)) {
            answer(request, 403, "message", "The topic " + FOREIGN);
        } else {
            boolean closed = "true".equalsIgnoreCase(request.getParam("private"));
            Optional<ClientMessage.Persistence> persistence = persistence(request);
            if (wantsPersistence(request) && persistence.isEmpty()) {
                answer(request, 422, "message", ErrorCode.PERSISTENCE_INVALID.message());
            } else if (persistence.isPresent() && !closed) {
                answer(request, 422, "message", ErrorCode.PERSISTENCE_PUBLIC.message());
            } else {
                var room = new Room(ServerMessage.TOPIC_PREFIX + topic, closed);
                Optional<BroadcastContent> content = content(request, event, body.bytes());
                return content.isPresent()
                        && send(request, claims, List.of(new Message(room, content.get(), persistence)), body);
            }
        }
        return false;
    }

    private static boolean wantsPersistence(HttpServerRequest request) {
        return !"false".equals(request.getParam("persist"))
                && request.params().names().stream().anyMatch(name -> name.startsWith("persist"));
    }

    /** {@code persist=true}, or {@code persist[ttl]=} seconds. */
    private static Optional<ClientMessage.Persistence> persistence(HttpServerRequest request) {
        Optional<String> ttl = Optional.ofNullable(request.getParam("persist[ttl]"));
        if (!wantsPersistence(request) || (ttl.isEmpty() && !"true".equals(request.getParam("persist")))) {
            return Optional.empty();
        }
        return ttl.isPresent()
                ? ttl.flatMap(ClientMessage.Persistence::seconds)
                : Optional.of(new ClientMessage.Persistence(Optional.empty()));
    }

    /** Answers where there is none. */
    private static Optional<BroadcastContent> content(HttpServerRequest request, String event, byte[] body) {
        String type = Optional.ofNullable(request.getHeader("Content-Type"))
                .orElse("application/json")
                .split(";", 2)[0]
                .strip();
        if (type.equalsIgnoreCase("application/octet-stream")) {
            return Optional.of(new BroadcastContent.Binary(event, body));
        }
        if (!type.equalsIgnoreCase("application/json")) {
            answer(request, 415, "error", "Unsupported Media Type. Use application/json or application/octet-stream");
            return Optional.empty();
        }
        if (!Json.isValid(body)) {
            answer(request, 422, "message", "The body is not JSON");
            return Optional.empty();
        }
        return Optional.of(BroadcastContent.of(event, body, Optional.empty()));
    }

    /** Percent-encoding as encodeURIComponent writes it: a plus is a plus. */
    private static String decode(String segment) {
        try {
            return URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException malformed) {
            return segment;
        }
    }

    private static void answer(HttpServerRequest request, int status, String member, String text) {
        answer(request, status, new JsonObject().put(member, text));
    }

    private static void answer(HttpServerRequest request, int status, JsonObject body) {
        request.response()
                .setStatusCode(status)
                .putHeader("Content-Type", "application/json")
                .end(body.encode());
    }
}

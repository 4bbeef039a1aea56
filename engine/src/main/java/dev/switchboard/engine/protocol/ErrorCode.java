package dev.switchboard.engine.protocol;

/**
 * Every code that a client can see, once. docs/errors.md is generated from it.
 *
 * <p>On the wire a code stands before its message, {@code "MalformedJWT: The token provided is ..."}, except in the
 * HTTP answers and system messages whose bare texts the official clients know.
 */
public enum ErrorCode {
    // Handshake
    API_KEY_MISSING(
            "ApiKeyMissing",
            Where.HANDSHAKE_401,
            Then.REFUSED,
            "API key is missing",
            "Send the key as query parameter apikey or header x-api-key."),
    UNSUPPORTED_VERSION(
            "UnsupportedVersion",
            Where.HANDSHAKE_403,
            Then.REFUSED,
            "The wire version is not supported",
            "Use vsn=1.0.0 or vsn=2.0.0."),
    CONNECTION_LIMIT(
            "ConnectionRateLimitReached",
            Where.HANDSHAKE_429,
            Then.RETRY,
            "Too many connected users",
            "Raise max-connections, or close connections that are not needed."),
    STOPPING(
            "RealtimeRestarting",
            Where.HANDSHAKE_503,
            Then.RETRY,
            "Realtime is restarting, please standby",
            "Connect again; behind a balancer to another server."),
    BAD_HANDSHAKE(
            "BadHandshake",
            Where.HANDSHAKE_400,
            Then.REFUSED,
            "Not a WebSocket handshake",
            "Use WebSocket version 13 (RFC 6455, section 4.1)."),

    // Tokens: at the handshake, in a join, or in an access_token message
    TOKEN_EXPIRED(
            "InvalidJWTToken", Where.TOKEN, Then.RETRY, "Token has expired", "Sign in again or refresh the token."),
    TOKEN_EARLY(
            "InvalidJWTToken",
            Where.TOKEN,
            Then.RETRY,
            "The token does not hold yet",
            "Its nbf or iat lies in the future by more than 30 s: check the issuer's clock."),
    CLAIMS_MISSING(
            "InvalidJWTToken",
            Where.TOKEN,
            Then.REFUSED,
            "Fields `role` and `exp` are required in JWT",
            "Issue the token with both claims."),
    TOKEN_MALFORMED(
            "MalformedJWT",
            Where.TOKEN,
            Then.REFUSED,
            "The token provided is not a valid JWT",
            "Send a signed JWT (RFC 7519)."),
    TOKEN_SIGNATURE(
            "JwtSignatureError",
            Where.TOKEN,
            Then.REFUSED,
            "Failed to validate JWT signature",
            "Sign the token with this server's JWT secret, HS256."),

    // Join
    UNMATCHED_TOPIC(
            "UnmatchedTopic",
            Where.REPLY,
            Then.REFUSED,
            "unmatched topic",
            "Join the topic first; topics begin with realtime:."),
    TOPIC_NAME_REQUIRED(
            "TopicNameRequired", Where.REPLY, Then.REFUSED, "You must provide a topic name", "Name the channel."),
    CHANNEL_LIMIT(
            "ChannelRateLimitReached",
            Where.REPLY,
            Then.RETRY,
            "Too many channels",
            "Leave channels that are not shown, or raise max-channels."),
    JOIN_LIMIT(
            "ClientJoinRateLimitReached",
            Where.REPLY,
            Then.RETRY,
            "Too many joins per second",
            "Join more slowly, or raise max-joins-per-second."),
    MEMORY_LIMIT(
            "MemoryLimitReached",
            Where.REPLY_OR_CLOSE,
            Then.RETRY,
            "The server holds as much for its clients as it may",
            "Join with fewer or shorter filters, track less, send smaller messages; or raise client-bytes and the heap."),
    PRESENCE_ROOM_FULL(
            "PresenceRoomFull",
            Where.REPLY,
            Then.RETRY,
            "The room holds as much presence as it may",
            "Track less per channel, or spread over several topics; a room holds 8 MiB by estimate."),
    PRIVATE_CHANNEL(
            "PrivateChannelsUnsupported",
            Where.REPLY_OR_SYSTEM,
            Then.REFUSED,
            "Private channels need the table realtime.messages, whose policies say who may be there; this database has none",
            "Make it, or join without private: true."),
    UNAUTHORIZED(
            "Unauthorized",
            Where.REPLY_OR_SYSTEM,
            Then.REFUSED,
            "You do not have permissions to read from this Channel topic",
            "A policy for SELECT on realtime.messages has to be true for the topic; join with a user's token."),
    WRITE_UNAUTHORIZED(
            "UnauthorizedToWrite",
            Where.REPLY_OR_SYSTEM,
            Then.REFUSED,
            "You do not have permissions to write to this Channel topic",
            "A policy for INSERT on realtime.messages has to be true for the topic and the extension, broadcast or presence."),
    PRIVATE_ONLY(
            "PrivateOnly",
            Where.REPLY_OR_SYSTEM,
            Then.REFUSED,
            "This project only allows private channels",
            "Join with private: true; --rooms open or signed-in allows public rooms."),
    ROOM_CLOSED(
            "RoomClosed",
            Where.REPLY_OR_SYSTEM,
            Then.REFUSED,
            "Rooms are for users who have signed in",
            "Join with a user's token; --rooms open admits everybody."),
    FOREIGN_TOPIC(
            "ForeignTopic",
            Where.REPLY_OR_SYSTEM,
            Then.REFUSED,
            "The topic is another user's: after _changes_ it names the id that the token's subject must be",
            "Join with that user's token, or name the channel otherwise."),
    SUBSCRIPTION_REFUSED(
            "RealtimeDisabledForConfiguration",
            Where.REPLY_OR_SYSTEM,
            Then.REFUSED,
            "The subscription cannot be made",
            "The message names the table and the cause."),
    TOPIC_TOO_LONG(
            "TopicTooLong",
            Where.REPLY,
            Then.REFUSED,
            "The topic is longer than 255 bytes",
            "Choose a shorter name; binary frames cannot carry a longer one."),
    MALFORMED_BINDING(
            "MalformedBinding",
            Where.REPLY,
            Then.REFUSED,
            "postgres_changes is a list of objects whose event, schema, table and filter are strings and whose select is a"
                    + " list of column names; switchboard.live names a table, has at most 16 keys and 8,192 characters, and a max_rate of 0.01 to 1000 if any",
            "Send what you do not want to say as null, or not at all."),
    JOIN_TOO_LARGE(
            "JoinTooLarge",
            Where.REPLY,
            Then.REFUSED,
            "A join has at most 100 postgres_changes bindings, a reply of 448 KiB that echoes them, and a presence key and"
                    + " references of 255 characters",
            "Use several channels, or a filter with in or or."),
    INVALID_PAYLOAD(
            "InvalidPayload",
            Where.REPLY,
            Then.REFUSED,
            "The payload does not fit its event",
            "The message says what is expected."),
    PRESENCE_PAYLOAD(
            "InvalidPresence",
            Where.REPLY,
            Then.REFUSED,
            "Presence track payload must be a map",
            "Track a JSON object."),
    PERSISTENCE_INVALID(
            "PersistenceInvalid",
            Where.REPLY,
            Then.REFUSED,
            "persist is true, or an object with ttl, a number of seconds",
            "Send persist: true or persist: {ttl: 60}."),
    PERSISTENCE_PUBLIC(
            "PersistenceNotAllowed",
            Where.REPLY_OR_SYSTEM,
            Then.REFUSED,
            "Broadcasts are kept in private channels alone",
            "Join with private: true, or send without persist."),
    PERSISTENCE_FAILED(
            "PersistenceFailed",
            Where.REPLY_OR_SYSTEM,
            Then.RETRY,
            "The broadcast could not be kept, and was not sent",
            "Send it again; the server's log and PostgreSQL's say more."),
    REPLAY_INVALID(
            "UnableToReplayMessages",
            Where.REPLY,
            Then.REFUSED,
            "Replay params are not valid",
            "Give since, milliseconds since 1970, and limit, 1 to 25, as whole numbers."),
    REPLAY_PUBLIC(
            "UnableToReplayMessages",
            Where.REPLY,
            Then.REFUSED,
            "Replay is not allowed for public channels",
            "Join with private: true, or without replay."),
    REPLICATION_LATE(
            "ReplicationNotReady",
            Where.SYSTEM,
            Then.REFUSED,
            "Replication connection was not established in time",
            "The stream of changes stands still, or is behind: doctor says why. Subscribe again."),
    REPLAY_CUT(
            "ReplayIncomplete",
            Where.SYSTEM,
            Then.IGNORED,
            "Earlier messages are not replayed, since all together are too large",
            "Ask with a later since; what is replayed at once is at most 256 KiB."),
    REPLAY_FAILED(
            "UnableToReplayMessages",
            Where.SYSTEM,
            Then.REFETCH,
            "Realtime was unable to replay messages",
            "The database cannot be asked now, or too much is said meanwhile; the client joins again by itself."),
    DATABASE_UNAVAILABLE(
            "UnableToConnectToProject",
            Where.REPLY,
            Then.RETRY,
            "Realtime was unable to connect to the project database",
            "Wait; the client joins again by itself."),

    // System messages
    WAL_LOST(
            "ReplicationSlotLost",
            Where.SYSTEM,
            Then.REFETCH,
            "Changes may have been missed: the replication slot was lost",
            "Take a fresh snapshot once the channel is SUBSCRIBED again."),
    TABLE_TRUNCATED(
            "TableTruncated",
            Where.SYSTEM,
            Then.REFETCH,
            "The table was truncated",
            "Take a fresh snapshot once the channel is SUBSCRIBED again."),
    PARTITION_CHANGED(
            "PartitionChanged",
            Where.SYSTEM,
            Then.REFETCH,
            "Rows came or went with a partition: it was attached, detached, truncated or rewritten",
            "Take a fresh snapshot once the channel is SUBSCRIBED again."),
    AUTHORIZATION_TIMEOUT(
            "AuthorizationTimedOut",
            Where.SYSTEM,
            Then.REFETCH,
            "Changes could not be authorized in time",
            "Take a fresh snapshot once the channel is SUBSCRIBED again."),
    TOKEN_AWAITED(
            "TokenAwaited",
            Where.SYSTEM,
            Then.REFETCH,
            "Joined without a token, and policies may hide rows from the API key alone",
            "Official clients join again by themselves, with their user's token."),
    SCHEMA_CHANGED(
            "SchemaChanged",
            Where.SYSTEM,
            Then.REFETCH,
            "The table has changed: it, or a column of the filter or selection, is not what it was",
            "The join that follows succeeds, or is refused with what is wrong."),
    RIGHTS_CHANGED(
            "RightsChanged",
            Where.REPLY_OR_SYSTEM,
            Then.REFETCH,
            "Other rows may be in sight: policies, grants, roles or memberships have changed",
            "Take a fresh snapshot once the channel is SUBSCRIBED again."),
    FILTER_FAILED(
            "FilterFailed",
            Where.SYSTEM,
            Then.REFETCH,
            "PostgreSQL could not evaluate the filter on a change within 250 ms",
            "Simplify the filter, a regular expression above all."),
    COLUMN_TYPE(
            "ColumnTypeUnsupported",
            Where.SYSTEM,
            Then.REFETCH,
            "A column got a type that cannot be sent",
            "Change the type, or select other columns."),
    CLAIMS_CHANGED(
            "ClaimsChanged",
            Where.SYSTEM,
            Then.REFETCH,
            "Changes were withheld while the token changed",
            "Take a fresh snapshot once the channel is SUBSCRIBED again."),
    RESUME_EXPIRED(
            "ResumeExpired",
            Where.REPLY_OR_SYSTEM,
            Then.RESYNC,
            "What was missed is not kept any more",
            "Take a fresh snapshot; --history-bytes and --history-seconds say how much is kept."),
    RESUME_INVALID(
            "ResumeInvalid",
            Where.REPLY_OR_SYSTEM,
            Then.RESYNC,
            "The place to go on from is of another user or another database, or none at all",
            "Take a fresh snapshot, and come back with the `since` of the reply."),
    RESUME_IMPOSSIBLE(
            "ResumeImpossible",
            Where.REPLY_OR_SYSTEM,
            Then.RESYNC,
            "The stream may not have brought all that has happened since: the table was published, made or renamed, or has partitions",
            "Take a fresh snapshot."),
    LIVE_QUERY_REFUSED(
            "LiveQueryRefused",
            Where.SYSTEM,
            Then.REFUSED,
            "The query cannot be kept",
            "Ask it as a GET of /rest/v1 to see what is wrong; a kept one has at most 1,000 rows and 384 KiB, of published tables."),
    INTERNAL(
            "InternalError",
            Where.SYSTEM,
            Then.REFETCH,
            "Changes may have been missed: the server could not handle them",
            "Take a fresh snapshot once the channel is SUBSCRIBED again, and report the server's log."),
    CHANNEL_TOKEN_EXPIRED(
            "TokenExpired",
            Where.SYSTEM,
            Then.REFETCH,
            "Token has expired",
            "Refresh the token; the client joins again by itself."),

    // The socket
    OVERFLOW(
            "OutboxOverflow",
            Where.CLOSE,
            Then.RETRY,
            "The client reads too slowly; its outbox is full",
            "Connect again and take a fresh snapshot; subscribe to less."),
    FRAME_TOO_LARGE(
            "FrameTooLarge",
            Where.CLOSE,
            Then.RETRY,
            "The frame is larger than allowed",
            "Send less, or raise max-frame-bytes."),
    PROTOCOL_ERROR(
            "ProtocolError", Where.CLOSE, Then.RETRY, "The frame does not follow RFC 6455", "Use a WebSocket client."),
    IDLE("Idle", Where.CLOSE, Then.RETRY, "Nothing was received for too long", "Send heartbeats every 25 s."),
    RESTARTING("RealtimeRestarting", Where.CLOSE, Then.RETRY, "The server restarts", "Connect again."),
    MALFORMED_MESSAGE(
            "MalformedWebSocketMessage",
            Where.NOWHERE,
            Then.IGNORED,
            "The message is not a channel message",
            "It is counted and ignored; the connection stays.");

    /** Where a client meets the code. */
    public enum Where {
        HANDSHAKE_400("HTTP 400"),
        HANDSHAKE_401("HTTP 401"),
        HANDSHAKE_403("HTTP 403"),
        HANDSHAKE_429("HTTP 429"),
        HANDSHAKE_503("HTTP 503"),
        TOKEN("HTTP 401, join reply, or system message"),
        REPLY("reply"),
        REPLY_OR_SYSTEM("join reply or system message"),
        SYSTEM("system message"),
        REPLY_OR_CLOSE("reply or close of the connection"),
        CLOSE("close of the connection"),
        NOWHERE("metric only");

        private final String words;

        Where(String words) {
            this.words = words;
        }

        public String words() {
            return words;
        }
    }

    /** What happens next. */
    public enum Then {
        REFUSED("refused; the same again will be refused again"),
        RETRY("try again later"),
        REFETCH("phx_error follows; the client rejoins and takes a fresh snapshot"),
        RESYNC(
                "in the reply: the channel begins now, its client takes a fresh snapshot; as a message: phx_error follows"),
        IGNORED("ignored");

        private final String words;

        Then(String words) {
            this.words = words;
        }

        public String words() {
            return words;
        }
    }

    private final String code;
    private final Where where;
    private final Then then;
    private final String message;
    private final String remedy;

    ErrorCode(String code, Where where, Then then, String message, String remedy) {
        this.code = code;
        this.where = where;
        this.then = then;
        this.message = message;
        this.remedy = remedy;
    }

    /** The code as it is written on the wire and in docs/errors.md. */
    public String code() {
        return code;
    }

    public Where where() {
        return where;
    }

    public Then then() {
        return then;
    }

    public String message() {
        return message;
    }

    public String remedy() {
        return remedy;
    }

    /** The HTTP status of a refused handshake. */
    public int httpStatus() {
        return switch (where) {
            case HANDSHAKE_400 -> 400;
            case HANDSHAKE_401, TOKEN -> 401;
            case HANDSHAKE_403 -> 403;
            case HANDSHAKE_429 -> 429;
            case HANDSHAKE_503 -> 503;
            case REPLY, REPLY_OR_CLOSE, REPLY_OR_SYSTEM, SYSTEM, CLOSE, NOWHERE ->
                throw new IllegalStateException(this + " is no answer to a handshake");
        };
    }

    /** Code and message, as a join reply's reason gives them. */
    public String reason(String detail) {
        return this == UNMATCHED_TOPIC || this == PRESENCE_PAYLOAD ? detail : code + ": " + detail;
    }

    public String reason() {
        return reason(message);
    }
}

package dev.switchboard.gateway;

import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The decision on a WebSocket handshake (RFC 6455, section 4.2; SPEC W1-W3). Pure. */
final class Handshake {
    private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /**
     * What the request says.
     *
     * @param extensions values of Sec-WebSocket-Extensions
     * @param ownHeaders those that an application may have made up
     */
    record Request(
            Optional<String> upgrade,
            Optional<String> key,
            Optional<String> protocolVersion,
            Optional<String> wireVersion,
            Optional<String> apiKeyHeader,
            Optional<String> apiKeyParameter,
            List<String> extensions,
            Map<String, String> ownHeaders) {}

    sealed interface Decision {
        /** @param extensions the value of Sec-WebSocket-Extensions, where messages are compressed */
        record Accept(
                String acceptKey,
                WireVersion version,
                Claims claims,
                Optional<String> extensions,
                Map<String, String> headers)
                implements Decision {}

        record Refuse(ErrorCode code, String message) implements Decision {}
    }

    private Handshake() {}

    static Decision decide(Request request, TokenVerifier tokens, Instant now) {
        boolean webSocket =
                request.upgrade().filter("websocket"::equalsIgnoreCase).isPresent()
                        && request.protocolVersion().filter("13"::equals).isPresent()
                        && request.key().isPresent();
        if (!webSocket) {
            return refuse(ErrorCode.BAD_HANDSHAKE);
        }
        Optional<WireVersion> version = WireVersion.of(request.wireVersion());
        if (version.isEmpty()) {
            return refuse(ErrorCode.UNSUPPORTED_VERSION);
        }
        Optional<String> apiKey =
                request.apiKeyHeader().or(request::apiKeyParameter).filter(key -> !key.isBlank());
        if (apiKey.isEmpty()) {
            return refuse(ErrorCode.API_KEY_MISSING);
        }
        return switch (tokens.verify(apiKey.get(), now)) {
            case TokenVerifier.Result.Valid valid ->
                new Decision.Accept(
                        acceptKey(request.key().get()),
                        version.get(),
                        valid.claims(),
                        Deflation.accept(request.extensions()),
                        request.ownHeaders());
            case TokenVerifier.Result.Invalid invalid -> refuse(invalid.code());
        };
    }

    private static Decision refuse(ErrorCode code) {
        return new Decision.Refuse(code, code.message());
    }

    private static String acceptKey(String key) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-1").digest((key + GUID).getBytes(StandardCharsets.US_ASCII));
            return Base64.getEncoder().encodeToString(digest);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has SHA-1", impossible);
        }
    }
}

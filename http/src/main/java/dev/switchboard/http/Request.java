package dev.switchboard.http;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;

/**
 * A whole HTTP request as a value.
 *
 * @param method     upper case
 * @param path       as sent, not decoded
 * @param query      as sent, not decoded; empty if there is none
 * @param headers    names in lower case; of a name that comes twice, the values joined by commas (RFC 9110, section 5.3)
 * @param address    of the client: the peer's, or what a trusted proxy says of it
 */
public record Request(
        String method, String path, String query, Map<String, String> headers, byte[] body, String address) {
    public Request {
        headers = Map.copyOf(headers);
    }

    public Optional<String> header(String lowerCaseName) {
        return Optional.ofNullable(headers.get(lowerCaseName));
    }

    /** The token of {@code Authorization: Bearer}. */
    public Optional<String> bearer() {
        return header("authorization")
                .filter(value -> value.regionMatches(true, 0, "Bearer ", 0, 7))
                .map(value -> value.substring(7).strip())
                .filter(token -> !token.isEmpty());
    }

    /** The first parameter of that name, decoded. */
    public Optional<String> parameter(String name) {
        for (String pair : query.split("&", -1)) {
            int equals = pair.indexOf('=');
            String key = equals < 0 ? pair : pair.substring(0, equals);
            if (decode(key).equals(name)) {
                return Optional.of(equals < 0 ? "" : decode(pair.substring(equals + 1)));
            }
        }
        return Optional.empty();
    }

    /** Form encoding: a plus is a space. What is not well-formed stays as it is. */
    public static String decode(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException malformed) {
            return text;
        }
    }
}

package dev.switchboard.telephony.twilio;

import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.http.Request;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * The fields of a message and the parameters of our own URL. What cannot be is refused before anything is stored.
 *
 * @param parameters of the URL, which was signed with the fields
 */
record Form(Map<String, String> parameters, Map<String, String> fields) {
    private static final Pattern CALL_SID = Pattern.compile("CA[0-9a-fA-F]{32}");
    private static final int MOST_FIELDS = 200;
    private static final int LONGEST = 16_384;

    Form {
        parameters = Map.copyOf(parameters);
        fields = Map.copyOf(fields);
    }

    /** Not as a provider writes it. */
    static final class MalformedException extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final Refusal refusal;

        MalformedException(Refusal refusal, String message) {
            super(message);
            this.refusal = refusal;
        }

        Refusal refusal() {
            return refusal;
        }
    }

    /** @throws MalformedException where it cannot be a message of Twilio's */
    static Form of(String query, byte[] body) {
        return new Form(pairs(query), pairs(new String(body, StandardCharsets.UTF_8)));
    }

    private static Map<String, String> pairs(String encoded) {
        var pairs = new HashMap<String, String>();
        if (encoded.isEmpty()) {
            return pairs;
        }
        for (String pair : encoded.split("&", -1)) {
            int equals = pair.indexOf('=');
            String name = Request.decode(equals < 0 ? pair : pair.substring(0, equals));
            String value = equals < 0 ? "" : Request.decode(pair.substring(equals + 1));
            if (value.length() > LONGEST) {
                throw new MalformedException(
                        Refusal.INVALID_REQUEST, "field " + shown(name) + " is longer than " + LONGEST + " characters");
            }
            if (name.indexOf('\0') >= 0 || value.indexOf('\0') >= 0) {
                throw new MalformedException(Refusal.INVALID_REQUEST, "field " + shown(name) + " has a NUL in it");
            }
            pairs.putIfAbsent(name, value);
            if (pairs.size() > MOST_FIELDS) {
                throw new MalformedException(Refusal.INVALID_REQUEST, "more than " + MOST_FIELDS + " fields");
            }
        }
        return pairs;
    }

    private static String shown(String name) {
        return name.substring(0, Math.min(40, name.length())).replace('\0', ' ');
    }

    Optional<String> parameter(String name) {
        return Optional.ofNullable(parameters.get(name)).filter(text -> !text.isEmpty());
    }

    Optional<String> text(String name) {
        return Optional.ofNullable(fields.get(name)).filter(text -> !text.isEmpty());
    }

    /** In the message, or in our own URL, which kept it from a message that could not be answered. */
    Optional<String> said(String name) {
        return text(name).or(() -> parameter(name));
    }

    String required(String name) {
        return text(name).orElseThrow(() -> new MalformedException(Refusal.INVALID_REQUEST, name + " is missing"));
    }

    /** Of the leg that the message is about. */
    String sid() {
        String sid = required("CallSid");
        if (!CALL_SID.matcher(sid).matches()) {
            throw new MalformedException(Refusal.INVALID_REQUEST, "CallSid is not CA and 32 hexadecimal digits");
        }
        return sid;
    }

    Optional<Integer> number(String name) {
        return text(name).flatMap(Form::wholeNumber);
    }

    private static Optional<Integer> wholeNumber(String text) {
        try {
            return Optional.of(Integer.parseInt(text)).filter(value -> value >= 0);
        } catch (NumberFormatException malformed) {
            return Optional.empty();
        }
    }

    static Optional<Long> longNumber(String text) {
        try {
            return Optional.of(Long.parseLong(text));
        } catch (NumberFormatException malformed) {
            return Optional.empty();
        }
    }

    static UUID uuid(String text) {
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException malformed) {
            throw new MalformedException(Refusal.INVALID_REQUEST, "the URL names no call or agent of ours");
        }
    }
}

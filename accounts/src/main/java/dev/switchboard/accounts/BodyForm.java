package dev.switchboard.accounts;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeType;
import tools.jackson.databind.node.ObjectNode;

/**
 * What members a request's body may have, and of what type: a value of another type is refused, and never taken for one that is not
 * there. {@code null} is not there; members that nobody knows are left alone. Immutable.
 */
final class BodyForm {
    private static final JsonMapper JSON = JsonMapper.shared();

    static final BodyForm SIGN_UP =
            of().text("email", "phone", "password", "channel").object("data").fromClients();
    static final BodyForm TOKEN = of().text("email", "phone", "password", "refresh_token", "auth_code", "code_verifier")
            .fromClients();
    static final BodyForm LINK = of().text("email", "phone", "channel")
            .object("data")
            .flag("create_user")
            .fromClients();
    static final BodyForm RECOVER = of().text("email").fromClients();
    static final BodyForm RESEND = of().text("type", "email", "phone").fromClients();
    static final BodyForm VERIFY = of().text("type", "token", "token_hash", "email", "phone", "redirect_to")
            .fromClients();
    static final BodyForm USER = of().text("email", "phone", "password", "current_password", "nonce", "channel")
            .object("data", "app_metadata")
            .fromClients();
    static final BodyForm ADMIN_USER = of().text(
                    "id", "aud", "role", "email", "phone", "password", "password_hash", "ban_duration", "nonce")
            .flag("email_confirm", "phone_confirm")
            .object("user_metadata", "app_metadata");
    static final BodyForm ADMIN_DELETE = of().flag("should_soft_delete");
    static final BodyForm INVITE = of().text("email", "redirect_to").object("data");
    static final BodyForm ADMIN_LINK =
            of().text("type", "email", "new_email", "password", "redirect_to").object("data");

    private final Map<String, JsonNodeType> members;

    private BodyForm(Map<String, JsonNodeType> members) {
        this.members = Map.copyOf(members);
    }

    private static BodyForm of() {
        return new BodyForm(Map.of());
    }

    private BodyForm with(JsonNodeType type, String... names) {
        var all = new HashMap<>(members);
        for (String name : names) {
            all.put(name, type);
        }
        return new BodyForm(all);
    }

    private BodyForm text(String... names) {
        return with(JsonNodeType.STRING, names);
    }

    private BodyForm flag(String... names) {
        return with(JsonNodeType.BOOLEAN, names);
    }

    private BodyForm object(String... names) {
        return with(JsonNodeType.OBJECT, names);
    }

    /** With what the clients' libraries send along. */
    private BodyForm fromClients() {
        return text("code_challenge", "code_challenge_method").object("gotrue_meta_security");
    }

    /**
     * Reads a body.
     *
     * @throws AccountException if it is no JSON object, or has a member of another type
     */
    ObjectNode read(byte[] bytes) {
        ObjectNode body = object(bytes);
        body.properties().forEach(member -> {
            JsonNodeType wanted = members.get(member.getKey());
            JsonNode value = member.getValue();
            if (wanted != null && !value.isNull() && value.getNodeType() != wanted) {
                throw new AccountException(
                        AccountError.VALIDATION_FAILED,
                        "'" + member.getKey() + "' is " + name(wanted) + ", and was sent as "
                                + name(value.getNodeType()));
            }
        });
        return body;
    }

    private static ObjectNode object(byte[] bytes) {
        try {
            if (JSON.readTree(bytes) instanceof ObjectNode object) {
                return object;
            }
        } catch (JacksonException malformed) {
            throw new AccountException(AccountError.BAD_JSON);
        }
        throw new AccountException(AccountError.BAD_JSON);
    }

    private static String name(JsonNodeType type) {
        String name = type.name().toLowerCase(Locale.ROOT);
        return (type == JsonNodeType.OBJECT || type == JsonNodeType.ARRAY ? "an " : "a ") + name;
    }
}

package dev.switchboard.tokens;

import dev.switchboard.engine.InvalidSettingException;
import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * An identity provider whose tokens are accepted.
 *
 * @param issuer   claim {@code iss} of its tokens
 * @param jwks     where its public keys are
 * @param audience which has to be in claim {@code aud}
 * @param claims   our claim by name, to theirs, a path with dots; for example {@code role} to {@code app.role}
 */
public record OidcSettings(String issuer, URI jwks, String audience, Map<String, String> claims) {
    /** Roles that a foreign token may name; never one that passes policies by. */
    private static final Set<String> ROLES = Set.of("anon", "authenticated");

    public OidcSettings {
        claims = Map.copyOf(claims);
    }

    /**
     * Parses {@code role=app.role,sub=oid}.
     *
     * @throws InvalidSettingException if it has another form
     */
    public static Map<String, String> mapping(String text) {
        var mapping = new HashMap<String, String>();
        for (String pair : text.isBlank() ? new String[0] : text.split(",", -1)) {
            String[] sides = pair.strip().split("=", 2);
            if (sides.length != 2 || sides[0].isBlank() || sides[1].isBlank()) {
                throw new InvalidSettingException(
                        "--oidc-claims: '" + pair + "' is not OURS=THEIRS; for example role=app.role,sub=user_id");
            }
            mapping.put(sides[0].strip(), sides[1].strip());
        }
        return mapping;
    }

    /** Their claims with ours beside them. A role that a foreign token may not have becomes {@code authenticated}. */
    public Map<String, Object> map(Map<String, Object> theirs) {
        var mapped = new HashMap<>(theirs);
        mapped.remove("role");
        claims.forEach((ours, path) -> {
            Object value = find(theirs, path);
            if (value != null) {
                mapped.put(ours, value);
            }
        });
        Object role = mapped.get("role");
        mapped.put("role", role instanceof String name && ROLES.contains(name) ? name : "authenticated");
        return mapped;
    }

    private static @org.jspecify.annotations.Nullable Object find(Map<String, Object> claims, String path) {
        Object whole = claims.get(path); // a namespaced claim has dots in its own name
        if (whole != null) {
            return whole;
        }
        Object value = claims;
        for (String step : path.split("\\.", -1)) {
            value = value instanceof Map<?, ?> fields ? fields.get(step) : null;
        }
        return value;
    }
}

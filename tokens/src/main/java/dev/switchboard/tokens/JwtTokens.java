package dev.switchboard.tokens;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.MACVerifier;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.protocol.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The tokens that the server believes (RFC 7519, RFC 7515): signed with the installation's secret, HS256; with a key of
 * its ring, ES256; or by an identity provider that the settings name. Thread-safe.
 */
public final class JwtTokens implements TokenVerifier {
    /** Claims that differ from token to token of one user; policies of changes do not see them (SPEC A5). */
    private static final Set<String> PER_TOKEN = Set.of("iat", "exp", "jti", "session_id");

    private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59Z");

    private final MACSigner signer;
    private final MACVerifier verifier;
    private final KeyRing keys;
    private final Optional<ForeignIssuer> foreign;
    private final boolean symmetric;

    /** How far the clocks of who issues tokens may be off. */
    public static final Duration SKEW = Duration.ofSeconds(30);

    /** What a token says, once its signature is found right; its times are not looked at yet. */
    public sealed interface Reading {
        /**
         * @param claims  all of them, of an identity provider's token with ours beside theirs
         * @param foreign whether it is an identity provider's
         */
        record Signed(String role, Map<String, Object> claims, Instant expiresAt, boolean foreign) implements Reading {
            public Optional<String> text(String claim) {
                return claims.get(claim) instanceof String text ? Optional.of(text) : Optional.empty();
            }

            /** Why it does not hold yet, beyond what clocks may differ; the same wherever it is brought. */
            public Optional<String> early(Instant now) {
                long latest = now.plus(SKEW).getEpochSecond();
                if (claims.get("nbf") instanceof Number seconds && seconds.longValue() > latest) {
                    return Optional.of("JWT not yet valid");
                }
                return claims.get("iat") instanceof Number seconds && seconds.longValue() > latest
                        ? Optional.of("JWT issued at future")
                        : Optional.empty();
            }

            /** Whose it is, as channels know them. */
            public Claims user() {
                return new Claims(
                        group(role, claims),
                        Optional.ofNullable(claims.get("sub")).map(String::valueOf),
                        expiresAt);
            }

            /** All claims as a JSON object. */
            public String json() {
                return JSONObjectUtils.toJSONString(claims);
            }
        }

        /** @param code why not */
        record Refused(ErrorCode code) implements Reading {}
    }

    /** The public halves of the ring's keys as a JWK set (RFC 7517, section 5), which anybody may have. */
    public String publicKeys() {
        return keys.publicJson();
    }

    /**
     * @param secret    of at least 32 bytes
     * @param symmetric whether sessions are signed with the secret, HS256, instead of with the ring, ES256
     */
    public JwtTokens(String secret, KeyRing keys, Optional<ForeignIssuer> foreign, boolean symmetric) {
        this.keys = keys;
        this.foreign = foreign;
        this.symmetric = symmetric;
        try {
            byte[] key = secret.getBytes(StandardCharsets.UTF_8);
            signer = new MACSigner(key);
            verifier = new MACVerifier(key);
        } catch (JOSEException tooShort) {
            throw new IllegalArgumentException("the JWT secret must have at least 32 bytes", tooShort);
        }
    }

    /** A token with these claims besides {@code role}, {@code iat} and {@code exp}, signed with the secret. */
    public String issue(String role, Map<String, Object> claims, Instant now, Duration life) {
        var all = new HashMap<>(claims);
        all.putIfAbsent("iss", "switchboard");
        return sign(new JWSHeader(JWSAlgorithm.HS256), signer, claimsSet(role, all, now, life));
    }

    /** A user's access token: with these claims besides {@code role}, {@code iat} and {@code exp}. */
    public String issueAccess(String role, Map<String, Object> claims, Instant now, Duration life) {
        if (symmetric) {
            return issue(role, claims, now, life);
        }
        KeyRing.Signing key = keys.signing();
        var header = new JWSHeader.Builder(JWSAlgorithm.ES256)
                .keyID(key.keyId())
                .type(com.nimbusds.jose.JOSEObjectType.JWT)
                .build();
        return sign(header, key.signer(), claimsSet(role, claims, now, life));
    }

    private static JWTClaimsSet claimsSet(String role, Map<String, Object> claims, Instant now, Duration life) {
        var builder = new JWTClaimsSet.Builder();
        claims.forEach(builder::claim);
        return builder.claim("role", role)
                .issueTime(Date.from(now))
                .expirationTime(Date.from(now.plus(life)))
                .build();
    }

    private static String sign(JWSHeader header, JWSSigner signer, JWTClaimsSet claims) {
        var token = new SignedJWT(header, claims);
        try {
            token.sign(signer);
        } catch (JOSEException broken) {
            throw new IllegalStateException("cannot sign a token", broken);
        }
        return token.serialize();
    }

    /** What only this installation can compute of a text: HMAC-SHA256 with the secret (RFC 2104), 43 characters. */
    public String derive(String purpose, String text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(signer.getSecret(), "HmacSHA256"));
            byte[] digest = mac.doFinal((purpose + "\0" + text).getBytes(StandardCharsets.UTF_8));
            return Base64.getUrlEncoder().withoutPadding().encodeToString(digest);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("every Java platform has HmacSHA256", impossible);
        }
    }

    /** Reads a token and checks its signature; leaves it to the caller what an expired one is good for. */
    public Reading read(String token) {
        SignedJWT jwt;
        Map<String, Object> claims;
        try {
            jwt = SignedJWT.parse(token.strip());
            claims = jwt.getPayload().toJSONObject();
        } catch (ParseException notAToken) {
            return new Reading.Refused(ErrorCode.TOKEN_MALFORMED);
        }
        if (claims == null) {
            return new Reading.Refused(ErrorCode.TOKEN_MALFORMED);
        }
        Optional<Map<String, Object>> own = believeOwn(jwt, claims);
        Optional<Map<String, Object>> believed = own.or(() -> believeForeign(jwt, claims));
        if (believed.isEmpty()) {
            return new Reading.Refused(ErrorCode.TOKEN_SIGNATURE);
        }
        Map<String, Object> all = believed.get();
        // "none" is no role: taking it on would be keeping the connection's own
        if (!(all.get("role") instanceof String role)
                || role.isBlank()
                || role.equalsIgnoreCase("none")
                || !(all.get("exp") instanceof Number expiry)) {
            return new Reading.Refused(ErrorCode.CLAIMS_MISSING);
        }
        return new Reading.Signed(
                role, all, Instant.ofEpochSecond(Math.min(expiry.longValue(), LATEST.getEpochSecond())), own.isEmpty());
    }

    @Override
    public Result verify(String token, Instant now) {
        return switch (read(token)) {
            case Reading.Refused(ErrorCode code) -> new Result.Invalid(code, code.message());
            case Reading.Signed signed -> {
                if (!now.isBefore(signed.expiresAt())) {
                    long seconds = now.getEpochSecond() - signed.expiresAt().getEpochSecond();
                    yield new Result.Invalid(ErrorCode.TOKEN_EXPIRED, "Token has expired " + seconds + " seconds ago");
                }
                Optional<String> early = signed.early(now);
                if (early.isPresent()) {
                    yield new Result.Invalid(ErrorCode.TOKEN_EARLY, early.get());
                }
                yield new Result.Valid(signed.user());
            }
        };
    }

    private Optional<Map<String, Object>> believeOwn(SignedJWT jwt, Map<String, Object> claims) {
        JWSAlgorithm algorithm = jwt.getHeader().getAlgorithm();
        try {
            if (algorithm.equals(JWSAlgorithm.HS256)) {
                return jwt.verify(verifier) ? Optional.of(claims) : Optional.empty();
            }
            var own = keys.verifier(String.valueOf(jwt.getHeader().getKeyID()));
            if (algorithm.equals(JWSAlgorithm.ES256) && own.isPresent()) {
                return jwt.verify(own.get()) ? Optional.of(claims) : Optional.empty();
            }
        } catch (JOSEException unverifiable) {
            return Optional.empty();
        }
        return Optional.empty();
    }

    private Optional<Map<String, Object>> believeForeign(SignedJWT jwt, Map<String, Object> claims) {
        return foreign.filter(issuer -> issuer.issued(claims)).flatMap(issuer -> issuer.verify(jwt, claims));
    }

    private static ClaimsGroup group(String role, Map<String, Object> claims) {
        var shared = new TreeMap<>(claims);
        shared.keySet().removeAll(PER_TOKEN);
        return new ClaimsGroup(role, JSONObjectUtils.toJSONString(shared));
    }
}

package dev.switchboard.server.auth;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
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
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Tokens signed with the installation's secret, HS256 (RFC 7519, RFC 7515). Thread-safe. */
public final class JwtTokens implements TokenVerifier {
    /** Claims that differ from token to token of one user; policies do not see them (SPEC A5). */
    private static final Set<String> PER_TOKEN = Set.of("iat", "exp", "jti", "session_id");

    private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59Z");

    private final MACSigner signer;
    private final MACVerifier verifier;

    public JwtTokens(String secret) {
        try {
            byte[] key = secret.getBytes(StandardCharsets.UTF_8);
            signer = new MACSigner(key);
            verifier = new MACVerifier(key);
        } catch (JOSEException tooShort) {
            throw new IllegalArgumentException("the JWT secret must have at least 32 bytes", tooShort);
        }
    }

    /** A token with these claims besides {@code role}, {@code iat} and {@code exp}. */
    public String issue(String role, Map<String, Object> claims, Instant now, Duration life) {
        var builder = new JWTClaimsSet.Builder()
                .issuer("switchboard")
                .claim("role", role)
                .issueTime(Date.from(now))
                .expirationTime(Date.from(now.plus(life)));
        claims.forEach(builder::claim);
        var token = new SignedJWT(new JWSHeader(JWSAlgorithm.HS256), builder.build());
        try {
            token.sign(signer);
        } catch (JOSEException broken) {
            throw new IllegalStateException("cannot sign a token", broken);
        }
        return token.serialize();
    }

    @Override
    public Result verify(String token, Instant now) {
        SignedJWT jwt;
        Map<String, Object> claims;
        try {
            jwt = SignedJWT.parse(token.strip());
            claims = jwt.getPayload().toJSONObject();
        } catch (ParseException notAToken) {
            return invalid(ErrorCode.TOKEN_MALFORMED);
        }
        if (claims == null) {
            return invalid(ErrorCode.TOKEN_MALFORMED);
        }
        if (!isSigned(jwt)) {
            return invalid(ErrorCode.TOKEN_SIGNATURE);
        }
        if (!(claims.get("role") instanceof String role) || !(claims.get("exp") instanceof Number expiry)) {
            return invalid(ErrorCode.CLAIMS_MISSING);
        }
        Instant expiresAt = Instant.ofEpochSecond(Math.min(expiry.longValue(), LATEST.getEpochSecond()));
        if (!now.isBefore(expiresAt)) {
            long seconds = now.getEpochSecond() - expiresAt.getEpochSecond();
            return new Result.Invalid(ErrorCode.TOKEN_EXPIRED, "Token has expired " + seconds + " seconds ago");
        }
        return new Result.Valid(new Claims(group(role, claims), expiresAt));
    }

    private boolean isSigned(SignedJWT jwt) {
        try {
            return jwt.getHeader().getAlgorithm().equals(JWSAlgorithm.HS256) && jwt.verify(verifier);
        } catch (JOSEException unverifiable) {
            return false;
        }
    }

    private static ClaimsGroup group(String role, Map<String, Object> claims) {
        var shared = new TreeMap<>(claims);
        shared.keySet().removeAll(PER_TOKEN);
        return new ClaimsGroup(role, JSONObjectUtils.toJSONString(shared));
    }

    private static Result invalid(ErrorCode code) {
        return new Result.Invalid(code, code.message());
    }
}

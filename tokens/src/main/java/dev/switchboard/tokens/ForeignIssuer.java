package dev.switchboard.tokens;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.factories.DefaultJWSVerifierFactory;
import com.nimbusds.jose.jwk.AsymmetricJWK;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jwt.SignedJWT;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tokens of an identity provider (OpenID Connect), by its JWK set. Verifying never waits: a key that is not known has the
 * set fetched in the background, at most every {@link #PATIENCE}, and the token refused meanwhile. Thread-safe.
 */
public final class ForeignIssuer {
    private static final Logger LOG = LoggerFactory.getLogger(ForeignIssuer.class);
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final Duration FETCH_TIMEOUT = Duration.ofSeconds(5);
    private static final int MAX_BYTES = 1 << 20;

    private final OidcSettings settings;
    private final InstantSource clock;
    private final HttpClient http = HttpClient.newBuilder()
            .connectTimeout(FETCH_TIMEOUT)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
    private final AtomicReference<Instant> nextFetch = new AtomicReference<>(Instant.MIN);
    private volatile Map<String, JWK> keys = Map.of();

    public ForeignIssuer(OidcSettings settings, InstantSource clock) {
        this.settings = settings;
        this.clock = clock;
    }

    boolean issued(Map<String, Object> claims) {
        return settings.issuer().equals(claims.get("iss"));
    }

    /** The claims as our policies know them, if the token is this issuer's and meant for us. */
    Optional<Map<String, Object>> verify(SignedJWT token, Map<String, Object> claims) {
        if (!isForUs(claims.get("aud"))) {
            return Optional.empty();
        }
        String keyId = String.valueOf(token.getHeader().getKeyID());
        JWK key = keys.get(keyId);
        if (key == null) {
            fetchSoon();
            return Optional.empty();
        }
        return isSigned(token, key) ? Optional.of(settings.map(claims)) : Optional.empty();
    }

    private boolean isForUs(@org.jspecify.annotations.Nullable Object audience) {
        return audience instanceof List<?> several
                ? several.contains(settings.audience())
                : settings.audience().equals(audience);
    }

    private static boolean isSigned(SignedJWT token, JWK key) {
        try {
            return key instanceof AsymmetricJWK asymmetric && token.verify(verifier(token.getHeader(), asymmetric));
        } catch (JOSEException unfit) {
            return false;
        }
    }

    private static JWSVerifier verifier(JWSHeader header, AsymmetricJWK key) throws JOSEException {
        return new DefaultJWSVerifierFactory().createJWSVerifier(header, key.toPublicKey());
    }

    /** Has the keys fetched in the background, unless that was just done. */
    public void fetchSoon() {
        Instant now = clock.instant();
        Instant next = nextFetch.get();
        if (!now.isBefore(next) && nextFetch.compareAndSet(next, now.plus(PATIENCE))) {
            Thread.ofVirtual().name("jwks").start(this::fetch);
        }
    }

    /** Fetches the keys; the former ones stay where that fails. */
    private void fetch() {
        try {
            HttpResponse<byte[]> answer = http.send(
                    HttpRequest.newBuilder(settings.jwks())
                            .timeout(FETCH_TIMEOUT)
                            .build(),
                    HttpResponse.BodyHandlers.limiting(HttpResponse.BodyHandlers.ofByteArray(), MAX_BYTES));
            if (answer.statusCode() != 200) {
                LOG.warn(
                        "The keys of {} could not be fetched: {} answers {}",
                        settings.issuer(),
                        settings.jwks(),
                        answer.statusCode());
                return;
            }
            var fetched = new HashMap<String, JWK>();
            JWKSet.parse(new String(answer.body(), java.nio.charset.StandardCharsets.UTF_8))
                    .getKeys()
                    .forEach(key -> fetched.put(String.valueOf(key.getKeyID()), key));
            keys = Map.copyOf(fetched);
        } catch (IOException | ParseException failed) {
            LOG.warn(
                    "The keys of {} could not be fetched from {}: {}",
                    settings.issuer(),
                    settings.jwks(),
                    failed.getMessage());
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }
}

package dev.switchboard.systemtest.accounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.sun.net.httpserver.HttpServer;
import dev.switchboard.systemtest.harness.DataSchema;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import dev.switchboard.tokens.OidcSettings;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** K17: tokens of an identity provider. */
class OidcTest {
    private static final String ISSUER = "https://identity.example/";

    private static String token(RSAKey key, String issuer, String audience, String role, UUID user) throws Exception {
        var jwt = new SignedJWT(
                new JWSHeader.Builder(JWSAlgorithm.RS256).keyID(key.getKeyID()).build(),
                new JWTClaimsSet.Builder()
                        .issuer(issuer)
                        .audience(audience)
                        .claim("uid", user.toString())
                        .claim("app", Map.of("role", role))
                        .claim("role", role)
                        .expirationTime(Date.from(Instant.now().plusSeconds(600)))
                        .build());
        jwt.sign(new RSASSASigner(key));
        return jwt.serialize();
    }

    @Test
    void K17_tokensOfTheIdentityProviderAreBelievedButNeverItsGrander() throws Exception {
        RSAKey key = new RSAKeyGenerator(2048).keyID("k1").generate();
        RSAKey stranger = new RSAKeyGenerator(2048).keyID("k1").generate();
        HttpServer provider = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        provider.createContext("/jwks", exchange -> {
            byte[] keys = new JWKSet(key.toPublicJWK()).toString().getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, keys.length);
            exchange.getResponseBody().write(keys);
            exchange.close();
        });
        provider.start();
        var settings = new OidcSettings(
                ISSUER,
                URI.create("http://127.0.0.1:" + provider.getAddress().getPort() + "/jwks"),
                "switchboard",
                Map.of("role", "app.role", "sub", "uid"));
        UUID user = UUID.randomUUID();
        try (TestServer server = TestServer.with().oidc(settings).start();
                Http http = new Http(server)) {
            DataSchema.create(server.database());
            String good = token(key, ISSUER, "switchboard", "authenticated", user);

            await().atMost(Duration.ofSeconds(15)).until(() -> role(http, good).equals("authenticated"));
            assertThat(claims(http, good).path("uid").asString()).isEqualTo(user.toString());
            assertThat(role(http, token(key, ISSUER, "switchboard", "anon", user)))
                    .isEqualTo("anon");
            // a role that passes policies by is not the provider's to give
            assertThat(role(http, token(key, ISSUER, "switchboard", "service_role", user)))
                    .isEqualTo("authenticated");
            assertThat(status(http, token(key, ISSUER, "another", "authenticated", user)))
                    .isEqualTo(401);
            assertThat(status(http, token(key, "https://evil.example/", "switchboard", "authenticated", user)))
                    .isEqualTo(401);
            assertThat(status(http, token(stranger, ISSUER, "switchboard", "authenticated", user)))
                    .isEqualTo(401);
            // it says who somebody is, and does not keep our accounts
            assertThat(http.get("/auth/v1/user", "Authorization", "Bearer " + good)
                            .code())
                    .isEqualTo("bad_jwt");
            var confused = new SignedJWT(
                    new JWSHeader.Builder(JWSAlgorithm.HS256).keyID("k1").build(),
                    new JWTClaimsSet.Builder()
                            .issuer(ISSUER)
                            .audience("switchboard")
                            .claim("role", "authenticated")
                            .expirationTime(Date.from(Instant.now().plusSeconds(600)))
                            .build());
            confused.sign(new MACSigner(key.toPublicJWK().toRSAPublicKey().getEncoded())); // the public key as a secret
            assertThat(status(http, confused.serialize())).isEqualTo(401);
            try (PhoenixClient client = PhoenixClient.connect(server.port(), server.anonKey(), "2.0.0")) {
                UUID organization = server.organization("oidc");
                server.database()
                        .useHandle(handle -> handle.execute(
                                "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                                organization,
                                user));
                client.joined("realtime:calls", good, PhoenixClient.binding("*", "public", "calls", null));
                server.call(organization);
                assertThat(client.awaitChanges(1)).hasSize(1);
            }
        } finally {
            provider.stop(0);
        }
    }

    private static tools.jackson.databind.JsonNode claims(Http http, String token) {
        return http.get("/rest/v1/rpc/claims", "Authorization", "Bearer " + token)
                .json();
    }

    private static String role(Http http, String token) {
        return claims(http, token).path("role").asString("");
    }

    private static int status(Http http, String token) {
        return http.get("/rest/v1/rpc/claims", "Authorization", "Bearer " + token)
                .status();
    }
}

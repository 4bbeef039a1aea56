package dev.switchboard.spring;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Properties {@code switchboard.*}.
 *
 * @param enabled     whether anything of it is started
 * @param server      the server for browsers and other clients
 * @param listeners   methods annotated with {@code @ChangeListener}
 * @param database    where the database is, if not where the application's DataSource is
 * @param prepare     whether what the database lacks is made at the start, as far as its user may: roles, publication, functions
 */
@ConfigurationProperties("switchboard")
public record SwitchboardProperties(
        @DefaultValue("true") boolean enabled,
        @DefaultValue Server server,
        @DefaultValue Listeners listeners,
        @DefaultValue Connection database,
        @DefaultValue("false") boolean prepare) {
    /**
     * The server.
     *
     * @param enabled     whether there is one
     * @param host        address to listen on
     * @param port        0 for any free one
     * @param publicUrl   of the server as its users see it
     * @param sslBundle   name of the SSL bundle ({@code spring.ssl.bundle}) whose certificate it shows; without one, plain HTTP
     * @param directory   where secrets and keys are kept
     * @param slot        name of the replication slot: one for each server of a PostgreSQL cluster
     * @param jwtSecret   that signs tokens, HS256, of at least 32 bytes; by default one is generated and kept in the directory
     * @param corsOrigins pages that may read answers
     * @param publish     tables that can be subscribed to, {@code orders} or {@code shop.orders}; those that were published stay so
     * @param dataApi     {@code /rest/v1}
     * @param accounts    {@code /auth/v1}
     * @param oidc        an identity provider whose tokens are accepted
     */
    public record Server(
            @DefaultValue("true") boolean enabled,
            @DefaultValue("127.0.0.1") String host,
            @DefaultValue("8000") int port,
            @Nullable String publicUrl,
            @Nullable String sslBundle,
            @DefaultValue(".switchboard") Path directory,
            @DefaultValue("switchboard") String slot,
            @Nullable String jwtSecret,
            @DefaultValue("*") List<String> corsOrigins,
            @DefaultValue List<String> publish,
            @DefaultValue DataApi dataApi,
            @DefaultValue Accounts accounts,
            @DefaultValue Oidc oidc) {}

    /**
     * The data API.
     *
     * @param enabled whether there is one
     * @param schemas whose tables and functions can be asked for
     */
    public record DataApi(
            @DefaultValue("false") boolean enabled,
            @DefaultValue("public") List<String> schemas) {}

    /**
     * Accounts.
     *
     * @param enabled whether there are any; their tables are made by {@code switchboard prepare}
     */
    public record Accounts(@DefaultValue("false") boolean enabled) {}

    /**
     * An identity provider. By default the one of {@code spring.security.oauth2.resourceserver.jwt}.
     *
     * @param issuer   claim {@code iss} of its tokens
     * @param jwkSetUri where its public keys are
     * @param audience which has to be in claim {@code aud}
     * @param claims   our claims by name to theirs, {@code role=app.role,sub=oid}
     */
    public record Oidc(
            @Nullable String issuer,
            @Nullable String jwkSetUri,
            @Nullable String audience,
            @DefaultValue("") String claims) {}

    /**
     * Listeners.
     *
     * @param enabled whether they hear of anything
     */
    public record Listeners(@DefaultValue("true") boolean enabled) {}

    /**
     * A database: of a user with REPLICATION, who for listeners owns their tables.
     *
     * @param url JDBC URL without credentials
     */
    public record Connection(
            @Nullable String url,
            @Nullable String username,
            @Nullable String password) {}
}

package dev.switchboard.server.config;

import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.data.DataSettings;
import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.gateway.GatewaySettings;
import dev.switchboard.http.HttpSettings;
import dev.switchboard.tokens.OidcSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * How the server runs: what is common to its parts, and each part's own.
 *
 * @param dataDirectory         everything that is kept: database, secrets, lock
 * @param externalDatabase      a PostgreSQL of one's own; empty for the embedded one
 * @param callCentre            whether the embedded database has organizations, calls and {@code /api}
 * @param limits                of one connection
 * @param authorizationPatience see {@link dev.switchboard.engine.EngineConfig}
 * @param clientBytes           of memory for what clients sent and are sent, all together
 */
public record Settings(
        Path dataDirectory,
        Optional<Database> externalDatabase,
        boolean callCentre,
        ChannelLimits limits,
        Duration authorizationPatience,
        long clientBytes,
        HttpSettings http,
        GatewaySettings gateway,
        AccountSettings accounts,
        DataSettings data,
        Optional<OidcSettings> oidc) {}

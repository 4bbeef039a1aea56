package dev.switchboard.server.config;

import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.deliver.OutboxLimit;
import dev.switchboard.engine.postgres.Database;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How the server runs.
 *
 * @param host                  address to listen on
 * @param port                  0 for any free one
 * @param dataDirectory         everything that is kept: database, secrets, lock
 * @param externalDatabase      a PostgreSQL of one's own; empty for the embedded one
 * @param callCentre            whether the embedded database has organizations, calls and {@code /api}
 * @param tls                   empty for plain HTTP
 * @param maxConnections        WebSockets at the same time
 * @param maxFrameBytes         of one message of a client
 * @param limits                of one connection
 * @param outbox                of one connection
 * @param sendBufferBytes       of one connection's kernel send buffer
 * @param idleTimeout           without any frame, after which a connection is closed
 * @param authorizationPatience see {@link dev.switchboard.engine.EngineConfig}
 * @param publicUrl             of the server as its users see it, without a slash at the end; empty for host and port
 * @param clientBytes           of memory for what clients sent and are sent, all together
 * @param corsOrigins           pages that may read answers, {@code *} for all
 * @param corsHeaders           headers that their requests may have beside those of the clients, {@code *} for all
 */
public record Settings(
        String host,
        int port,
        Path dataDirectory,
        Optional<Database> externalDatabase,
        boolean callCentre,
        Optional<TlsFiles> tls,
        int maxConnections,
        int maxFrameBytes,
        ChannelLimits limits,
        OutboxLimit outbox,
        int sendBufferBytes,
        Duration idleTimeout,
        Duration authorizationPatience,
        Optional<String> publicUrl,
        List<String> corsOrigins,
        List<String> corsHeaders,
        long clientBytes,
        HttpLimits http,
        AccountSettings accounts,
        DataSettings data,
        Optional<OidcSettings> oidc) {}

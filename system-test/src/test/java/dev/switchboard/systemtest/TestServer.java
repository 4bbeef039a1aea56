package dev.switchboard.systemtest;

import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.deliver.OutboxLimit;
import dev.switchboard.engine.deliver.OverflowRule;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.server.Switchboard;
import dev.switchboard.server.config.Settings;
import dev.switchboard.server.config.TlsFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.jdbi.v3.core.Jdbi;

/** A server of the test's own, in a fresh directory, on a port of its own. */
final class TestServer implements AutoCloseable {
    static final ChannelLimits LIMITS = new ChannelLimits(100, 1000);

    private final Path directory;
    private final Switchboard server;
    private final Jdbi jdbi;

    private TestServer(Path directory, Settings settings) {
        this.directory = directory;
        this.server = Switchboard.start(settings);
        // a channel that joined before the stream is there would be told to refetch
        await().atMost(Duration.ofSeconds(20))
                .until(() -> server.progress().streamTrouble().isEmpty());
        Database database = server.database();
        this.jdbi = Jdbi.create(database.url(), database.user(), database.password());
    }

    static TestServer start() {
        return start(LIMITS, 1000);
    }

    static TestServer start(ChannelLimits limits, int maxConnections) {
        try {
            Path directory = Files.createTempDirectory(Files.createDirectories(Path.of("target", "servers")), "server");
            return new TestServer(
                    directory, settings(directory, limits, maxConnections, Optional.empty(), Optional.empty()));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    static TestServer startWithTls(Path certificate, Path key) {
        try {
            Path directory = Files.createTempDirectory(Files.createDirectories(Path.of("target", "servers")), "server");
            return new TestServer(
                    directory,
                    settings(directory, LIMITS, 1000, Optional.empty(), Optional.of(new TlsFiles(certificate, key))));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** On a PostgreSQL that somebody else runs. */
    static TestServer startOn(Database external) {
        try {
            Path directory = Files.createTempDirectory(Files.createDirectories(Path.of("target", "servers")), "server");
            return new TestServer(
                    directory, settings(directory, LIMITS, 1000, Optional.of(external), Optional.empty()));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static Settings settings(
            Path directory,
            ChannelLimits limits,
            int maxConnections,
            Optional<Database> external,
            Optional<TlsFiles> tls) {
        return new Settings(
                "127.0.0.1",
                0,
                directory,
                external,
                tls,
                maxConnections,
                100_000,
                limits,
                new OutboxLimit(256 * 1024, OverflowRule.DISCONNECT),
                64 * 1024,
                Duration.ofSeconds(60),
                Duration.ofSeconds(20));
    }

    Switchboard server() {
        return server;
    }

    int port() {
        return server.port();
    }

    String url() {
        return "http://127.0.0.1:" + port();
    }

    /** As the superuser: what an application's back end would do. */
    Jdbi database() {
        return jdbi;
    }

    String anonKey() {
        return token("anon", Map.of());
    }

    String serviceKey() {
        return token("service_role", Map.of());
    }

    String userToken(UUID user) {
        return token("authenticated", Map.of("sub", user.toString()));
    }

    String token(String role, Map<String, Object> claims) {
        return server.tokens().issue(role, claims, Instant.now(), Duration.ofHours(1));
    }

    PhoenixClient connect() {
        return PhoenixClient.connect(port(), anonKey(), "2.0.0");
    }

    UUID organization(String slug) {
        UUID id = UUID.randomUUID();
        jdbi.useHandle(handle ->
                handle.execute("insert into organizations (id, name, slug) values (?, ?, ?)", id, slug, slug));
        return id;
    }

    UUID member(UUID organization) {
        UUID user = UUID.randomUUID();
        jdbi.useHandle(handle -> handle.execute(
                "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')", organization, user));
        return user;
    }

    UUID call(UUID organization) {
        UUID id = UUID.randomUUID();
        jdbi.useHandle(handle -> Calls.insert(handle, id, organization));
        return id;
    }

    @Override
    public void close() {
        server.close();
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

package dev.switchboard.systemtest.harness;

import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.callcenter.analysis.CallAnalyzer;
import dev.switchboard.data.DataSettings;
import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.deliver.OutboxLimit;
import dev.switchboard.engine.deliver.OverflowRule;
import dev.switchboard.engine.history.HistorySettings;
import dev.switchboard.engine.postgres.AuthorizationSettings;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.gateway.GatewaySettings;
import dev.switchboard.http.HttpLimits;
import dev.switchboard.http.HttpSettings;
import dev.switchboard.http.TlsIdentity;
import dev.switchboard.server.Switchboard;
import dev.switchboard.server.config.Settings;
import dev.switchboard.tokens.OidcSettings;
import dev.switchboard.webhooks.WebhookSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.jdbi.v3.core.Jdbi;

/** A server of the test's own, in a fresh directory, on a port of its own. */
public final class TestServer implements AutoCloseable {
    public static final ChannelLimits LIMITS = new ChannelLimits(100, 1000);

    private static final Path SERVERS = Path.of("target", "servers");

    private final Path directory;
    private final Switchboard server;
    private final Jdbi jdbi;
    private boolean stopped;
    private boolean disagreed;

    private TestServer(Path directory, Settings settings) {
        this.directory = directory;
        this.server = Switchboard.start(settings);
        // a channel that joined before the stream is there would be told to refetch
        await().atMost(Duration.ofSeconds(20))
                .until(() -> server.progress().streamTrouble().isEmpty());
        Database database = server.database();
        this.jdbi = Jdbi.create(database.url(), database.user(), database.password());
    }

    public static TestServer start() {
        return with().start();
    }

    public static TestServer start(ChannelLimits limits, int maxConnections) {
        return with().limits(limits, maxConnections).start();
    }

    public static TestServer startWithTls(Path certificate, Path key) {
        return with().tls(new TlsIdentity.Files(certificate, key)).start();
    }

    /** On a PostgreSQL that somebody else runs. */
    public static TestServer startOn(Database external) {
        return with().database(external).start();
    }

    public static Wishes with() {
        return new Wishes();
    }

    /** How the server shall be, where it is not as usual. */
    public static final class Wishes {
        private ChannelLimits limits = LIMITS;
        private int maxConnections = 1000;
        private Optional<Database> external = Optional.empty();
        private Optional<TlsIdentity> tls = Optional.empty();
        private AccountSettings accounts = AccountSettings.defaults();
        private DataSettings data = DataSettings.defaults();
        private HttpLimits http = HttpLimits.defaults();
        private List<String> origins = List.of("*");
        private boolean callCentre = true;
        private long clientBytes = Runtime.getRuntime().maxMemory() / 2;
        private Optional<OidcSettings> oidc = Optional.empty();
        private Duration authorizationPatience = Duration.ofSeconds(20);
        private Duration drain = Duration.ZERO;
        private WebhookSettings webhooks = WebhookSettings.defaults();
        private Optional<CallAnalyzer> analyzer = Optional.empty();
        private HistorySettings history = HistorySettings.defaults();
        private InstantSource callCentreTime = InstantSource.system();

        public Wishes limits(ChannelLimits wanted, int connections) {
            limits = wanted;
            maxConnections = connections;
            return this;
        }

        public Wishes database(Database wanted) {
            external = Optional.of(wanted);
            return this;
        }

        public Wishes tls(TlsIdentity wanted) {
            tls = Optional.of(wanted);
            return this;
        }

        public Wishes accounts(AccountSettings wanted) {
            accounts = wanted;
            return this;
        }

        public Wishes data(DataSettings wanted) {
            data = wanted;
            return this;
        }

        public Wishes http(HttpLimits wanted) {
            http = wanted;
            return this;
        }

        public Wishes origins(String... wanted) {
            origins = List.of(wanted);
            return this;
        }

        public Wishes withoutCallCentre() {
            callCentre = false;
            return this;
        }

        public Wishes clientBytes(long wanted) {
            clientBytes = wanted;
            return this;
        }

        public Wishes oidc(OidcSettings wanted) {
            oidc = Optional.of(wanted);
            return this;
        }

        public Wishes drain(Duration wanted) {
            drain = wanted;
            return this;
        }

        public Wishes history(HistorySettings wanted) {
            history = wanted;
            return this;
        }

        public Wishes authorizationPatience(Duration wanted) {
            authorizationPatience = wanted;
            return this;
        }

        public Wishes analyzer(CallAnalyzer wanted) {
            analyzer = Optional.of(wanted);
            return this;
        }

        public Wishes callCentreTime(InstantSource wanted) {
            callCentreTime = wanted;
            return this;
        }

        public Wishes webhooks(WebhookSettings wanted) {
            webhooks = wanted;
            return this;
        }

        public TestServer start() {
            try {
                Path directory = Files.createTempDirectory(Files.createDirectories(SERVERS), "server");
                if (external.isEmpty()) {
                    Template.copyTo(directory);
                }
                return new TestServer(directory, settings(directory));
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }

        private Settings settings(Path directory) {
            return new Settings(
                    directory,
                    external,
                    Switchboard.SLOT,
                    Optional.empty(),
                    callCentre,
                    limits,
                    new AuthorizationSettings(authorizationPatience, 10),
                    history,
                    clientBytes,
                    new HttpSettings("127.0.0.1", 0, tls, Optional.empty(), origins, List.of("*"), http),
                    new GatewaySettings(
                            maxConnections,
                            100_000,
                            new OutboxLimit(256 * 1024, OverflowRule.DISCONNECT),
                            64 * 1024,
                            Duration.ofSeconds(60),
                            drain,
                            true),
                    Optional.of(accounts),
                    Optional.of(data),
                    oidc,
                    external.isEmpty() ? Optional.of(webhooks) : Optional.empty(),
                    analyzer,
                    callCentreTime);
        }
    }

    /** What a first start leaves behind, made once: a copy is there sooner than a database made anew. */
    private static final class Template {
        private static final String BINARIES = "binaries-18";
        private static final Path DIRECTORY = make();

        private Template() {}

        private static Path make() {
            try {
                Path directory = Files.createTempDirectory(Files.createDirectories(SERVERS), "template");
                Switchboard.start(new Wishes().settings(directory)).close();
                Files.deleteIfExists(directory.resolve("lock"));
                Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(directory)));
                return directory;
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }

        static void copyTo(Path target) throws IOException {
            try (Stream<Path> paths = Files.walk(DIRECTORY)) {
                for (Path path : (Iterable<Path>) paths::iterator) {
                    Path relative = DIRECTORY.relativize(path);
                    if (relative.toString().isEmpty() || relative.startsWith(Path.of("postgres", BINARIES))) {
                        continue;
                    }
                    Files.copy(path, target.resolve(relative), StandardCopyOption.COPY_ATTRIBUTES);
                }
            }
            Files.createSymbolicLink(
                    target.resolve("postgres").resolve(BINARIES),
                    DIRECTORY.resolve("postgres").resolve(BINARIES).toAbsolutePath());
        }
    }

    private static void delete(Path directory) {
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    public Path directory() {
        return directory;
    }

    public Switchboard server() {
        return server;
    }

    public int port() {
        return server.port();
    }

    public String url() {
        return "http://127.0.0.1:" + port();
    }

    /** As the superuser: what an application's back end would do. */
    public Jdbi database() {
        return jdbi;
    }

    /** Runs several statements as the superuser, as psql would. */
    public void script(String sql) {
        jdbi.useHandle(handle -> {
            try (Statement statement = handle.getConnection().createStatement()) {
                statement.execute(sql);
            } catch (SQLException failed) {
                throw new IllegalStateException(failed);
            }
        });
    }

    /** Connections as the superuser, for a test that asks often; the test closes it. */
    public HikariDataSource pool(int connections) {
        return pool(connections, "select 1");
    }

    /** @param settings that each connection is told first */
    public HikariDataSource pool(int connections, String settings) {
        Database database = server.database();
        var config = new HikariConfig();
        config.setJdbcUrl(database.url());
        config.setUsername(database.user());
        config.setPassword(database.password());
        config.setMaximumPoolSize(connections);
        config.setConnectionInitSql(settings);
        return new HikariDataSource(config);
    }

    public String anonKey() {
        return token("anon", Map.of());
    }

    public String serviceKey() {
        return token("service_role", Map.of());
    }

    public String userToken(UUID user) {
        return token("authenticated", Map.of("sub", user.toString()));
    }

    public String token(String role, Map<String, Object> claims) {
        return server.tokens().issue(role, claims, Instant.now(), Duration.ofHours(1));
    }

    public PhoenixClient connect() {
        return PhoenixClient.connect(port(), anonKey(), "2.0.0");
    }

    public UUID organization(String slug) {
        UUID id = UUID.randomUUID();
        jdbi.useHandle(handle ->
                handle.execute("insert into organizations (id, name, slug) values (?, ?, ?)", id, slug, slug));
        return id;
    }

    public UUID member(UUID organization) {
        UUID user = UUID.randomUUID();
        jdbi.useHandle(handle -> handle.execute(
                "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')", organization, user));
        return user;
    }

    public UUID call(UUID organization) {
        UUID id = UUID.randomUUID();
        jdbi.useHandle(handle -> Calls.insert(handle, id, organization));
        return id;
    }

    /** What the metrics say under a name without labels. */
    public double figure(String name) {
        return server.metrics()
                .scrape()
                .lines()
                .filter(line -> line.startsWith(name + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
                .findFirst()
                .orElseThrow();
    }

    /** Ends the server; its directory stays until {@link #close}. */
    public void stop() {
        if (!stopped) {
            stopped = true;
            String figures = server.metrics().scrape();
            server.close();
            // whatever a test is about: nothing that was decided without PostgreSQL may be other than it says
            disagreed = !figures.contains("switchboard_decisions_disagreements_total 0.0\n");
        }
    }

    @Override
    public void close() {
        stop();
        delete(directory);
        if (disagreed) {
            throw new AssertionError(
                    "rows were decided otherwise than PostgreSQL decides; the log says of which table");
        }
    }
}

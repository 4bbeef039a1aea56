package dev.switchboard.server;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.accounts.AccountRoutes;
import dev.switchboard.accounts.Mailer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.api.ApiRoutes;
import dev.switchboard.callcenter.api.CallCentreServer;
import dev.switchboard.callcenter.schema.Finding;
import dev.switchboard.callcenter.schema.Inspection;
import dev.switchboard.callcenter.schema.Schema;
import dev.switchboard.callcenter.telephony.FakeTelephonyProvider;
import dev.switchboard.data.DataRoutes;
import dev.switchboard.data.DataSettings;
import dev.switchboard.data.KeptConnections;
import dev.switchboard.engine.Engine;
import dev.switchboard.engine.EngineConfig;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.channel.Hub;
import dev.switchboard.engine.memory.ClientMemory;
import dev.switchboard.engine.pipeline.Pipeline;
import dev.switchboard.engine.pipeline.Progress;
import dev.switchboard.engine.pipeline.Time;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.PostgresRowAccess;
import dev.switchboard.engine.postgres.PostgresSubscriptionCatalog;
import dev.switchboard.engine.postgres.PostgresTypeCatalog;
import dev.switchboard.engine.postgres.PostgresWalSource;
import dev.switchboard.engine.postgres.Preparation;
import dev.switchboard.engine.postgres.ReplicaIdentities;
import dev.switchboard.engine.postgres.SessionSettings;
import dev.switchboard.gateway.BroadcastRoutes;
import dev.switchboard.gateway.Gateway;
import dev.switchboard.http.BodyReader;
import dev.switchboard.http.Cors;
import dev.switchboard.http.Handler;
import dev.switchboard.http.HttpFront;
import dev.switchboard.http.HttpSettings;
import dev.switchboard.http.Metrics;
import dev.switchboard.http.Operations;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import dev.switchboard.server.config.Secrets;
import dev.switchboard.server.config.Settings;
import dev.switchboard.server.postgres.EmbeddedPostgres;
import dev.switchboard.server.postgres.ExternalPostgres;
import dev.switchboard.server.postgres.Migrations;
import dev.switchboard.server.web.ConsoleConfig;
import dev.switchboard.server.web.WebFiles;
import dev.switchboard.tokens.ForeignIssuer;
import dev.switchboard.tokens.JwtTokens;
import dev.switchboard.tokens.KeyRing;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A running server, wired in data-flow order and closed in reverse. */
public final class Switchboard implements AutoCloseable {
    /** The publication whose tables can be subscribed to. */
    public static final String PUBLICATION = "supabase_realtime";

    private static final Logger LOG = LoggerFactory.getLogger(Switchboard.class);
    /** The replication slot, made at the first start. */
    public static final String SLOT = "switchboard";

    private static final int CATALOG_CONNECTIONS = 6;
    private static final int TYPE_CONNECTIONS = 2;
    /** After which an identity provider's keys are fetched again: one that it withdrew verifies no longer. */
    private static final Duration KEYS_AGE = Duration.ofMinutes(5);

    private static final int ACCOUNT_CONNECTIONS = 6;
    private static final int CALL_CONNECTIONS = 10;
    /** Of API keys: as long as anybody will run an installation. */
    public static final Duration KEY_LIFE = Duration.ofDays(3650);
    /** A screen that is older than that does not call itself live either (SPEC U2). */
    private static final Duration MOST_BEHIND = Duration.ofSeconds(30);

    /** What a connection of the data API may be silent for beyond a statement's time: roles may have more of it. */
    private static final Duration DATA_GRACE = Duration.ofSeconds(60);

    private final DataDirectory directory;
    private final Settings settings;
    private final Secrets secrets;
    private final KeyRing keys;
    private final JwtTokens tokens;
    private final Optional<EmbeddedPostgres> postgres;
    private final Database database;
    private final HikariDataSource catalog;
    private final HikariDataSource typeConnections;
    private final HikariDataSource accountConnections;
    private final HikariDataSource dataConnections;
    private final DataRoutes data;
    private final Optional<CallCentreServer> callCentre;
    private final PostgresRowAccess rows;
    private final ExecutorService blocking;
    private final Engine engine;
    private final Vertx vertx;
    private final Gateway gateway;
    private final Metrics metrics = new Metrics();
    private final ConsoleConfig console;
    private final FileWatch files;
    private final Watchdog watchdog;
    private final Lock closing = new ReentrantLock();
    private boolean closed; // under the lock
    private volatile int port;

    /**
     * Starts everything; what was started is stopped again where something fails. If it cannot go on later, it closes itself
     * and says why in {@link #failure}: as part of an application it does not end the process.
     */
    public static Switchboard start(Settings settings) {
        return start(settings, Switchboard::close);
    }

    /** @param onFailure runs once if it cannot go on, and is to close it; see {@link #failure} */
    public static Switchboard start(Settings settings, Consumer<Switchboard> onFailure) {
        DataDirectory directory = DataDirectory.lock(settings.dataDirectory());
        try {
            Secrets secrets = Secrets.loadOrCreate(directory.secretsFile(), Instant.now());
            if (settings.externalDatabase().isPresent()) {
                Database external = settings.externalDatabase().get();
                ExternalPostgres.requireReady(new Preparation(external, PUBLICATION, SLOT));
                return new Switchboard(settings, directory, secrets, Optional.empty(), external, external, onFailure);
            }
            EmbeddedPostgres postgres = EmbeddedPostgres.start(directory.postgres(), secrets.superuser());
            try {
                Migrations.apply(postgres.database(), secrets.authenticator());
                Migrations.setCallCentre(postgres.database(), settings.callCentre());
                lookAtSchema(postgres.database());
                Database reader = postgres.database().as(Migrations.AUTHENTICATOR, secrets.authenticator());
                return new Switchboard(
                        settings, directory, secrets, Optional.of(postgres), postgres.database(), reader, onFailure);
            } catch (RuntimeException failed) {
                postgres.close();
                throw failed;
            }
        } catch (RuntimeException failed) {
            directory.close();
            throw failed;
        }
    }

    /** Tables on which writes fail are told of. A column that is missing would make commands fail one by one, and screens silently wrong (F001-04). */
    private static void lookAtSchema(Database database) {
        try (Connection connection =
                DriverManager.getConnection(database.url(), database.user(), database.password())) {
            List<Finding> lacking =
                    Inspection.compare(Schema.needed(), Schema.read(connection, PUBLICATION), PUBLICATION).stream()
                            .filter(finding -> finding.layer() == Finding.Layer.SCHEMA)
                            .toList();
            ReplicaIdentities.broken(connection, PUBLICATION)
                    .forEach(broken -> LOG.warn("{}. Mend it: {}", broken.what(), broken.remedy()));
            if (!lacking.isEmpty()) {
                Finding first = lacking.getFirst();
                throw new InvalidSettingException("The database lacks " + first.expected() + " (" + lacking.size()
                        + " such in all). Mend it: " + first.mend());
            }
        } catch (SQLException failed) {
            throw new IllegalStateException("the schema cannot be looked at: " + failed.getMessage(), failed);
        }
    }

    /**
     * @param postgres the embedded one, if it is that
     * @param database with the user that replicates
     * @param reader   with the user that takes on the roles of tokens
     */
    private Switchboard(
            Settings settings,
            DataDirectory directory,
            Secrets secrets,
            Optional<EmbeddedPostgres> postgres,
            Database database,
            Database reader,
            Consumer<Switchboard> onFailure) {
        this.settings = settings;
        this.directory = directory;
        this.secrets = secrets;
        this.postgres = postgres;
        this.database = database;
        Time time = new SystemTime();
        keys = KeyRing.loadOrCreate(directory.signingKeys(), time.instant());
        Optional<ForeignIssuer> foreign = settings.oidc().map(oidc -> new ForeignIssuer(oidc, time));
        foreign.ifPresent(ForeignIssuer::fetchSoon); // known before the first token comes
        tokens = new JwtTokens(secrets.jwt(), keys, foreign, settings.accounts().hs256());
        catalog = pool(reader, "catalog", CATALOG_CONNECTIONS);
        // of its own: types are asked for while a connection of the other is held
        typeConnections = pool(reader, "types", TYPE_CONNECTIONS);
        accountConnections = new HikariDataSource(ownPool("accounts", ACCOUNT_CONNECTIONS));
        dataConnections = dataPool(reader, settings.data());
        rows = new PostgresRowAccess(reader, Switchboard::log);
        blocking = Executors.newVirtualThreadPerTaskExecutor();

        int loops = Math.min(Hub.MOST_LOOPS, Runtime.getRuntime().availableProcessors());
        vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true).setEventLoopPoolSize(loops));
        ClientMemory memory = ClientMemory.of(settings.clientBytes());
        gateway = new Gateway(vertx, settings.gateway(), tokens, time, memory.passing(), metrics);
        var types = new PostgresTypeCatalog(typeConnections);
        var ports = new Pipeline.Ports(
                new PostgresWalSource(database, SLOT, PUBLICATION),
                rows,
                types,
                new PostgresSubscriptionCatalog(catalog, types, PUBLICATION),
                gateway,
                blocking,
                time,
                Switchboard::log);
        engine = new Engine(
                new EngineConfig(
                        settings.limits(), settings.authorizationPatience(), gateway.loopCount(), memory.kept()),
                ports,
                tokens);
        gateway.attach(engine);
        EngineMetrics.measure(engine, memory, time, metrics);
        engine.start();
        var logEnd = new LogEnd(catalog, engine.progress(), time);
        vertx.setPeriodic(0, LogEnd.EVERY.toMillis(), _ -> blocking.execute(logEnd));
        data = new DataRoutes(dataConnections, settings.data(), memory.passing(), tokens, time);
        // its tables are in the embedded database alone
        callCentre = postgres.filter(_ -> settings.callCentre())
                .map(_ -> new CallCentreServer(
                        callPool(), new FakeTelephonyProvider(), tokens, time, engine.attendance()));
        console = new ConsoleConfig(
                tokens.issue("anon", Map.of(), secrets.createdAt(), KEY_LIFE),
                callCentre.isPresent(),
                settings.accounts().signUp(),
                () -> settings.callCentre() && isFirstRun());
        HttpSettings http = settings.http();
        var broadcasts = new BroadcastRoutes(
                new BroadcastRoutes.Audience(
                        engine::broadcast,
                        gateway::isCongested,
                        settings.limits().rooms()),
                tokens,
                time,
                new BodyReader(settings.gateway().maxFrameBytes(), http.limits().bodyTime(), memory.passing()),
                new Cors(http.corsOrigins(), http.corsHeaders()));
        var front = new HttpFront(
                http,
                memory.passing(),
                new Operations(health(time), metrics::scrape),
                List.of(gateway, broadcasts),
                Map.of(
                        AccountRoutes.PREFIX,
                        AccountRoutes.of(
                                accountConnections,
                                settings.accounts(),
                                new AccountRoutes.Surroundings(
                                        tokens, Mailer.of(settings.accounts()), time, new SecureRandom(), this::url)),
                        DataRoutes.PREFIX,
                        data,
                        ApiRoutes.PREFIX,
                        callCentre.<Handler>map(CallCentreServer::routes).orElse(Switchboard::noCallCentre),
                        ConsoleConfig.PATH,
                        console),
                WebFiles.load());
        watchdog = new Watchdog(
                List.of(
                        () -> engine.progress().vitals().ended(),
                        gateway::ended,
                        () -> callCentre.flatMap(CallCentreServer::ended),
                        () -> postgres.flatMap(EmbeddedPostgres::givenUp)),
                _ -> onFailure.accept(this));
        port = front.listen(vertx, loops);
        foreign.ifPresent(issuer -> vertx.setPeriodic(KEYS_AGE.toMillis(), _ -> issuer.fetchSoon()));
        files = new FileWatch(vertx, blocking);
        files.watch(List.of(directory.signingKeys()), keys::reload);
        http.tls().ifPresent(tls -> files.watch(List.of(tls.certificate(), tls.key()), () -> front.reloadTls(tls)));
    }

    /** What {@code /readyz} tells of: each part says what is the matter, in words that give nothing of the inside away. */
    private Map<String, Supplier<Optional<String>>> health(Time time) {
        Progress progress = engine.progress();
        var parts = new LinkedHashMap<String, Supplier<Optional<String>>>();
        parts.put("server", () -> failure().map(_ -> "a part of the server has ended; it stops"));
        postgres.ifPresent(embedded -> parts.put("postgres", embedded::trouble));
        parts.put("wal", () -> progress.streamTrouble().map(_ -> "the stream of changes is interrupted"));
        parts.put("authorization", () -> progress.accessTrouble().map(_ -> "rows cannot be authorised now"));
        parts.put("pipeline", () -> progress.vitals().stalled(time.instant()));
        parts.put("sockets", () -> gateway.trouble(time.instant()));
        parts.put(
                "changes",
                () -> progress.behind(time.instant())
                        .filter(behind -> behind.compareTo(MOST_BEHIND) > 0)
                        .map(behind -> "what was committed in the last " + behind.toSeconds()
                                + " s may not be delivered yet"));
        return parts;
    }

    /** Why the server cannot go on, once that is so. */
    public Optional<String> failure() {
        return watchdog.ended();
    }

    /** Whether the first who signs up will own the installation (SPEC M6). */
    private boolean isFirstRun() {
        return Jdbi.create(accountConnections)
                .withHandle(handle -> handle.createQuery(
                                "select not exists (select from public.organizations) and not exists (select from auth.users u"
                                        + " where u.email_confirmed_at is not null and not u.is_anonymous and u.deleted_at is null)")
                        .mapTo(Boolean.class)
                        .one());
    }

    /** What the console offers to who has not signed in. */
    public ConsoleConfig console() {
        return console;
    }

    private static Response noCallCentre(Request request, Handler.Client client) {
        return Response.of(
                404,
                "application/problem+json",
                "{\"status\":404,\"code\":\"not_found\",\"title\":\"There is no such thing\","
                        + "\"detail\":\"The call centre works with the embedded PostgreSQL, and without --no-call-centre\"}");
    }

    /** Of the server as its users see it, without a slash at the end. */
    public String url() {
        return settings.http().url(port);
    }

    /** The cause's text at WARN, its trace at DEBUG. */
    private static void log(String what, Throwable cause) {
        LOG.warn("{}: {}", what, cause.getMessage());
        LOG.debug("{}", what, cause);
    }

    /** As the user who owns the embedded database: what a client does wrong is answered, and not written to PostgreSQL's log. */
    private HikariConfig ownPool(String name, int connections) {
        HikariConfig config = poolOf(database, name, connections);
        if (postgres.isPresent()) {
            config.addDataSourceProperty("options", "-c log_min_messages=log");
        }
        return config;
    }

    private static HikariDataSource pool(Database database, String name, int connections) {
        return new HikariDataSource(poolOf(database, name, connections));
    }

    private HikariDataSource callPool() {
        HikariConfig config = ownPool("calls", CALL_CONNECTIONS);
        config.setConnectionInitSql(SessionSettings.forRows() + "; " + CallCentre.CONNECTION_SETTINGS);
        return new HikariDataSource(config);
    }

    /** One connection more than asked for: it listens for changes of the schema. */
    private static HikariDataSource dataPool(Database database, DataSettings settings) {
        HikariConfig config = poolOf(database, "data", settings.connections() + 1);
        config.addDataSourceProperty(
                "stringtype", "unspecified"); // values are typed by where they stand, as literals are
        config.addDataSourceProperty(
                "socketTimeout", Long.toString(settings.statementTimeout().toSeconds() + DATA_GRACE.toSeconds()));
        // what a client's statement raises says nothing of the connection, also where its class is "not supported"
        config.setExceptionOverride(new KeptConnections());
        return new HikariDataSource(config);
    }

    private static HikariConfig poolOf(Database database, String name, int connections) {
        var config = new HikariConfig();
        config.setPoolName(name);
        config.setJdbcUrl(database.url());
        config.setUsername(database.user());
        config.setPassword(database.password());
        config.setMaximumPoolSize(connections);
        config.setMinimumIdle(1);
        config.setConnectionTimeout(8_000); // within the 10 s that clients wait for the reply to a join
        config.setValidationTimeout(1_000);
        config.setConnectionInitSql(SessionSettings.forRows());
        config.addDataSourceProperty("ApplicationName", "switchboard-" + name);
        config.addDataSourceProperty("connectTimeout", "5");
        config.addDataSourceProperty("socketTimeout", "20");
        return config;
    }

    public int port() {
        return port;
    }

    public JwtTokens tokens() {
        return tokens;
    }

    public DataDirectory directory() {
        return directory;
    }

    /** The embedded PostgreSQL, if it is that. */
    public Optional<EmbeddedPostgres> postgres() {
        return postgres;
    }

    /** With the user that replicates: the embedded one's superuser. */
    public Database database() {
        return database;
    }

    /** The call centre, where the database has one. */
    public Optional<CallCentre> callCentre() {
        return callCentre.map(CallCentreServer::calls);
    }

    /** What other programs write, where the database has a call centre. */
    public Optional<Ingest> ingest() {
        return callCentre.map(CallCentreServer::ingest);
    }

    public Engine engine() {
        return engine;
    }

    public Progress progress() {
        return engine.progress();
    }

    public Gateway gateway() {
        return gateway;
    }

    public Metrics metrics() {
        return metrics;
    }

    /** Of the installation, which is to be kept to oneself. */
    public Secrets secrets() {
        return secrets;
    }

    /** Sockets, WAL stream, pools, PostgreSQL. Once; whoever calls it again meanwhile returns when all of that is done. */
    @Override
    public void close() {
        closing.lock();
        try {
            if (!closed) {
                closed = true;
                closeParts();
            }
        } finally {
            closing.unlock();
        }
    }

    private void closeParts() {
        watchdog.close();
        gateway.sayGoodbye();
        vertx.close()
                .toCompletionStage()
                .toCompletableFuture()
                .orTimeout(2, TimeUnit.SECONDS)
                .exceptionally(failed -> {
                    LOG.warn("The HTTP server did not close in time: {}", failed.getMessage());
                    return null;
                })
                .join();
        // what waits for a connection is told that there is none any more, so that nobody is waited for in vain
        List.of(catalog, typeConnections, accountConnections, dataConnections).forEach(HikariDataSource::close);
        callCentre.ifPresent(CallCentreServer::close);
        engine.close();
        blocking.shutdownNow();
        rows.close();
        data.close();
        postgres.ifPresent(EmbeddedPostgres::close);
        directory.close();
    }
}

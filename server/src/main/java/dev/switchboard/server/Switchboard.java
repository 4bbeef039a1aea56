package dev.switchboard.server;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.accounts.AccountRoutes;
import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.accounts.Mailer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.Reconciler;
import dev.switchboard.data.DataRoutes;
import dev.switchboard.engine.Engine;
import dev.switchboard.engine.channel.Hub;
import dev.switchboard.engine.explain.LiveSources;
import dev.switchboard.engine.history.FenceSeal;
import dev.switchboard.engine.memory.ClientMemory;
import dev.switchboard.engine.pipeline.Pipeline;
import dev.switchboard.engine.pipeline.Progress;
import dev.switchboard.engine.pipeline.Time;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.MessageJanitor;
import dev.switchboard.engine.postgres.PostgresRoomHistory;
import dev.switchboard.engine.postgres.PostgresRoomPolicies;
import dev.switchboard.engine.postgres.PostgresRowAccess;
import dev.switchboard.engine.postgres.PostgresSubscriptionCatalog;
import dev.switchboard.engine.postgres.PostgresTypeCatalog;
import dev.switchboard.engine.postgres.PostgresWalSource;
import dev.switchboard.engine.postgres.Preparation;
import dev.switchboard.engine.postgres.SystemTime;
import dev.switchboard.gateway.BroadcastRoutes;
import dev.switchboard.gateway.Gateway;
import dev.switchboard.http.BodyReader;
import dev.switchboard.http.Cors;
import dev.switchboard.http.Handler;
import dev.switchboard.http.HttpFront;
import dev.switchboard.http.HttpSettings;
import dev.switchboard.http.Metrics;
import dev.switchboard.http.Operations;
import dev.switchboard.http.TlsIdentity;
import dev.switchboard.live.Evaluations;
import dev.switchboard.server.config.Secrets;
import dev.switchboard.server.config.Settings;
import dev.switchboard.server.explain.ExplainRoutes;
import dev.switchboard.server.explain.RequestExplanation;
import dev.switchboard.server.postgres.EmbeddedPostgres;
import dev.switchboard.server.postgres.ExternalPostgres;
import dev.switchboard.server.postgres.Migrations;
import dev.switchboard.server.postgres.SchemaCheck;
import dev.switchboard.server.web.ConsoleConfig;
import dev.switchboard.server.web.WebFiles;
import dev.switchboard.tokens.ForeignIssuer;
import dev.switchboard.tokens.JwtTokens;
import dev.switchboard.tokens.KeyRing;
import dev.switchboard.webhooks.Secret;
import dev.switchboard.webhooks.WebhookSettings;
import dev.switchboard.webhooks.Webhooks;
import io.micrometer.core.instrument.MeterRegistry;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
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
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A running server, wired in data-flow order and closed in reverse. */
public final class Switchboard implements AutoCloseable {
    /** The publication whose tables can be subscribed to. */
    public static final String PUBLICATION = "supabase_realtime";

    private static final Logger LOG = LoggerFactory.getLogger(Switchboard.class);
    /** The replication slot where the settings name no other, made at the first start. */
    public static final String SLOT = "switchboard";
    /** What the name of the slot that webhooks are read from ends in. */
    public static final String WEBHOOK_SLOT = "_webhooks";

    /** After which an identity provider's keys are fetched again: one that it withdrew verifies no longer. */
    private static final Duration KEYS_AGE = Duration.ofMinutes(5);

    /** Of API keys: as long as anybody will run an installation. */
    public static final Duration KEY_LIFE = Duration.ofDays(3650);
    /** A screen that is older than that does not call itself live either (SPEC U2). */
    private static final Duration MOST_BEHIND = Duration.ofSeconds(30);

    private final DataDirectory directory;
    private final Settings settings;
    private final Secrets secrets;
    private final KeyRing keys;
    private final JwtTokens tokens;
    private final Optional<EmbeddedPostgres> postgres;
    private final Database database;
    private final Database reader;
    private final Pools pools;
    private final Optional<DataRoutes> data;
    private final Optional<CallCentrePart> callCentre;
    private final Optional<Webhooks> webhooks;
    private final PostgresRowAccess rows;
    private final PostgresSubscriptionCatalog subscriptions;
    private final ExecutorService blocking;
    private final Engine engine;
    private final Vertx vertx;
    private final Gateway gateway;
    private final Evaluations queries;
    private final Metrics metrics;
    private final ConsoleConfig console;
    private final Map<String, Supplier<Optional<String>>> health;
    private final FileWatch files;
    private final HttpFront front;
    private final Watchdog watchdog;
    private final Lock closing = new ReentrantLock();
    private boolean closed; // under the lock
    private volatile int port;

    /** Beside a PostgreSQL that is there already: a user with REPLICATION, who need not be a superuser. */
    public static SwitchboardBuilder with(Database database) {
        return new SwitchboardBuilder(Optional.of(database));
    }

    /** With a PostgreSQL of its own, kept in that directory. */
    public static SwitchboardBuilder embedded(Path directory) {
        return new SwitchboardBuilder(Optional.empty()).directory(directory);
    }

    /**
     * Starts everything; what was started is stopped again where something fails. If it cannot go on later, it closes itself
     * and says why in {@link #failure}: as part of an application it does not end the process.
     */
    public static Switchboard start(Settings settings) {
        return start(settings, Switchboard::close);
    }

    /** @param onFailure runs once if it cannot go on, and is to close it; see {@link #failure} */
    public static Switchboard start(Settings settings, Consumer<Switchboard> onFailure) {
        return start(settings, new Host(onFailure, Optional.empty()));
    }

    /**
     * The application that a server is part of.
     *
     * @param onFailure runs once if the server cannot go on, and is to close it
     * @param meters    that everything is measured in too
     */
    record Host(Consumer<Switchboard> onFailure, Optional<MeterRegistry> meters) {}

    /**
     * The database as the parts see it.
     *
     * @param embedded the server's own, if it is that
     * @param owner    the user who replicates
     * @param reader   the user who takes on the roles of tokens
     */
    private record Databases(Optional<EmbeddedPostgres> embedded, Database owner, Database reader) {}

    static Switchboard start(Settings settings, Host host) {
        settings.check();
        DataDirectory directory = DataDirectory.lock(settings.dataDirectory());
        try {
            Secrets secrets = Secrets.loadOrCreate(directory.secretsFile(), Instant.now());
            if (settings.externalDatabase().isPresent()) {
                Database external = settings.externalDatabase().get();
                ExternalPostgres.requireReady(new Preparation(external, PUBLICATION, settings.slot()));
                return new Switchboard(
                        settings, directory, secrets, new Databases(Optional.empty(), external, external), host);
            }
            EmbeddedPostgres postgres = EmbeddedPostgres.start(directory.postgres(), secrets.superuser());
            try {
                Migrations.apply(postgres.database(), secrets.authenticator(), settings.migrations());
                if (settings.accounts().isPresent()) {
                    Migrations.setCallCentre(postgres.database(), settings.callCentre());
                }
                if (settings.callCentre()) {
                    SchemaCheck.check(postgres.database(), PUBLICATION);
                }
                Database reader = postgres.database().as(Migrations.AUTHENTICATOR, secrets.authenticator());
                return new Switchboard(
                        settings,
                        directory,
                        secrets,
                        new Databases(Optional.of(postgres), postgres.database(), reader),
                        host);
            } catch (RuntimeException failed) {
                postgres.close();
                throw failed;
            }
        } catch (RuntimeException failed) {
            directory.close();
            throw failed;
        }
    }

    private Switchboard(Settings settings, DataDirectory directory, Secrets secrets, Databases databases, Host host) {
        this.settings = settings;
        this.directory = directory;
        this.secrets = secrets;
        postgres = databases.embedded();
        database = databases.owner();
        metrics = new Metrics(host.meters());
        reader = databases.reader();
        Time time = new SystemTime();
        keys = KeyRing.loadOrCreate(directory.signingKeys(), time.instant());
        Optional<ForeignIssuer> foreign = settings.oidc().map(oidc -> new ForeignIssuer(oidc, time));
        foreign.ifPresent(ForeignIssuer::fetchSoon); // known before the first token comes
        String secret = settings.jwtSecret().orElseGet(secrets::jwt);
        boolean symmetric = settings.accounts().map(AccountSettings::hs256).orElse(true);
        tokens = new JwtTokens(secret, keys, foreign, symmetric);
        pools = new Pools(database, reader, postgres.isPresent(), metrics);
        HikariDataSource catalog = pools.catalog();
        rows = new PostgresRowAccess(
                reader, Switchboard::log, settings.authorization().checkOneIn());
        blocking = Executors.newVirtualThreadPerTaskExecutor();

        int loops = Math.min(Hub.MOST_LOOPS, Runtime.getRuntime().availableProcessors());
        vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true).setEventLoopPoolSize(loops));
        ClientMemory memory = ClientMemory.of(settings.clientBytes());
        gateway = new Gateway(vertx, settings.gateway(), tokens, time, memory.passing(), metrics);
        var types = new PostgresTypeCatalog(pools.types());
        subscriptions = new PostgresSubscriptionCatalog(catalog, types, PUBLICATION);
        queries = new Evaluations(gateway, new Evaluations.Surroundings(blocking, time, Switchboard::log));
        var roomPolicies = new PostgresRoomPolicies(pools.rooms(), pools.roomWatch(), time);
        var ports = new Pipeline.Ports(
                PostgresWalSource.withDependencies(database, settings.slot(), PUBLICATION),
                rows,
                types,
                subscriptions,
                roomPolicies,
                new PostgresRoomHistory(pools.roomHistory(), Switchboard::log),
                queries.around(),
                blocking,
                time,
                Switchboard::log);
        engine = new Engine(
                settings.engine(gateway.loopCount(), memory.kept(), FenceSeal.of(tokens.derive("fence", ""))),
                ports,
                tokens,
                queries);
        gateway.attach(engine);
        EngineMetrics.measure(engine, rows, roomPolicies, memory, time, metrics);
        EngineMetrics.measure(queries, metrics);
        engine.start();
        var logEnd = new LogEnd(catalog, engine.progress(), time);
        vertx.setPeriodic(0, LogEnd.EVERY.toMillis(), _ -> blocking.execute(logEnd));
        var janitor = new MessageJanitor(database, Switchboard::log);
        vertx.setPeriodic(0, MessageJanitor.EVERY.toMillis(), _ -> blocking.execute(janitor));
        data = settings.data()
                .map(part -> new DataRoutes(
                        pools.data(part), part, memory.passing(), tokens, time, metrics, Optional.of(engine.fences())));
        data.ifPresent(part -> queries.begin(engine.feed(), new DataApiQueries(part)));
        // its tables are in the embedded database alone
        callCentre = postgres.filter(_ -> settings.callCentre())
                .map(_ -> new CallCentrePart(pools.calls(), tokens, settings, engine.attendance(), metrics));
        webhooks = settings.webhooks().map(part -> webhooks(part, catalog, time));
        webhooks.ifPresentOrElse(Webhooks::start, () -> postgres.ifPresent(_ -> Webhooks.without(database)));
        Optional<HikariDataSource> accountConnections = settings.accounts().map(_ -> pools.accounts());
        console = new ConsoleConfig(
                tokens.issue("anon", Map.of(), secrets.createdAt(), KEY_LIFE),
                callCentre.isPresent(),
                settings.accounts().map(AccountSettings::signUp).orElse(false),
                () -> callCentre.isPresent()
                        && accountConnections.filter(CallCentrePart::isFirstRun).isPresent());
        HttpSettings http = settings.http();
        var broadcasts = new BroadcastRoutes(
                new BroadcastRoutes.Audience(
                        engine::broadcast,
                        gateway::isCongested,
                        settings.limits().rooms(),
                        engine.privateRooms(),
                        blocking),
                tokens,
                time,
                new BodyReader(settings.gateway().maxFrameBytes(), http.limits().bodyTime(), memory.passing()),
                new Cors(http.corsOrigins(), http.corsHeaders()));
        health = health(time);
        front = new HttpFront(
                http,
                memory.passing(),
                new Operations(health, metrics::scrape),
                List.of(gateway, broadcasts),
                handlers(time, accountConnections),
                WebFiles.load());
        watchdog = new Watchdog(
                List.of(
                        () -> engine.progress().vitals().ended(),
                        gateway::ended,
                        () -> callCentre.flatMap(CallCentrePart::ended),
                        () -> webhooks.filter(Webhooks::hasEnded).map(_ -> "the thread of webhooks ended"),
                        () -> postgres.flatMap(EmbeddedPostgres::givenUp)),
                _ -> host.onFailure().accept(this));
        try {
            port = front.listen(vertx, loops);
        } catch (RuntimeException failed) {
            stopParts(); // the caller stops what it has started itself
            throw failed;
        }
        foreign.ifPresent(issuer -> vertx.setPeriodic(KEYS_AGE.toMillis(), _ -> issuer.fetchSoon()));
        files = new FileWatch(vertx, blocking);
        files.watch(List.of(directory.signingKeys()), keys::reload);
        if (http.tls().orElse(null) instanceof TlsIdentity.Files pem) {
            files.watch(List.of(pem.certificate(), pem.key()), () -> front.reloadTls(pem));
        }
    }

    /** Shows another certificate from here on, without a restart; connections that are open keep theirs. */
    public void renewTls(TlsIdentity identity) {
        front.reloadTls(identity);
    }

    private Webhooks webhooks(WebhookSettings part, DataSource catalog, Time time) {
        var source = new Webhooks.Source(
                database, reader, catalog, pools.webhooks(), PUBLICATION, settings.slot() + WEBHOOK_SLOT);
        return new Webhooks(source, part, new Secret(secrets.webhooks()), vertx, time, Switchboard::log, metrics);
    }

    /** What the parts answer, by their prefixes; a part that is left out has none. */
    private Map<String, Handler> handlers(Time time, Optional<HikariDataSource> accountConnections) {
        var handlers = new HashMap<String, Handler>();
        accountConnections.ifPresent(connections -> {
            AccountSettings part = settings.accounts().orElseThrow();
            var around = new AccountRoutes.Surroundings(
                    tokens, Mailer.of(part), time, new SecureRandom(), this::url, metrics);
            handlers.put(AccountRoutes.PREFIX, AccountRoutes.of(connections, part, around));
        });
        data.ifPresent(part -> handlers.put(DataRoutes.PREFIX, part));
        handlers.putAll(callCentre.map(CallCentrePart::routes).orElseGet(CallCentrePart::noRoutes));
        handlers.put(ConsoleConfig.PATH, console);
        handlers.put(ExplainRoutes.PATH, explain(time));
        return handlers;
    }

    private ExplainRoutes explain(Time time) {
        var live = new LiveSources(engine.journal(), engine.progress(), gateway::status, subscriptions, time);
        var requests = new RequestExplanation(data.map(Handler.class::cast), database, tokens, time);
        return new ExplainRoutes(database, PUBLICATION, live, requests, tokens, time);
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

    /** The parts that {@code /readyz} tells of, each with what is the matter with it, if something is. */
    public Map<String, Optional<String>> health() {
        var present = new LinkedHashMap<String, Optional<String>>();
        health.forEach((part, trouble) -> present.put(part, trouble.get()));
        return present;
    }

    /** Why the server cannot go on, once that is so. */
    public Optional<String> failure() {
        return watchdog.ended();
    }

    /** What the console offers to who has not signed in. */
    public ConsoleConfig console() {
        return console;
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
        return callCentre.map(CallCentrePart::calls);
    }

    /** What compares the books with the telephone providers', where the database has a call centre. */
    public Optional<Reconciler> reconciler() {
        return callCentre.map(CallCentrePart::reconciler);
    }

    /** What other programs write, where the database has a call centre. */
    public Optional<Ingest> ingest() {
        return callCentre.map(CallCentrePart::ingest);
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
        stopParts();
        postgres.ifPresent(EmbeddedPostgres::close);
        directory.close();
    }

    /** What the constructor started, in reverse. */
    private void stopParts() {
        watchdog.close();
        gateway.sayGoodbye(failure().isEmpty());
        webhooks.ifPresent(Webhooks::close); // while answers that have come can still be noted
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
        pools.close();
        callCentre.ifPresent(CallCentrePart::close);
        engine.close();
        blocking.shutdownNow();
        rows.close();
        data.ifPresent(DataRoutes::close);
        metrics.close();
    }
}

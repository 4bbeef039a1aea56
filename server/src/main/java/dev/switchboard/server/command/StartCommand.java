package dev.switchboard.server.command;

import dev.switchboard.accounts.UserDirectory;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.AuthorizationSettings;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.http.HttpLimits;
import dev.switchboard.http.HttpSettings;
import dev.switchboard.http.TlsIdentity;
import dev.switchboard.server.Switchboard;
import dev.switchboard.server.config.DatabaseUrl;
import dev.switchboard.server.config.SettingSources;
import dev.switchboard.server.config.Settings;
import dev.switchboard.server.web.ConsoleConfig;
import dev.switchboard.simulation.Preset;
import dev.switchboard.simulation.demo.Demo;
import dev.switchboard.simulation.demo.DemoData;
import dev.switchboard.simulation.demo.DemoHistory;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code switchboard start}. */
@Command(
        name = "start",
        description = {
            "Starts the server with its embedded PostgreSQL.",
            "",
            "Every option can also be given in the environment (SWITCHBOARD_PORT for --port) or in a file"
                    + " (switchboard.properties: port = 8000). A flag goes before the environment, the environment"
                    + " before the file."
        },
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        sortOptions = false)
final class StartCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(StartCommand.class);
    private static final Duration DEMO_TOKEN_LIFE = Duration.ofDays(1);
    /** After which a server that cannot go on is not waited for. */
    private static final Duration LONGEST_CLOSE = Duration.ofSeconds(4);
    /** The exit code of a server that could not go on (sysexits: an internal software error). */
    private static final int FAILED = 70;

    private static final String DEMO_PASSWORD = "switchboard-demo";

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(names = "--host", description = "Address to listen on.", defaultValue = "127.0.0.1")
    private String host = "";

    @Option(names = "--port", description = "Port to listen on, 0 for any free one.", defaultValue = "8000")
    private int port;

    @Option(names = "--data-dir", description = "Where everything is kept.", defaultValue = ".switchboard")
    private Path dataDirectory = Path.of("");

    @Option(
            names = "--database-url",
            description = "A PostgreSQL of your own, 14 to 18, instead of the embedded one:"
                    + " postgresql://user:password@host:5432/database; the password may be in PGPASSWORD. It is only looked"
                    + " at; `switchboard prepare` makes it ready.")
    private @Nullable String databaseUrl;

    @Option(
            names = "--tls-certificate",
            description = "PEM file of the certificate and its chain; with --tls-key the port speaks TLS only.")
    private @Nullable Path tlsCertificate;

    @Option(names = "--tls-key", description = "PEM file of the private key, PKCS #8.")
    private @Nullable Path tlsKey;

    @Option(names = "--config", description = "File of settings; default: switchboard.properties if it is there.")
    @SuppressWarnings("unused") // read by SettingSources, before options are
    private @Nullable Path config;

    @Option(
            names = "--no-call-centre",
            description = "A plain backend: nobody gets an organization by signing up, and /api answers 404.")
    private boolean noCallCentre;

    @Option(
            names = "--no-accounts",
            description = "Without /auth/v1 and what needs it, the call centre: tokens come from elsewhere.")
    private boolean noAccounts;

    @Option(names = "--no-data-api", description = "Without /rest/v1.")
    private boolean noDataApi;

    @Option(
            names = "--slot",
            description = "Name of the replication slot: one for each server of a PostgreSQL cluster.",
            defaultValue = Switchboard.SLOT)
    private String slot = "";

    @Option(
            names = "--demo",
            description = "Two organizations, their users, 14 days of calls, and calls that come and go.")
    private boolean demo;

    @Option(names = "--demo-seed", description = "Seed of the demo's calls.", defaultValue = "1")
    private long demoSeed;

    @Option(
            names = "--demo-preset",
            description = "How busy the demo is: calm, normal, overload, storm; none: nothing happens by itself.",
            defaultValue = "normal")
    private String demoPreset = "";

    @Option(
            names = "--authorization-patience-seconds",
            description = "How long changes are held while PostgreSQL cannot be asked.",
            defaultValue = "30")
    private int authorizationPatienceSeconds;

    @Option(
            names = "--check-decisions-one-in",
            description =
                    "Of so many decisions that are made without PostgreSQL one is asked about all the same; 0: none.",
            defaultValue = "10000")
    private int checkDecisionsOneIn;

    @Option(
            names = "--public-url",
            description =
                    "Address of this server as its users see it, behind a proxy for example; default: host and port.")
    private @Nullable String publicUrl;

    @Option(
            names = "--cors-origins",
            split = ",",
            description = "Pages that may read answers, as https://app.example.com; * for all.",
            defaultValue = "*")
    private List<String> corsOrigins = List.of();

    @Option(
            names = "--cors-headers",
            split = ",",
            description = "Headers that pages may send beside those of the official clients; * for all.",
            defaultValue = "*")
    private List<String> corsHeaders = List.of();

    @Option(names = "--max-body-bytes", description = "Size of a request's body.", defaultValue = "5000000")
    private int maxBodyBytes;

    @Option(
            names = "--client-bytes",
            description =
                    "Memory for what clients sent and are sent, all together: joins, presence, bodies, answers; 0: half of the heap.",
            defaultValue = "0")
    private long clientBytes;

    @Option(
            names = "--trust-forwarded-for",
            description = "Takes a client's address from X-Forwarded-For, as the proxy in front says it last.")
    private boolean trustForwardedFor;

    @Option(
            names = "--operators-token",
            description =
                    "Without it as Bearer token /healthz, /readyz and /metrics answer 401; default: they are open.")
    private @Nullable String operatorsToken;

    @Mixin
    private GatewayOptions gateway = new GatewayOptions();

    @Mixin
    private HistoryOptions history = new HistoryOptions();

    @Mixin
    private AccountOptions accounts = new AccountOptions();

    @Mixin
    private DataOptions data = new DataOptions();

    @Mixin
    private WebhookOptions webhooks = new WebhookOptions();

    @Mixin
    private AnalyzerOptions analyzer = new AnalyzerOptions();

    @Override
    public Integer call() throws InterruptedException {
        Instant start = Instant.now();
        Settings settings = settings();
        Switchboard server = Switchboard.start(settings, StartCommand::endProcess);
        refuseLeftDemoUsers(server);
        Optional<Demo> traffic = Optional.empty();
        if (demo) {
            traffic = startDemo(server);
        }
        var stopped = new CountDownLatch(1);
        Optional<Demo> running = traffic;
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            running.ifPresent(Demo::close);
            server.close();
            stopped.countDown();
        }));
        greet(server, Duration.between(start, Instant.now()));
        stopped.await();
        return 0;
    }

    /** Whoever started the process starts it anew: `switchboard supervise`, systemd. */
    private static void endProcess(Switchboard failed) {
        Thread.ofPlatform().daemon().start(() -> {
            try {
                Thread.sleep(LONGEST_CLOSE);
            } catch (InterruptedException alreadyEnding) {
                Thread.currentThread().interrupt();
            }
            Runtime.getRuntime().halt(FAILED);
        });
        failed.close();
        Runtime.getRuntime().halt(FAILED);
    }

    private Settings settings() {
        between("--port", port, 0, 65535);
        demoPreset();
        gateway.check(this::between);
        history.check(this::between);
        between("--authorization-patience-seconds", authorizationPatienceSeconds, 1, 3_600);
        between("--check-decisions-one-in", checkDecisionsOneIn, 0, 1_000_000_000);
        if (spec.commandLine().getDefaultValueProvider() instanceof SettingSources sources) {
            sources.unknownKey(spec.options()).ifPresent(unknown -> {
                throw new InvalidSettingException(unknown);
            });
        }
        between("--max-body-bytes", maxBodyBytes, 1_000, 1_000_000_000);
        refusePublicDemo();
        return new Settings(
                dataDirectory,
                externalDatabase(),
                slot,
                Optional.empty(),
                !noCallCentre && !noAccounts,
                gateway.limits(),
                new AuthorizationSettings(Duration.ofSeconds(authorizationPatienceSeconds), checkDecisionsOneIn),
                history.settings(),
                clientBytes(),
                http(),
                gateway.settings(),
                noAccounts ? Optional.empty() : Optional.of(accounts.settings(demo)),
                noDataApi ? Optional.empty() : Optional.of(data.settings()),
                accounts.oidc(),
                databaseUrl == null ? webhooks.settings() : Optional.empty(),
                analyzer.analyzer(),
                InstantSource.system());
    }

    private HttpSettings http() {
        HttpLimits defaults = HttpLimits.defaults();
        return new HttpSettings(
                host,
                port,
                tls(),
                Optional.ofNullable(publicUrl).map(url -> url.replaceFirst("/+$", "")),
                corsOrigins,
                corsHeaders,
                new HttpLimits(
                        defaults.lineBytes(),
                        defaults.headerBytes(),
                        maxBodyBytes,
                        defaults.bodyTime(),
                        defaults.headerTime(),
                        defaults.idleTime(),
                        trustForwardedFor,
                        Optional.ofNullable(operatorsToken).filter(token -> !token.isBlank())));
    }

    /** A demo that was started here before left its users behind. */
    private void refuseLeftDemoUsers(Switchboard server) {
        if (demo || isLoopback() || server.postgres().isEmpty()) {
            return;
        }
        Database database = server.database();
        var users = new UserDirectory(
                Jdbi.create(database.url(), database.user(), database.password()), new SecureRandom());
        Optional<String> known = DemoData.users().stream()
                .map(DemoData.User::email)
                .filter(email -> users.hasPassword(email, DEMO_PASSWORD))
                .findFirst();
        if (known.isPresent()) {
            server.close();
            throw new InvalidSettingException(
                    known.get() + " has the demo's password, which everybody knows, and --host " + host
                            + " can be reached by others; switchboard user reset " + known.get()
                            + ", or use another --data-dir");
        }
    }

    private boolean isLoopback() {
        return host.equals("localhost") || host.equals("::1") || host.startsWith("127.");
    }

    /** The demo's passwords are known to everybody. */
    private void refusePublicDemo() {
        if (demo && !isLoopback()) {
            throw new InvalidSettingException("--demo has users whose passwords everybody knows, and --host " + host
                    + " can be reached by others; leave out --demo, or listen on 127.0.0.1");
        }
    }

    private long clientBytes() {
        long heap = Runtime.getRuntime().maxMemory();
        if (clientBytes < 0 || clientBytes > heap) {
            throw new InvalidSettingException("Invalid value for option '--client-bytes': " + clientBytes
                    + " is not between 0 and the heap's " + heap + " bytes (SWITCHBOARD_HEAP)");
        }
        return clientBytes == 0 ? heap / 2 : clientBytes;
    }

    private Optional<TlsIdentity> tls() {
        if (tlsCertificate == null && tlsKey == null) {
            return Optional.empty();
        }
        if (tlsCertificate == null || tlsKey == null) {
            throw new InvalidSettingException("--tls-certificate and --tls-key go together; one of them is missing");
        }
        for (Path file : List.of(tlsCertificate, tlsKey)) {
            if (!Files.isReadable(file)) {
                throw new InvalidSettingException("cannot read " + file + ", which TLS needs");
            }
        }
        return Optional.of(new TlsIdentity.Files(tlsCertificate, tlsKey));
    }

    private Optional<Database> externalDatabase() {
        String left = noCallCentre ? "--no-call-centre" : noAccounts ? "--no-accounts" : "--no-data-api";
        if (demo && (noCallCentre || noAccounts || noDataApi)) {
            throw new InvalidSettingException(
                    "--demo shows everything, and " + left + " leaves a part of it out; leave out one");
        }
        if (databaseUrl == null) {
            return Optional.empty();
        }
        if (demo) {
            throw new InvalidSettingException(
                    "--demo writes tables and data of its own: it goes with the embedded PostgreSQL, not with --database-url");
        }
        return Optional.of(DatabaseUrl.parse(databaseUrl, Optional.ofNullable(System.getenv("PGPASSWORD"))));
    }

    private void between(String name, int value, int least, int most) {
        if (value < least || value > most) {
            Optional<String> origin = spec.commandLine().getDefaultValueProvider() instanceof SettingSources sources
                    ? sources.origin(spec.findOption(name))
                    : Optional.empty();
            throw new InvalidSettingException("Invalid value for option '" + name + "': " + value + " is not between "
                    + least + " and " + most
                    + origin.map(from -> " (it comes from " + from + ")").orElse(""));
        }
    }

    private Optional<Demo> startDemo(Switchboard server) {
        Database database = server.database();
        Jdbi jdbi = Jdbi.create(database.url(), database.user(), database.password());
        DemoData.insert(jdbi);
        createNotes(jdbi);
        var users = new UserDirectory(jdbi, new SecureRandom());
        DemoData.users().stream()
                .filter(user -> !users.has(user.id()))
                .forEach(user -> users.add(user.email(), DEMO_PASSWORD, Optional.of(user.id())));
        server.console()
                .offer(DemoData.users().stream()
                        .map(user -> new ConsoleConfig.DemoUser(
                                user.role(), user.name(), user.email(), DEMO_PASSWORD, user.organization()))
                        .toList());
        return demoPreset().map(preset -> {
            Thread.ofVirtual().name("demo-history").start(() -> writeHistory(jdbi));
            return Demo.start(
                    jdbi, server.callCentre().orElseThrow(), server.ingest().orElseThrow(), preset, demoSeed);
        });
    }

    private Optional<Preset> demoPreset() {
        if (demoPreset.equals("none")) {
            return Optional.empty();
        }
        try {
            return Optional.of(Preset.valueOf(demoPreset.toUpperCase(Locale.ROOT)));
        } catch (IllegalArgumentException unknown) {
            throw new InvalidSettingException("Invalid value for option '--demo-preset': " + demoPreset
                    + " is none of calm, normal, overload, storm, none");
        }
    }

    /** What was before, while the present goes on. */
    private void writeHistory(Jdbi jdbi) {
        try {
            DemoHistory.write(jdbi, demoSeed, Instant.now());
        } catch (SQLException | RuntimeException stopped) { // with the server, or it comes at the next start
            LOG.info("The demo's history is not whole: {}", stopped.getMessage());
        }
    }

    /** The table of examples/notes.html. */
    private static void createNotes(Jdbi jdbi) {
        try (InputStream script = StartCommand.class.getResourceAsStream("/db/demo/notes.sql")) {
            String sql = new String(Objects.requireNonNull(script).readAllBytes(), StandardCharsets.UTF_8);
            jdbi.useHandle(handle -> handle.createScript(sql).executeAsSeparateStatements());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private void greet(Switchboard server, Duration took) {
        PrintWriter out = spec.commandLine().getOut();
        Instant now = Instant.now();
        String url = server.url();
        String anonKey = apiKey(server, "anon");
        out.printf("%nSwitchboard is running, after %.1f s.%n%n", took.toMillis() / 1000.0);
        out.println("  URL          " + url);
        out.println("  anon key     " + anonKey);
        out.println("  service key  " + apiKey(server, "service_role"));
        out.println("  JWT secret   key jwt-secret in " + server.directory().secretsFile());
        out.println("  database     " + server.database()
                + server.postgres().map(_ -> ", password in the same file").orElse(""));
        if (demo) {
            out.printf("%nOpen %s in a browser. Users who sign in with the password %s:%n%n", url, DEMO_PASSWORD);
            for (DemoData.User user : DemoData.users()) {
                out.println(
                        "  " + user.name() + ", " + user.role() + " of " + user.organization() + ", " + user.email());
            }
            out.printf("%nWatch the calls of the first, here or with the official client (needs Node):%n%n");
            out.println("  ./switchboard watch calls --url " + url + " --token "
                    + token(server, DemoData.users().getFirst(), now));
            out.println();
            out.printf(
                    "  examples/notes.html in a browser: an app that signs up, signs in, lists, inserts and watches.%n");
            out.println();
            out.println("  node examples/watch-calls.mjs " + url + " " + anonKey + " "
                    + token(server, DemoData.users().getFirst(), now));
        }
        out.printf("%nCtrl-C stops everything; the data stays in %s.%n", dataDirectory);
        out.flush();
    }

    /** The same at every start. */
    private static String apiKey(Switchboard server, String role) {
        return server.tokens().issue(role, Map.of(), server.secrets().createdAt(), Switchboard.KEY_LIFE);
    }

    private static String token(Switchboard server, DemoData.User user, Instant now) {
        return server.tokens()
                .issue(
                        "authenticated",
                        Map.of("sub", user.id().toString(), "email", user.email(), "aud", "authenticated"),
                        now,
                        DEMO_TOKEN_LIFE);
    }
}

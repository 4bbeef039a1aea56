package dev.switchboard.server.command;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.accounts.UserDirectory;
import dev.switchboard.data.DataSettings;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.server.Switchboard;
import dev.switchboard.server.config.Secrets;
import dev.switchboard.server.postgres.EmbeddedPostgres;
import dev.switchboard.server.postgres.Migrations;
import dev.switchboard.simulation.Centre;
import dev.switchboard.simulation.FasterTime;
import dev.switchboard.simulation.LiveSimulation;
import dev.switchboard.simulation.Preset;
import dev.switchboard.simulation.Report;
import dev.switchboard.simulation.Simulation;
import dev.switchboard.simulation.Simulation.Progress;
import dev.switchboard.telephony.fake.Noise;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code switchboard simulate}: how busy would so many agents be? */
@Command(
        name = "simulate",
        description = {
            "Lets made-up customers call and made-up agents answer, in a call centre of its own that is thrown away afterwards,"
                    + " and says how long they waited. Rules, router, database and figures are the real ones.",
            "",
            "With --speed max, as fast as this machine can: nobody sees it, and the same seed gives the same figures. With a number,"
                    + " end to end, through a telephone provider in this process, whose messages come twice, late and never; its"
                    + " screens can be watched meanwhile, at --speed 1 as they are: figures of the moment go by the database's clock."
        },
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        sortOptions = false)
final class SimulateCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(SimulateCommand.class);
    private static final Centre.Rules RULES = new Centre.Rules("longest_idle", 120, 600);
    private static final int CONNECTIONS = 4;
    private static final double FASTEST = 20;
    private static final Duration TOLD_EVERY = Duration.ofSeconds(1);

    /** Of the provider's messages, as DOMAIN 5.2 has it. */
    private static final Noise NOISE = new Noise(0.02, 0.02, 0.002, Duration.ofMillis(300), 0);

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--preset",
            description = "How busy it is: ${COMPLETION-CANDIDATES}.",
            converter = PresetName.class,
            completionCandidates = PresetName.class,
            defaultValue = "normal")
    private Preset preset = Preset.NORMAL;

    @Option(names = "--agents", description = "How many answer: 1 to 500.", defaultValue = "20")
    private int agents;

    @Option(
            names = "--duration",
            description = "For how long customers call, as 90m or 8h.",
            converter = Length.class,
            defaultValue = "1h")
    private Duration duration = Duration.ofHours(1);

    @Option(
            names = "--from-hour",
            description =
                    "The hour of the day at which it begins, 0 to 23: calls then follow a day, whose busiest hour is the preset."
                            + " Without it every hour is the busiest.")
    private @Nullable Integer fromHour;

    @Option(names = "--seed", description = "The same seed, the same customers.", defaultValue = "1")
    private long seed;

    @Option(names = "--speed", description = "max, or how many times as fast as really, 1 to 20.", defaultValue = "max")
    private String speed = "";

    @Option(names = "--json", paramLabel = "FILE", description = "Writes the report there too.")
    private @Nullable Path json;

    private final Deque<AutoCloseable> running = new ArrayDeque<>(); // guarded by this
    private boolean stopped; // guarded by this
    private Instant toldAt = Instant.EPOCH;

    @Override
    public Integer call() throws InterruptedException {
        between("--agents", agents, 1, 500);
        if (fromHour != null) {
            between("--from-hour", fromHour, 0, 23);
        }
        if (json != null
                && !Files.isWritable(
                        Optional.ofNullable(json.toAbsolutePath().getParent()).orElse(json))) {
            throw invalid("--json", json.toString(), "is in no folder that can be written to");
        }
        OptionalDouble times = speed.equals("max") ? OptionalDouble.empty() : OptionalDouble.of(times());
        Path directory = temporary();
        var interrupted = new Thread(() -> stop(directory));
        Runtime.getRuntime().addShutdownHook(interrupted);
        try {
            print(times.isPresent() ? live(directory, times.getAsDouble()) : asFastAsPossible(directory));
        } finally {
            stop(directory);
            forget(interrupted);
        }
        return 0;
    }

    private double times() {
        try {
            double value = Double.parseDouble(speed);
            if (value >= 1 && value <= FASTEST) {
                return value;
            }
        } catch (NumberFormatException no) {
            throw invalid("--speed", speed, "is neither max nor a number");
        }
        throw invalid("--speed", speed, "is not between 1 and " + (int) FASTEST);
    }

    private static void between(String name, int value, int least, int most) {
        if (value < least || value > most) {
            throw invalid(name, Integer.toString(value), "is not between " + least + " and " + most);
        }
    }

    private static InvalidSettingException invalid(String name, String value, String why) {
        return new InvalidSettingException("Invalid value for option '" + name + "': " + value + " " + why);
    }

    private OptionalInt begins() {
        return fromHour == null ? OptionalInt.empty() : OptionalInt.of(fromHour);
    }

    private Report asFastAsPossible(Path directory) {
        Secrets secrets = Secrets.loadOrCreate(directory.resolve("secrets.properties"), Instant.now());
        EmbeddedPostgres postgres = run(EmbeddedPostgres.start(directory.resolve("postgres"), secrets.superuser()));
        Migrations.apply(postgres.database(), secrets.authenticator(), EnumSet.allOf(Migrations.Part.class));
        HikariDataSource connections = run(pool(postgres.database()));
        Jdbi jdbi = Jdbi.create(connections);
        Instant begin = Instant.now();
        Centre centre = centre(jdbi, begin);
        var simulation = new Simulation(connections, centre, preset.behaviour(agents, begins()), begin, seed);
        simulation.run(duration, this::tell);
        tellNow(simulation.progress());
        return Report.of(jdbi, centre, begin.plus(duration));
    }

    private synchronized <T extends AutoCloseable> T run(T started) {
        running.push(started);
        if (stopped) { // while it was started
            closeAll();
        }
        return started;
    }

    private void closeAll() {
        running.forEach(SimulateCommand::close);
        running.clear();
    }

    private static void close(AutoCloseable started) {
        try {
            started.close();
        } catch (Exception failed) {
            LOG.warn("A part of the simulation did not end: {}", failed.toString());
        }
    }

    private static HikariDataSource pool(Database database) {
        var config = new HikariConfig();
        config.setJdbcUrl(database.url());
        config.setUsername(database.user());
        config.setPassword(database.password());
        config.setMaximumPoolSize(CONNECTIONS);
        config.setConnectionInitSql(Simulation.CONNECTION_SETTINGS);
        return new HikariDataSource(config);
    }

    private Centre centre(Jdbi jdbi, Instant begin) {
        return Centre.insert(
                jdbi, new SplittableRandom(seed), begin, "Simulated", agents, List.of("Support", "Billing"), RULES);
    }

    private Report live(Path directory, double times) throws InterruptedException {
        var time = new FasterTime(Instant.now(), times);
        Switchboard server = run(Switchboard.embedded(directory)
                .accounts(AccountSettings.defaults())
                .dataApi(DataSettings.defaults())
                .callCentre()
                .callCentreTime(time)
                .start());
        HikariDataSource connections = run(pool(server.database()));
        Jdbi jdbi = Jdbi.create(connections);
        Instant begin = time.instant();
        Centre centre = centre(jdbi, begin);
        offer(server, jdbi, centre);
        var beside = new LiveSimulation.Server(
                server.url(), directory, jdbi, server.callCentre().orElseThrow());
        var noise = new Noise(NOISE.doubled(), NOISE.reordered(), NOISE.lost(), NOISE.delay(), seed);
        LiveSimulation simulation =
                run(new LiveSimulation(beside, centre, preset.behaviour(agents, begins()), noise, time, seed));
        simulation.run(duration, this::tell);
        tellNow(simulation.progress());
        return Report.of(jdbi, centre, begin.plus(duration));
    }

    /** Somebody who may look at it. */
    private void offer(Switchboard server, Jdbi jdbi, Centre centre) {
        var random = new SecureRandom();
        byte[] secret = new byte[8];
        random.nextBytes(secret);
        String password = HexFormat.of().formatHex(secret);
        UUID user = UUID.randomUUID();
        String email = "supervisor@simulated.example";
        jdbi.useTransaction(handle -> {
            handle.execute(
                    "insert into public.profiles (id, organization_id, display_name) values (?, ?, 'Supervisor')",
                    user,
                    centre.organization());
            handle.execute(
                    "insert into public.user_roles (organization_id, user_id, role) values (?, ?, 'supervisor')",
                    centre.organization(),
                    user);
        });
        new UserDirectory(jdbi, random).add(email, password, Optional.of(user));
        PrintWriter err = spec.commandLine().getErr();
        err.printf("Watch it at %s as %s, password %s%n", server.url(), email, password);
        err.flush();
    }

    private void tell(Progress progress) {
        if (Duration.between(toldAt, Instant.now()).compareTo(TOLD_EVERY) >= 0) {
            tellNow(progress);
        }
    }

    private void tellNow(Progress progress) {
        toldAt = Instant.now();
        int hundred = (int) Math.min(100, progress.passed().toMillis() * 100 / Math.max(1, duration.toMillis()));
        PrintWriter err = spec.commandLine().getErr();
        err.printf(
                Locale.ROOT,
                "%3d %%  %s  %d calls, %d answered, %d gave up, %d not served; %d wait, %d talk%n",
                hundred,
                clock(progress.passed()),
                progress.arrived(),
                progress.answered(),
                progress.gaveUp(),
                progress.missed(),
                progress.waiting(),
                progress.talking());
        err.flush();
    }

    private static String clock(Duration passed) {
        return "%d:%02d:%02d".formatted(passed.toHours(), passed.toMinutesPart(), passed.toSecondsPart());
    }

    private void print(Report report) {
        PrintWriter out = spec.commandLine().getOut();
        out.printf(
                "%n%s, %d agents, %s, seed %d, speed %s%n%n%s",
                preset.name().toLowerCase(Locale.ROOT), agents, clock(duration), seed, speed, report.text());
        out.flush();
        if (json != null) {
            try {
                Files.writeString(json, report.json() + "\n");
            } catch (IOException failed) {
                throw new InvalidSettingException("the report could not be written to " + json + ": " + failed);
            }
        }
    }

    private static Path temporary() {
        try {
            return Files.createTempDirectory("switchboard-simulation");
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static void forget(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException itRuns) {
            LOG.debug("The simulation was interrupted: {}", itRuns.getMessage());
        }
    }

    /** Nothing of it stays, also where it is interrupted. */
    private synchronized void stop(Path directory) {
        if (stopped) {
            return;
        }
        stopped = true;
        closeAll();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UncheckedIOException left) {
            LOG.warn("The simulation's folder {} is left behind: {}", directory, left.toString());
        }
    }

    /** Presets in small letters. */
    static final class PresetName implements ITypeConverter<Preset>, Iterable<String> {
        @Override
        public Preset convert(String value) {
            return Stream.of(Preset.values())
                    .filter(preset -> name(preset).equals(value))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException(value + " is none of " + names()));
        }

        private static String name(Preset preset) {
            return preset.name().toLowerCase(Locale.ROOT);
        }

        private static List<String> names() {
            return Stream.of(Preset.values()).map(PresetName::name).toList();
        }

        @Override
        public Iterator<String> iterator() {
            return names().iterator();
        }
    }

    /** 30s, 90m, 8h. */
    static final class Length implements ITypeConverter<Duration> {
        private static final Duration LONGEST = Duration.ofDays(7);

        @Override
        public Duration convert(String value) {
            try {
                Duration length = Duration.parse("PT" + value);
                if (length.toSeconds() >= 1 && length.compareTo(LONGEST) <= 0) {
                    return length;
                }
            } catch (DateTimeParseException no) {
                throw new TypeConversionException(value + " is no time as 30s, 90m or 8h");
            }
            throw new TypeConversionException(value + " is not between 1s and " + LONGEST.toHours() + "h");
        }
    }
}

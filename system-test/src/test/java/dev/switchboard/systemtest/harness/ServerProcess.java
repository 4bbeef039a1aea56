package dev.switchboard.systemtest.harness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.postgres.Database;
import dev.switchboard.tokens.JwtTokens;
import dev.switchboard.tokens.KeyRing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;

/** The program as a process of its own with a small heap, as a customer runs it. */
public final class ServerProcess implements AutoCloseable {
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private final Path directory;
    private final int port;
    private final List<String> command;
    private final Properties secrets = new Properties();
    private Process process;

    private ServerProcess(Path directory, int port, List<String> command) throws IOException {
        this.directory = directory;
        this.port = port;
        this.command = command;
        this.process = launch();
    }

    /** The JVM as the launcher starts it. */
    public static List<String> java(String... flags) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:+UseSerialGC", "-XX:+UseCompactObjectHeaders", "-Xmx512m"));
        command.addAll(List.of(flags));
        command.addAll(List.of(
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path"),
                "dev.switchboard.server.command.Main"));
        return command;
    }

    /** The same, and the command that starts the server. */
    public static List<String> startCommand(String... flags) {
        List<String> command = java(flags);
        command.add("start");
        return command;
    }

    /** Starts it with these options besides port and directory, and waits until it is ready. */
    public static ServerProcess start(List<String> command, String... options) {
        try {
            Path directory =
                    Files.createTempDirectory(Files.createDirectories(Path.of("target", "servers")), "process");
            int port = Ports.free();
            var line = new ArrayList<>(command);
            line.addAll(List.of(
                    "--port",
                    Integer.toString(port),
                    "--data-dir",
                    directory.toAbsolutePath().toString()));
            line.addAll(List.of(options));
            var server = new ServerProcess(directory, port, line);
            server.awaitReady();
            try (var reader = Files.newBufferedReader(directory.resolve("secrets.properties"))) {
                server.secrets.load(reader);
            }
            return server;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private Process launch() throws IOException {
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("output.log").toFile())
                .start();
    }

    /** Starts it once more, on the same data and port, after it has ended; waits until it is ready. */
    public void startAgain() {
        try {
            process = launch();
            awaitReady();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    public void awaitReady() {
        await().atMost(Duration.ofSeconds(90)).until(() -> {
            assertThat(process.isAlive()).as(output()).isTrue();
            return status("/readyz") == 200;
        });
    }

    /** Of a GET; 0 where nobody answers. */
    public int status(String path) {
        try {
            return HTTP.send(
                            HttpRequest.newBuilder(URI.create(url() + path))
                                    .timeout(Duration.ofSeconds(5))
                                    .build(),
                            HttpResponse.BodyHandlers.discarding())
                    .statusCode();
        } catch (IOException nobody) {
            return 0;
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            return 0;
        }
    }

    public String output() {
        try {
            return Files.readString(directory.resolve("output.log"));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    public String url() {
        return "http://127.0.0.1:" + port;
    }

    public int port() {
        return port;
    }

    public Path directory() {
        return directory;
    }

    /** What was started: the server itself, or who supervises it. */
    public Process process() {
        return process;
    }

    public String token(String role, Map<String, Object> claims) {
        Instant now = Instant.now();
        KeyRing keys = KeyRing.loadOrCreate(directory.resolve("signing-keys.json"), now);
        return new JwtTokens(secrets.getProperty("jwt-secret"), keys, Optional.empty(), true)
                .issue(role, claims, now, Duration.ofHours(1));
    }

    /** One of the installation's, by its key in the file. */
    public String secret(String key) {
        return secrets.getProperty(key);
    }

    public Jdbi database() {
        try {
            List<String> postmaster = Files.readAllLines(directory.resolve("postgres/data/postmaster.pid"));
            var database = new Database(
                    "jdbc:postgresql://127.0.0.1:" + postmaster.get(3).strip() + "/postgres",
                    "postgres",
                    secrets.getProperty("postgres-password"));
            return Jdbi.create(database.url(), database.user(), database.password());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Resident memory of the process in bytes. */
    public long residentBytes() {
        try {
            return Files.readAllLines(Path.of("/proc", Long.toString(process.pid()), "status")).stream()
                    .filter(line -> line.startsWith("VmRSS:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                    .findFirst()
                    .orElse(0);
        } catch (IOException gone) {
            return 0;
        }
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }
}

package dev.switchboard.bench;

import dev.switchboard.engine.postgres.Database;
import dev.switchboard.server.config.Secrets;
import dev.switchboard.server.postgres.EmbeddedPostgres;
import dev.switchboard.tokens.JwtTokens;
import dev.switchboard.tokens.KeyRing;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** A Switchboard server of its own process, under the launcher's settings, in an empty directory. */
final class ServerProcess implements AutoCloseable {
    private final Path directory;
    private final List<String> line = new ArrayList<>();
    private final int port;
    private Process process;
    private final JwtTokens tokens;
    private final Secrets secrets;

    ServerProcess() {
        try {
            directory = Files.createTempDirectory("switchboard-bench");
            String[] command = System.getProperty("switchboard.server", "").split("\\|", -1);
            line.addAll(List.of(command));
            line.addAll(List.of(
                    "start",
                    "--port",
                    "0",
                    "--data-dir",
                    directory.resolve("data").toString(),
                    "--max-connections",
                    "20000",
                    "--idle-seconds",
                    "3600"));
            process = launch();
            port = awaitPort();
            Path data = directory.resolve("data");
            secrets = Secrets.loadOrCreate(data.resolve("secrets.properties"), Instant.now());
            KeyRing keys = KeyRing.loadOrCreate(data.resolve("signing-keys.json"), Instant.now());
            tokens = new JwtTokens(secrets.jwt(), keys, Optional.empty(), true);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private Process launch() throws IOException {
        return new ProcessBuilder(line)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .start();
    }

    /** Ends it without a word; its PostgreSQL stays. */
    void kill() {
        process.destroyForcibly();
        process.onExit().join();
    }

    /** After a {@link #kill}, on the same port; waits until it is there. */
    void startAgain() throws IOException {
        line.set(line.indexOf("--port") + 1, Integer.toString(port));
        process = launch();
        awaitPort();
    }

    private int awaitPort() throws IOException {
        var said = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        var all = new StringBuilder();
        for (String line = said.readLine(); line != null; line = said.readLine()) {
            all.append(line).append('\n');
            if (line.strip().startsWith("URL ")) {
                Thread.ofVirtual().start(() -> swallow(said));
                return Integer.parseInt(
                        line.substring(line.lastIndexOf(':') + 1).strip());
            }
        }
        throw new IllegalStateException("the server did not start:\n" + all);
    }

    /** So that the server never waits for who reads what it says. */
    private static void swallow(BufferedReader said) {
        try {
            said.transferTo(Writer.nullWriter());
        } catch (IOException ended) {
            // the server has ended
        }
    }

    int port() {
        return port;
    }

    ProcessMeter meter() {
        return new ProcessMeter(process.pid());
    }

    Database database() {
        return EmbeddedPostgres.findRunning(directory.resolve("data").resolve("postgres"), secrets.superuser())
                .orElseThrow();
    }

    /** PostgreSQL's own log. */
    Path postgresLog() {
        return directory.resolve("data").resolve("postgres").resolve("postgres.log");
    }

    String token(String role, Map<String, Object> claims) {
        return tokens.issue(role, claims, Instant.now(), Duration.ofHours(2));
    }

    /** The path of a connection under that token. */
    static String path(String token) {
        return "/realtime/v1/websocket?vsn=2.0.0&apikey=" + token;
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

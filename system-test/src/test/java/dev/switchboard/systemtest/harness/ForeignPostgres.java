package dev.switchboard.systemtest.harness;

import dev.switchboard.engine.postgres.Database;
import dev.switchboard.server.postgres.PostgresBinaries;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A PostgreSQL of another version, as its makers deliver it: nothing set for us. */
public final class ForeignPostgres implements AutoCloseable {
    private final Path binaries;
    private final Path directory;
    private final int port;

    /** @param version one of those that the build fetches into target/postgres */
    public ForeignPostgres(int version) {
        try {
            port = Ports.free();
            binaries = Path.of("target", "postgres", "binaries-" + version).toAbsolutePath();
            if (!Files.exists(binaries)) {
                try (Stream<Path> files = Files.list(Path.of("target", "postgres", Integer.toString(version)));
                        InputStream packed = Files.newInputStream(
                                files.filter(file -> file.toString().endsWith(".txz"))
                                        .findFirst()
                                        .orElseThrow())) {
                    PostgresBinaries.unpack(packed, binaries);
                }
            }
            directory = Files.createTempDirectory(Path.of("target", "postgres").toAbsolutePath(), "data" + version);
            Files.writeString(directory.resolve("password"), "secret");
            run(
                    binaries,
                    "initdb",
                    "-D",
                    directory.resolve("data").toString(),
                    "-U",
                    "postgres",
                    "-A",
                    "scram-sha-256",
                    "-E",
                    "UTF8",
                    "--pwfile",
                    directory.resolve("password").toString());
            start();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private void start() {
        run(
                binaries,
                "pg_ctl",
                "-D",
                directory.resolve("data").toString(),
                "-l",
                directory.resolve("log").toString(),
                "-w",
                "-o",
                "-p " + port + " -c unix_socket_directories='' -c listen_addresses=127.0.0.1",
                "start");
    }

    private void stop() {
        run(binaries, "pg_ctl", "-D", directory.resolve("data").toString(), "-m", "immediate", "-w", "stop");
    }

    public void restart() {
        stop();
        start();
    }

    private static void run(Path binaries, String command, String... arguments) {
        var line = new ArrayList<String>();
        if (System.getProperty("user.name").equals("root")) {
            line.addAll(List.of("unshare", "-U")); // PostgreSQL does not run as root
        }
        line.add(binaries.resolve("bin").resolve(command).toString());
        line.addAll(List.of(arguments));
        try {
            Path output = Files.createTempFile("postgres", "log");
            var builder = new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(output.toFile());
            builder.environment().put("LC_ALL", "C.UTF-8");
            int code = builder.start().waitFor();
            String said = Files.readString(output);
            Files.delete(output);
            if (code != 0) {
                throw new IllegalStateException(line + ": " + said);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    public Database as(String user, String password, String database) {
        return new Database("jdbc:postgresql://127.0.0.1:" + port + "/" + database, user, password);
    }

    public int port() {
        return port;
    }

    @Override
    public void close() {
        stop();
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

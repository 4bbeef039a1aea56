package dev.switchboard.server.postgres;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Database;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A PostgreSQL of our own: binaries from the jar, data in one directory, loopback only, scram authentication, durable
 * commits, logical WAL. A postmaster that outlived a killed process is stopped before the start; data is never deleted.
 * As root, PostgreSQL runs in a user namespace of its own ({@code unshare -U}), since it refuses to run as root.
 * Closed once.
 */
public final class EmbeddedPostgres implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EmbeddedPostgres.class);
    private static final String DATABASE = "postgres";
    private static final long COMMAND_SECONDS = 90;

    private final Path directory;
    private final Path binaries;
    private final Path data;
    private final Path log;
    private final int port;
    private final String password;
    /** Whoever starts or stops PostgreSQL holds it. */
    private final ReentrantLock lock = new ReentrantLock();

    private final PostmasterWatch watch;

    private EmbeddedPostgres(Path directory, Path binaries, int port, String password) {
        this.directory = directory;
        this.binaries = binaries;
        this.data = directory.resolve("data");
        this.log = directory.resolve("postgres.log");
        this.port = port;
        this.password = password;
        this.watch = new PostmasterWatch(new Watched(), log);
    }

    /** As its watch sees it. */
    private final class Watched implements PostmasterWatch.Postmaster {
        @Override
        public boolean isRunning() {
            lock.lock(); // who stops it to start it again is waited for
            try {
                return isRunningNow();
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void revive() throws IOException {
            lock.lock();
            try {
                if (!isRunningNow()) {
                    stopSurvivor();
                    launch();
                }
            } finally {
                lock.unlock();
            }
        }

        @Override
        public long freeBytes() {
            return data.toFile().getUsableSpace();
        }
    }

    /**
     * Starts it, making the database where there is none.
     *
     * @param directory holds binaries, data and log
     * @param password  of the superuser {@code postgres}
     */
    public static EmbeddedPostgres start(Path directory, String password) {
        try {
            Files.createDirectories(directory);
            Path binaries = PostgresBinaries.unpack(directory);
            Path home = directory.toRealPath();
            var postgres = new EmbeddedPostgres(home, binaries, freePort(), password);
            postgres.initialize();
            postgres.stopSurvivor();
            postgres.launch();
            postgres.watch.start();
            return postgres;
        } catch (IOException failed) {
            throw new UncheckedIOException("the embedded PostgreSQL in " + directory + " does not start", failed);
        }
    }

    /** The one that another process runs in that directory, by its postmaster.pid. */
    public static Optional<Database> findRunning(Path directory, String password) {
        Path pidFile = directory.resolve("data").resolve("postmaster.pid");
        try {
            if (!Files.exists(pidFile)) {
                return Optional.empty();
            }
            // lines: pid, data directory, start time, port, ...
            List<String> lines = Files.readAllLines(pidFile);
            boolean alive =
                    ProcessHandle.of(Long.parseLong(lines.getFirst().strip())).isPresent();
            return alive && lines.size() > 3
                    ? Optional.of(superuser(Integer.parseInt(lines.get(3).strip()), password))
                    : Optional.empty();
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot read " + pidFile, failed);
        }
    }

    /** The superuser's connection. */
    public Database database() {
        return superuser(port, password);
    }

    private static Database superuser(int port, String password) {
        return new Database("jdbc:postgresql://127.0.0.1:" + port + "/" + DATABASE, "postgres", password);
    }

    public Path dataDirectory() {
        return data;
    }

    /**
     * Starts it again on the same port, as an operator would.
     *
     * @param mode of the stop before, where it runs: fast or immediate
     */
    public void restart(String mode) {
        lock.lock();
        try {
            if (Files.exists(data.resolve("postmaster.pid"))) {
                stop(mode);
            }
            launch();
        } catch (IOException failed) {
            throw new UncheckedIOException("the embedded PostgreSQL does not restart", failed);
        } finally {
            lock.unlock();
        }
    }

    /** Why it is not there at the moment, if it is not. */
    public Optional<String> trouble() {
        return watch.trouble();
    }

    /** Why it is not started any more, once that is so. */
    public Optional<String> givenUp() {
        return watch.givenUp();
    }

    @Override
    public void close() {
        watch.close();
        lock.lock();
        try {
            if (isRunningNow()) {
                stop("fast");
            }
        } catch (IOException failed) {
            LOG.warn("The embedded PostgreSQL did not stop: {}", failed.getMessage());
        } finally {
            lock.unlock();
        }
    }

    private void initialize() throws IOException {
        Path version = data.resolve("PG_VERSION");
        if (Files.exists(version)) {
            String found = Files.readString(version).strip();
            if (!found.equals(PostgresBinaries.MAJOR_VERSION)) {
                throw new InvalidSettingException("the data in " + data + " is of PostgreSQL " + found
                        + ", and this program brings " + PostgresBinaries.MAJOR_VERSION
                        + "; migrate it with pg_upgrade, or choose another --data-dir");
            }
            return;
        }
        LOG.info("Making a new database in {}", data);
        Path passwordFile = Files.createTempFile(
                directory,
                "password",
                "",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try {
            Files.writeString(passwordFile, password);
            run(
                    "initdb",
                    List.of(
                            "-D",
                            data.toString(),
                            "-U",
                            "postgres",
                            "-E",
                            "UTF8",
                            "--no-locale",
                            "-A",
                            "scram-sha-256",
                            "--pwfile=" + passwordFile));
        } finally {
            Files.delete(passwordFile);
        }
        Files.writeString(data.resolve("pg_hba.conf"), """
                # Written by Switchboard: loopback and passwords only.
                host all         all 127.0.0.1/32 scram-sha-256
                host replication all 127.0.0.1/32 scram-sha-256
                """);
    }

    /** A postmaster that its former process left behind by being killed. */
    private void stopSurvivor() throws IOException {
        Path pidFile = data.resolve("postmaster.pid");
        if (!Files.exists(pidFile)) {
            return;
        }
        long pid = Long.parseLong(Files.readAllLines(pidFile).getFirst().strip());
        Optional<ProcessHandle> process = ProcessHandle.of(pid).filter(_ -> isAlive(pid));
        String commandLine =
                process.flatMap(alive -> alive.info().commandLine()).orElse("");
        if (process.isEmpty() || !(commandLine.isEmpty() || commandLine.contains("postgres"))) {
            Files.deleteIfExists(pidFile); // its process is gone, and the number may be another's now
        } else {
            // pg_ctl goes by the data directory, however its path is spelt
            LOG.info("Stopping the PostgreSQL that a killed process left behind (pid {})", pid);
            stop("fast");
        }
    }

    /** By its {@code postmaster.pid}, which is there from its start to its end; one that cannot be read says nothing of an end. */
    private boolean isRunningNow() {
        try {
            List<String> lines = Files.readAllLines(data.resolve("postmaster.pid"));
            return lines.isEmpty() || isAlive(Long.parseLong(lines.getFirst().strip()));
        } catch (NoSuchFileException none) {
            return false;
        } catch (IOException | NumberFormatException unreadable) {
            LOG.debug("postmaster.pid cannot be read: {}", unreadable.getMessage());
            return true;
        }
    }

    /** One that has ended and was not waited for by whoever should have still has its number, and does not live. */
    private static boolean isAlive(long pid) {
        if (ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty()) {
            return false;
        }
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            return !stat.substring(stat.lastIndexOf(')') + 1).strip().startsWith("Z");
        } catch (IOException elsewhere) {
            return true; // not Linux
        }
    }

    private void launch() throws IOException {
        String options = String.join(
                " ",
                "-p " + port,
                "-c listen_addresses=127.0.0.1",
                "-c unix_socket_directories=''",
                "-c wal_level=logical",
                "-c fsync=on",
                "-c synchronous_commit=on",
                "-c max_wal_senders=10",
                "-c max_replication_slots=10",
                "-c max_slot_wal_keep_size=10GB",
                "-c timezone=UTC");
        run(
                "pg_ctl",
                List.of("start", "-D", data.toString(), "-l", log.toString(), "-w", "-t", "60", "-s", "-o", options));
    }

    private void stop(String mode) throws IOException {
        run("pg_ctl", List.of("stop", "-D", data.toString(), "-m", mode, "-w", "-t", "30", "-s"));
    }

    private void run(String program, List<String> arguments) throws IOException {
        var command = new ArrayList<String>();
        if (isRoot()) {
            command.addAll(List.of("unshare", "-U"));
        }
        command.add(binaries.resolve("bin").resolve(program).toString());
        command.addAll(arguments);
        Path output = Files.createTempFile(directory, program, ".out");
        try {
            // a file, not a pipe: the postmaster keeps the descriptors, and a pipe would never end
            Process process = new ProcessBuilder(command)
                    .directory(directory.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            if (!process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException(program + " did not end within " + COMMAND_SECONDS + " s");
            }
            if (process.exitValue() != 0) {
                throw new IOException(explain(program, process.exitValue(), Files.readString(output)));
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException(program + " was interrupted", interrupted);
        } finally {
            Files.deleteIfExists(output);
        }
    }

    private String explain(String program, int exitValue, String output) throws IOException {
        String cause = isRoot() && output.contains("unshare")
                ? " (as root, PostgreSQL needs a user namespace of its own, and `unshare -U` is forbidden here: run"
                        + " Switchboard as another user)"
                : "";
        String tail = Files.exists(log) ? lastLines(Files.readString(log)) : "";
        return program + " failed with " + exitValue + cause + ": " + output.strip() + tail;
    }

    private static String lastLines(String text) {
        List<String> lines = text.lines().toList();
        return "\nThe end of its log:\n"
                + String.join("\n", lines.subList(Math.max(0, lines.size() - 10), lines.size()));
    }

    private static boolean isRoot() {
        return System.getProperty("user.name").equals("root");
    }

    /**
     * Below the ports that systems give to outgoing connections (32768 and above on Linux): one of those could take it
     * between this look and PostgreSQL's, and while PostgreSQL is down.
     */
    private static int freePort() throws IOException {
        IOException taken = null;
        for (int tries = 0; tries < 100; tries++) {
            int port = ThreadLocalRandom.current().nextInt(20_000, 32_768);
            try (var socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
                return socket.getLocalPort();
            } catch (BindException another) {
                taken = another;
            }
        }
        throw new IOException("found no free port between 20000 and 32767 for PostgreSQL", taken);
    }
}

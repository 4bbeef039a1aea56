package dev.switchboard.systemtest.harness;

import static org.awaitility.Awaitility.await;

import dev.switchboard.server.postgres.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** The process of a test's PostgreSQL, as an operator or a crash reaches it. */
public record Postmaster(long pid) {
    public static Postmaster of(TestServer server) {
        return of(
                server.server().postgres().map(EmbeddedPostgres::dataDirectory).orElseThrow());
    }

    public static Postmaster of(Path dataDirectory) {
        try {
            return new Postmaster(Long.parseLong(Files.readAllLines(dataDirectory.resolve("postmaster.pid"))
                    .getFirst()
                    .strip()));
        } catch (IOException none) {
            throw new UncheckedIOException(none);
        }
    }

    /** SIGINT is a fast shutdown, SIGQUIT an immediate one, SIGKILL a crash. */
    public void signal(String name) {
        try {
            new ProcessBuilder("kill", "-" + name, Long.toString(pid))
                    .inheritIO()
                    .start()
                    .waitFor();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    /** How long it took to end after a signal. */
    public Duration endAfter(String name) {
        long start = System.nanoTime();
        signal(name);
        await().atMost(Duration.ofSeconds(60))
                .pollDelay(Duration.ofMillis(1))
                .pollInterval(Duration.ofMillis(2))
                .until(() -> !isAlive());
        return Duration.ofNanos(System.nanoTime() - start);
    }

    /** One that nobody has waited for still has its number. */
    public boolean isAlive() {
        if (ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty()) {
            return false;
        }
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            return !stat.substring(stat.lastIndexOf(')') + 1).strip().startsWith("Z");
        } catch (IOException gone) {
            return false;
        }
    }
}

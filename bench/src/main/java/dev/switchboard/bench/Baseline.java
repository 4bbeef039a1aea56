package dev.switchboard.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The C epoll server, compiled where there is a compiler. */
final class Baseline implements AutoCloseable {
    private final Process process;
    private final int port;

    private Baseline(Process process, int port) {
        this.process = process;
        this.port = port;
    }

    /** Empty where there is no C compiler. */
    static Optional<Baseline> start() {
        try {
            Path source = Path.of(System.getProperty("switchboard.baseline", "bench/src/main/c/baseline.c"));
            Path program = Files.createTempFile("baseline", "");
            String said = ProcessMeter.run("cc", "-O2", "-o", program.toString(), source.toString());
            if (Files.size(program) == 0) {
                System.err.println("No C baseline: " + (said.isEmpty() ? "there is no compiler cc" : said));
                return Optional.empty();
            }
            program.toFile().setExecutable(true);
            int port = freePort();
            Process process = new ProcessBuilder(program.toString(), Integer.toString(port))
                    .redirectErrorStream(true)
                    .start();
            var out = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
            if (!"ready".equals(out.readLine())) {
                throw new IllegalStateException("the baseline did not start");
            }
            return Optional.of(new Baseline(process, port));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    int port() {
        return port;
    }

    ProcessMeter meter() {
        return new ProcessMeter(process.pid());
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
    }
}

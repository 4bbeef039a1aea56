package dev.switchboard.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** What another process costs: CPU time of all its threads, its memory, and instructions where the machine counts them. */
final class ProcessMeter {
    private final long pid;

    ProcessMeter(long pid) {
        this.pid = pid;
    }

    /** CPU time so far, nanoseconds (first figure of schedstat, per thread). */
    long cpuNanos() {
        try (Stream<Path> threads = Files.list(Path.of("/proc", Long.toString(pid), "task"))) {
            return threads.mapToLong(ProcessMeter::nanosOf).sum();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static long nanosOf(Path thread) {
        try {
            return Long.parseLong(Files.readString(thread.resolve("schedstat")).split(" ", 2)[0]);
        } catch (IOException ended) {
            return 0;
        }
    }

    /** Resident memory without files, kilobytes. */
    long residentKilobytes() {
        try (Stream<String> lines = Files.lines(Path.of("/proc", Long.toString(pid), "status"))) {
            return lines.filter(line -> line.startsWith("RssAnon:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElseThrow();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Live heap of a JVM after a full collection, bytes. */
    long liveHeapBytes() {
        String histogram = run("jcmd", Long.toString(pid), "GC.class_histogram");
        String total = histogram
                .lines()
                .filter(line -> line.startsWith("Total"))
                .findFirst()
                .orElseThrow();
        return Long.parseLong(total.strip().split("\\s+", -1)[2]);
    }

    /** Counts instructions of the process while the work runs; empty where there is no perf, or it may not count. */
    OptionalDouble instructionsDuring(Runnable work) {
        Optional<Process> perf = startPerf();
        work.run();
        return perf.map(ProcessMeter::count).orElse(OptionalDouble.empty());
    }

    private Optional<Process> startPerf() {
        try {
            return Optional.of(
                    new ProcessBuilder("perf", "stat", "-e", "instructions", "-x", ",", "-p", Long.toString(pid))
                            .redirectErrorStream(true)
                            .start());
        } catch (IOException noPerf) {
            return Optional.empty();
        }
    }

    private static OptionalDouble count(Process perf) {
        try {
            new ProcessBuilder("kill", "-INT", Long.toString(perf.pid()))
                    .start()
                    .waitFor();
            String said = new String(perf.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            perf.waitFor(5, TimeUnit.SECONDS);
            return said.lines()
                    .map(line -> line.split(",", 2)[0])
                    .filter(field -> field.matches("\\d+"))
                    .mapToDouble(Double::parseDouble)
                    .findFirst();
        } catch (IOException failed) {
            return OptionalDouble.empty();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return OptionalDouble.empty();
        }
    }

    /**
     * Confines the process with all its threads, and what it starts from then on, where the machine has taskset.
     *
     * @param cores {@code 1}, or {@code 0-3}
     */
    void confineTo(String cores) {
        run("taskset", "-acp", cores, Long.toString(pid));
    }

    static String run(String... command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            process.waitFor();
            return said;
        } catch (IOException missing) {
            return "";
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }
}

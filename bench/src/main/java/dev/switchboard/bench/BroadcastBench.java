package dev.switchboard.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * (a) One message to many sockets, the same frame bytes from both servers, each on core 0, the clients on core 1. Closed
 * loop: the next messages are sent only when every client has the last ones. Runs alternate.
 */
final class BroadcastBench {
    private static final String BENCH = "broadcast";
    private static final String JOIN = "[\"1\",\"1\",\"realtime:bench\",\"phx_join\",{\"config\":{}}]";
    private static final String PAYLOAD = "{\"event\":\"tick\",\"payload\":{\"filler\":\"" + "x".repeat(215) + "\"}}";

    private final Report report;
    private final int runs;

    private record Cost(double cpuMicros, OptionalDouble instructions) {}

    BroadcastBench(Report report, int runs) {
        this.report = report;
        this.runs = runs;
    }

    void run(int connections) {
        new ProcessMeter(ProcessHandle.current().pid()).confineTo(1);
        try (ServerProcess server = new ServerProcess();
                Sockets ours = new Sockets(server.port())) {
            server.meter().confineTo(0);
            ours.connect(Collections.nCopies(connections + 1, ServerProcess.path(server.token("anon", Map.of()))));
            for (Sockets.Client client : ours.clients()) {
                ours.send(client, JOIN);
            }
            ours.pumpUntil(() -> ours.frames() == connections + 1);
            Optional<Baseline> baseline = Baseline.start();
            try (Sockets theirs = new Sockets(baseline.map(Baseline::port).orElse(0))) {
                baseline.ifPresent(running -> {
                    running.meter().confineTo(0);
                    theirs.connect(Collections.nCopies(connections + 1, "/"));
                });
                double single = compare(connections, 1, ours, server.meter(), theirs, baseline.map(Baseline::meter));
                double eight = compare(connections, 8, ours, server.meter(), theirs, baseline.map(Baseline::meter));
                report.figure(
                        BENCH,
                        connections + " sockets: CPU per message, 1 against 8 outstanding",
                        single / eight,
                        "x",
                        ">= 3");
            } finally {
                baseline.ifPresent(Baseline::close);
            }
        }
    }

    /** Returns our least CPU time per delivery. */
    private double compare(
            int connections,
            int outstanding,
            Sockets ours,
            ProcessMeter ourMeter,
            Sockets theirs,
            Optional<ProcessMeter> theirMeter) {
        String ourMessage = "[\"1\",\"2\",\"realtime:bench\",\"broadcast\"," + PAYLOAD + "]";
        String theirMessage = "[null,null,\"realtime:bench\",\"broadcast\"," + PAYLOAD + "]";
        int rounds = Math.max(4, 400_000 / connections / outstanding);
        measure(ours, ourMeter, connections, outstanding, rounds * 2, ourMessage); // until it is compiled
        var ourCosts = new ArrayList<Cost>();
        var theirCosts = new ArrayList<Cost>();
        for (int run = 0; run < runs; run++) {
            theirMeter.ifPresent(
                    meter -> theirCosts.add(measure(theirs, meter, connections, outstanding, rounds, theirMessage)));
            ourCosts.add(measure(ours, ourMeter, connections, outstanding, rounds, ourMessage));
        }
        String what = connections + " sockets, " + outstanding + " outstanding: ";
        double ourMinimum = least(ourCosts);
        report.figure(BENCH, what + "CPU per delivery, minimum of " + runs, ourMinimum, "us", "");
        if (!theirCosts.isEmpty()) {
            double theirMinimum = least(theirCosts);
            report.figure(BENCH, what + "C baseline, minimum of " + runs, theirMinimum, "us", "");
            report.figure(
                    BENCH,
                    what + "ratio of minimum CPU",
                    ourMinimum / theirMinimum,
                    "x",
                    outstanding == 1 ? "1.5" : "");
        }
        instructions(ourCosts)
                .ifPresentOrElse(
                        own -> {
                            report.figure(BENCH, what + "instructions per delivery, median", own, "", "");
                            instructions(theirCosts)
                                    .ifPresent(other -> report.figure(
                                            BENCH, what + "ratio of instructions", own / other, "x", "1.5"));
                        },
                        () -> report.note("instructions: this machine does not count them (perf stat)"));
        return ourMinimum;
    }

    private static Cost measure(
            Sockets sockets, ProcessMeter meter, int connections, int outstanding, int rounds, String message) {
        Sockets.Client sender = sockets.clients().getFirst();
        String[] messages = Collections.nCopies(outstanding, message).toArray(String[]::new);
        long cpu = meter.cpuNanos();
        OptionalDouble instructions =
                meter.instructionsDuring(() -> IntStream.range(0, rounds).forEach(_ -> {
                    long wanted = sockets.frames() + (long) connections * outstanding;
                    sockets.send(sender, messages);
                    sockets.pumpUntil(() -> sockets.frames() >= wanted);
                }));
        double deliveries = (double) connections * outstanding * rounds;
        double micros = (meter.cpuNanos() - cpu) / 1_000.0 / deliveries;
        return new Cost(
                micros,
                instructions.isPresent()
                        ? OptionalDouble.of(instructions.getAsDouble() / deliveries)
                        : OptionalDouble.empty());
    }

    private static double least(List<Cost> costs) {
        return costs.stream().mapToDouble(Cost::cpuMicros).min().orElseThrow();
    }

    private static Optional<Double> instructions(List<Cost> costs) {
        double[] counted = costs.stream()
                .flatMapToDouble(cost -> cost.instructions().stream())
                .sorted()
                .toArray();
        return counted.length == 0 ? Optional.empty() : Optional.of(counted[counted.length / 2]);
    }
}

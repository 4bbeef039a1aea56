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
    private static final int DELIVERIES = 400_000;
    private static final int COALESCED = 8;

    /** Until then it is compiled, beside what it does. */
    private static final int WARM_UPS = 4;

    private static final String JOIN = "[\"1\",\"1\",\"realtime:bench\",\"phx_join\",{\"config\":{}}]";
    private static final String PAYLOAD = "{\"event\":\"tick\",\"payload\":{\"filler\":\"" + "x".repeat(215) + "\"}}";

    /** A card of a board, about as long: what compression makes of it is what it makes of those. */
    private static final String CARD =
            "{\"event\":\"tick\",\"payload\":{\"id\":\"6f9619ff-8b86-4011-b42d-00c04fc964ff\","
                    + "\"status\":\"in_progress\",\"queue\":\"support\",\"agent\":\"3f2504e0-4f89-41d3-9a0c-0305e82c3301\","
                    + "\"from\":\"+4930901820\",\"to\":\"+493012345678\",\"since\":\"2026-11-29T22:37:41.318Z\"}}";

    private final Report report;
    private final int runs;

    private record Cost(double cpuMicros, OptionalDouble instructions) {}

    BroadcastBench(Report report, int runs) {
        this.report = report;
        this.runs = runs;
    }

    void run(int connections) {
        int cores = Runtime.getRuntime().availableProcessors();
        var self = new ProcessMeter(ProcessHandle.current().pid());
        self.confineTo("1");
        try (ServerProcess server = new ServerProcess()) {
            server.meter().confineTo("0");
            Optional<Baseline> baseline = Baseline.start();
            baseline.ifPresent(running -> running.meter().confineTo("0"));
            try {
                var ours = new Costs();
                var theirs = new Costs();
                var deflated = new Costs();
                for (int run = 0; run < WARM_UPS; run++) {
                    ours(server, connections, run % 2 == 1, new Costs());
                }
                for (int run = 0; run < runs; run++) {
                    baseline.ifPresent(running -> theirs(running, connections, theirs));
                    ours(server, connections, false, ours);
                    ours(server, connections, true, deflated);
                }
                report(connections, 1, ours.single, theirs.single);
                report(connections, COALESCED, ours.coalesced, theirs.coalesced);
                reportDeflated(connections, ours, deflated);
                report.figure(
                        BENCH,
                        connections + " sockets: CPU per message, 1 against " + COALESCED + " outstanding",
                        least(ours.single) / least(ours.coalesced),
                        "x",
                        ">= 3");
            } finally {
                baseline.ifPresent(Baseline::close);
            }
        } finally {
            self.confineTo("0-" + (cores - 1));
        }
    }

    /** What each run cost, with one message outstanding and with several. */
    private static final class Costs {
        final List<Cost> single = new ArrayList<>();
        final List<Cost> coalesced = new ArrayList<>();
        double bytesEach;
    }

    /** @param deflated whether the clients offer permessage-deflate */
    private static void ours(ServerProcess server, int connections, boolean deflated, Costs costs) {
        try (Sockets sockets = new Sockets(server.port(), deflated)) {
            sockets.connect(Collections.nCopies(connections + 1, ServerProcess.path(server.token("anon", Map.of()))));
            for (Sockets.Client client : sockets.clients()) {
                sockets.send(client, JOIN);
            }
            sockets.pumpUntil(() -> sockets.frames() == connections + 1);
            String message = "[\"1\",\"2\",\"realtime:bench\",\"broadcast\"," + (deflated ? CARD : PAYLOAD) + "]";
            long bytes = sockets.payloadBytes();
            long frames = sockets.frames();
            measure(sockets, server.meter(), connections, message, costs);
            costs.bytesEach = (double) (sockets.payloadBytes() - bytes) / (sockets.frames() - frames);
        }
    }

    private static void theirs(Baseline baseline, int connections, Costs costs) {
        try (Sockets sockets = new Sockets(baseline.port())) {
            sockets.connect(Collections.nCopies(connections + 1, "/"));
            String message = "[null,null,\"realtime:bench\",\"broadcast\"," + PAYLOAD + "]";
            measure(sockets, baseline.meter(), connections, message, costs);
        }
    }

    private static void measure(Sockets sockets, ProcessMeter meter, int connections, String message, Costs costs) {
        int rounds = Math.max(8, DELIVERIES / connections);
        costs.single.add(measure(sockets, meter, connections, 1, rounds, message));
        costs.coalesced.add(measure(sockets, meter, connections, COALESCED, rounds / 2, message));
    }

    private void report(int connections, int outstanding, List<Cost> ours, List<Cost> theirs) {
        String what = connections + " sockets, " + outstanding + " outstanding: ";
        report.figure(BENCH, what + "CPU per delivery, minimum of " + runs, least(ours), "us", "");
        if (!theirs.isEmpty()) {
            report.figure(BENCH, what + "C baseline, minimum of " + runs, least(theirs), "us", "");
            report.figure(
                    BENCH,
                    what + "ratio of minimum CPU",
                    least(ours) / least(theirs),
                    "x",
                    outstanding > 1 ? "" : connections >= 10_000 ? "<= 1.25" : "<= 1.5");
            report.figure(BENCH, what + "ratio of median CPU", median(ours) / median(theirs), "x", "");
        }
        instructions(ours)
                .ifPresentOrElse(
                        own -> {
                            report.figure(BENCH, what + "instructions per delivery, median", own, "", "");
                            instructions(theirs)
                                    .ifPresent(other -> report.figure(
                                            BENCH, what + "ratio of instructions", own / other, "x", "<= 1.5"));
                        },
                        () -> report.note("instructions: this machine does not count them (perf stat)"));
    }

    private void reportDeflated(int connections, Costs ours, Costs deflated) {
        String what = connections + " sockets, compressed for all of them: ";
        report.figure(
                BENCH, what + "bytes of a message whose payload has " + CARD.length(), deflated.bytesEach, "bytes", "");
        report.figure(
                BENCH,
                what + "CPU per delivery against uncompressed, 1 outstanding",
                least(deflated.single) / least(ours.single),
                "x",
                "");
        report.figure(
                BENCH,
                what + "the same, " + COALESCED + " outstanding",
                least(deflated.coalesced) / least(ours.coalesced),
                "x",
                "");
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

    private static double median(List<Cost> costs) {
        double[] sorted = costs.stream().mapToDouble(Cost::cpuMicros).sorted().toArray();
        return sorted[sorted.length / 2];
    }

    private static Optional<Double> instructions(List<Cost> costs) {
        double[] counted = costs.stream()
                .flatMapToDouble(cost -> cost.instructions().stream())
                .sorted()
                .toArray();
        return counted.length == 0 ? Optional.empty() : Optional.of(counted[counted.length / 2]);
    }
}

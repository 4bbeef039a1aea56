package dev.switchboard.bench;

import java.util.Collections;
import java.util.Map;

/** (b) What an idle joined connection costs in memory. */
final class IdleBench {
    private static final int CONNECTIONS = 10_000;
    private static final int WARM = 500;

    private final Report report;

    IdleBench(Report report) {
        this.report = report;
    }

    void run() {
        try (ServerProcess server = new ServerProcess()) {
            String path = ServerProcess.path(server.token("anon", Map.of()));
            try (Sockets warm = new Sockets(server.port())) {
                join(warm, path, WARM); // classes are loaded, pools are there
            }
            ProcessMeter meter = server.meter();
            long heap = meter.liveHeapBytes();
            long resident = meter.residentKilobytes();
            try (Sockets sockets = new Sockets(server.port())) {
                join(sockets, path, CONNECTIONS);
                double grown = meter.residentKilobytes() - resident;
                double live = meter.liveHeapBytes() - heap;
                report.figure("idle", "resident memory per joined connection", grown / CONNECTIONS, "KB", "<= 8");
                report.figure("idle", "live heap per joined connection", live / 1024 / CONNECTIONS, "KB", "<= 4");
                report.figure("idle", "resident memory before, with 0 connections", resident / 1024.0, "MB", "");
            }
        }
    }

    private static void join(Sockets sockets, String path, int count) {
        sockets.connect(Collections.nCopies(count, path));
        for (int i = 0; i < count; i++) {
            sockets.send(
                    sockets.clients().get(i), "[\"1\",\"1\",\"realtime:room" + i + "\",\"phx_join\",{\"config\":{}}]");
        }
        sockets.pumpUntil(() -> sockets.frames() == count);
    }
}

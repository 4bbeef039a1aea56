package dev.switchboard.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * (m) Queries that are kept (SPEC I), beside plain changes of the same rows: 1,000 clients on 50 distinct queries, the newest 50 calls of an
 * organization, while 200 calls a second come; and what 10,000 kept queries take.
 */
final class LiveBench {
    private static final int QUERIES = 50;
    private static final int PER_SECOND = 200;
    private static final int WARM = PER_SECOND * 5;
    /** Microseconds of a tick of /proc/stat. */
    private static final double TICK_MICROS = 10_000;

    private static final String NEWEST =
            "select=id,provider_call_sid,state&organization_id=eq.%s&order=provider_call_sid.desc&limit=%d";

    private final Report report;
    private final int clients;
    private final int queries;
    private final int seconds;

    LiveBench(Report report, int clients, int queries, int seconds) {
        this.report = report;
        this.clients = clients;
        this.queries = queries;
        this.seconds = seconds;
    }

    void run() throws SQLException {
        Measured plain = measure("plain changes", false);
        Measured kept = measure("kept queries", true);
        report.figure("live", "kept queries against plain changes: p99", kept.p99() / plain.p99(), "x", "");
        report.figure("live", "CPU of the machine per change", kept.micros() / plain.micros(), "x", "");
        memory();
    }

    /** @param micros of CPU of the whole machine, clients and PostgreSQL too, per change */
    private record Measured(double p99, double micros) {}

    private Measured measure(String what, boolean live) throws SQLException {
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port());
                Connection database = connect(server)) {
            List<UUID> organizations = organizations(database, QUERIES);
            List<String> tokens = tokens(server, database, organizations);
            sockets.connect(clientTokens(tokens, clients).stream()
                    .map(ServerProcess::path)
                    .toList());
            for (int i = 0; i < clients; i++) {
                UUID organization = organizations.get(i % QUERIES);
                String config = live
                        ? kept(NEWEST.formatted(organization, 50))
                        : "{\"postgres_changes\":[{\"event\":\"INSERT\",\"schema\":\"public\",\"table\":\"calls\",\"filter\":"
                                + "\"organization_id=eq." + organization + "\"}]}";
                join(sockets, i, config, tokens.get(i % QUERIES));
            }
            sockets.pumpUntil(() -> sockets.frames() >= 2L * clients);
            int count = PER_SECOND * seconds;
            Map<String, Long> committed = new ConcurrentHashMap<>();
            var arrivals = new ArrayList<String>();
            var moments = new ArrayList<Long>();
            sockets.listen((_, bytes, offset, length) -> {
                long now = System.nanoTime();
                int at = LatencyBench.indexOf(bytes, offset, offset + length);
                while (at >= 0) {
                    moments.add(now);
                    arrivals.add(new String(bytes, at, 8, StandardCharsets.US_ASCII));
                    at = LatencyBench.indexOf(bytes, at, offset + length);
                }
            });
            double before = busyTicks();
            Thread writer = Thread.ofPlatform()
                    .start(() -> LatencyBench.write(database, organizations, 0, WARM + count, PER_SECOND, committed));
            long expected = (long) (WARM + count) * (clients / QUERIES);
            sockets.pumpUntil(() -> arrivals.size() >= expected, Duration.ofSeconds(seconds + 120L));
            LatencyBench.join(writer);
            double micros = (busyTicks() - before) * TICK_MICROS / (WARM + count);
            double[] millis = new double[arrivals.size()];
            int measured = 0;
            for (int i = 0; i < arrivals.size(); i++) {
                if (Integer.parseInt(arrivals.get(i)) >= WARM) {
                    long from = committed.getOrDefault(arrivals.get(i), moments.get(i));
                    millis[measured++] = Math.max(0, (moments.get(i) - from) / 1e6);
                }
            }
            millis = Arrays.copyOf(millis, measured);
            Arrays.sort(millis);
            String name = clients + " clients, " + QUERIES + " queries, " + PER_SECOND + " changes/s, " + what + ": ";
            report.figure("live", name + "p50", millis[measured / 2], "ms", "");
            report.figure("live", name + "p99", millis[(int) (measured * 0.99)], "ms", "");
            report.figure("live", name + "CPU of the machine per change", micros, "us", "");
            return new Measured(millis[(int) (measured * 0.99)], micros);
        }
    }

    /** Each of 20 rows, and none like another. */
    private void memory() throws SQLException {
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port());
                Connection database = connect(server)) {
            List<UUID> organizations = organizations(database, QUERIES);
            List<String> tokens = tokens(server, database, organizations);
            LatencyBench.write(database, organizations, 0, 20 * QUERIES, 100_000, new ConcurrentHashMap<>());
            sockets.connect(clientTokens(tokens, queries).stream()
                    .map(ServerProcess::path)
                    .toList());
            long before = server.meter().liveHeapBytes();
            for (int i = 0; i < queries; i++) {
                String query = NEWEST.formatted(organizations.get(i % QUERIES), 20 + i / QUERIES);
                join(sockets, i, kept(query), tokens.get(i % QUERIES));
            }
            sockets.pumpUntil(() -> sockets.frames() >= 2L * queries, Duration.ofMinutes(5));
            report.figure(
                    "live",
                    queries + " kept queries of 20 rows, each with its channel",
                    (double) (server.meter().liveHeapBytes() - before) / queries,
                    "bytes",
                    "");
        }
    }

    private static String kept(String query) {
        return "{\"switchboard\":{\"live\":{\"table\":\"calls\",\"query\":\"" + query + "\"}}}";
    }

    private static void join(Sockets sockets, int client, String config, String token) {
        sockets.send(
                sockets.clients().get(client),
                "[\"1\",\"1\",\"realtime:calls\",\"phx_join\",{\"config\":" + config + ",\"access_token\":\"" + token
                        + "\"}]");
        long joined = 2L * Math.max(0, client - 100);
        sockets.pumpUntil(() -> sockets.frames() >= joined);
    }

    private static List<UUID> organizations(Connection database, int count) throws SQLException {
        var organizations = new ArrayList<UUID>();
        for (int i = 0; i < count; i++) {
            UUID organization = UUID.randomUUID();
            LatencyBench.execute(
                    database,
                    "insert into organizations (id, name, slug) values (?, ?, ?)",
                    organization,
                    "o" + i,
                    "o" + i);
            organizations.add(organization);
        }
        return organizations;
    }

    /** One user in each. */
    private static List<String> tokens(ServerProcess server, Connection database, List<UUID> organizations)
            throws SQLException {
        var tokens = new ArrayList<String>();
        for (UUID organization : organizations) {
            UUID user = UUID.randomUUID();
            LatencyBench.execute(
                    database,
                    "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                    organization,
                    user);
            tokens.add(server.token("authenticated", Map.of("sub", user.toString())));
        }
        return tokens;
    }

    private static List<String> clientTokens(List<String> tokens, int clients) {
        var all = new ArrayList<String>();
        for (int i = 0; i < clients; i++) {
            all.add(tokens.get(i % tokens.size()));
        }
        return all;
    }

    private static Connection connect(ServerProcess server) throws SQLException {
        return DriverManager.getConnection(
                server.database().url(),
                server.database().user(),
                server.database().password());
    }

    /** Of all cores: user, nice, system, irq, softirq (proc(5), /proc/stat). */
    private static double busyTicks() {
        try {
            String[] cpu = Files.readAllLines(Path.of("/proc/stat")).getFirst().split(" +", -1);
            return Double.parseDouble(cpu[1])
                    + Double.parseDouble(cpu[2])
                    + Double.parseDouble(cpu[3])
                    + Double.parseDouble(cpu[6])
                    + Double.parseDouble(cpu[7]);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }
}

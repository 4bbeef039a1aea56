package dev.switchboard.bench;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/**
 * (d) From the return of an INSERT to the arrival at each client: 100 users in 10 organizations, every call seen by the
 * 10 of its organization, under the call centre's policies, with fsync on.
 */
final class LatencyBench {
    private static final int ORGANIZATIONS = 10;
    private static final int USERS_EACH = 10;
    private static final int PER_SECOND = 200;

    private static final byte[] MARK = "\"provider_call_sid\":\"".getBytes(StandardCharsets.US_ASCII);

    private final Report report;
    private final int seconds;

    LatencyBench(Report report, int seconds) {
        this.report = report;
        this.seconds = seconds;
    }

    /** How the users subscribe. */
    private enum Filter {
        /** To their organization's calls, as applications do. */
        OWN_ORGANIZATION,
        /** To all calls; the policies alone tell whose they are. */
        NONE
    }

    void run() throws SQLException {
        for (Filter filter : Filter.values()) {
            run(filter);
        }
    }

    private void run(Filter filter) throws SQLException {
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port());
                Connection database = DriverManager.getConnection(
                        server.database().url(),
                        server.database().user(),
                        server.database().password())) {
            List<UUID> organizations = subscribe(server, sockets, database, filter);
            int warm = PER_SECOND * 5;
            int count = PER_SECOND * seconds;
            Map<String, Long> committed = new ConcurrentHashMap<>();
            var arrivals = new ArrayList<String>();
            var moments = new ArrayList<Long>();
            sockets.listen((_, bytes, offset, length) -> {
                long now = System.nanoTime();
                int at = indexOf(bytes, offset, offset + length);
                if (at >= 0) {
                    moments.add(now);
                    arrivals.add(new String(bytes, at, 8, StandardCharsets.US_ASCII));
                }
            });
            Thread writer = Thread.ofPlatform().start(() -> write(database, organizations, warm + count, committed));
            sockets.pumpUntil(() -> arrivals.size() >= (warm + count) * USERS_EACH, Duration.ofSeconds(seconds + 60L));
            join(writer);
            double[] millis = new double[arrivals.size()];
            int measured = 0;
            for (int i = 0; i < arrivals.size(); i++) {
                if (Integer.parseInt(arrivals.get(i)) >= warm) {
                    millis[measured++] = Math.max(
                            0, (moments.get(i) - committed.getOrDefault(arrivals.get(i), moments.get(i))) / 1e6);
                }
            }
            String what = filter == Filter.NONE ? "without filter: " : "filter by organization: ";
            millis = Arrays.copyOf(millis, measured);
            Arrays.sort(millis);
            report.figure(
                    "latency",
                    what + "arrivals of " + count + " changes, of which expected " + count * USERS_EACH,
                    measured,
                    "",
                    "");
            report.figure("latency", what + "commit to client, p50", millis[measured / 2], "ms", "<= 2");
            report.figure("latency", what + "commit to client, p99", millis[(int) (measured * 0.99)], "ms", "<= 15");
            report.figure("latency", what + "commit to client, maximum", millis[measured - 1], "ms", "");
        }
    }

    private static List<UUID> subscribe(ServerProcess server, Sockets sockets, Connection database, Filter filter)
            throws SQLException {
        var organizations = new ArrayList<UUID>();
        var tokens = new ArrayList<String>();
        for (int i = 0; i < ORGANIZATIONS; i++) {
            UUID organization = UUID.randomUUID();
            organizations.add(organization);
            execute(
                    database,
                    "insert into organizations (id, name, slug) values (?, ?, ?)",
                    organization,
                    "o" + i,
                    "o" + i);
            for (int u = 0; u < USERS_EACH; u++) {
                UUID user = UUID.randomUUID();
                execute(
                        database,
                        "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                        organization,
                        user);
                tokens.add(server.token("authenticated", Map.of("sub", user.toString())));
            }
        }
        sockets.connect(tokens.stream().map(ServerProcess::path).toList());
        for (int i = 0; i < tokens.size(); i++) {
            sockets.send(
                    sockets.clients().get(i),
                    "[\"1\",\"1\",\"realtime:calls\",\"phx_join\",{\"config\":{\"postgres_changes\":"
                            + "[{\"event\":\"INSERT\",\"schema\":\"public\",\"table\":\"calls\""
                            + (filter == Filter.NONE
                                    ? ""
                                    : ",\"filter\":\"organization_id=eq." + organizations.get(i / USERS_EACH) + "\"")
                            + "}]},\"access_token\":\"" + tokens.get(i) + "\"}]");
        }
        sockets.pumpUntil(() -> sockets.frames() >= 2L * tokens.size());
        return organizations;
    }

    private static void execute(Connection database, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = database.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i]);
            }
            statement.execute();
        }
    }

    private static void write(Connection database, List<UUID> organizations, int count, Map<String, Long> committed) {
        long start = System.nanoTime();
        try (PreparedStatement insert = database.prepareStatement(
                "insert into calls (organization_id, provider_call_sid, direction, from_number, to_number, state)"
                        + " values (?, ?, 'inbound', '+15550100', '+15550199', 'ringing')")) {
            for (int i = 0; i < count; i++) {
                long due = start + i * 1_000_000_000L / PER_SECOND;
                while (System.nanoTime() < due) {
                    LockSupport.parkNanos(due - System.nanoTime());
                }
                String number = "%08d".formatted(i);
                insert.setObject(1, organizations.get(i % organizations.size()));
                insert.setString(2, number);
                insert.execute();
                committed.put(number, System.nanoTime());
            }
        } catch (SQLException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private static int indexOf(byte[] bytes, int from, int to) {
        outer:
        for (int at = from; at + MARK.length + 8 <= to; at++) {
            for (int i = 0; i < MARK.length; i++) {
                if (bytes[at + i] != MARK[i]) {
                    continue outer;
                }
            }
            return at + MARK.length;
        }
        return -1;
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }
}

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
 * 10 of its organization, under the call centre's policies, with fsync on; the same with 1,000 users in 50 organizations; and how
 * many calls a second reach 5,000 users, ten each.
 */
final class LatencyBench {
    private static final int PER_SECOND = 200;

    private static final byte[] MARK = "\"provider_call_sid\":\"".getBytes(StandardCharsets.US_ASCII);

    private final Report report;
    private final int seconds;

    LatencyBench(Report report, int seconds) {
        this.report = report;
        this.seconds = seconds;
    }

    /** Who is there. */
    private record Scale(int organizations, int usersEach) {
        static final Scale SMALL = new Scale(10, 10);
        static final Scale LARGE = new Scale(50, 20);
        static final Scale MOST = new Scale(500, 10);

        int users() {
            return organizations * usersEach;
        }
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
            run(Scale.SMALL, filter, "<= 1.5", "<= 8");
        }
        run(Scale.LARGE, Filter.NONE, "", "<= 10");
        rate(Scale.MOST);
    }

    private void run(Scale scale, Filter filter, String median, String most) throws SQLException {
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port());
                Connection database = DriverManager.getConnection(
                        server.database().url(),
                        server.database().user(),
                        server.database().password())) {
            List<UUID> organizations = subscribe(server, sockets, database, scale, filter);
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
            Thread writer = Thread.ofPlatform()
                    .start(() -> write(database, organizations, 0, warm + count, PER_SECOND, committed));
            sockets.pumpUntil(
                    () -> arrivals.size() >= (warm + count) * scale.usersEach(), Duration.ofSeconds(seconds + 60L));
            join(writer);
            double[] millis = new double[arrivals.size()];
            int measured = 0;
            for (int i = 0; i < arrivals.size(); i++) {
                if (Integer.parseInt(arrivals.get(i)) >= warm) {
                    millis[measured++] = Math.max(
                            0, (moments.get(i) - committed.getOrDefault(arrivals.get(i), moments.get(i))) / 1e6);
                }
            }
            String what = scale.users() + " users, "
                    + (filter == Filter.NONE ? "without filter: " : "filter by organization: ");
            millis = Arrays.copyOf(millis, measured);
            Arrays.sort(millis);
            report.figure(
                    "latency",
                    what + "arrivals of " + count + " changes, of which expected " + count * scale.usersEach(),
                    measured,
                    "",
                    "");
            report.figure("latency", what + "commit to client, p50", millis[measured / 2], "ms", median);
            report.figure("latency", what + "commit to client, p99", millis[(int) (measured * 0.99)], "ms", most);
            report.figure("latency", what + "commit to client, maximum", millis[measured - 1], "ms", "");
        }
    }

    /** As fast as they are delivered: what is written waits for what has not arrived. */
    private void rate(Scale scale) throws SQLException {
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port());
                Connection database = DriverManager.getConnection(
                        server.database().url(),
                        server.database().user(),
                        server.database().password())) {
            List<UUID> organizations = subscribe(server, sockets, database, scale, Filter.NONE);
            execute(database, "set synchronous_commit = off"); // what is measured is not the disk
            long[] arrivals = new long[1];
            sockets.listen(
                    (_, bytes, offset, length) -> arrivals[0] += indexOf(bytes, offset, offset + length) >= 0 ? 1 : 0);
            double perSecond = 0;
            int written = 0;
            for (int count : List.of(1_000, 5_000)) { // the first warms up
                arrivals[0] = 0;
                int first = written;
                written += count;
                long start = System.nanoTime();
                long before = server.meter().cpuNanos();
                Thread writer = Thread.ofPlatform()
                        .start(() -> write(database, organizations, first, count, 100_000, new ConcurrentHashMap<>()));
                sockets.pumpUntil(() -> arrivals[0] >= (long) count * scale.usersEach(), Duration.ofMinutes(5));
                join(writer);
                long nanos = System.nanoTime() - start;
                perSecond = count * 1e9 / nanos;
                if (count > 1_000) {
                    report.figure(
                            "latency",
                            scale.users() + " users, without filter: CPU of the server per change",
                            (server.meter().cpuNanos() - before) / 1e3 / count,
                            "us",
                            "");
                }
            }
            report.figure(
                    "latency",
                    scale.users() + " users, without filter: changes a second, each to " + scale.usersEach(),
                    perSecond,
                    "/s",
                    ">= 1000");
        }
    }

    private static List<UUID> subscribe(
            ServerProcess server, Sockets sockets, Connection database, Scale scale, Filter filter)
            throws SQLException {
        var organizations = new ArrayList<UUID>();
        var tokens = new ArrayList<String>();
        for (int i = 0; i < scale.organizations(); i++) {
            UUID organization = UUID.randomUUID();
            organizations.add(organization);
            execute(
                    database,
                    "insert into organizations (id, name, slug) values (?, ?, ?)",
                    organization,
                    "o" + i,
                    "o" + i);
            for (int u = 0; u < scale.usersEach(); u++) {
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
                                    : ",\"filter\":\"organization_id=eq." + organizations.get(i / scale.usersEach())
                                            + "\"")
                            + "}]},\"access_token\":\"" + tokens.get(i) + "\"}]");
            long joined = 2L * Math.max(0, i - 100);
            sockets.pumpUntil(() -> sockets.frames() >= joined);
        }
        sockets.pumpUntil(() -> sockets.frames() >= 2L * tokens.size());
        return organizations;
    }

    static void execute(Connection database, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = database.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i]);
            }
            statement.execute();
        }
    }

    static void write(
            Connection database,
            List<UUID> organizations,
            int first,
            int count,
            int perSecond,
            Map<String, Long> committed) {
        long start = System.nanoTime();
        try (PreparedStatement insert = database.prepareStatement(
                "insert into calls (organization_id, provider_call_sid, direction, from_number, to_number, state)"
                        + " values (?, ?, 'inbound', '+15550100', '+15550199', 'ringing')")) {
            for (int i = 0; i < count; i++) {
                long due = start + i * 1_000_000_000L / perSecond;
                while (System.nanoTime() < due) {
                    LockSupport.parkNanos(due - System.nanoTime());
                }
                String number = "%08d".formatted(first + i);
                insert.setObject(1, organizations.get(i % organizations.size()));
                insert.setString(2, number);
                insert.execute();
                committed.put(number, System.nanoTime());
            }
        } catch (SQLException failed) {
            throw new IllegalStateException(failed);
        }
    }

    static int indexOf(byte[] bytes, int from, int to) {
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

    static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }
}

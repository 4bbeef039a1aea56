package dev.switchboard.bench;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * (f) What a change costs that one of many users may see, by the kind of the policy: CPU of the server, and of PostgreSQL but for
 * the connection that writes. Everybody subscribes to the whole table, so that the policies alone tell whose a row is.
 */
final class AuthorizeBench {
    private static final int CHANNELS_EACH = 100;
    private static final byte[] CHANGE = "\"postgres_changes\",{".getBytes(StandardCharsets.US_ASCII);

    private final Report report;
    private final int changes;
    private final int most;

    AuthorizeBench(Report report, int changes, int most) {
        this.report = report;
        this.changes = changes;
        this.most = most;
    }

    /** The forms of policies. */
    private enum Policy {
        OWN("own rows", "owner = (select auth.uid())"),
        CLAIM("organization by claim", "organization = ((select auth.jwt()) ->> 'org')::uuid"),
        MEMBER(
                "organization by membership table",
                "organization in (select m.organization from bench_members m where m.member = (select auth.uid()))"),
        PERMISSION(
                "app.orgs_with as the call centre uses it",
                "organization = any ((select app.orgs_with('calls.read'))::uuid[])");

        private final String words;
        private final String expression;

        Policy(String words, String expression) {
            this.words = words;
            this.expression = expression;
        }
    }

    void run() throws SQLException {
        for (Policy policy : Policy.values()) {
            run(policy);
        }
    }

    /** Who is joined, and what was heard. */
    private static final class Audience {
        final List<UUID> users = new ArrayList<>();
        long arrivals;
        long replies;
    }

    private void run(Policy policy) throws SQLException {
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port());
                Connection database = connect(server)) {
            execute(
                    database,
                    "set synchronous_commit = off", // what is measured is not the disk
                    "create table bench_rows (id serial primary key, owner uuid, organization uuid)",
                    "create table bench_members (member uuid, organization uuid, primary key (member, organization))",
                    "insert into bench_members values (gen_random_uuid(), gen_random_uuid())",
                    "grant select on bench_rows, bench_members to authenticated",
                    "alter table bench_rows enable row level security",
                    "create policy bench on bench_rows for select using (" + policy.expression + ")",
                    "alter publication supabase_realtime add table bench_rows",
                    "alter publication switchboard_dependencies add table bench_members");
            var audience = new Audience();
            sockets.listen((_, bytes, offset, length) -> {
                if (contains(bytes, offset, Math.min(length, 200))) {
                    audience.arrivals++;
                } else {
                    audience.replies++;
                }
            });
            double alone = 0;
            for (int users : List.of(1, 10, 100, 1_000, 5_000, 20_000)) {
                if (users > most) {
                    break;
                }
                join(server, sockets, database, audience, users);
                double cold = cpuOf(server, database, () -> insert(sockets, database, audience, 1));
                int count = changes;
                insert(sockets, database, audience, users == 1 ? 4 * count : count); // warms up
                double each = cpuOf(server, database, () -> insert(sockets, database, audience, count)) / count;
                alone = users == 1 ? each : alone;
                String what = policy.words + ", " + users + (users == 1 ? " user" : " users");
                report.figure("authorize", what + ": first change, per user", cold / users, "us", "");
                report.figure("authorize", what + ": a change", each, "us", "");
                report.figure("authorize", what + ": a change beyond that of one user", each - alone, "us", "<= 2");
            }
        }
    }

    private void join(ServerProcess server, Sockets sockets, Connection database, Audience audience, int users)
            throws SQLException {
        for (int i = audience.users.size(); i < users; i++) {
            UUID user = UUID.randomUUID();
            if (i % CHANNELS_EACH == 0) {
                sockets.connect(List.of(ServerProcess.path(server.token("anon", Map.of()))));
            }
            // an organization of one
            execute(
                    database,
                    "insert into bench_members values ('" + user + "', '" + user + "')",
                    "insert into organizations (id, name, slug) values ('" + user + "', '" + i + "', 'o" + i + "')",
                    "insert into user_roles (organization_id, user_id, role) values ('" + user + "', '" + user
                            + "', 'agent')");
            String token = server.token("authenticated", Map.of("sub", user.toString(), "org", user.toString()));
            sockets.send(
                    sockets.clients().getLast(),
                    "[\"" + i + "\",\"" + i + "\",\"realtime:" + i + "\",\"phx_join\",{\"access_token\":\"" + token
                            + "\",\"config\":{\"postgres_changes\":[{\"event\":\"*\",\"schema\":\"public\",\"table\":\"bench_rows\"}]}}]");
            audience.users.add(user);
            int joined = i + 1;
            sockets.pumpUntil(() -> audience.replies
                    >= 2L * Math.max(0, joined - CHANNELS_EACH / 2)); // a reply and a system message each
        }
        sockets.pumpUntil(() -> audience.replies >= 2L * users);
    }

    /** Commits rows of users in turn, one by one and as fast as that goes, and waits until all were heard of. */
    private static void insert(Sockets sockets, Connection database, Audience audience, int rows) {
        long wanted = audience.arrivals + rows;
        try (PreparedStatement insert =
                database.prepareStatement("insert into bench_rows (owner, organization) values (?, ?)")) {
            for (int i = 0; i < rows; i++) {
                UUID user = audience.users.get((int) (i * 7919L % audience.users.size()));
                insert.setObject(1, user);
                insert.setObject(2, user);
                insert.execute();
                if (i % 100 == 0) {
                    sockets.pumpOnce();
                }
            }
        } catch (SQLException failed) {
            throw new IllegalStateException(failed);
        }
        sockets.pumpUntil(() -> audience.arrivals >= wanted, Duration.ofMinutes(2));
    }

    /** In microseconds. */
    private static double cpuOf(ServerProcess server, Connection database, Runnable work) throws SQLException {
        List<ProcessMeter> meters = new ArrayList<>(List.of(server.meter()));
        try (Statement statement = database.createStatement();
                ResultSet rows = statement.executeQuery("select pid from pg_stat_activity where pid <> pg_backend_pid()"
                        + " and backend_type in ('client backend', 'walsender')")) {
            while (rows.next()) {
                meters.add(new ProcessMeter(rows.getLong(1)));
            }
        }
        long before = sum(meters);
        work.run();
        return (sum(meters) - before) / 1e3;
    }

    private static long sum(List<ProcessMeter> meters) {
        return meters.stream().mapToLong(ProcessMeter::cpuNanos).sum();
    }

    private static Connection connect(ServerProcess server) throws SQLException {
        return DriverManager.getConnection(
                server.database().url(),
                server.database().user(),
                server.database().password());
    }

    private static void execute(Connection database, String... statements) throws SQLException {
        try (Statement statement = database.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    private static boolean contains(byte[] bytes, int offset, int length) {
        outer:
        for (int at = offset; at + CHANGE.length <= offset + length; at++) {
            for (int i = 0; i < CHANGE.length; i++) {
                if (bytes[at + i] != CHANGE[i]) {
                    continue outer;
                }
            }
            return true;
        }
        return false;
    }
}

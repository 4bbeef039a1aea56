package dev.switchboard.bench;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

/**
 * Private rooms whose policies read a table of members: ten thousand joins, what they cost the database then and while they stay; and what
 * the database broadcasts beside changes of rows, in the same run, to 100 users of whom one is concerned each time.
 */
final class RoomsBench {
    private static final int PER_ROOM = 100;
    private static final int USERS = 100;
    private static final byte[] MARK = "\"mark\":".getBytes(StandardCharsets.US_ASCII);

    private final Report report;
    private final int members;
    private final int count;

    /**
     * @param members who join
     * @param count   broadcasts, and changes
     */
    RoomsBench(Report report, int members, int count) {
        this.report = report;
        this.members = members;
        this.count = count;
    }

    void run() throws SQLException {
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port());
                Connection database = connect(server)) {
            joins(server, sockets, database);
        }
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port());
                Connection database = connect(server)) {
            said(server, sockets, database);
        }
    }

    private static Connection connect(ServerProcess server) throws SQLException {
        return DriverManager.getConnection(
                server.database().url(),
                server.database().user(),
                server.database().password());
    }

    private static void rooms(Connection database) throws SQLException {
        execute(
                database,
                "create table room_members (member uuid, room text, primary key (member, room));"
                        + " grant select on room_members to authenticated;"
                        + " create policy hear on realtime.messages for select to authenticated using (exists (select from"
                        + " room_members m where m.member = (select auth.uid()) and m.room = (select realtime.topic())));"
                        + " create policy speak on realtime.messages for insert to authenticated with check (exists (select from"
                        + " room_members m where m.member = (select auth.uid()) and m.room = (select realtime.topic())))");
    }

    private void joins(ServerProcess server, Sockets sockets, Connection database) throws SQLException {
        rooms(database);
        List<UUID> users =
                IntStream.range(0, members).mapToObj(_ -> UUID.randomUUID()).toList();
        try (PreparedStatement insert = database.prepareStatement("insert into room_members values (?, ?)")) {
            for (int i = 0; i < members; i++) {
                insert.setObject(1, users.get(i));
                insert.setString(2, room(i));
                insert.addBatch();
            }
            insert.executeBatch();
        }
        execute(database, "analyze room_members");
        List<String> tokens = users.stream()
                .map(user -> server.token("authenticated", Map.of("sub", user.toString())))
                .toList();
        sockets.connect(tokens.stream().map(ServerProcess::path).toList());
        for (String round : List.of("with distinct tokens, cold", "again, of whom nothing is known any more")) {
            int[] joined = new int[2];
            sockets.listen((_, bytes, offset, length) -> {
                String text = new String(bytes, offset, Math.min(length, 120), StandardCharsets.UTF_8);
                if (text.contains("phx_reply")) {
                    joined[0]++;
                    joined[1] += text.contains("\"status\":\"ok\"") ? 0 : 1;
                }
            });
            long before = JoinBench.transactions(database);
            long start = System.nanoTime();
            for (int i = 0; i < members; i++) {
                sockets.send(
                        sockets.clients().get(i),
                        "[\"1\",\"1\",\"realtime:" + room(i) + "\",\"phx_join\",{\"access_token\":\"" + tokens.get(i)
                                + "\",\"config\":{\"private\":true}}]");
                sockets.pumpOnce();
            }
            sockets.pumpUntil(() -> joined[0] == members);
            double seconds = (System.nanoTime() - start) / 1e9;
            report.figure("rooms", members + " private joins " + round, seconds, "s", "");
            report.figure("rooms", "private joins a second", members / seconds, "/s", "");
            report.figure("rooms", "private joins refused", joined[1], "", "0");
            report.figure(
                    "rooms",
                    "database transactions per distinct (claims, topic)",
                    (JoinBench.transactions(database) - before) / (double) members,
                    "",
                    "");
            pump(sockets, Duration.ofSeconds(3));
        }
        staying(server, sockets, database, "their table not published");
        execute(database, "alter publication switchboard_dependencies add table room_members");
        pump(sockets, Duration.ofSeconds(20)); // until everybody's answer hangs on what is told
        staying(server, sockets, database, "their table published");
    }

    private void staying(ServerProcess server, Sockets sockets, Connection database, String how) throws SQLException {
        long before = JoinBench.transactions(database);
        long cpu = server.meter().cpuNanos();
        pump(sockets, Duration.ofSeconds(20));
        String there = " while " + members + " are there, " + how;
        report.figure(
                "rooms", "questions a second" + there, (JoinBench.transactions(database) - before) / 20.0, "/s", "");
        report.figure(
                "rooms",
                "CPU of the server" + there + ", of one core",
                (server.meter().cpuNanos() - cpu) / 1e9 / 20 * 100,
                "%",
                "");
    }

    private static String room(int member) {
        return "room-" + member / PER_ROOM;
    }

    private static void pump(Sockets sockets, Duration time) {
        long end = System.nanoTime() + time.toNanos();
        while (System.nanoTime() < end) {
            sockets.pumpOnce();
        }
    }

    /** How something is said to one user. */
    private enum Kind {
        CHANGE("change of a row", "insert into marks select ?::uuid, n from generate_series(?, ?) as n"),
        BROADCAST(
                "broadcast of the database",
                "select realtime.send(jsonb_build_object('mark', n), 'mark', ?) from generate_series(?, ?) as n"),
        ROW(
                "row of realtime.messages",
                "insert into realtime.messages (topic, extension, private, event, payload)"
                        + " select ?, 'broadcast', true, 'mark', jsonb_build_object('mark', n) from generate_series(?, ?) as n");

        private final String words;
        private final String sql;

        Kind(String words, String sql) {
            this.words = words;
            this.sql = sql;
        }
    }

    private void said(ServerProcess server, Sockets sockets, Connection database) throws SQLException {
        rooms(database);
        execute(
                database,
                "create table marks (owner uuid, mark int, primary key (owner, mark)); alter table marks enable row level security;"
                        + " grant select on marks to authenticated; create policy own on marks for select using (owner = auth.uid());"
                        + " alter publication supabase_realtime add table marks");
        List<String> users = IntStream.range(0, USERS)
                .mapToObj(_ -> UUID.randomUUID().toString())
                .toList();
        List<String> tokens = users.stream()
                .map(user -> server.token("authenticated", Map.of("sub", user)))
                .toList();
        for (String user : users) {
            execute(database, "insert into room_members values ('" + user + "', '" + user + "')");
        }
        sockets.connect(tokens.stream().map(ServerProcess::path).toList());
        for (int i = 0; i < USERS; i++) {
            sockets.send(
                    sockets.clients().get(i),
                    "[\"1\",\"1\",\"realtime:" + users.get(i) + "\",\"phx_join\",{\"access_token\":\"" + tokens.get(i)
                            + "\",\"config\":{\"private\":true,\"postgres_changes\":[{\"event\":\"INSERT\",\"schema\":\"public\","
                            + "\"table\":\"marks\"}]}}]");
        }
        sockets.pumpUntil(() -> sockets.frames() >= 2L * USERS);
        var rates = new ArrayList<Double>();
        for (Kind kind : Kind.values()) {
            latency(sockets, database, users, kind, 0, 1_000); // warms up
            latency(sockets, database, users, kind, 1_000, 200 * 15);
            rates.add(rate(sockets, database, users, kind, 1_000_000));
        }
        report.figure(
                "rooms",
                "broadcasts a second beside changes a second, by realtime.send",
                rates.get(1) / rates.get(0),
                "x",
                ">= 1");
        report.figure(
                "rooms",
                "broadcasts a second beside changes a second, by insert",
                rates.get(2) / rates.get(0),
                "x",
                ">= 1");
    }

    /** One at a time, 200 a second. */
    private void latency(Sockets sockets, Connection database, List<String> users, Kind kind, int first, int number) {
        Map<Integer, Long> committed = new ConcurrentHashMap<>();
        var marks = new ArrayList<Integer>();
        var moments = new ArrayList<Long>();
        sockets.listen((_, bytes, offset, length) -> {
            int mark = mark(bytes, offset, length);
            if (mark >= 0) {
                moments.add(System.nanoTime());
                marks.add(mark);
            }
        });
        Thread writer = Thread.ofPlatform().start(() -> {
            long start = System.nanoTime();
            for (int i = 0; i < number; i++) {
                long due = start + i * 1_000_000_000L / 200;
                while (System.nanoTime() < due) {
                    LockSupport.parkNanos(due - System.nanoTime());
                }
                say(database, kind, users.get(i % users.size()), first + i, 1);
                committed.put(first + i, System.nanoTime());
            }
        });
        sockets.pumpUntil(() -> marks.size() >= number && !writer.isAlive());
        double[] millis = new double[number];
        for (int i = 0; i < number; i++) {
            millis[i] = Math.max(0, (moments.get(i) - committed.getOrDefault(marks.get(i), moments.get(i))) / 1e6);
        }
        if (first > 0) {
            Arrays.sort(millis);
            report.figure("rooms", kind.words + ", commit to client, p50", millis[number / 2], "ms", "");
            report.figure("rooms", kind.words + ", commit to client, p99", millis[(int) (number * 0.99)], "ms", "");
        }
    }

    /** As fast as they go, 100 in a transaction. */
    private double rate(Sockets sockets, Connection database, List<String> users, Kind kind, int first) {
        int[] arrived = new int[1];
        sockets.listen((_, bytes, offset, length) -> arrived[0] += mark(bytes, offset, length) >= first ? 1 : 0);
        double perSecond = 0;
        double written = 0;
        int said = 0;
        for (int number : List.of(count / 10, count)) { // the first warms up
            int from = first + said;
            int until = said + number;
            long start = System.nanoTime();
            long[] end = new long[1];
            Thread writer = Thread.ofPlatform().start(() -> {
                for (int i = 0; i < number; i += 100) {
                    say(database, kind, users.get(i / 100 % users.size()), from + i, 100);
                }
                end[0] = System.nanoTime();
            });
            sockets.pumpUntil(() -> arrived[0] >= until && !writer.isAlive(), Duration.ofMinutes(5));
            perSecond = number * 1e9 / (System.nanoTime() - start);
            written = number * 1e9 / (end[0] - start);
            said = until;
        }
        report.figure("rooms", kind.words + ", 100 in a transaction, as fast as they go: heard", perSecond, "/s", "");
        report.figure("rooms", kind.words + ", 100 in a transaction, as fast as they go: written", written, "/s", "");
        return perSecond;
    }

    private static void say(Connection database, Kind kind, String user, int first, int number) {
        try (PreparedStatement statement = database.prepareStatement(kind.sql)) {
            statement.setString(1, user);
            statement.setInt(2, first);
            statement.setInt(3, first + number - 1);
            statement.execute();
        } catch (SQLException failed) {
            throw new IllegalStateException(failed);
        }
    }

    /** The number after {@link #MARK}; -1 where there is none. */
    private static int mark(byte[] bytes, int offset, int length) {
        outer:
        for (int at = offset; at + MARK.length < offset + length; at++) {
            for (int i = 0; i < MARK.length; i++) {
                if (bytes[at + i] != MARK[i]) {
                    continue outer;
                }
            }
            int digit = at + MARK.length;
            while (bytes[digit] == ' ') {
                digit++;
            }
            int mark = 0;
            for (; bytes[digit] >= '0' && bytes[digit] <= '9'; digit++) {
                mark = 10 * mark + bytes[digit] - '0';
            }
            return mark;
        }
        return -1;
    }

    private static void execute(Connection database, String sql) throws SQLException {
        try (Statement statement = database.createStatement()) {
            statement.execute(sql);
        }
    }
}

package dev.switchboard.bench;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;

/** (e) Ten thousand handshakes, then joins with as many distinct tokens, each with a subscription under policies. */
final class JoinBench {
    private static final int CONNECTIONS = 10_000;

    private final Report report;

    JoinBench(Report report) {
        this.report = report;
    }

    void run() throws SQLException {
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port());
                Connection database = DriverManager.getConnection(
                        server.database().url(),
                        server.database().user(),
                        server.database().password())) {
            List<String> tokens = IntStream.range(0, CONNECTIONS)
                    .mapToObj(_ -> server.token(
                            "authenticated", Map.of("sub", UUID.randomUUID().toString())))
                    .toList();
            long start = System.nanoTime();
            sockets.connect(tokens.stream().map(ServerProcess::path).toList());
            double shaken = (System.nanoTime() - start) / 1e9;
            long transactions = transactions(database);
            int[] refused = new int[1];
            int[] joined = new int[1];
            sockets.listen((_, bytes, offset, length) -> {
                String text = new String(bytes, offset, Math.min(length, 120), StandardCharsets.UTF_8);
                if (text.contains("phx_reply")) {
                    joined[0]++;
                    refused[0] += text.contains("\"status\":\"ok\"") ? 0 : 1;
                }
            });
            start = System.nanoTime();
            for (int i = 0; i < CONNECTIONS; i++) {
                sockets.send(
                        sockets.clients().get(i),
                        "[\"1\",\"1\",\"realtime:calls\",\"phx_join\",{\"access_token\":\"" + tokens.get(i)
                                + "\",\"config\":{\"postgres_changes\":[{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\"}]}}]");
                sockets.pumpOnce();
            }
            sockets.pumpUntil(() -> joined[0] == CONNECTIONS);
            double seconds = (System.nanoTime() - start) / 1e9;
            report.figure("joins", CONNECTIONS + " handshakes, cold server", shaken, "s", "");
            report.figure("joins", CONNECTIONS + " joins with distinct tokens and a subscription", seconds, "s", "");
            report.figure("joins", "joins refused", refused[0], "", "0");
            report.figure(
                    "joins",
                    "database transactions per join (one round trip each)",
                    (transactions(database) - transactions) / (double) CONNECTIONS,
                    "",
                    "");
        }
    }

    /** Transactions of the database so far, each of one round trip or more. */
    static long transactions(Connection database) throws SQLException {
        try (Statement statement = database.createStatement()) {
            statement.execute("select pg_stat_force_next_flush()");
            try (ResultSet row = statement.executeQuery("select sum(xact_commit + xact_rollback)::bigint from"
                    + " pg_stat_database where datname = current_database()")) {
                row.next();
                return row.getLong(1);
            }
        }
    }
}

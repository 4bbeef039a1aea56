package dev.switchboard.bench;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;

/**
 * (l) A server is killed and started again, and all of its clients come back at once: each has a list of its organization's calls and missed a few
 * changes. How long until the last list is right again, and what that sends: by going on where they were, and by reading again, once each.
 */
final class StormBench {
    private static final int ORGANIZATIONS = 50;

    /** Rows of a list. */
    private static final int CALLS_EACH = 100;

    /** Changes of an organization while its clients were away. */
    private static final int MISSED = 4;

    private static final String CAUGHT_UP = "\"extension\":\"switchboard\"";

    private final Report report;
    private final int clients;

    StormBench(Report report, int clients) {
        this.report = report;
        this.clients = clients;
    }

    void run() throws Exception {
        try (ServerProcess server = new ServerProcess()) {
            var organizations = new ArrayList<UUID>();
            var tokens = new ArrayList<String>();
            try (Connection database = connect(server)) {
                for (int i = 0; i < ORGANIZATIONS; i++) {
                    organizations.add(UUID.randomUUID());
                    LatencyBench.execute(
                            database,
                            "insert into organizations (id, name, slug) values (?, ?, ?)",
                            organizations.get(i),
                            "o" + i,
                            "o" + i);
                    write(database, organizations.get(i), CALLS_EACH);
                }
                for (int i = 0; i < clients; i++) {
                    UUID user = UUID.randomUUID();
                    LatencyBench.execute(
                            database,
                            "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                            organizations.get(i % ORGANIZATIONS),
                            user);
                    tokens.add(server.token("authenticated", Map.of("sub", user.toString())));
                }
            }
            List<String> places = places(server, organizations, tokens);
            Return resumed = comeBack(server, organizations, tokens, places);
            Return again = comeBack(server, organizations, tokens, List.of());
            report.figure(
                    "storm",
                    clients + " come back, going on where they were: the last is right after",
                    resumed.seconds(),
                    "s",
                    "");
            report.figure("storm", "the same by reading again", again.seconds(), "s", "");
            report.figure("storm", "of which until all are joined", again.joined(), "s", "");
            report.figure(
                    "storm", "going on against reading again: seconds", resumed.seconds() / again.seconds(), "x", "");
            report.figure("storm", "bytes sent to each, going on", (double) resumed.bytes() / clients, "bytes", "");
            report.figure("storm", "bytes sent to each, reading again", (double) again.bytes() / clients, "bytes", "");
        }
    }

    /** How long it took after the server was there again, until all were joined and until all was right, and how much was sent. */
    private record Return(double joined, double seconds, long bytes) {}

    private List<String> places(ServerProcess server, List<UUID> organizations, List<String> tokens) {
        try (Sockets sockets = new Sockets(server.port())) {
            var places = new String[clients];
            long[] heard = new long[1];
            sockets.listen((client, bytes, offset, length) -> {
                String text = new String(bytes, offset, length, StandardCharsets.UTF_8);
                int at = text.indexOf("\"since\":\"");
                if (at >= 0) {
                    int begin = at + "\"since\":\"".length();
                    places[client.number] = text.substring(begin, text.indexOf('"', begin));
                }
                heard[0] += text.contains(CAUGHT_UP) ? 1 : 0;
            });
            join(sockets, organizations, tokens, List.of());
            sockets.pumpUntil(() -> heard[0] >= clients);
            return List.of(places);
        }
    }

    private Return comeBack(ServerProcess server, List<UUID> organizations, List<String> tokens, List<String> places)
            throws Exception {
        server.kill();
        try (Connection database = connect(server)) { // which outlives its server
            for (UUID organization : organizations) {
                write(database, organization, MISSED);
            }
        }
        server.startAgain();
        long start = System.nanoTime();
        try (Sockets sockets = new Sockets(server.port())) {
            long[] right = new long[1];
            sockets.listen((_, bytes, offset, length) ->
                    right[0] += new String(bytes, offset, length, StandardCharsets.UTF_8).contains(CAUGHT_UP) ? 1 : 0);
            join(sockets, organizations, tokens, places);
            sockets.pumpUntil(() -> right[0] >= clients);
            double joined = (System.nanoTime() - start) / 1e9;
            long read = places.isEmpty() ? read(server, tokens) : 0;
            return new Return(joined, (System.nanoTime() - start) / 1e9, sockets.payloadBytes() + read);
        }
    }

    /** All at once, as clients do; those without a place begin anew, and are told that they are joined in the same way. */
    private void join(Sockets sockets, List<UUID> organizations, List<String> tokens, List<String> places) {
        sockets.connect(tokens.stream().map(ServerProcess::path).toList());
        for (int i = 0; i < clients; i++) {
            String since = places.isEmpty() ? "" : ",\"since\":\"" + places.get(i) + "\"";
            sockets.send(
                    sockets.clients().get(i),
                    "[\"1\",\"1\",\"realtime:calls\",\"phx_join\",{\"config\":{\"switchboard\":{\"positions\":true"
                            + since
                            + "},\"postgres_changes\":[{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\",\"filter\":"
                            + "\"organization_id=eq." + organizations.get(i % ORGANIZATIONS)
                            + "\"}]},\"access_token\":\"" + tokens.get(i) + "\"}]");
        }
    }

    /** Every client's list, asked for at once; bytes of the answers. */
    private static long read(ServerProcess server, List<String> tokens) throws Exception {
        var bytes = new AtomicLong();
        try (HttpClient http = HttpClient.newHttpClient();
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var asked = new ArrayList<Future<?>>();
            for (String token : tokens) {
                HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port()
                                + "/rest/v1/calls?select=*&order=created_at.desc&limit=" + CALLS_EACH))
                        .header("Authorization", "Bearer " + token)
                        .build();
                asked.add(threads.submit(() -> {
                    bytes.addAndGet(ask(http, request));
                    return null;
                }));
            }
            for (Future<?> one : asked) {
                one.get();
            }
        }
        return bytes.get();
    }

    /** Until it is answered: what is refused since too many ask is asked again, as clients do. */
    private static long ask(HttpClient http, HttpRequest request) throws IOException, InterruptedException {
        while (true) {
            HttpResponse<byte[]> answer = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
            if (answer.statusCode() == 200) {
                return answer.body().length;
            }
            if (answer.statusCode() < 500) {
                throw new IllegalStateException(
                        answer.statusCode() + " " + new String(answer.body(), StandardCharsets.UTF_8));
            }
        }
    }

    private static Connection connect(ServerProcess server) throws SQLException {
        return DriverManager.getConnection(
                server.database().url(),
                server.database().user(),
                server.database().password());
    }

    private static void write(Connection database, UUID organization, int calls) throws SQLException {
        for (int i = 0; i < calls; i++) {
            LatencyBench.execute(
                    database,
                    "insert into calls (organization_id, provider_call_sid, direction, from_number, to_number, state)"
                            + " values (?, ?, 'inbound', '+15550100', '+15550199', 'ringing')",
                    organization,
                    UUID.randomUUID().toString());
        }
    }
}

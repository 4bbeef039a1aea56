package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.Calls;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.RawWebSocket;
import dev.switchboard.systemtest.harness.ServerProcess;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Attackers with nothing but the anon key, with a fresh user's token and with a member's, on a server of 512 MB: its
 * neighbours get every change meanwhile, memory and disk stay bounded, and /readyz tells the truth. All of it on loopback, and
 * for a bounded time.
 */
class EnduranceTest {
    private static final int PRESENCE = 16_300;
    private static final Duration LATE = Duration.ofSeconds(40);
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private final AtomicBoolean over = new AtomicBoolean();
    private final Map<String, AtomicInteger> rounds = new LinkedHashMap<>();
    private final Queue<String> lies = new ConcurrentLinkedQueue<>();
    private ServerProcess server;
    private String anon;
    private String member;
    private String fresh;

    @Test
    void KF35_KF36_KF40_KF41_attackersForAMinute() throws Exception {
        endure(Duration.ofSeconds(60));
    }

    @Test
    @Tag("long")
    void KF35_KF36_KF40_KF41_attackersForTenMinutes() throws Exception {
        endure(Duration.ofMinutes(10));
    }

    private void endure(Duration time) throws Exception {
        try (ServerProcess started = ServerProcess.start(
                ServerProcess.startCommand("-XX:+ExitOnOutOfMemoryError"), "--anonymous-sign-ins")) {
            server = started;
            anon = server.token("anon", Map.of());
            Jdbi database = server.database();
            UUID organization = UUID.randomUUID();
            UUID user = UUID.randomUUID();
            database.useHandle(handle -> {
                handle.execute(
                        "insert into organizations (id, name, slug) values (?, 'Besieged', 'besieged')", organization);
                handle.execute(
                        "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                        organization,
                        user);
                handle.execute("create table trunks (id int primary key)");
                handle.execute("create table wide (id int primary key, trunk_id int references trunks, body text)");
                handle.execute("insert into trunks select i from generate_series(1, 10) i");
                handle.execute(
                        "insert into wide select i, 1 + i % 10, repeat(md5(i::text), 30) from generate_series(1, 20000) i");
                handle.execute("create index on wide (trunk_id)");
            });
            member = server.token("authenticated", Map.of("sub", user.toString()));
            fresh = signUp();
            long log = logBytes();

            try (PhoenixClient neighbour = watch(member);
                    var attackers = Executors.newVirtualThreadPerTaskExecutor()) {
                List<String> written = new ArrayList<>();
                attack(attackers);
                long end = System.nanoTime() + time.toNanos();
                long most = 0;
                for (int i = 0; System.nanoTime() < end; i++) {
                    UUID call = UUID.randomUUID();
                    database.useHandle(handle -> Calls.insert(handle, call, organization));
                    written.add(call.toString());
                    if (i % 10 == 0) {
                        neighbour.heartbeat();
                        most = Math.max(most, server.residentBytes());
                        checkReadiness(neighbour, written);
                    }
                    pace();
                }
                over.set(true);
                attackers.shutdownNow();
                neighbour.heartbeat();

                assertThat(server.process().isAlive()).as(tail(server.output())).isTrue();
                neighbour.awaitChanges(written.size(), Duration.ofSeconds(60));
                List<String> got = neighbour.changes().stream()
                        .map(change -> change.at("/record/id").asString())
                        .toList();
                assertThat(got).isEqualTo(written);
                assertThat(neighbour.isOpen()).isTrue();
                assertThat(lies).isEmpty();
                assertThat(logBytes() - log).as("bytes of PostgreSQL's log").isLessThan(2_000_000);
                assertThat(most).as("resident bytes").isLessThan(1_300L << 20);
                server.awaitReady();
                System.out.printf(
                        "EnduranceTest: %d changes to the neighbour, %d MB resident at the most, rounds of the attacks %s%n",
                        written.size(), most >> 20, rounds);
                assertThat(rounds.values()).as("every attack came to something").allMatch(count -> count.get() > 0);
            }
        }
    }

    private PhoenixClient watch(String token) {
        return PhoenixClient.connect(server.port(), anon, "2.0.0")
                .joined("realtime:besieged", token, PhoenixClient.binding("*", "public", "calls", null));
    }

    /** Ready is a lie where the neighbour waits for long. */
    private void checkReadiness(PhoenixClient neighbour, List<String> written) {
        int status = server.status("/readyz");
        int behind = written.size() - neighbour.changeTexts().size();
        if (status == 200 && behind > 20 * LATE.toSeconds()) {
            lies.add("ready with " + behind + " changes missing");
        }
    }

    /** Some twenty changes a second. */
    private static void pace() {
        java.util.concurrent.locks.LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
    }

    private long logBytes() throws IOException {
        try (var files = Files.list(server.directory().resolve("postgres"))) {
            long sum = 0;
            for (Path file : files.filter(path -> path.getFileName().toString().startsWith("postgres.log"))
                    .toList()) {
                sum += Files.size(file);
            }
            return sum;
        }
    }

    private static String tail(String text) {
        return text.substring(Math.max(0, text.length() - 3_000));
    }

    // The attacks

    private interface Attack {
        void round() throws Exception;
    }

    private void attack(ExecutorService attackers) {
        repeat(attackers, "KF35 bodies that do not end", 1, this::unendingBodies);
        repeat(attackers, "KF35 presence", 1, this::presence);
        repeat(attackers, "KF35 filters", 2, this::filters);
        repeat(attackers, "KF36 labels without a key", 2, this::labels);
        repeat(attackers, "KF40 metadata", 2, this::metadata);
        repeat(attackers, "KF41 nested answers", 2, this::nested);
        repeat(attackers, "frames that do not end", 1, this::unendingFrames);
        repeat(attackers, "broadcasts to who does not read", 1, this::unreadBroadcasts);
        repeat(attackers, "large answers that nobody reads", 1, this::unreadAnswers);
        repeat(attackers, "joins and leaves", 1, this::churn);
        repeat(attackers, "deep and broken JSON", 1, this::deepJson);
    }

    private void repeat(ExecutorService attackers, String name, int times, Attack attack) {
        var count = new AtomicInteger();
        rounds.put(name, count);
        for (int i = 0; i < times; i++) {
            attackers.submit(() -> {
                while (!over.get()) {
                    try {
                        attack.round();
                        count.incrementAndGet();
                    } catch (Exception | AssertionError refused) {
                        count.incrementAndGet(); // refused or cut off, which is what is wanted
                        pace();
                    }
                }
            });
        }
    }

    private Socket socket() throws IOException {
        var socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
        socket.setSoTimeout(5_000);
        return socket;
    }

    /** For as long as an attack holds what it has. */
    private void hold(int seconds) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (!over.get() && System.nanoTime() < end) {
            pace();
        }
    }

    private void unendingBodies() throws Exception {
        var sockets = new ArrayList<Socket>();
        byte[] part = "x".repeat(499_000).getBytes(StandardCharsets.US_ASCII);
        try {
            for (int i = 0; i < 90 && !over.get(); i++) {
                Socket socket = socket();
                sockets.add(socket);
                try {
                    OutputStream out = socket.getOutputStream();
                    out.write(("POST /realtime/v1/api/broadcast HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + anon
                                    + "\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
                    for (int p = 0; p < 10; p++) {
                        out.write(part);
                    }
                } catch (IOException refused) {
                    socket.close();
                }
            }
            hold(3);
        } finally {
            closeAll(sockets);
        }
    }

    private RawWebSocket webSocket() throws IOException {
        return new RawWebSocket(socket()).handshake(anon, new byte[0]);
    }

    private void presence() throws Exception {
        var sockets = new ArrayList<RawWebSocket>();
        String content = "y".repeat(PRESENCE);
        try {
            for (int i = 0; i < 300 && !over.get(); i++) {
                RawWebSocket socket = webSocket();
                sockets.add(socket);
                Thread.ofVirtual().start(socket::drain);
                for (int channel = 0; channel < 100; channel++) {
                    String topic = "realtime:p-" + i + "-" + channel;
                    socket.send(
                            RawWebSocket.text("[\"1\",\"1\",\"" + topic
                                    + "\",\"phx_join\",{\"config\":{\"presence\":{\"enabled\":true}}}]"),
                            RawWebSocket.text("[\"1\",\"2\",\"" + topic
                                    + "\",\"presence\",{\"type\":\"presence\",\"event\":\"track\",\"payload\":{\"x\":\""
                                    + content + "\"}}]"));
                }
            }
            hold(3);
        } finally {
            sockets.forEach(RawWebSocket::close);
        }
    }

    private void filters() throws Exception {
        String values = IntStream.range(0, 1500).mapToObj(i -> "v" + i + "xy").collect(Collectors.joining(","));
        String filters = IntStream.range(0, 60)
                .mapToObj(
                        i -> "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\",\"filter\":\"from_number=in.(f"
                                + i + "," + values.substring(0, 6_900).replaceAll(",[^,]*$", "") + ")\"}")
                .collect(Collectors.joining(","));
        var sockets = new ArrayList<RawWebSocket>();
        try {
            for (int s = 0; s < 3; s++) {
                RawWebSocket socket = webSocket();
                sockets.add(socket);
                Thread.ofVirtual().start(socket::drain);
                for (int join = 0; join < 40 && !over.get(); join++) {
                    socket.send(RawWebSocket.text("[\"" + join + "\",\"" + join + "\",\"realtime:f-" + join
                            + "\",\"phx_join\",{\"access_token\":\"" + fresh + "\",\"config\":{\"postgres_changes\":["
                            + filters
                            + "]}}]"));
                }
            }
            hold(3);
        } finally {
            sockets.forEach(RawWebSocket::close);
        }
    }

    private HttpResponse<InputStream> send(String method, String path, String body, String token) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(server.url() + path))
                .timeout(Duration.ofSeconds(20))
                .method(
                        method,
                        body.isEmpty()
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofString(body));
        if (!token.isEmpty()) {
            request.header("Authorization", "Bearer " + token);
        }
        return HTTP.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
    }

    private void forget(HttpResponse<InputStream> answer) throws IOException {
        try (InputStream body = answer.body()) {
            body.transferTo(OutputStream.nullOutputStream());
        }
    }

    private void labels() throws Exception {
        String labels = IntStream.range(0, 990).mapToObj(i -> "l" + i + ":id").collect(Collectors.joining(","));
        forget(send("GET", "/rest/v1/calls?select=" + labels, "", ""));
    }

    private String signUp() throws Exception {
        HttpResponse<String> answer = HTTP.send(
                HttpRequest.newBuilder(URI.create(server.url() + "/auth/v1/signup"))
                        .POST(HttpRequest.BodyPublishers.ofString(
                                "{\"email\":\"fresh@example.com\",\"password\":\"long enough\"}"))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        return PhoenixClient.JSON.readTree(answer.body()).path("access_token").asString();
    }

    private void metadata() throws Exception {
        String part = "{\"data\":{\"k" + System.nanoTime() + "\":\"" + "m".repeat(60_000) + "\"}}";
        forget(send("PUT", "/auth/v1/user", part, fresh));
        forget(send("GET", "/auth/v1/user", "", fresh));
    }

    private void nested() throws Exception {
        String select = "id,body";
        for (int level = 0; level < 5; level++) {
            select = "id,body,trunks(id,wide(" + select + "))";
        }
        forget(send("GET", "/rest/v1/trunks?select=id,wide(" + select + ")", "", anon));
    }

    private void unendingFrames() throws Exception {
        var sockets = new ArrayList<RawWebSocket>();
        byte[] part = new byte[490_000];
        try {
            for (int i = 0; i < 100 && !over.get(); i++) {
                RawWebSocket socket = webSocket();
                sockets.add(socket);
                try {
                    socket.send(RawWebSocket.frame(RawWebSocket.FIN | 1, new byte[0], 4_990_000, true));
                    for (int p = 0; p < 10; p++) {
                        socket.send(part);
                    }
                } catch (RuntimeException refused) {
                    socket.close();
                }
            }
            hold(3);
        } finally {
            sockets.forEach(RawWebSocket::close);
        }
    }

    private void unreadBroadcasts() throws Exception {
        var sockets = new ArrayList<RawWebSocket>();
        try {
            for (int i = 0; i < 100 && !over.get(); i++) {
                RawWebSocket socket = webSocket();
                sockets.add(socket);
                socket.send(RawWebSocket.text(
                        "[\"1\",\"1\",\"realtime:loud\",\"phx_join\",{\"config\":{\"broadcast\":{\"self\":true}}}]"));
            }
            String message =
                    "[\"1\",\"2\",\"realtime:loud\",\"broadcast\",{\"type\":\"broadcast\",\"event\":\"x\",\"payload\":{\"t\":\""
                            + "z".repeat(400_000) + "\"}}]";
            for (int i = 0; i < 20 && !over.get(); i++) {
                sockets.get(i % sockets.size()).send(RawWebSocket.text(message));
            }
            hold(2);
        } finally {
            sockets.forEach(RawWebSocket::close);
        }
    }

    private void unreadAnswers() throws Exception {
        var sockets = new ArrayList<Socket>();
        try {
            for (int i = 0; i < 20 && !over.get(); i++) {
                Socket socket = socket();
                sockets.add(socket);
                socket.setReceiveBufferSize(4096);
                socket.getOutputStream()
                        .write(("GET /rest/v1/wide?select=id,body HTTP/1.1\r\nHost: x\r\napikey: " + anon + "\r\n\r\n")
                                .getBytes(StandardCharsets.US_ASCII));
            }
            hold(5);
        } finally {
            closeAll(sockets);
        }
    }

    private void churn() throws Exception {
        try (RawWebSocket socket = webSocket()) {
            Thread.ofVirtual().start(socket::drain);
            for (int i = 0; i < 2_000 && !over.get(); i++) {
                String topic = "realtime:churn-" + i % 50;
                socket.send(
                        RawWebSocket.text(
                                "[\"" + i + "\",\"" + i + "\",\"" + topic
                                        + "\",\"phx_join\",{\"access_token\":\"" + fresh
                                        + "\",\"config\":{\"postgres_changes\":[{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\"}]}}]"));
                socket.send(RawWebSocket.text("[\"" + i + "\",\"" + i + "\",\"" + topic + "\",\"phx_leave\",{}]"));
            }
        }
    }

    private void deepJson() throws Exception {
        forget(send("POST", "/rest/v1/wide", "[".repeat(1_000_000), anon));
        forget(send("POST", "/auth/v1/token?grant_type=password", "{\"a\":".repeat(10_000), ""));
        forget(send("POST", "/realtime/v1/api/broadcast", "{\"messages\":" + "[".repeat(500_000), anon));
        try (RawWebSocket socket = webSocket()) {
            socket.send(RawWebSocket.text("{".repeat(1_000_000)), RawWebSocket.text("[\"1\",".repeat(100_000)));
            socket.next();
        }
    }

    private static void closeAll(List<Socket> sockets) throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
    }
}

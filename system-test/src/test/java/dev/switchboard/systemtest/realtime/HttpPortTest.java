package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.http.HttpLimits;
import dev.switchboard.http.TlsIdentity;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.SelfSigned;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The port itself: who is too slow, whose pages may read, and certificates that are renewed. */
class HttpPortTest {
    private static final HttpLimits IMPATIENT = new HttpLimits(
            16 * 1024,
            16 * 1024,
            10_000,
            Duration.ofSeconds(1),
            Duration.ofSeconds(1),
            Duration.ofSeconds(2),
            false,
            Optional.empty());

    /** Little room for bodies, and time enough for them. */
    private static final HttpLimits NARROW = new HttpLimits(
            16 * 1024,
            16 * 1024,
            10_000,
            Duration.ofSeconds(60),
            Duration.ofSeconds(60),
            Duration.ofSeconds(60),
            false,
            Optional.empty());

    /** How long the server lets somebody trickle bytes, each after the other. */
    private static Duration trickle(TestServer server, String bytes) throws IOException, InterruptedException {
        long start = System.nanoTime();
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
            socket.setSoTimeout(50);
            for (int i = 0; i < 200; i++) {
                try {
                    socket.getOutputStream().write(bytes.charAt(i % bytes.length()));
                    if (read(socket) < 0) {
                        break;
                    }
                } catch (SocketException closed) {
                    break;
                }
            }
        }
        return Duration.ofNanos(System.nanoTime() - start);
    }

    /** A byte, -1 at the end; waits 50 ms for it, which paces the trickle. */
    private static int read(Socket socket) throws IOException {
        try {
            return socket.getInputStream().read();
        } catch (java.net.SocketTimeoutException nothingYet) {
            return 0;
        }
    }

    @Test
    void N2_whoTricklesHeadersOrABodyIsClosed() throws Exception {
        try (TestServer server = TestServer.with().http(IMPATIENT).start();
                Http http = new Http(server)) {
            assertThat(trickle(server, "GET /rest/v1/x HTTP/1.1\r\nX: " + "y".repeat(500)))
                    .isLessThan(Duration.ofSeconds(5));

            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
                socket.getOutputStream()
                        .write("POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"
                                .getBytes(StandardCharsets.US_ASCII));
                socket.setSoTimeout(5_000);
                var answer = new ByteArrayOutputStream();
                socket.getInputStream().transferTo(answer);
                assertThat(answer.toString(StandardCharsets.US_ASCII)).startsWith("HTTP/1.1 408");
            }

            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
                socket.getOutputStream()
                        .write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                socket.setSoTimeout(10_000);
                var answer = new ByteArrayOutputStream();
                socket.getInputStream().transferTo(answer); // ends when the idle connection is closed
                assertThat(answer.toString(StandardCharsets.US_ASCII)).startsWith("HTTP/1.1 200");
            }
            assertThat(http.get("/healthz").status()).isEqualTo(200);
        }
    }

    @Test
    void N2_aWebSocketIsNoRequestThatIsLate() throws Exception {
        try (TestServer server = TestServer.with().http(IMPATIENT).start();
                PhoenixClient client = server.connect()) {
            java.util.UUID user = server.member(server.organization("late"));
            long start = System.nanoTime();
            client.joined("realtime:late", server.userToken(user), PhoenixClient.binding("*", "public", "calls", null));
            // longer than all the limits of requests
            await().atMost(Duration.ofSeconds(10)).until(() -> System.nanoTime() - start > 3_500_000_000L);

            server.call(server.database()
                    .withHandle(handle -> handle.createQuery("select id from organizations where slug = 'late'")
                            .mapTo(java.util.UUID.class)
                            .one()));

            assertThat(client.awaitChanges(1)).hasSize(1);
        }
    }

    @Test
    void N1_onlyListedOriginsMayReadWhereOriginsAreListed() {
        try (TestServer server =
                        TestServer.with().origins("https://app.example").start();
                Http http = new Http(server)) {
            assertThat(http.get("/rest/v1/calls", "Origin", "https://app.example")
                            .header("Access-Control-Allow-Origin"))
                    .isEqualTo("https://app.example");
            assertThat(http.get("/rest/v1/calls", "Origin", "https://evil.example")
                            .header("Access-Control-Allow-Origin"))
                    .isEmpty();
            assertThat(http.get("/rest/v1/calls", "Origin", "https://evil.example")
                            .header("Vary"))
                    .isEqualTo("Origin");
        }
    }

    @Test
    void N3_aRenewedCertificateIsTakenOverWithoutAnEnd(@TempDir Path directory) throws Exception {
        SelfSigned first = SelfSigned.in(directory);
        try (TestServer server = TestServer.with()
                .tls(new TlsIdentity.Files(first.certificateFile(), first.keyFile()))
                .start()) {
            SSLSocket open = (SSLSocket)
                    first.trusted().getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), server.port());
            open.startHandshake();

            SelfSigned second = SelfSigned.in(directory);

            await().atMost(Duration.ofSeconds(15)).ignoreExceptions().until(() -> status(second, server) == 200);
            assertThat(statusOf(first, server)).isNegative();
            open.getOutputStream()
                    .write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
            assertThat(new String(open.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                    .startsWith("HTTP/1.1 200");
            open.close();
        }
    }

    private static int statusOf(SelfSigned identity, TestServer server) throws Exception {
        try {
            return status(identity, server);
        } catch (IOException untrusted) {
            return -1;
        }
    }

    private static int status(SelfSigned identity, TestServer server) throws Exception {
        try (HttpClient client =
                HttpClient.newBuilder().sslContext(identity.trusted()).build()) {
            return client.send(
                            HttpRequest.newBuilder(URI.create("https://127.0.0.1:" + server.port() + "/healthz"))
                                    .build(),
                            HttpResponse.BodyHandlers.discarding())
                    .statusCode();
        }
    }

    @Test
    void N4_theDemoDoesNotListenOnAPublicAddress() {
        var err = new ByteArrayOutputStream();

        int code = dev.switchboard.server.command.Main.run(
                List.of("start", "--demo", "--host", "0.0.0.0"), new ByteArrayOutputStream(), err);

        assertThat(code).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("--host 0.0.0.0", "leave out --demo");
    }

    @Test
    void N7_allBodiesTogetherAreBoundedAndGivenBackHoweverTheyEnd() throws Exception {
        try (TestServer server =
                        TestServer.with().http(NARROW).clientBytes(300_000).start();
                Http http = new Http(server)) {
            for (int i = 0; i < 30; i++) {
                assertThat(http.post("/rest/v1/calls", "x".repeat(20_000)).status())
                        .isEqualTo(413);
                assertThat(http.post("/rest/v1/calls", "x".repeat(9_000)).status())
                        .isEqualTo(401);
                try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
                    socket.getOutputStream()
                            .write(("POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n"
                                            + "y".repeat(8_000))
                                    .getBytes(StandardCharsets.US_ASCII));
                }
            }
            var held = new java.util.ArrayList<Socket>();
            // one more each time: those that came while others were not yet given back were refused themselves
            await().atMost(Duration.ofSeconds(20)).until(() -> {
                var socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
                held.add(socket);
                socket.getOutputStream()
                        .write(("POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n"
                                        + "y".repeat(8_000))
                                .getBytes(StandardCharsets.US_ASCII));
                return http.post("/rest/v1/calls", "x".repeat(9_000)).status() == 503;
            });
            for (Socket socket : held) {
                socket.close();
            }
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> http.post("/rest/v1/calls", "x".repeat(9_000)).status() == 401);
        }
    }
}

package dev.switchboard.systemtest.realtime;

import static dev.switchboard.systemtest.harness.RawWebSocket.BINARY;
import static dev.switchboard.systemtest.harness.RawWebSocket.CLOSE;
import static dev.switchboard.systemtest.harness.RawWebSocket.CONTINUATION;
import static dev.switchboard.systemtest.harness.RawWebSocket.FIN;
import static dev.switchboard.systemtest.harness.RawWebSocket.PING;
import static dev.switchboard.systemtest.harness.RawWebSocket.PONG;
import static dev.switchboard.systemtest.harness.RawWebSocket.TEXT;
import static dev.switchboard.systemtest.harness.RawWebSocket.frame;
import static dev.switchboard.systemtest.harness.RawWebSocket.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.RawWebSocket;
import dev.switchboard.systemtest.harness.SelfSigned;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** RFC 6455 by raw sockets; the section stands in the test's name. */
class Rfc6455Test {
    private static final byte[] NOTHING = {};
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static byte[] heartbeat(int ref) {
        return ("[null,\"" + ref + "\",\"phoenix\",\"heartbeat\",{\"ü\":\"€😀\"}]").getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] part(byte[] bytes, int from, int to) {
        return java.util.Arrays.copyOfRange(bytes, from, to);
    }

    private static void assertAnswered(RawWebSocket socket, int ref) {
        assertThat(socket.next().text())
                .isEqualTo("[null,\"" + ref + "\",\"phoenix\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]");
    }

    private static void assertClosed(int code, byte[]... parts) {
        try (RawWebSocket socket = RawWebSocket.connect(server)) {
            socket.send(parts);

            RawWebSocket.Received close = socket.next();
            assertThat(close.opcode()).isEqualTo(CLOSE);
            assertThat(close.closeCode()).isEqualTo(code);
            assertThat(socket.next().closeCode()).as("then the connection ends").isEqualTo(1005);
        }
    }

    @Test
    void W_5_4_aMessageInFragmentsIsOneMessageAlsoWithControlFramesBetween() {
        byte[] message = heartbeat(7);
        try (RawWebSocket socket = RawWebSocket.connect(server)) {
            socket.send(
                    frame(TEXT, part(message, 0, 5)),
                    frame(FIN | PING, "a".getBytes(StandardCharsets.US_ASCII)),
                    frame(CONTINUATION, NOTHING),
                    frame(CONTINUATION, part(message, 5, 20)),
                    frame(FIN | PONG, "unasked".getBytes(StandardCharsets.US_ASCII)),
                    frame(FIN | CONTINUATION, part(message, 20, message.length)));

            RawWebSocket.Received pong = socket.next();
            assertThat(pong.opcode()).isEqualTo(PONG);
            assertThat(pong.text()).isEqualTo("a");
            assertAnswered(socket, 7);
        }
    }

    @Test
    void W_5_4_fragmentsThatDoNotFitTogetherAreAnError() {
        assertClosed(1002, frame(FIN | CONTINUATION, heartbeat(1)));
        assertClosed(1002, frame(TEXT, NOTHING), frame(FIN | TEXT, heartbeat(1)));
    }

    @Test
    void W_5_1_anUnmaskedFrameIsAnError() {
        byte[] message = heartbeat(1);
        assertClosed(1002, frame(FIN | TEXT, message, message.length, false));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x40, 0x20, 0x10})
    void W_5_2_reservedBitsAreAnError(int bit) {
        assertClosed(1002, frame(FIN | bit | TEXT, heartbeat(1)));
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF})
    void W_5_2_reservedOpcodesAreAnError(int opcode) {
        assertClosed(1002, frame(FIN | opcode, NOTHING));
    }

    @Test
    void W_5_5_controlFramesAreWholeAndSmall() {
        assertClosed(1002, frame(PING, NOTHING));
        assertClosed(1002, frame(FIN | PING, new byte[126]));
        try (RawWebSocket socket = RawWebSocket.connect(server)) {
            socket.send(frame(FIN | PING, new byte[125]));
            assertThat(socket.next().payload()).hasSize(125);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1000, 1001, 1003, 1007, 3000, 4999})
    void W_5_5_1_aCloseIsAnsweredWithItsCode(int code) {
        assertClosed(code, frame(FIN | CLOSE, new byte[] {(byte) (code >> 8), (byte) code, 'b', 'y', 'e'}));
    }

    @Test
    void W_5_5_1_aCloseWithoutACodeIsAnswered() {
        assertClosed(1000, frame(FIN | CLOSE, NOTHING));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535})
    void W_7_4_codesThatMustNotBeSentAreAnError(int code) {
        assertClosed(1002, frame(FIN | CLOSE, new byte[] {(byte) (code >> 8), (byte) code}));
    }

    @Test
    void W_5_5_1_aCloseOfOneByteOrWithInvalidUtf8IsAnError() {
        assertClosed(1002, frame(FIN | CLOSE, new byte[] {3}));
        assertClosed(1007, frame(FIN | CLOSE, new byte[] {3, (byte) 0xE8, (byte) 0xC0, (byte) 0x80}));
    }

    @Test
    void W_8_1_utf8MayBeCutByFragmentsAnywhere() {
        byte[] message = heartbeat(1);
        for (int cut = 1; cut < message.length; cut++) {
            try (RawWebSocket socket = RawWebSocket.connect(server)) {
                socket.send(
                        frame(TEXT, part(message, 0, cut)),
                        frame(FIN | CONTINUATION, part(message, cut, message.length)));
                assertAnswered(socket, 1);
            }
        }
    }

    @Test
    void W_8_1_invalidUtf8IsAnErrorWhole_InFragments_AndAtTheEnd() {
        assertClosed(1007, frame(FIN | TEXT, new byte[] {'"', (byte) 0xED, (byte) 0xA0, (byte) 0x80, '"'}));
        assertClosed(1007, frame(TEXT, new byte[] {(byte) 0xC3}), frame(FIN | CONTINUATION, new byte[] {'a'}));
        assertClosed(1007, frame(FIN | TEXT, new byte[] {'a', (byte) 0xE2, (byte) 0x82}));
        assertClosed(1007, frame(FIN | TEXT, new byte[] {(byte) 0xF4, (byte) 0x90, (byte) 0x80, (byte) 0x80}));
    }

    @Test
    void W8_aMessageBeyondTheLimitIsRefusedWholeAndInFragments() {
        assertClosed(1009, frame(FIN | TEXT, NOTHING, 100_001, true));
        assertClosed(1009, frame(FIN | BINARY, NOTHING, Long.MAX_VALUE, true));
        assertClosed(1009, frame(TEXT, new byte[60_000]), frame(CONTINUATION, new byte[60_000]));
    }

    @Test
    void W1_bytesSentTogetherWithTheHandshakeCount() throws IOException {
        var more = new java.io.ByteArrayOutputStream();
        for (int ref = 1; ref <= 50; ref++) {
            more.writeBytes(frame(FIN | TEXT, heartbeat(ref)));
        }
        try (RawWebSocket socket = new RawWebSocket(new Socket(InetAddress.getLoopbackAddress(), server.port()))
                .handshake(server.anonKey(), more.toByteArray())) {
            for (int ref = 1; ref <= 50; ref++) {
                assertAnswered(socket, ref);
            }
        }
    }

    @Test
    void W_5_2_aFrameMayComeByteByByte() {
        try (RawWebSocket socket = RawWebSocket.connect(server)) {
            for (byte b : frame(FIN | TEXT, heartbeat(3))) {
                socket.send(new byte[] {b});
            }
            assertAnswered(socket, 3);
        }
    }

    @Test
    void W9_allOfItWorksBelowTls(@org.junit.jupiter.api.io.TempDir Path directory) throws Exception {
        SelfSigned identity = SelfSigned.in(directory);
        try (TestServer secure = TestServer.startWithTls(identity.certificateFile(), identity.keyFile());
                RawWebSocket socket = new RawWebSocket(identity.trusted()
                                .getSocketFactory()
                                .createSocket(InetAddress.getLoopbackAddress(), secure.port()))
                        .handshake(secure.anonKey(), frame(FIN | TEXT, heartbeat(1)))) {
            assertAnswered(socket, 1);
            byte[] large = ("[\"1\",\"1\",\"realtime:tls\",\"phx_join\",{\"x\":\"" + "y".repeat(80_000) + "\"}]")
                    .getBytes(StandardCharsets.UTF_8);
            socket.send(
                    frame(TEXT, part(large, 0, 50_000)), frame(FIN | CONTINUATION, part(large, 50_000, large.length)));
            assertThat(socket.next().text()).contains("\"postgres_changes\":[]");
            socket.send(text("[\"1\",\"2\",\"realtime:tls\",\"broadcast\",{\"event\":\"e\",\"payload\":{}}]"));
            socket.send(frame(FIN | TEXT, heartbeat(2)));
            assertAnswered(socket, 2);
        }
    }
}

package dev.switchboard.systemtest.realtime;

import static dev.switchboard.systemtest.harness.RawWebSocket.CLOSE;
import static dev.switchboard.systemtest.harness.RawWebSocket.COMPRESSED;
import static dev.switchboard.systemtest.harness.RawWebSocket.CONTINUATION;
import static dev.switchboard.systemtest.harness.RawWebSocket.FIN;
import static dev.switchboard.systemtest.harness.RawWebSocket.PING;
import static dev.switchboard.systemtest.harness.RawWebSocket.PONG;
import static dev.switchboard.systemtest.harness.RawWebSocket.TEXT;
import static dev.switchboard.systemtest.harness.RawWebSocket.frame;
import static dev.switchboard.systemtest.harness.RawWebSocket.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.RawWebSocket;
import dev.switchboard.systemtest.harness.RawWebSocket.Received;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** RFC 7692 (permessage-deflate) by raw sockets; the section stands in the test's name. SPEC W11. */
class Rfc7692Test {
    private static final String OFFER = "permessage-deflate; client_max_window_bits";
    private static final String LONG = "call ".repeat(300);
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static byte[] deflated(String message) {
        var deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
        deflater.setInput(message.getBytes(StandardCharsets.UTF_8));
        byte[] buffer = new byte[2 * message.length() + 100];
        int length = deflater.deflate(buffer, 0, buffer.length, Deflater.SYNC_FLUSH);
        deflater.end();
        return Arrays.copyOf(buffer, length - 4);
    }

    private static String inflated(byte[] deflated) {
        var inflater = new Inflater(true);
        var out = new ByteArrayOutputStream();
        byte[] buffer = new byte[1024];
        try {
            for (byte[] part : new byte[][] {deflated, {0, 0, (byte) 0xFF, (byte) 0xFF}}) {
                inflater.setInput(part);
                int made = inflater.inflate(buffer);
                while (made > 0) {
                    out.write(buffer, 0, made);
                    made = inflater.inflate(buffer);
                }
            }
        } catch (DataFormatException corrupted) {
            throw new IllegalStateException(corrupted);
        } finally {
            inflater.end();
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    private static byte[] part(byte[] bytes, int from, int to) {
        return Arrays.copyOfRange(bytes, from, to);
    }

    private static String heartbeat(int ref) {
        return "[null,\"" + ref + "\",\"phoenix\",\"heartbeat\",{}]";
    }

    private static void assertAnswered(RawWebSocket socket, int ref) {
        Received reply = socket.next();
        assertThat(reply.text())
                .isEqualTo("[null,\"" + ref + "\",\"phoenix\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]");
        assertThat(reply.isCompressed()).as("too small to gain by it").isFalse();
    }

    private static void join(RawWebSocket socket) {
        socket.send(
                text("[\"1\",\"1\",\"realtime:deflate\",\"phx_join\",{\"config\":{\"broadcast\":{\"self\":true}}}]"));
        assertThat(socket.next().text()).contains("\"status\":\"ok\"");
    }

    private static String message(String text) {
        return "[\"1\",\"2\",\"realtime:deflate\",\"broadcast\",{\"type\":\"broadcast\",\"event\":\"said\",\"payload\":{\"text\":\""
                + text + "\"}}]";
    }

    @Test
    void W11_5_whoOffersNothingIsToldNothing() {
        try (RawWebSocket plain = RawWebSocket.connect(server)) {
            assertThat(plain.answered()).doesNotContainIgnoringCase("extensions");
        }
        try (RawWebSocket other = RawWebSocket.connect(server, "permessage-deflate; server_max_window_bits=9")) {
            assertThat(other.answered()).doesNotContainIgnoringCase("extensions");
            other.send(frame(FIN | COMPRESSED | TEXT, deflated(heartbeat(1))));
            assertThat(other.next().closeCode()).as("what was not agreed upon").isEqualTo(1002);
        }
    }

    /** One broadcast, to who agreed and to who did not. */
    @Test
    void W11_6_1_aMessageIsCompressedForThoseWhoAgreed() {
        try (RawWebSocket one = RawWebSocket.connect(server, OFFER);
                RawWebSocket two = RawWebSocket.connect(server, OFFER);
                RawWebSocket plain = RawWebSocket.connect(server)) {
            assertThat(one.answered())
                    .contains("permessage-deflate; server_no_context_takeover; client_no_context_takeover");
            join(one);
            join(two);
            join(plain);

            one.send(text(message(LONG)));

            Received compressed = one.next();
            Received same = two.next();
            Received whole = plain.next();
            assertThat(compressed.isCompressed()).isTrue();
            assertThat(compressed.payload()).hasSizeLessThan(300).isEqualTo(same.payload());
            assertThat(whole.isCompressed()).isFalse();
            assertThat(whole.text()).contains(LONG).isEqualTo(inflated(compressed.payload()));
            one.send(text(message("short")));
            assertThat(one.next().isCompressed()).isFalse();
        }
    }

    @Test
    void W11_6_2_compressedMessagesAreUnderstoodAlsoInFragments() {
        try (RawWebSocket socket = RawWebSocket.connect(server, OFFER)) {
            socket.send(frame(FIN | COMPRESSED | TEXT, deflated(heartbeat(1))));
            assertAnswered(socket, 1);
            byte[] whole = deflated(heartbeat(2));
            socket.send(frame(COMPRESSED | TEXT, part(whole, 0, 3)));
            socket.send(frame(FIN | PING, new byte[] {7}));
            socket.send(frame(CONTINUATION, part(whole, 3, 10)));
            socket.send(frame(FIN | CONTINUATION, part(whole, 10, whole.length)));
            assertThat(socket.next().opcode()).as("between fragments").isEqualTo(PONG);
            assertAnswered(socket, 2);
            socket.send(text(heartbeat(3)));
            assertAnswered(socket, 3);
        }
    }

    @Test
    void W11_6_reservedBitsThatMeanNothingEndTheConnection() {
        byte[] whole = deflated(heartbeat(1));
        for (byte[][] parts : new byte[][][] {
            {frame(FIN | 0x20 | TEXT, whole)},
            {frame(FIN | COMPRESSED | PING, new byte[0])},
            {frame(COMPRESSED | TEXT, whole), frame(FIN | COMPRESSED | CONTINUATION, whole)},
            {frame(FIN | COMPRESSED | TEXT, new byte[] {(byte) 0xFF, 1, 2})}
        }) {
            try (RawWebSocket socket = RawWebSocket.connect(server, OFFER)) {
                socket.send(parts);
                assertThat(socket.next().closeCode()).isEqualTo(1002);
            }
        }
    }

    /** What a message comes to counts, not what of it was sent. */
    @Test
    void W11_10_aMessageThatIsTooLargeIsRefused() {
        try (RawWebSocket socket = RawWebSocket.connect(server, OFFER)) {
            byte[] bomb = deflated(message("x".repeat(200_000)));
            assertThat(bomb.length).isLessThan(1_000);
            socket.send(frame(FIN | COMPRESSED | TEXT, bomb));
            Received close = socket.next();
            assertThat(close.opcode()).isEqualTo(CLOSE);
            assertThat(close.closeCode()).isEqualTo(1009);
        }
    }

    @Test
    void W11_8_1_textThatIsNotUtf8IsRefused() {
        try (RawWebSocket socket = RawWebSocket.connect(server, OFFER)) {
            var deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
            deflater.setInput(new byte[] {'"', (byte) 0xC3, 0x28, '"'});
            byte[] buffer = new byte[100];
            int length = deflater.deflate(buffer, 0, buffer.length, Deflater.SYNC_FLUSH);
            socket.send(frame(FIN | COMPRESSED | TEXT, part(buffer, 0, length - 4)));
            assertThat(socket.next().closeCode()).isEqualTo(1007);
        }
    }
}

package dev.switchboard.systemtest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** A thousand clients that read and one that does not (SPEC D6). The readers are bare sockets on one selector. */
class StalledClientTest {
    private static final int LIVE = 1_000;
    private static final int CALLS_FIRST = 50;
    private static final int MOST_CALLS = 1_500;

    private TestServer server;
    private final AtomicLong received = new AtomicLong();

    @Test
    void D6_oneStalledClientEndsAndAThousandOthersGetEveryByte() throws Exception {
        try (TestServer started = TestServer.start(TestServer.LIMITS, LIVE + 10);
                Selector selector = Selector.open()) {
            server = started;
            UUID organization = server.organization("crowd");
            String token = server.userToken(server.member(organization));
            List<SocketChannel> live = new ArrayList<>();
            for (int i = 0; i < LIVE; i++) {
                live.add(join(token, 256 * 1024));
            }
            await().atMost(Duration.ofMinutes(1))
                    .until(() -> server.server().gateway().channelCount() == LIVE);
            Thread reader = Thread.ofPlatform().start(() -> readAll(selector, live));
            long joined = settled();

            double[] start = commitToSocket();
            for (int i = 0; i < CALLS_FIRST; i++) {
                server.call(organization);
            }
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> server.server().progress().deliveries() == (long) LIVE * CALLS_FIRST);
            long perCall = (settled() - joined) / LIVE / CALLS_FIRST;
            double[] without = commitToSocket();
            SocketChannel stalled = join(token, 4096);
            await().until(() -> server.server().gateway().channelCount() == LIVE + 1);
            int calls = 0;
            long before = received.get();
            while (overflows() == 0 && calls < MOST_CALLS) {
                server.call(organization);
                calls++;
            }
            long bytes = (settled() - before) / LIVE / calls;

            assertThat(overflows()).as("the stalled client was ended").isEqualTo(1);
            assertThat(bytes).as("bytes of one change for each of the others").isEqualTo(perCall);
            assertThat(calls * perCall)
                    .as("what the stalled client was given, kernel buffers of both ends included")
                    .isLessThan(1 << 20);
            assertThat(server.server().gateway().counters().connections().get()).isEqualTo(LIVE);
            double[] with = commitToSocket();
            System.out.printf(
                    "StalledClientTest: ended after %d changes of %d bytes; %d others got all of them; mean commit to socket"
                            + " %.1f ms without it, %.1f ms with it%n",
                    calls, perCall, LIVE, mean(start, without), mean(without, with));
            stalled.close();
            reader.interrupt();
            reader.join();
            for (SocketChannel channel : live) {
                channel.close();
            }
        }
    }

    /** Sum in seconds and count of the latencies so far. */
    private double[] commitToSocket() {
        double[] read = new double[2];
        for (String line : server.server().metrics().scrape().split("\n", -1)) {
            if (line.startsWith("switchboard_commit_to_socket_seconds_sum")) {
                read[0] = Double.parseDouble(line.substring(line.lastIndexOf(' ')));
            } else if (line.startsWith("switchboard_commit_to_socket_seconds_count")) {
                read[1] = Double.parseDouble(line.substring(line.lastIndexOf(' ')));
            }
        }
        return read;
    }

    private static double mean(double[] before, double[] after) {
        return 1000 * (after[0] - before[0]) / (after[1] - before[1]);
    }

    private long overflows() {
        return server.server().gateway().counters().overflows().sum();
    }

    /** The bytes received once no more come. */
    private long settled() {
        var last = new AtomicLong(-1);
        await().pollInterval(Duration.ofMillis(300))
                .atMost(Duration.ofMinutes(1))
                .until(() -> last.getAndSet(received.get()) == received.get());
        return received.get();
    }

    private SocketChannel join(String token, int receiveBuffer) throws IOException {
        SocketChannel socket = SocketChannel.open();
        socket.setOption(StandardSocketOptions.SO_RCVBUF, receiveBuffer);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()));
        String handshake = "GET /realtime/v1/websocket?vsn=2.0.0&apikey=" + server.anonKey()
                + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        String join =
                "[\"1\",\"1\",\"realtime:calls\",\"phx_join\",{\"config\":{\"postgres_changes\":[{\"event\":\"*\","
                        + "\"schema\":\"public\",\"table\":\"calls\"}]},\"access_token\":\"" + token + "\"}]";
        socket.write(ByteBuffer.wrap(handshake.getBytes(StandardCharsets.US_ASCII)));
        socket.write(ByteBuffer.wrap(maskedText(join.getBytes(StandardCharsets.US_ASCII))));
        return socket;
    }

    /** A masked text frame with the mask 0, which leaves the payload as it is (RFC 6455, section 5.3). */
    static byte[] maskedText(byte[] payload) {
        byte[] frame = Arrays.copyOf(
                new byte[] {(byte) 0x81, (byte) (0x80 | 126), (byte) (payload.length >> 8), (byte) payload.length},
                8 + payload.length);
        System.arraycopy(payload, 0, frame, 8, payload.length);
        return frame;
    }

    private void readAll(Selector selector, List<SocketChannel> sockets) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 16);
        try {
            for (SocketChannel socket : sockets) {
                socket.configureBlocking(false).register(selector, SelectionKey.OP_READ);
            }
            while (!Thread.currentThread().isInterrupted()) {
                selector.select(key -> received.addAndGet(read(key, buffer)));
            }
        } catch (IOException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private static int read(SelectionKey key, ByteBuffer buffer) {
        try {
            buffer.clear();
            int read = ((SocketChannel) key.channel()).read(buffer);
            if (read < 0) {
                key.cancel();
            }
            return Math.max(0, read);
        } catch (IOException gone) {
            key.cancel();
            return 0;
        }
    }
}

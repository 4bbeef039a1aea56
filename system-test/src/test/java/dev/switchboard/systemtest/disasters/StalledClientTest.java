package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.RawWebSocket;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
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
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicLong frames = new AtomicLong();

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
            Thread reader = Thread.ofPlatform().start(() -> readAll(selector, live));

            double[] start = commitToSocket();
            for (int i = 0; i < CALLS_FIRST; i++) {
                server.call(organization);
            }
            awaitFrames(CALLS_FIRST);
            long perCall = bytes.get() / LIVE / CALLS_FIRST;
            double[] without = commitToSocket();
            SocketChannel stalled = join(token, 4096);
            int calls = 0;
            while (overflows() == 0 && calls < MOST_CALLS) {
                server.call(organization);
                calls++;
            }
            awaitFrames(CALLS_FIRST + calls);

            assertThat(overflows()).as("the stalled client was ended").isEqualTo(1);
            assertThat(calls * perCall)
                    .as("what the stalled client was given, kernel buffers of both ends included")
                    .isLessThan(1 << 20);
            await().until(() ->
                    server.server().gateway().counters().connections().get() == LIVE);
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

    /** Until each of the live clients has the whole of that many frames; one more would be an error. */
    private void awaitFrames(int each) {
        await().atMost(Duration.ofMinutes(1)).until(() -> frames.get() >= (long) LIVE * each);
        assertThat(frames.get()).as("changes that the others got").isEqualTo((long) LIVE * each);
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

    /** A client to which every change is sent from now on, and nothing else. */
    private SocketChannel join(String token, int receiveBuffer) throws IOException {
        SocketChannel channel = SocketChannel.open();
        channel.setOption(StandardSocketOptions.SO_RCVBUF, receiveBuffer);
        channel.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()));
        String join =
                "[\"1\",\"1\",\"realtime:calls\",\"phx_join\",{\"config\":{\"postgres_changes\":[{\"event\":\"*\","
                        + "\"schema\":\"public\",\"table\":\"calls\"}]},\"access_token\":\"" + token + "\"}]";
        RawWebSocket socket = new RawWebSocket(channel.socket()).handshake(server.anonKey(), RawWebSocket.text(join));
        while (!socket.next().text().contains("Subscribed to PostgreSQL")) {
            // the reply and the presence of nobody come first
        }
        return channel;
    }

    private void readAll(Selector selector, List<SocketChannel> sockets) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 16);
        try {
            for (SocketChannel socket : sockets) {
                socket.configureBlocking(false).register(selector, SelectionKey.OP_READ, new FrameCounter());
            }
            while (!Thread.currentThread().isInterrupted()) {
                selector.select(key -> read(key, buffer));
            }
        } catch (IOException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private void read(SelectionKey key, ByteBuffer buffer) {
        try {
            int read = ((SocketChannel) key.channel()).read(buffer.clear());
            if (read < 0) {
                key.cancel();
                return;
            }
            bytes.addAndGet(read);
            frames.addAndGet(((FrameCounter) key.attachment()).ended(buffer.flip()));
        } catch (IOException gone) {
            key.cancel();
        }
    }

    /** Counts a server's frames by their headers (RFC 6455, section 5.2), however their bytes are cut. */
    private static final class FrameCounter {
        private final ByteBuffer header = ByteBuffer.allocate(10);
        private long left; // of a payload

        /** How many frames end in these bytes. */
        int ended(ByteBuffer bytes) {
            int ended = 0;
            while (bytes.hasRemaining()) {
                if (left == 0) {
                    header.put(bytes.get());
                    left = payloadLength();
                } else {
                    int skipped = (int) Math.min(left, bytes.remaining());
                    bytes.position(bytes.position() + skipped);
                    left -= skipped;
                    if (left == 0) {
                        ended++;
                        header.clear();
                    }
                }
            }
            return ended;
        }

        /** 0 as long as the header is not whole. An empty frame is never sent here. */
        private long payloadLength() {
            int length = header.position() < 2 ? 0 : header.get(1);
            return switch (length) {
                case 126 -> header.position() < 4 ? 0 : header.getChar(2);
                case 127 -> header.position() < 10 ? 0 : header.getLong(2);
                default -> length;
            };
        }
    }
}

package dev.switchboard.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
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
import java.util.function.BooleanSupplier;

/** Many WebSocket clients on one thread: connect, send, count what comes. Owned by the thread that pumps. */
final class Sockets implements AutoCloseable {
    private static final int CONNECTING_AT_ONCE = 256;

    private final int port;
    private final String extensions;
    private final Selector selector;
    private final List<Client> clients = new ArrayList<>();
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
    private FrameListener listener = (_, _, _, _) -> {};
    private long frames;
    private long payloadBytes;
    private int open;
    private int connecting;

    /** Hears every frame's payload, in a buffer that is used again. */
    interface FrameListener {
        void frame(Client client, byte[] bytes, int offset, int length);
    }

    /** One connection. */
    static final class Client {
        private final SocketChannel channel;
        private final String path;
        private byte[] rest = {};
        private boolean shaken;
        final int number;

        private Client(SocketChannel channel, String path, int number) {
            this.channel = channel;
            this.path = path;
            this.number = number;
        }
    }

    Sockets(int port) {
        this(port, false);
    }

    /** @param compressed whether the clients offer permessage-deflate; what comes is counted as it comes */
    Sockets(int port, boolean compressed) {
        this.port = port;
        extensions = compressed ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "";
        try {
            selector = Selector.open();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    void listen(FrameListener hearing) {
        listener = hearing;
    }

    long frames() {
        return frames;
    }

    /** Of the frames that came. */
    long payloadBytes() {
        return payloadBytes;
    }

    List<Client> clients() {
        return clients;
    }

    /** Opens a connection to each path and waits until all have shaken hands. */
    void connect(List<String> paths) {
        int wanted = open + paths.size();
        int next = 0;
        while (open < wanted) {
            while (next < paths.size() && connecting < CONNECTING_AT_ONCE) {
                start(paths.get(next++));
            }
            pumpOnce();
        }
    }

    private void start(String path) {
        try {
            SocketChannel channel = SocketChannel.open();
            channel.configureBlocking(false);
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            var client = new Client(channel, path, clients.size());
            clients.add(client);
            channel.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            channel.register(selector, SelectionKey.OP_CONNECT, client);
            connecting++;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Reads until the condition holds. */
    void pumpUntil(BooleanSupplier condition) {
        pumpUntil(condition, Duration.ofMinutes(2));
    }

    void pumpUntil(BooleanSupplier condition, Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException(
                        "after " + patience.toSeconds() + " s only " + frames + " frames have come");
            }
            pumpOnce();
        }
    }

    void pumpOnce() {
        try {
            selector.select(this::ready, 1);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private void ready(SelectionKey key) {
        var client = (Client) key.attachment();
        try {
            if (key.isConnectable()) {
                client.channel.finishConnect();
                key.interestOps(SelectionKey.OP_READ);
                write(
                        client,
                        ("GET " + client.path
                                        + " HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                        + "Sec-WebSocket-Version: 13\r\n" + extensions
                                        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                                .getBytes(StandardCharsets.US_ASCII));
            } else if (key.isReadable()) {
                read(client);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException("connection " + client.number, failed);
        }
    }

    private void read(Client client) throws IOException {
        buffer.clear();
        int got = client.channel.read(buffer);
        if (got < 0) {
            throw new IOException("the server ended it");
        }
        buffer.flip();
        byte[] bytes = new byte[client.rest.length + got];
        System.arraycopy(client.rest, 0, bytes, 0, client.rest.length);
        buffer.get(bytes, client.rest.length, got);
        int at = client.shaken ? 0 : shake(client, bytes);
        while (at < bytes.length) {
            int end = frame(client, bytes, at);
            if (end < 0) {
                break;
            }
            at = end;
        }
        client.rest = at == bytes.length ? new byte[0] : Arrays.copyOfRange(bytes, at, bytes.length);
    }

    private int shake(Client client, byte[] bytes) {
        String text = new String(bytes, StandardCharsets.US_ASCII);
        int end = text.indexOf("\r\n\r\n");
        if (end < 0) {
            return 0;
        }
        if (!text.startsWith("HTTP/1.1 101")) {
            throw new IllegalStateException("refused: " + text);
        }
        client.shaken = true;
        connecting--;
        open++;
        return end + 4;
    }

    /** Where the frame at {@code at} ends; -1 while it is not whole. */
    private int frame(Client client, byte[] bytes, int at) {
        if (bytes.length - at < 2) {
            return -1;
        }
        int length = bytes[at + 1] & 0x7F;
        int header = 2;
        if (length == 126) {
            if (bytes.length - at < 4) {
                return -1;
            }
            length = (bytes[at + 2] & 0xFF) << 8 | (bytes[at + 3] & 0xFF);
            header = 4;
        } else if (length == 127) {
            if (bytes.length - at < 10) {
                return -1;
            }
            length = (int) ByteBuffer.wrap(bytes, at + 2, 8).getLong();
            header = 10;
        }
        if (bytes.length - at < header + length) {
            return -1;
        }
        frames++;
        payloadBytes += length;
        listener.frame(client, bytes, at + header, length);
        return at + header + length;
    }

    /** Sends text messages in one write. */
    void send(Client client, String... messages) {
        ByteBuffer all = ByteBuffer.allocate(Arrays.stream(messages)
                .mapToInt(message -> message.length() * 4 + 14)
                .sum());
        for (String message : messages) {
            put(all, message.getBytes(StandardCharsets.UTF_8));
        }
        write(client, Arrays.copyOf(all.array(), all.position()));
    }

    private static void put(ByteBuffer all, byte[] payload) {
        all.put((byte) 0x81);
        if (payload.length < 126) {
            all.put((byte) (0x80 | payload.length));
        } else {
            all.put((byte) (0x80 | 126)).putShort((short) payload.length);
        }
        all.putInt(0); // a mask of zeros leaves the payload as it is
        all.put(payload);
    }

    private static void write(Client client, byte[] bytes) {
        try {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            while (buffer.hasRemaining()) {
                client.channel.write(buffer);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    @Override
    public void close() {
        try {
            for (Client client : clients) {
                client.channel.close();
            }
            selector.close();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

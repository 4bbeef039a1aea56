package dev.switchboard.systemtest.harness;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;

/** A socket that speaks RFC 6455 only as far as a test wants it to. Reads block for 10 s at most. */
public final class RawWebSocket implements AutoCloseable {
    public static final int CONTINUATION = 0x0;
    public static final int TEXT = 0x1;
    public static final int BINARY = 0x2;
    public static final int CLOSE = 0x8;
    public static final int PING = 0x9;
    public static final int PONG = 0xA;
    public static final int FIN = 0x80;
    public static final int COMPRESSED = 0x40;

    private final Socket socket;
    private final DataInputStream in;
    private final OutputStream out;
    private String answered = "";

    /**
     * A frame as it came.
     *
     * @param first byte: FIN, reserved bits, opcode
     */
    public record Received(int first, byte[] payload) {
        public int opcode() {
            return first & 0xF;
        }

        public boolean isCompressed() {
            return (first & COMPRESSED) != 0;
        }

        public String text() {
            return new String(payload, StandardCharsets.UTF_8);
        }

        /** Of a close frame; 1005 where there is none. */
        public int closeCode() {
            return payload.length < 2 ? 1005 : ((payload[0] & 0xFF) << 8) | (payload[1] & 0xFF);
        }
    }

    public RawWebSocket(Socket socket) {
        this.socket = socket;
        try {
            socket.setSoTimeout(10_000);
            socket.setTcpNoDelay(true);
            in = new DataInputStream(socket.getInputStream());
            out = socket.getOutputStream();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    public static RawWebSocket connect(TestServer server) {
        return connect(server, "");
    }

    /** The same offering extensions. */
    public static RawWebSocket connect(TestServer server, String extensions) {
        try {
            return new RawWebSocket(new Socket(InetAddress.getLoopbackAddress(), server.port()))
                    .handshake(server.anonKey(), extensions, new byte[0]);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Head of the answer to the handshake. */
    public String answered() {
        return answered;
    }

    /** Shakes hands, with more bytes behind the request in the same write. */
    public RawWebSocket handshake(String key, byte[] more) {
        return handshake(key, "", more);
    }

    /** The same offering extensions. */
    public RawWebSocket handshake(String key, String extensions, byte[] more) {
        var request = new ByteArrayOutputStream();
        request.writeBytes(("GET /realtime/v1/websocket?vsn=2.0.0&apikey=" + key + " HTTP/1.1\r\nHost: x\r\n"
                        + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        + (extensions.isEmpty() ? "" : "Sec-WebSocket-Extensions: " + extensions + "\r\n") + "\r\n")
                .getBytes(StandardCharsets.US_ASCII));
        request.writeBytes(more);
        send(request.toByteArray());
        try {
            var answer = new StringBuilder();
            while (answer.indexOf("\r\n\r\n") < 0) {
                answer.append((char) in.readUnsignedByte());
            }
            answered = answer.toString();
            if (!answered.startsWith("HTTP/1.1 101")) {
                throw new IllegalStateException(answer.toString());
            }
            return this;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    public void send(byte[]... parts) {
        try {
            for (byte[] part : parts) {
                out.write(part);
                out.flush();
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    public static byte[] text(String text) {
        return frame(FIN | TEXT, text.getBytes(StandardCharsets.UTF_8));
    }

    /** @param first byte of the frame: FIN, reserved bits, opcode */
    public static byte[] frame(int first, byte[] payload) {
        return frame(first, payload, payload.length, true);
    }

    public static byte[] frame(int first, byte[] payload, long claimedLength, boolean masked) {
        var frame = new ByteArrayOutputStream();
        frame.write(first);
        int mask = masked ? 0x80 : 0;
        if (claimedLength < 126) {
            frame.write(mask | (int) claimedLength);
        } else if (claimedLength < 65_536) {
            frame.write(mask | 126);
            frame.write((int) claimedLength >> 8);
            frame.write((int) claimedLength);
        } else {
            frame.write(mask | 127);
            for (int shift = 56; shift >= 0; shift -= 8) {
                frame.write((int) (claimedLength >> shift));
            }
        }
        byte[] key = {0x12, 0x34, 0x56, 0x78};
        if (masked) {
            frame.writeBytes(key);
        }
        for (int i = 0; i < payload.length; i++) {
            frame.write(masked ? payload[i] ^ key[i % 4] : payload[i]);
        }
        return frame.toByteArray();
    }

    /** The next frame; a connection that just ends is a close without a code. */
    public Received next() {
        try {
            int first = in.readUnsignedByte();
            int length = in.readUnsignedByte();
            if (length == 126) {
                length = in.readUnsignedShort();
            } else if (length == 127) {
                length = (int) in.readLong();
            }
            byte[] payload = new byte[length];
            in.readFully(payload);
            return new Received(first, payload);
        } catch (EOFException | SocketException ended) {
            return new Received(CLOSE, new byte[0]);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Reads and forgets until the connection ends. */
    public void drain() {
        try {
            in.transferTo(OutputStream.nullOutputStream());
        } catch (IOException ended) {
            // that is what ends it
        }
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

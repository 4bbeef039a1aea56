package dev.switchboard.gateway;

import dev.switchboard.engine.protocol.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.nio.charset.StandardCharsets;

/** Server frames in bytes, unmasked and unfragmented (RFC 6455, section 5.2). */
final class WebSocketFrames {
    private static final int FIN = 0x80;
    private static final int COMPRESSED = 0x40;
    private static final int TEXT = 0x1;
    private static final int BINARY = 0x2;
    private static final int CLOSE = 0x8;
    private static final int PONG = 0xA;
    /** The longest header. */
    static final int HEADER = 10;

    private WebSocketFrames() {}

    static ByteBuf message(ByteBufAllocator allocator, Frame frame) {
        return header(allocator, opcode(frame), frame.payload().length).writeBytes(frame.payload());
    }

    /** The same in its compressed form (RFC 7692, section 6). */
    static ByteBuf compressed(ByteBufAllocator allocator, Frame frame, byte[] deflated) {
        return header(allocator, COMPRESSED | opcode(frame), deflated.length).writeBytes(deflated);
    }

    private static int opcode(Frame frame) {
        return switch (frame.kind()) {
            case TEXT -> TEXT;
            case BINARY -> BINARY;
        };
    }

    static ByteBuf pong(ByteBufAllocator allocator, ByteBuf payload) {
        return header(allocator, PONG, payload.readableBytes()).writeBytes(payload);
    }

    static ByteBuf close(ByteBufAllocator allocator, int code, String reason) {
        byte[] text = reason.getBytes(StandardCharsets.UTF_8);
        return header(allocator, CLOSE, 2 + text.length).writeShort(code).writeBytes(text);
    }

    private static ByteBuf header(ByteBufAllocator allocator, int opcode, int length) {
        ByteBuf buffer = allocator.directBuffer(HEADER + length).writeByte(FIN | opcode);
        if (length < 126) {
            return buffer.writeByte(length);
        }
        if (length < 65536) {
            return buffer.writeByte(126).writeShort(length);
        }
        return buffer.writeByte(127).writeLong(length);
    }
}

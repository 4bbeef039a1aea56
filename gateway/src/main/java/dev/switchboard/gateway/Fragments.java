package dev.switchboard.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** A message that comes in parts (RFC 6455, section 5.4), until it is whole. Owned by its event loop. */
final class Fragments {
    /** Beyond so many the parts are copied into one. */
    private static final int MOST_PARTS = 1_024;

    /** What a part takes besides its bytes, by estimate: a client may send them one by one. */
    private static final int PART_BYTES = 128;

    private final int mostBytes;
    private final IntConsumer held;
    private @Nullable CompositeByteBuf parts;
    private boolean binary;

    /**
     * @param mostBytes of a message
     * @param held      hears how many bytes are kept
     */
    Fragments(int mostBytes, IntConsumer held) {
        this.mostBytes = mostBytes;
        this.held = held;
    }

    /** A message that is whole; its bytes are lent to whoever takes it. */
    interface Message {
        void take(boolean binary, ByteBuf bytes);
    }

    /** Whether nothing of a message has come. */
    boolean isEmpty() {
        return parts == null;
    }

    /**
     * The next part, whose bytes are retained; the last one makes the message.
     *
     * @throws TooLongFrameException if it is larger than a message may be; nothing is kept of it then
     */
    void add(ChannelHandlerContext context, WebSocketFrame part, Message whole) {
        if (parts == null && part.isFinalFragment()) {
            whole.take(part instanceof BinaryWebSocketFrame, part.content());
            return;
        }
        CompositeByteBuf all = parts;
        if (all == null) {
            all = context.alloc().compositeBuffer(MOST_PARTS);
            parts = all;
            binary = part instanceof BinaryWebSocketFrame;
        }
        all.addComponent(true, part.content().retain());
        if (all.readableBytes() > mostBytes) {
            drop();
            throw new TooLongFrameException("a message of more than " + mostBytes + " bytes");
        }
        if (!part.isFinalFragment()) {
            held.accept(all.readableBytes() + PART_BYTES * all.numComponents());
            return;
        }
        try {
            whole.take(binary, all);
        } finally {
            drop();
        }
    }

    void drop() {
        if (parts != null) {
            parts.release();
            parts = null;
            held.accept(0);
        }
    }
}

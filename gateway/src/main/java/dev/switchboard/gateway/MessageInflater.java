package dev.switchboard.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.ContinuationWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.util.ReferenceCountUtil;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;

/**
 * Makes whole messages of compressed ones, those in fragments too; everything else passes. Owned by its event loop.
 */
final class MessageInflater extends ChannelInboundHandlerAdapter {
    /** RSV1, as Netty counts: the message is compressed (RFC 7692, section 6). */
    private static final int COMPRESSED = 4;

    private final Deflation deflation;
    private final int maxMessageBytes;
    private final BooleanSupplier closing;
    private final Fragments fragments;

    /**
     * @param held    hears how many bytes of a message it keeps that is not whole yet
     * @param closing whether nothing is read any more
     */
    MessageInflater(Deflation deflation, int maxMessageBytes, IntConsumer held, BooleanSupplier closing) {
        this.closing = closing;
        this.deflation = deflation;
        this.maxMessageBytes = maxMessageBytes;
        fragments = new Fragments(maxMessageBytes, held);
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (!(message instanceof WebSocketFrame frame)) {
            context.fireChannelRead(message);
            return;
        }
        if (closing.getAsBoolean()) {
            fragments.drop();
            ReferenceCountUtil.release(message);
            return;
        }
        boolean data = frame instanceof TextWebSocketFrame || frame instanceof BinaryWebSocketFrame;
        if (frame.rsv() != 0 && (frame.rsv() != COMPRESSED || !data || !fragments.isEmpty())) {
            ReferenceCountUtil.release(message);
            throw new CorruptedWebSocketFrameException(
                    WebSocketCloseStatus.PROTOCOL_ERROR, "reserved bits that were not agreed upon");
        }
        boolean ours =
                frame.rsv() == COMPRESSED || (!fragments.isEmpty() && frame instanceof ContinuationWebSocketFrame);
        if (!ours) {
            context.fireChannelRead(message);
            return;
        }
        try {
            fragments.add(context, frame, (binary, deflated) -> pass(context, binary, deflated));
        } finally {
            ReferenceCountUtil.release(message);
        }
    }

    private void pass(ChannelHandlerContext context, boolean binary, ByteBuf deflated) {
        ByteBuf message = Unpooled.wrappedBuffer(deflation.inflate(ByteBufUtil.getBytes(deflated), maxMessageBytes));
        context.fireChannelRead(binary ? new BinaryWebSocketFrame(message) : new TextWebSocketFrame(message));
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext context) {
        fragments.drop();
    }
}

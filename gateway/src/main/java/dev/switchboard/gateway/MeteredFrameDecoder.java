package dev.switchboard.gateway;

import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.websocketx.WebSocket13FrameDecoder;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import java.util.function.IntConsumer;

/** Netty's decoder, saying how many bytes of a frame that is not whole yet it holds. Owned by its event loop. */
final class MeteredFrameDecoder extends WebSocket13FrameDecoder {
    private final IntConsumer held;

    /** @param held hears it after each part that arrives */
    MeteredFrameDecoder(WebSocketDecoderConfig config, IntConsumer held) {
        super(config);
        this.held = held;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object part) throws Exception {
        super.channelRead(context, part);
        held.accept(actualReadableBytes());
    }
}

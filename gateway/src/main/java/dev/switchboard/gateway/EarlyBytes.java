package dev.switchboard.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.ArrayList;
import java.util.List;

/**
 * Keeps what a client sent together with its handshake. The HTTP decoder gives up its rest the moment it is removed,
 * while Vert.x' own handler is still in place and would lose it; so this stands between them during the take-over.
 * Owned by the connection's event loop; once removed, nothing is left in it.
 */
final class EarlyBytes extends ChannelInboundHandlerAdapter {
    private final List<ByteBuf> kept = new ArrayList<>();

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof ByteBuf bytes) {
            kept.add(bytes);
        } else {
            context.fireChannelRead(message);
        }
    }

    /** Passes on what was kept to the handlers that now follow. */
    @Override
    public void handlerRemoved(ChannelHandlerContext context) {
        kept.forEach(context::fireChannelRead);
        kept.clear();
    }
}

package dev.switchboard.gateway;

import dev.switchboard.engine.protocol.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.Optional;

/** One message in bytes, compressed and not, each made once, when a receiver of a loop wants it. Owned by the loop; closed once. */
final class Outgoing implements AutoCloseable {
    private final Frame frame;
    private final int receivers;
    private final Deflation deflation;
    private Optional<ByteBuf> plain = Optional.empty();
    /** Of what is not worth it the plain form. */
    private Optional<ByteBuf> compressed = Optional.empty();

    Outgoing(Frame frame, int receivers, Deflation deflation) {
        this.frame = frame;
        this.receivers = receivers;
        this.deflation = deflation;
    }

    /** The form for a receiver, without a reference of its own. */
    ByteBuf of(GatewayConnection receiver) {
        return receiver.deflates() ? compressed() : plain();
    }

    private ByteBuf plain() {
        if (plain.isEmpty()) {
            plain = Optional.of(WebSocketFrames.message(ByteBufAllocator.DEFAULT, frame));
        }
        return plain.get();
    }

    private ByteBuf compressed() {
        if (compressed.isEmpty()) {
            compressed = Optional.of(deflation
                    .deflate(frame, receivers)
                    .map(bytes -> WebSocketFrames.compressed(ByteBufAllocator.DEFAULT, frame, bytes))
                    .orElseGet(() -> plain().retainedDuplicate()));
        }
        return compressed.get();
    }

    @Override
    public void close() {
        compressed.ifPresent(ByteBuf::release);
        plain.ifPresent(ByteBuf::release);
    }
}

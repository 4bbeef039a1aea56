package dev.switchboard.gateway;

import dev.switchboard.engine.channel.Connection;
import dev.switchboard.engine.deliver.Outbound;
import dev.switchboard.engine.deliver.Outbox;
import dev.switchboard.engine.memory.MemoryBudget;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.ClientCodec;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.unix.FileDescriptor;
import io.netty.channel.unix.UnixChannel;
import io.netty.handler.codec.CorruptedFrameException;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One socket: frames in, bytes out, nothing of channels. Puts fragments together, answers ping and close, and applies
 * the overflow rule before anything is queued. Owned by its event loop.
 */
final class GatewayConnection extends ChannelInboundHandlerAdapter implements Outbound {
    /** Seconds that a goodbye may take. */
    private static final int MOST_TICKS_CLOSING = 5;

    /** Bytes, of a message that is not whole yet or of what waits to be sent, that nobody counts. */
    private static final int UNCOUNTED = 16 * 1024;

    /** What such a byte takes: buffers grow by doubling, and the whole message is copied out of them. */
    private static final int HELD_COST = 2;

    private final Channel channel;
    private final LoopShard shard;
    private final Outbox outbox;
    private final Fragments fragments;
    private final GatewayCounters counters;
    private final MemoryBudget memory;
    private final boolean deflates;
    /** Of a message that is not whole yet: in the decoder, compressed, and as fragments; what was taken for them. */
    private int inDecoder;

    private int inInflater;
    private int inFragments;
    private long taken;
    private @Nullable Connection connection;
    private Instant lastReceived;
    private boolean marked;
    /** No handler but this pipeline's head has a say in what is written. */
    private final boolean isDirect;

    /** Of a socket that takes bytes past its queue: of a native transport, without TLS. */
    private final @Nullable FileDescriptor descriptor;
    /** Whether there may be something in the queue, as after the handshake: as long as not, nothing of it has to be looked at. */
    private boolean queueing = true;

    private long pendingAtTick;
    private boolean closing;
    private Optional<ErrorCode> why = Optional.empty();
    private int ticksClosing;

    /** What all connections of a gateway have. */
    record Common(int maxMessageBytes, GatewayCounters counters, MemoryBudget memory) {}

    /** @param deflates whether messages may be compressed */
    GatewayConnection(Channel channel, LoopShard shard, Outbox outbox, Common common, boolean deflates, Instant now) {
        this.deflates = deflates;
        isDirect = channel.pipeline().get(SslHandler.class) == null;
        descriptor = isDirect && channel instanceof UnixChannel unix ? unix.fd() : null;
        this.channel = channel;
        this.shard = shard;
        this.outbox = outbox;
        fragments = new Fragments(common.maxMessageBytes(), this::holdsInFragments);
        counters = common.counters();
        memory = common.memory();
        this.lastReceived = now;
    }

    /** Said once, before the first frame is read. */
    void speaksFor(Connection engineConnection) {
        connection = engineConnection;
    }

    Connection connection() {
        if (connection == null) {
            throw new IllegalStateException("a connection without its engine side");
        }
        return connection;
    }

    @Override
    public void send(Frame frame) {
        Optional<byte[]> deflated = deflates ? shard.deflation().deflate(frame, 1) : Optional.empty();
        writeNow(deflated.map(bytes -> WebSocketFrames.compressed(channel.alloc(), frame, bytes))
                .orElseGet(() -> WebSocketFrames.message(channel.alloc(), frame)));
    }

    /** Whether it ends, and hears of nothing any more. */
    boolean isClosing() {
        return closing;
    }

    boolean deflates() {
        return deflates;
    }

    /** What the connection itself is told: sent with what else is ready for it on its loop. */
    private void writeNow(ByteBuf bytes) {
        if (!closing && outbox.offerNow(pendingBytes(), bytes.readableBytes()) == Outbox.Verdict.OVERFLOW) {
            overflow();
        }
        write(bytes);
        shard.touch(this);
    }

    /** Whether a frame of a change of that size may be queued now; one that never may ends the connection. */
    boolean mustWait(int frameBytes, long nanos) {
        if (closing) {
            return false;
        }
        long pending = pendingBytes();
        if (pending == 0) {
            return false;
        }
        Outbox.Verdict verdict = shard.memoryIsShort() && pending > UNCOUNTED
                ? Outbox.Verdict.OVERFLOW
                : outbox.offer(pending, frameBytes, nanos);
        if (verdict == Outbox.Verdict.OVERFLOW) {
            overflow();
        }
        return verdict == Outbox.Verdict.WAIT;
    }

    /** Whether more waits than half of what may. */
    boolean isBehind() {
        return !closing && outbox.isHalfFull(pendingBytes());
    }

    /** Queues bytes, taking over the reference; on a connection that ends they are dropped. */
    void write(ByteBuf bytes) {
        if (closing) {
            bytes.release();
            return;
        }
        if (!queueing) {
            queueing = true;
            outbox.begins(System.nanoTime());
        }
        outbox.queued(bytes.readableBytes());
        if (isDirect) {
            channel.unsafe().write(bytes, channel.voidPromise());
        } else {
            channel.write(bytes, channel.voidPromise());
        }
    }

    /**
     * Sends bytes that stay the caller's. What the kernel takes at once never enters a queue: one system call, no entry, no
     * reference. Only the loop closes the socket, so its descriptor is never another's.
     */
    void sendShared(ByteBuf bytes) {
        int sent = queueing || closing ? 0 : sendNow(bytes);
        if (sent < bytes.readableBytes()) {
            write(bytes.retainedSlice(bytes.readerIndex() + sent, bytes.readableBytes() - sent));
            flush();
        }
    }

    /** How many bytes the kernel took; none of a socket that has broken, since the queue tells of that. */
    private int sendNow(ByteBuf bytes) {
        if (descriptor == null || !descriptor.isOpen() || !bytes.hasMemoryAddress()) {
            return 0;
        }
        try {
            return descriptor.writeAddress(bytes.memoryAddress(), bytes.readerIndex(), bytes.writerIndex());
        } catch (IOException broken) {
            return 0;
        }
    }

    void flush() {
        marked = false;
        if (isDirect) {
            channel.unsafe().flush();
        } else {
            channel.flush();
        }
    }

    /** Says that it has to be flushed; false if that was said before. */
    boolean mark() {
        boolean first = !marked;
        marked = true;
        return first;
    }

    /** Queued, and not yet taken by the kernel; once that is nothing, the queue is not looked at until something is queued again. */
    long pendingBytes() {
        if (!queueing) {
            return 0;
        }
        ChannelOutboundBuffer queue = channel.unsafe().outboundBuffer();
        long pending = queue == null ? 0 : queue.totalPendingWriteBytes();
        queueing = pending > 0;
        return pending;
    }

    /** Nothing can be said to a client that does not read, so the socket just ends; what was pending is freed. */
    private void overflow() {
        switch (outbox.rule()) {
            case DISCONNECT -> {
                if (!closing) {
                    closing = true;
                    why = Optional.of(ErrorCode.OVERFLOW);
                    counters.overflows().increment();
                    channel.close();
                }
            }
        }
    }

    /** Says goodbye and closes once that is out. */
    void close(int code, ErrorCode reason) {
        if (!closing) {
            closing = true;
            why = Optional.of(reason);
            channel.writeAndFlush(WebSocketFrames.close(channel.alloc(), code, reason.reason()))
                    .addListener(ChannelFutureListener.CLOSE);
        }
    }

    /** At once, without a word. */
    void end() {
        closing = true;
        channel.close();
    }

    /** What time brings: an expired token, a silent client. */
    void tick(Instant silentSince) {
        if (closing && ++ticksClosing > MOST_TICKS_CLOSING) {
            channel.close(); // its goodbye does not get through
            return;
        }
        if (shard.memoryIsShort() && pendingBytes() > UNCOUNTED && pendingBytes() >= pendingAtTick) {
            overflow(); // others need what waits for a client that does not read
        }
        pendingAtTick = pendingBytes();
        connection().expire();
        if (lastReceived.isBefore(silentSince)) {
            close(CloseCode.NORMAL, ErrorCode.IDLE);
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        try {
            lastReceived = shard.now();
            if (message instanceof WebSocketFrame frame && !closing) {
                receive(context, frame);
            }
        } finally {
            ReferenceCountUtil.release(message);
        }
    }

    /** The decoder holds so much of a frame. */
    void holdsInDecoder(int bytes) {
        inDecoder = bytes;
        account();
    }

    void holdsInInflater(int bytes) {
        inInflater = bytes;
        account();
    }

    private void holdsInFragments(int bytes) {
        inFragments = bytes;
        account();
    }

    /** Little parts are not counted: every connection may have one. Beyond what there is for all, it ends. */
    private void account() {
        long holds = (long) inDecoder + inInflater + inFragments;
        long due = holds > UNCOUNTED ? HELD_COST * holds : 0;
        if (due == taken) {
            return;
        }
        if (due < taken) {
            memory.give(taken - due);
            taken = due;
        } else if (memory.take(due - taken)) {
            taken = due;
        } else {
            close(CloseCode.TRY_AGAIN_LATER, ErrorCode.MEMORY_LIMIT);
            fragments.drop();
        }
    }

    private void receive(ChannelHandlerContext context, WebSocketFrame frame) {
        switch (frame) {
            case PingWebSocketFrame ping -> writeNow(WebSocketFrames.pong(channel.alloc(), ping.content()));
            case PongWebSocketFrame _ -> {}
            case CloseWebSocketFrame close -> closeAsked(close);
            default -> fragments.add(context, frame, this::message);
        }
    }

    private void closeAsked(CloseWebSocketFrame close) {
        if (close.statusCode() > CloseCode.LARGEST) {
            close(CloseCode.PROTOCOL_ERROR, ErrorCode.PROTOCOL_ERROR);
            return;
        }
        closing = true;
        int code = close.statusCode() < 0 ? CloseCode.NORMAL : close.statusCode();
        channel.writeAndFlush(WebSocketFrames.close(channel.alloc(), code, ""))
                .addListener(ChannelFutureListener.CLOSE);
    }

    private void message(boolean binary, ByteBuf content) {
        counters.messagesIn().increment();
        byte[] bytes = new byte[content.readableBytes()];
        content.getBytes(content.readerIndex(), bytes);
        WireVersion version = connection().version();
        Optional<ClientMessage> message =
                binary ? ClientCodec.decodeBinary(version, bytes) : ClientCodec.decode(version, bytes);
        message.ifPresentOrElse(
                connection()::receive, () -> counters.malformed().increment());
        if (shard.isCongested()) {
            waitForRoom();
        }
    }

    /** Too much waits to be broadcast: this client is not read on until there is room, and TCP tells it so. */
    private void waitForRoom() {
        if (channel.config().isAutoRead()) {
            channel.config().setAutoRead(false);
            counters.throttled().increment();
            channel.eventLoop().schedule(this::readOnWithRoom, 2, TimeUnit.MILLISECONDS);
        }
    }

    private void readOnWithRoom() {
        if (shard.isCongested()) {
            channel.eventLoop().schedule(this::readOnWithRoom, 2, TimeUnit.MILLISECONDS);
        } else {
            lastReceived = shard.now();
            channel.config().setAutoRead(true);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        switch (cause) {
            case TooLongFrameException _ -> close(CloseCode.TOO_LARGE, ErrorCode.FRAME_TOO_LARGE);
            case CorruptedWebSocketFrameException corrupted ->
                close(corrupted.closeStatus().code(), ErrorCode.PROTOCOL_ERROR);
            case CorruptedFrameException _ -> close(CloseCode.PROTOCOL_ERROR, ErrorCode.PROTOCOL_ERROR);
            default -> channel.close(); // the peer is gone
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        fragments.drop();
        holdsInDecoder(0);
        shard.remove(this);
        connection().closed(why);
    }
}

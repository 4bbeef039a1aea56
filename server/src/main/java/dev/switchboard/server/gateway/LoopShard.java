package dev.switchboard.server.gateway;

import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.protocol.ErrorCode;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;

/**
 * The connections of one event loop. A batch of the pipeline is one task: everything is written, then every touched
 * connection is flushed once, so that what waits for one client leaves in one system call. At most
 * {@link #BATCHES_UNDER_WAY} batches wait for the loop; then the pipeline waits.
 */
final class LoopShard {
    static final int BATCHES_UNDER_WAY = 64;

    private final int index;
    private final EventLoop loop;
    private final InstantSource clock;
    private final LongConsumer commitToSocketNanos;
    private final Map<Long, GatewayConnection> connections = new HashMap<>();
    private final Semaphore room = new Semaphore(BATCHES_UNDER_WAY);

    LoopShard(int index, EventLoop loop, InstantSource clock, LongConsumer commitToSocketNanos) {
        this.index = index;
        this.loop = loop;
        this.clock = clock;
        this.commitToSocketNanos = commitToSocketNanos;
    }

    int index() {
        return index;
    }

    Instant now() {
        return clock.instant();
    }

    /** Looks at every connection each second: idle ones and expired tokens. */
    void startTicking(Duration idleTimeout) {
        loop.scheduleAtFixedRate(() -> tick(idleTimeout), 1, 1, TimeUnit.SECONDS);
    }

    private void tick(Duration idleTimeout) {
        Instant silentSince = now().minus(idleTimeout);
        List.copyOf(connections.values()).forEach(connection -> connection.tick(silentSince));
    }

    void add(GatewayConnection connection) {
        connections.put(connection.connection().id().number(), connection);
    }

    void remove(GatewayConnection connection) {
        connections.remove(connection.connection().id().number());
    }

    void execute(Runnable task) {
        try {
            loop.execute(task);
        } catch (RejectedExecutionException closed) {
            // the loop has ended, and its connections with it
        }
    }

    void deliver(List<Recipients> batch) {
        room.acquireUninterruptibly();
        try {
            loop.execute(() -> {
                try {
                    write(batch);
                } finally {
                    room.release();
                }
            });
        } catch (RejectedExecutionException closed) {
            room.release();
        }
    }

    private void write(List<Recipients> batch) {
        Set<GatewayConnection> touched = new LinkedHashSet<>();
        for (Recipients recipients : batch) {
            switch (recipients) {
                case Recipients.Send send -> write(send, touched);
                case Recipients.Refetch refetch -> refetch(refetch.code(), refetch.channels());
            }
        }
        touched.forEach(GatewayConnection::flush);
        Instant now = now();
        for (Recipients recipients : batch) {
            if (recipients instanceof Recipients.Send send) {
                commitToSocketNanos.accept(
                        Duration.between(send.committedAt(), now).toNanos());
            }
        }
    }

    private void write(Recipients.Send send, Set<GatewayConnection> touched) {
        var receivers = new ArrayList<GatewayConnection>();
        for (ChannelRef channel : send.channels()) {
            GatewayConnection connection = connections.get(channel.connection().number());
            if (connection != null && connection.connection().admits(channel)) {
                receivers.add(connection);
            }
        }
        if (receivers.isEmpty()) {
            return;
        }
        ByteBuf bytes = WebSocketFrames.text(io.netty.buffer.ByteBufAllocator.DEFAULT, send.frame());
        receivers.forEach(connection -> connection.write(bytes.retainedDuplicate()));
        bytes.release();
        touched.addAll(receivers);
    }

    private void refetch(ErrorCode code, List<ChannelRef> channels) {
        for (ChannelRef channel : channels) {
            GatewayConnection connection = connections.get(channel.connection().number());
            if (connection != null) {
                connection.connection().refetch(channel, code);
            }
        }
    }

    /** On the loop: tells every client to come back, then closes. */
    void sayGoodbye() {
        List.copyOf(connections.values())
                .forEach(connection -> connection.close(CloseCode.SERVICE_RESTART, ErrorCode.RESTARTING));
    }

    int channelCount() {
        return connections.values().stream()
                .mapToInt(connection -> connection.connection().channelCount())
                .sum();
    }
}

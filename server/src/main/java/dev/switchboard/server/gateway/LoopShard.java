package dev.switchboard.server.gateway;

import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.protocol.ErrorCode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
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
 * connection is flushed once, so that what waits for one client leaves in one system call. Where a connection that reads
 * cannot keep up with a burst, the rest waits for it a little. At most {@link #BATCHES_UNDER_WAY} batches wait for the
 * loop; then the pipeline waits. Owned by the event loop, except {@link #deliver} and {@link #execute}.
 */
final class LoopShard {
    static final int BATCHES_UNDER_WAY = 64;

    /** How long a connection that reads, but is behind, is given before it is looked at again. */
    private static final Duration PAUSE = Duration.ofMillis(2);

    private record EndOfBatch() {}

    private record Task(Runnable body) {}

    private final int index;
    private final EventLoop loop;
    private final InstantSource clock;
    private final LongConsumer commitToSocketNanos;
    private final Map<Long, GatewayConnection> connections = new HashMap<>();
    private final ArrayDeque<Object> waiting = new ArrayDeque<>();
    private final Set<GatewayConnection> touched = new LinkedHashSet<>();
    private final List<Instant> sentCommits = new ArrayList<>();
    private boolean paused;
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

    /** Runs a task after everything that was delivered before it. */
    void executeInOrder(Runnable task) {
        execute(() -> {
            waiting.add(new Task(task));
            if (!paused) {
                drain();
            }
        });
    }

    void deliver(List<Recipients> batch) {
        room.acquireUninterruptibly();
        try {
            loop.execute(() -> {
                waiting.addAll(batch);
                waiting.add(new EndOfBatch());
                if (!paused) {
                    drain();
                }
            });
        } catch (RejectedExecutionException closed) {
            room.release();
        }
    }

    /** Hands over what waits, in order, until a connection needs time; then looks again a little later. */
    private void drain() {
        paused = false;
        while (!waiting.isEmpty() && !paused) {
            switch (waiting.peek()) {
                case Recipients.Send send -> paused = !write(send);
                case Recipients.Refetch refetch -> refetch(refetch.code(), refetch.channels());
                case EndOfBatch _ -> room.release();
                case Task task -> {
                    flushTouched();
                    task.body().run();
                }
                default -> throw new IllegalStateException("unknown delivery " + waiting.peek());
            }
            if (!paused) {
                waiting.remove();
            }
        }
        flushTouched();
        if (paused) {
            loop.schedule(this::drain, PAUSE.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void flushTouched() {
        touched.forEach(GatewayConnection::flush);
        touched.clear();
        Instant now = now();
        sentCommits.forEach(committedAt ->
                commitToSocketNanos.accept(Duration.between(committedAt, now).toNanos()));
        sentCommits.clear();
    }

    /** Writes to all receivers, or to none where one of them needs time. */
    private boolean write(Recipients.Send send) {
        List<GatewayConnection> receivers = receivers(send);
        int size = send.frame().payload().length + WebSocketFrames.HEADER;
        long nanos = System.nanoTime();
        boolean mustWait = false;
        for (GatewayConnection receiver : receivers) {
            mustWait |= receiver.mustWait(size, nanos); // asked of all, so that their clocks run together
        }
        if (mustWait) {
            return false;
        }
        if (!receivers.isEmpty()) {
            ByteBuf bytes = WebSocketFrames.text(ByteBufAllocator.DEFAULT, send.frame());
            receivers.forEach(receiver -> receiver.write(bytes.retainedDuplicate()));
            bytes.release();
            touched.addAll(receivers);
            sentCommits.add(send.committedAt());
        }
        return true;
    }

    private List<GatewayConnection> receivers(Recipients.Send send) {
        var receivers = new ArrayList<GatewayConnection>();
        for (ChannelRef channel : send.channels()) {
            GatewayConnection connection = connections.get(channel.connection().number());
            if (connection != null && connection.connection().admits(channel)) {
                receivers.add(connection);
            }
        }
        return receivers;
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

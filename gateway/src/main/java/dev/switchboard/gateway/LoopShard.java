package dev.switchboard.gateway;

import dev.switchboard.engine.channel.SocketStatus;
import dev.switchboard.engine.deliver.Member;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Frame;
import io.netty.channel.EventLoop;
import io.netty.util.collection.LongObjectHashMap;
import io.netty.util.collection.LongObjectMap;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections of one event loop, and what waits for them, in order. All that waits is handed over in one task:
 * everything is written, then every touched connection is flushed once, so that what waits for one client leaves in one
 * system call. Where a connection that reads cannot keep up with a burst, the rest waits for it a little.
 *
 * <p>What may wait is bounded twice: at most {@link #BATCHES_UNDER_WAY} batches of the pipeline, which then waits; and
 * {@link #CASTS_BYTES} of broadcasts on all loops together, beyond which the senders' sockets are not read.
 *
 * <p>Owned by the event loop, except {@link #deliver}, {@link #cast}, {@link #execute} and {@link #isCongested}.
 */
final class LoopShard {
    private static final Logger LOG = LoggerFactory.getLogger(LoopShard.class);

    static final int BATCHES_UNDER_WAY = 64;

    /** Bytes of broadcasts that may wait on all loops together. */
    static final long CASTS_BYTES = 8 << 20;

    /** Batches that a loop which has ended lets pass, into nothing. */
    private static final int ENDED = 1 << 20;

    /** Connections that are looked at together. */
    private static final int PART = 256;

    /** How long a connection that reads, but is behind, is given before it is looked at again. */
    private static final Duration PAUSE = Duration.ofMillis(2);

    /** Without a tick for so long a loop hangs. */
    private static final Duration TICK_PATIENCE = Duration.ofSeconds(15);

    private sealed interface Item {
        record Batch(Supplier<List<Recipients>> recipients) implements Item {}

        record Cast(int bytes, Supplier<List<Recipients>> recipients) implements Item {}

        record Task(Runnable body) implements Item {}
    }

    private final int index;
    private final EventLoop loop;
    private final InstantSource clock;
    private final LongConsumer commitToSocketNanos;
    private final AtomicLong castsWaiting;
    private final Queue<Item> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean drainScheduled = new AtomicBoolean();
    private final Semaphore room = new Semaphore(BATCHES_UNDER_WAY);
    private final LongObjectMap<GatewayConnection> connections = new LongObjectHashMap<>();
    /** Of the item that is being handed over, what is not out yet; {@link #afterCurrent} then runs. */
    private final ArrayDeque<Recipients> current = new ArrayDeque<>();

    private Runnable afterCurrent = () -> {};
    /** Of the first that is not out yet, the first channel that has not had its turn, and those that did not get it. */
    private int next;

    private final List<ChannelRef> withheld = new ArrayList<>();
    /** What has to be flushed: a connection knows whether it does. */
    private final List<GatewayConnection> touched = new ArrayList<>();

    private final List<Instant> sentCommits = new ArrayList<>();
    private boolean paused;
    private volatile Instant ticked;
    private final SocketMemory memory = new SocketMemory();
    private final Deflation deflation = new Deflation();
    /** As it was at the last look; owned by the loop. */
    private boolean memoryIsShort;

    /** @param castsWaiting bytes of broadcasts that wait, shared by all loops */
    LoopShard(
            int index, EventLoop loop, InstantSource clock, LongConsumer commitToSocketNanos, AtomicLong castsWaiting) {
        this.index = index;
        this.loop = loop;
        this.clock = clock;
        this.commitToSocketNanos = commitToSocketNanos;
        this.castsWaiting = castsWaiting;
        this.ticked = clock.instant();
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

    /** One that throws would not come again, so none does; and a loop that hangs is found by ticks that do not come. */
    private void tick(Duration idleTimeout) {
        ticked = now();
        memoryIsShort = memory.isShort();
        Instant silentSince = ticked.minus(idleTimeout);
        for (GatewayConnection connection : List.copyOf(connections.values())) {
            try {
                connection.tick(silentSince);
            } catch (RuntimeException fault) {
                LOG.error("a connection could not be looked at; it ends", fault);
                connection.end();
            }
        }
    }

    /** Why the loop does not serve its connections, if it does not. From any thread. */
    Optional<String> trouble(Instant at) {
        return ticked.plus(TICK_PATIENCE).isBefore(at)
                ? Optional.of("event loop " + index + " has not moved for "
                        + Duration.between(ticked, at).toSeconds() + " s")
                : Optional.empty();
    }

    /** Whether the loop's thread has ended. From any thread. */
    boolean hasEnded() {
        return loop.isShuttingDown();
    }

    void add(GatewayConnection connection) {
        connections.put(connection.connection().id().number(), connection);
    }

    void remove(GatewayConnection connection) {
        connections.remove(connection.connection().id().number());
    }

    /** On the loop: whether more waits for a channel's connection than half of what may. */
    boolean isBehind(ChannelRef channel) {
        GatewayConnection connection = connections.get(channel.connection().number());
        return connection != null && connection.isBehind();
    }

    Deflation deflation() {
        return deflation;
    }

    /** On the loop: whether what waits for all sockets is more than there should be. */
    boolean memoryIsShort() {
        return memoryIsShort;
    }

    /** Whether so much waits that senders have to. */
    boolean isCongested() {
        return castsWaiting.get() > CASTS_BYTES;
    }

    void deliver(Supplier<List<Recipients>> recipients) {
        room.acquireUninterruptibly();
        hand(new Item.Batch(recipients));
    }

    void cast(int bytes, Supplier<List<Recipients>> recipients) {
        castsWaiting.addAndGet(bytes);
        hand(new Item.Cast(bytes, recipients));
    }

    /** Runs a task after everything that was handed over before it. */
    void execute(Runnable task) {
        hand(new Item.Task(task));
    }

    /** Runs a task as soon as the loop can, before what waits. */
    void executeAtOnce(Runnable task) {
        try {
            loop.execute(task);
        } catch (RejectedExecutionException ended) {
            // its connections ended with it
        }
    }

    private void hand(Item item) {
        waiting.add(item);
        scheduleDrain();
    }

    /** A loop that has ended took its connections along; what is handed to it goes nowhere, and blocks nobody. */
    private void scheduleDrain() {
        if (drainScheduled.compareAndSet(false, true)) {
            try {
                loop.execute(this::drain);
            } catch (RejectedExecutionException ended) {
                room.release(ENDED);
            }
        }
    }

    /** On the loop: what was written to a connection outside of a drain leaves with the next one. */
    void touch(GatewayConnection connection) {
        mark(connection);
        scheduleDrain();
    }

    private void mark(GatewayConnection connection) {
        if (connection.mark()) {
            touched.add(connection);
        }
    }

    /** Hands over what waits, in order, until a connection needs time; then looks again a little later. */
    private void drain() {
        drainScheduled.set(false);
        memoryIsShort = memory.isShort();
        if (!paused) {
            handOver();
        }
        flushTouched();
    }

    private void handOver() {
        while (true) {
            while (!current.isEmpty()) {
                if (!passSafely(current.peek())) {
                    paused = true;
                    loop.schedule(this::resume, PAUSE.toMillis(), TimeUnit.MILLISECONDS);
                    return;
                }
                current.remove();
                next = 0;
                withheld.clear();
            }
            afterCurrent.run();
            afterCurrent = () -> {};
            Item item = waiting.poll();
            if (item == null) {
                return;
            }
            try {
                begin(item);
            } catch (RuntimeException fault) {
                LOG.error("a task of an event loop failed", fault);
            }
        }
    }

    /** A fault of ours ends nobody's turn; who should have got a change is told that something is missing. */
    private boolean passSafely(Recipients recipients) {
        try {
            return pass(recipients);
        } catch (RuntimeException fault) {
            LOG.error("a delivery failed; its channels refetch", fault);
            if (recipients instanceof Recipients.Send send) {
                refetch(ErrorCode.INTERNAL, send.channels());
            }
            return true;
        }
    }

    private void resume() {
        paused = false;
        drain();
    }

    private void begin(Item item) {
        switch (item) {
            case Item.Batch batch -> {
                afterCurrent = room::release;
                current.addAll(batch.recipients().get());
            }
            case Item.Cast cast -> {
                afterCurrent = () -> castsWaiting.addAndGet(-cast.bytes());
                current.addAll(cast.recipients().get());
            }
            case Item.Task task -> task.body().run();
        }
    }

    private void flushTouched() {
        touched.forEach(GatewayConnection::flush);
        touched.clear();
        if (!sentCommits.isEmpty()) {
            Instant now = now();
            sentCommits.forEach(committedAt -> commitToSocketNanos.accept(
                    Duration.between(committedAt, now).toNanos()));
            sentCommits.clear();
        }
    }

    /** Whether it is done; otherwise one of the receivers needs time, and those from {@link #next} on got nothing. */
    private boolean pass(Recipients recipients) {
        Instant now = now();
        return switch (recipients) {
            case Recipients.Send send -> {
                List<ChannelRef> channels = send.channels();
                boolean done = pass(channels, send.frame(), channel -> receiver(channel, now), withheld::addAll);
                if (done) {
                    send.receipt().handed(now(), withheld);
                    if (withheld.size() < channels.size()) {
                        send.committedAt().ifPresent(sentCommits::add);
                    }
                }
                yield done;
            }
            case Recipients.Cast cast -> {
                @Nullable Member except = cast.except().orElse(null);
                yield pass(
                        cast.members(),
                        cast.frame(),
                        member -> member.equals(except) ? null : receiver(member, cast, now),
                        _ -> {});
            }
            case Recipients.Refetch refetch -> {
                refetch(refetch.code(), refetch.channels());
                yield true;
            }
        };
    }

    /** Where it goes of those who were meant when it was decided. */
    private interface Admission<T> {
        @Nullable
        GatewayConnection receiver(T meant);
    }

    private @Nullable GatewayConnection receiver(ChannelRef channel, Instant now) {
        GatewayConnection connection = connections.get(channel.connection().number());
        return connection != null && connection.connection().admits(channel, now) ? connection : null;
    }

    private static @Nullable GatewayConnection receiver(Member member, Recipients.Cast cast, Instant now) {
        return member.hears(cast, now) && member.outbound() instanceof GatewayConnection connection ? connection : null;
    }

    /**
     * In parts that the processor's cache holds, since each connection is looked at several times.
     *
     * @param without takes those who do not get it, once per part
     */
    private <T> boolean pass(List<T> meant, Frame frame, Admission<T> admission, Consumer<List<T>> without) {
        boolean last = current.size() == 1 && waiting.isEmpty();
        try (var outgoing = new Outgoing(frame, meant.size(), deflation)) {
            while (next < meant.size()) {
                int end = Math.min(next + PART, meant.size());
                var refused = new ArrayList<T>(0);
                List<GatewayConnection> receivers = receivers(meant.subList(next, end), admission, refused);
                if (mustWait(receivers, frame)) {
                    mustWait(receivers(meant.subList(end, meant.size()), admission, refused), frame);
                    return false;
                }
                without.accept(refused);
                for (GatewayConnection receiver : receivers) {
                    if (last) {
                        receiver.sendShared(outgoing.of(receiver));
                    } else {
                        receiver.write(outgoing.of(receiver).retainedDuplicate());
                        mark(receiver);
                    }
                }
                next = end;
            }
        }
        return true;
    }

    private static <T> List<GatewayConnection> receivers(List<T> meant, Admission<T> admission, List<T> refused) {
        var receivers = new ArrayList<GatewayConnection>(meant.size());
        for (T each : meant) {
            GatewayConnection receiver = admission.receiver(each);
            if (receiver != null) {
                receivers.add(receiver);
            } else {
                refused.add(each);
            }
        }
        return receivers;
    }

    /** Asked of all, so that their clocks run together. */
    private static boolean mustWait(List<GatewayConnection> receivers, Frame frame) {
        int size = frame.payload().length + WebSocketFrames.HEADER;
        long nanos = System.nanoTime();
        boolean mustWait = false;
        for (GatewayConnection receiver : receivers) {
            mustWait |= receiver.mustWait(size, nanos);
        }
        return mustWait;
    }

    private void refetch(ErrorCode code, List<ChannelRef> channels) {
        for (ChannelRef channel : channels) {
            GatewayConnection connection = connections.get(channel.connection().number());
            if (connection != null) {
                connection.connection().refetch(channel, code);
            }
        }
    }

    /**
     * On the loop: the same to one connection after the other, so that it takes that time.
     *
     * @param done runs when all have been told
     */
    void drain(Duration time, Runnable done) {
        var left = new ArrayDeque<GatewayConnection>(connections.values());
        double each = time.toNanos() / Math.max(1.0, left.size());
        drain(left, each, System.nanoTime() + time.toNanos(), done);
    }

    /** @param each nanoseconds until the next one */
    private void drain(Deque<GatewayConnection> left, double each, long end, Runnable done) {
        double remaining = (double) end - System.nanoTime();
        while (!left.isEmpty() && left.size() * each > remaining) {
            left.remove().close(CloseCode.SERVICE_RESTART, ErrorCode.RESTARTING);
        }
        if (left.isEmpty()) {
            done.run();
        } else {
            loop.schedule(() -> drain(left, each, end, done), PAUSE.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    /** On the loop: tells every client to come back, then closes. */
    void sayGoodbye() {
        List.copyOf(connections.values())
                .forEach(connection -> connection.close(CloseCode.SERVICE_RESTART, ErrorCode.RESTARTING));
    }

    /** On the loop: how it stands with the channels of whoever is meant, where there are any. */
    List<SocketStatus> status(Predicate<Claims> whose) {
        return connections.values().stream()
                .map(connection -> new SocketStatus(connection.connection().status(whose), connection.pendingBytes()))
                .filter(status -> !status.connection().channels().isEmpty())
                .toList();
    }

    int channelCount() {
        return connections.values().stream()
                .mapToInt(connection -> connection.connection().channelCount())
                .sum();
    }
}

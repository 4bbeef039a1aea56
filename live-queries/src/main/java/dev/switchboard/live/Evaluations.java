package dev.switchboard.live;

import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.channel.LiveQueries;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.pipeline.Time;
import dev.switchboard.engine.pipeline.Trouble;
import dev.switchboard.engine.protocol.LiveQuery;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The queries that channels keep, each evaluated once for all channels of one reader that ask for the same. What they hang on comes by the
 * engine's own feed, as it comes to any channel: an evaluation is a channel of a loop that there is not. Thread-safe.
 */
public final class Evaluations implements LiveQueries {
    /** Evaluations at a time. */
    private static final int AT_A_TIME = 4;

    /** Readers are told apart by so many numbers. */
    private static final int READERS = 256;

    /** Of rows that are kept, all together, by estimate. */
    static final long MOST_BYTES = 64L << 20;

    /** The event loop of channels that are evaluations. */
    private static final int LOOP = -1;

    private final Sink sink;
    private final Surroundings surroundings;
    private final Map<Key, Evaluation> byQuery = new HashMap<>(); // guarded by this
    private final Map<ChannelRef, Evaluation> byMember = new ConcurrentHashMap<>();
    private final Map<ChannelRef, Evaluation> byFeed = new ConcurrentHashMap<>();
    private final AtomicLong epochs = new AtomicLong();
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicLong reads = new AtomicLong();

    /** What is evaluated together. */
    record Key(LiveQuery query, ClaimsGroup reader) {}

    /** What there is around: evaluations run on these, one blocking task each. */
    public record Surroundings(Executor blocking, Time time, Trouble trouble) {}

    /**
     * What evaluations share.
     *
     * @param sink    to the channels
     * @param permits for one evaluation each
     * @param readers the same, of readers: one at a time
     * @param bytes   of rows that are kept
     * @param reads   how often queries were evaluated
     */
    record Shared(
            ChangeFeed feed,
            QuerySource source,
            Sink sink,
            Surroundings surroundings,
            Semaphore permits,
            List<Semaphore> readers,
            AtomicLong bytes,
            AtomicLong reads) {
        Semaphore ofReader(ClaimsGroup reader) {
            return readers.get(Math.floorMod(reader.hashCode(), readers.size()));
        }
    }

    private @Nullable Shared shared; // guarded by this

    /** @param sink of the sockets */
    public Evaluations(Sink sink, Surroundings surroundings) {
        this.sink = sink;
        this.surroundings = surroundings;
    }

    /** From now on queries can be kept. */
    public synchronized void begin(ChangeFeed feed, QuerySource source) {
        List<Semaphore> readers =
                Stream.generate(() -> new Semaphore(1, true)).limit(READERS).toList();
        shared = new Shared(feed, source, sink, surroundings, new Semaphore(AT_A_TIME, true), readers, bytes, reads);
    }

    /** How many there are. */
    public synchronized int size() {
        return byQuery.size();
    }

    /** How often one was evaluated. */
    public long reads() {
        return reads.get();
    }

    /** What the rows that are kept take, by estimate. */
    public long bytes() {
        return bytes.get();
    }

    @Override
    public synchronized void open(ChannelRef channel, Claims claims, LiveQuery query, Listener listener) {
        close(channel);
        if (shared == null) {
            sink.execute(
                    channel.connection().loop(),
                    () -> listener.refused("this server has no data API, which answers queries"));
            return;
        }
        var key = new Key(query.atOnce(), claims.group());
        Shared present = shared;
        Evaluation evaluation = byQuery.computeIfAbsent(key, _ -> new Evaluation(this, key, present, claims));
        if (!evaluation.join(channel, query.rest(), listener)) { // it is over for those who were there
            evaluation = new Evaluation(this, key, present, claims);
            byQuery.put(key, evaluation);
            evaluation.join(channel, query.rest(), listener);
        }
        byMember.put(channel, evaluation);
    }

    @Override
    public synchronized void close(ChannelRef channel) {
        Evaluation evaluation = byMember.remove(channel);
        if (evaluation != null && evaluation.leave(channel)) {
            remove(evaluation, Set.of());
        }
    }

    /** It is over, also for these who were there. */
    synchronized void remove(Evaluation evaluation, Set<ChannelRef> members) {
        byQuery.remove(evaluation.key(), evaluation);
        members.forEach(channel -> byMember.remove(channel, evaluation));
        evaluation.end();
    }

    /** A channel of the evaluation's own. */
    ChannelRef register(Evaluation evaluation) {
        long epoch = epochs.incrementAndGet();
        var ref = new ChannelRef(new ConnectionId(LOOP, epoch), epoch, "realtime:live", WireVersion.V2);
        byFeed.put(ref, evaluation);
        return ref;
    }

    void unregister(ChannelRef ref) {
        byFeed.remove(ref);
    }

    /** The sockets' sink, with the loop of evaluations beside theirs. */
    public Sink around() {
        return new Sink() {
            @Override
            public void deliver(int loop, Supplier<List<Recipients>> recipients) {
                if (loop == LOOP) {
                    recipients.get().forEach(Evaluations.this::heard);
                } else {
                    sink.deliver(loop, recipients);
                }
            }

            @Override
            public void cast(int loop, int size, Supplier<List<Recipients>> recipients) {
                sink.cast(loop, size, recipients);
            }

            @Override
            public boolean isBehind(ChannelRef channel) {
                return channel.connection().loop() != LOOP && sink.isBehind(channel);
            }

            @Override
            public void execute(int loop, Runnable task) {
                if (loop == LOOP) {
                    task.run();
                } else {
                    sink.execute(loop, task);
                }
            }
        };
    }

    private void heard(Recipients recipients) {
        for (ChannelRef channel : recipients.channels()) {
            Optional.ofNullable(byFeed.get(channel)).ifPresent(evaluation -> {
                switch (recipients) {
                    case Recipients.Send _ -> evaluation.changed();
                    case Recipients.Refetch _ -> evaluation.beginAgain();
                    case Recipients.Cast _ -> {}
                }
            });
        }
        if (recipients instanceof Recipients.Send send) {
            send.receipt().handed(surroundings.time().instant(), List.of());
        }
    }
}

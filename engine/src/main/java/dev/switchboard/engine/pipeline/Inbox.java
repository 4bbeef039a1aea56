package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Candidate;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.TableSelector;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * What the pipeline thread has to do, in order: batches of the WAL thread between commands of event loops. Batches are
 * bounded by bytes, {@link #LIMIT_BYTES}: the WAL thread asks {@link #hasRoom} before it reads on, and PostgreSQL keeps
 * the rest. Commands are bounded by the channels there are. Guarded by {@code lock}.
 */
final class Inbox {
    /** The bytes of changes that may wait here. */
    static final long LIMIT_BYTES = 8 << 20;

    /** The changes that are handled in one round. */
    static final int ROUND_CHANGES = 512;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition filled = lock.newCondition();
    private final ArrayDeque<Item> items = new ArrayDeque<>();
    private long waitingBytes;
    private boolean closed;

    sealed interface Item {
        record Changes(Batch batch) implements Item {}

        /**
         * @param fence what it has seen is not for the channel; empty for one that goes on under other claims
         * @param live  runs on the pipeline thread once the subscriptions are in the index
         * @param notices of one that wants to be told what came after the fence and before that
         * @param wish    of one that wants to know when other rows may be in its sight
         */
        record Open(
                ChannelRef channel,
                List<Subscription> subscriptions,
                Optional<ChannelRef> replaces,
                Optional<Fence> fence,
                Runnable live,
                Optional<Consumer<ChangeFeed.Notice>> notices,
                Optional<Sights.Wish> wish)
                implements Item {
            /** Of one that wants to know of changes alone. */
            Open(
                    ChannelRef channel,
                    List<Subscription> subscriptions,
                    Optional<ChannelRef> replaces,
                    Optional<Fence> fence,
                    Runnable live) {
                this(channel, subscriptions, replaces, fence, live, Optional.empty(), Optional.empty());
            }
        }

        record Close(ChannelRef channel) implements Item {}

        /** Tables that are not there any more, or not published, for those who subscribe to them by name. */
        record RefetchTables(ErrorCode code, Set<TableSelector.One> tables) implements Item {}

        /** A stream begins, which brings the changes of these publications; the first is the one that can be subscribed to. */
        record Carried(List<String> publications) implements Item {}

        /**
         * What was put aside.
         *
         * @param decision empty where it could not be decided in time
         */
        record Decided(List<Candidate> candidates, Optional<Decision> decision) implements Item {
            public Decided {
                candidates = List.copyOf(candidates);
            }
        }

        /** Grants, policies or roles are others that rows of these tables are seen by. */
        record Resighted(SubscriptionCatalog.Resighted found) implements Item {}

        /** These channels have been told what they had missed. */
        record CaughtUp(List<CatchUp.Missing> channels) implements Item {}

        /** They cannot be. */
        record NotCaughtUp(List<ChannelRef> channels, ErrorCode code) implements Item {}

        /** The first stream begins, or one after a gap; see {@link History#begin}. */
        record Begin(Position since, String origin, long mostWal) implements Item {}

        /** Every subscriber missed something. */
        record RefetchAll(ErrorCode code) implements Item {}
    }

    void put(Item item) {
        lock.lock();
        try {
            items.add(item);
            waitingBytes += bytes(item);
            filled.signal();
        } finally {
            lock.unlock();
        }
    }

    boolean hasRoom() {
        lock.lock();
        try {
            return waitingBytes < LIMIT_BYTES;
        } finally {
            lock.unlock();
        }
    }

    /** Waits for the next items, a round at most; empty once closed, and where none came within that time. */
    List<Item> take(Duration patience) throws InterruptedException {
        lock.lock();
        try {
            long left = patience.toNanos();
            while (items.isEmpty() && !closed && left > 0) {
                left = filled.awaitNanos(left);
            }
            var taken = new ArrayList<Item>();
            int changes = 0;
            while (!closed && !items.isEmpty() && changes < ROUND_CHANGES) {
                Item item = items.remove();
                waitingBytes -= bytes(item);
                changes += item instanceof Item.Changes(var batch)
                        ? batch.changes().size()
                        : 0;
                taken.add(item);
            }
            return taken;
        } finally {
            lock.unlock();
        }
    }

    void close() {
        lock.lock();
        try {
            closed = true;
            filled.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private static long bytes(Item item) {
        return item instanceof Item.Changes(var batch) ? batch.bytes() : 0;
    }
}

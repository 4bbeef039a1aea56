package dev.switchboard.live;

import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.channel.LiveQueries;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.LiveQuery;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One query of one reader: read whenever something has changed that it may hang on, and told to each of its channels as what makes its
 * list the new one. Exact by that: PostgreSQL alone says what the answer is. A burst of changes is one reading after another, with
 * pauses as long as they take; a channel whose connection is behind is told once it is not any more, then all at once. Thread-safe.
 */
final class Evaluation {
    /** How often it is read where nobody can tell when. */
    private static final Duration UNTOLD = Duration.ofSeconds(5);

    private static final Duration RESUBSCRIBE = Duration.ofMillis(100);
    private static final Duration AGAIN = Duration.ofSeconds(1);
    private static final Duration BEHIND = Duration.ofMillis(50);
    /** So often the pause after a failure becomes twice as long: a minute at most. */
    private static final int DOUBLINGS = 6;

    private static final Duration SHORTEST = Duration.ofMillis(1);

    private final Evaluations all;
    private final Evaluations.Key key;
    private final Evaluations.Shared shared;
    private final LiveQuery query;
    private final Claims claims;

    private final Map<ChannelRef, Follower> members = new HashMap<>();
    private volatile Generation answer = Generation.NONE; // written under this
    private long bytes;
    /** Readings that have begun. */
    private long begun;
    /** The one whose rows these are; 0: none. */
    private long shown;

    private Optional<ChannelRef> feed = Optional.empty();
    private boolean told = true;
    private boolean live;
    private boolean dirty;
    private boolean working;
    private boolean stale;
    /** Whether it will be read in a while, whatever is told of it. */
    private boolean timed;

    /** Whether policies may hide rows from its reader. */
    private volatile boolean hiding;

    private boolean ended;
    /** In a row; of the thread that reads. */
    private int failures;

    Evaluation(Evaluations all, Evaluations.Key key, Evaluations.Shared shared, Claims claims) {
        this.all = all;
        this.key = key;
        this.shared = shared;
        query = key.query();
        this.claims = claims;
    }

    Evaluations.Key key() {
        return key;
    }

    /** @return whether it is not over */
    boolean join(ChannelRef channel, Duration rest, LiveQueries.Listener listener) {
        boolean first;
        synchronized (this) {
            if (ended) {
                return false;
            }
            first = members.isEmpty() && begun == 0;
            members.put(channel, new Follower(listener, rest, begun));
            dirty = true;
        }
        if (first) {
            begin();
        } else {
            work();
        }
        return true;
    }

    /** @return whether nobody is left */
    synchronized boolean leave(ChannelRef channel) {
        members.remove(channel);
        return members.isEmpty();
    }

    void end() {
        Optional<ChannelRef> former;
        synchronized (this) {
            ended = true;
            former = feed;
            feed = Optional.empty();
            shared.bytes().addAndGet(-bytes);
            bytes = 0;
            answer = Generation.NONE;
        }
        former.ifPresent(this::close);
    }

    private void close(ChannelRef former) {
        all.unregister(former);
        shared.feed().close(former);
    }

    /** A subscription has ended, and something may have been missed. Not all at the same moment. */
    void beginAgain() {
        synchronized (this) {
            live = false;
            dirty = true;
        }
        double part = 0.5 + shared.surroundings().time().random() / 2;
        later(Duration.ofNanos((long) (RESUBSCRIBE.toNanos() * part)), this::begin);
    }

    /** Subscribes to what it hangs on. */
    private void begin() {
        synchronized (this) {
            live = false;
            dirty = true;
        }
        shared.surroundings().blocking().execute(this::subscribe);
    }

    private void subscribe() {
        List<Binding> changes;
        try {
            changes = shared.source().changes(query, claims.group());
        } catch (QuerySource.RefusedException refused) {
            refuse(String.valueOf(refused.getMessage()));
            return;
        } catch (QuerySource.UnavailableException | RuntimeException unavailable) {
            trouble(unavailable);
            later(AGAIN, this::begin);
            return;
        }
        ChannelRef ref = all.register(this);
        Optional<ChannelRef> former;
        synchronized (this) {
            if (ended) {
                all.unregister(ref);
                return;
            }
            former = feed;
            feed = Optional.of(ref);
        }
        former.ifPresent(this::close);
        List<ChangeFeed.Wanted> wanted = changes.stream()
                .map(binding -> new ChangeFeed.Wanted(binding, binding.id()))
                .toList();
        shared.feed()
                .open(
                        new ChangeFeed.Request(ref, claims, wanted, Optional.empty(), ClientMessage.Positions.NONE),
                        answer -> opened(ref, answer),
                        _ -> changed());
    }

    private void opened(ChannelRef ref, ChangeFeed.Answer answer) {
        switch (answer) {
            case ChangeFeed.Answer.Unavailable _ -> later(AGAIN, this::begin);
            case ChangeFeed.Answer.Live opened
            when !opened.refusals().isEmpty() ->
                refuse(String.join(
                        "; ",
                        opened.refusals().stream()
                                .map(ChangeFeed.Refusal::message)
                                .toList()));
            case ChangeFeed.Answer.Live opened -> {
                synchronized (this) {
                    if (ended || !feed.equals(Optional.of(ref))) {
                        close(ref);
                        return;
                    }
                    live = true;
                    dirty = true;
                    told = opened.told();
                    hiding = opened.hiding();
                }
                work();
            }
        }
    }

    /** Something that it may hang on has changed, and can be seen. */
    void changed() {
        synchronized (this) {
            dirty = true;
        }
        work();
    }

    private void polled() {
        synchronized (this) {
            timed = false;
        }
        changed();
    }

    private void work() {
        synchronized (this) {
            if (working || ended || !live) {
                return;
            }
            working = true;
        }
        shared.surroundings().blocking().execute(this::run);
    }

    private void run() {
        try {
            Optional<Duration> pause = Optional.of(Duration.ZERO);
            while (pause.isPresent()) {
                shared.surroundings().time().pause(pause.get());
                pause = step();
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error fault) {
            trouble(fault);
            synchronized (this) {
                working = false;
            }
            later(AGAIN, this::changed);
        }
    }

    /** @return after what time there may be more to do; empty where there is nothing */
    private Optional<Duration> step() throws InterruptedException {
        boolean reads;
        synchronized (this) {
            if (ended || (!dirty && members.values().stream().noneMatch(this::lags))) {
                working = false;
                if (!ended && !told && !timed) {
                    timed = true;
                    later(UNTOLD, this::polled);
                }
                return Optional.empty();
            }
            reads = dirty;
        }
        Duration pause = reads ? read() : someoneWaits() ? BEHIND : SHORTEST;
        tell();
        return Optional.of(pause);
    }

    /** Whether somebody could not be told what there was, and is asked about again. */
    private synchronized boolean someoneWaits() {
        return members.values().stream().anyMatch(Follower::waits);
    }

    /** Whether there is something to tell it, now or once its connection is not behind. */
    private boolean lags(Follower member) {
        return member.behind
                || (!member.underWay && shown > member.since && (hasOthers(member) || member.knowsStale != stale));
    }

    /** Whether it is to be told of other rows: while it rests, only where some came, went or moved. */
    @SuppressWarnings("ReferenceEquality") // the same list until another one was read
    private boolean hasOthers(Follower member) {
        return member.has != answer && !(member.resting && member.has != null && member.has.shape() == answer.shape());
    }

    /** @return how long to leave PostgreSQL to others */
    private Duration read() throws InterruptedException {
        Semaphore own = shared.ofReader(claims.group()); // who asks for much waits for himself
        own.acquire();
        try {
            return readInTurn();
        } finally {
            own.release();
        }
    }

    private Duration readInTurn() throws InterruptedException {
        shared.permits().acquire();
        Instant start = shared.surroundings().time().instant();
        try {
            long reading;
            synchronized (this) {
                dirty = false;
                reading = ++begun;
            }
            shared.reads().incrementAndGet();
            take(reading, shared.source().read(query, claims.group()));
        } catch (QuerySource.RefusedException refused) {
            refuse(String.valueOf(refused.getMessage()));
        } catch (QuerySource.UnavailableException unavailable) {
            trouble(unavailable);
            synchronized (this) {
                dirty = true;
                stale = true;
            }
            failures++;
            return longer(took(start), AGAIN.multipliedBy(1L << Math.min(failures - 1, DOUBLINGS)));
        } finally {
            shared.permits().release();
        }
        failures = 0;
        return longer(took(start), SHORTEST);
    }

    private Duration took(Instant start) {
        return Duration.between(start, shared.surroundings().time().instant());
    }

    private static Duration longer(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? other : one;
    }

    private void take(long reading, List<KeptRow> read) {
        Generation next = answer.next(read); // only readings change it, and there is one at a time
        long size = next.bytes();
        synchronized (this) {
            if (ended) {
                return;
            }
            if (shared.bytes().addAndGet(size - bytes) > Evaluations.MOST_BYTES && size > bytes) {
                shared.bytes().addAndGet(bytes - size);
                fail(ErrorCode.MEMORY_LIMIT);
                return;
            }
            bytes = size;
            shown = reading;
            stale = false;
            answer = next;
            Follower.wakeWhereManyDiffer(members.values());
        }
    }

    /**
     * Something to tell.
     *
     * @param has what the member has been told
     */
    private record Tale(
            ChannelRef channel, Follower member, @Nullable Generation has) {}

    /** Each that has other rows than these, or believes them to be of now; the differences are made while nobody waits for them. */
    private void tell() {
        var tales = new ArrayList<Tale>();
        Generation target;
        String marks;
        boolean marked;
        synchronized (this) {
            target = answer;
            marked = stale;
            marks = ",\"stale\":" + stale + ",\"polled\":" + !told + "}";
            members.forEach((channel, member) -> {
                if (lags(member)) {
                    member.underWay = !member.behind;
                    rest(channel, member);
                    tales.add(new Tale(channel, member, member.has));
                }
            });
        }
        var same = new IdentityHashMap<Generation, String>();
        for (Tale tale : tales) {
            if (tale.member().behind) {
                ask(tale);
            } else {
                Generation has = tale.has();
                String operations = has == null
                        ? RowOperations.reset(target.rows())
                        : same.computeIfAbsent(has, former -> RowOperations.between(former.rows(), target.rows()));
                tell(tale, "{\"ops\":" + operations + marks, target, marked);
            }
        }
    }

    /** What it is told now it is not told more of for a while. */
    private void rest(ChannelRef channel, Follower member) {
        if (!member.rest.isZero() && !member.resting && !member.behind) {
            member.resting = true;
            later(member.rest, () -> rested(channel));
        }
    }

    /** Found by its channel: one that has left is not held on to. */
    private void rested(ChannelRef channel) {
        boolean more;
        synchronized (this) {
            Follower member = members.get(channel);
            if (member != null) {
                member.resting = false;
            }
            more = member != null && lags(member);
        }
        if (more) {
            work();
        }
    }

    /** Whether its connection is behind still. */
    private void ask(Tale tale) {
        shared.sink().execute(tale.channel().connection().loop(), () -> {
            if (!shared.sink().isBehind(tale.channel())) {
                synchronized (this) {
                    tale.member().behind = false;
                }
                work();
            }
        });
    }

    private void tell(Tale tale, String payload, Generation target, boolean marked) {
        shared.sink().execute(tale.channel().connection().loop(), () -> {
            boolean behind = false;
            boolean said = false;
            try {
                behind = shared.sink().isBehind(tale.channel());
                said = !behind && tale.member().listener.says(payload, hiding);
            } finally {
                said(tale.member(), said ? Optional.of(target) : Optional.empty(), marked, behind);
            }
        });
    }

    /**
     * Its loop has had its turn.
     *
     * @param has what it has now; empty where it was told nothing, so that it has to be told all
     */
    private void said(Follower member, Optional<Generation> has, boolean knowsStale, boolean behind) {
        boolean more;
        synchronized (this) {
            member.underWay = false;
            member.has = has.orElse(null);
            member.knowsStale = knowsStale;
            member.behind = behind;
            more = lags(member);
        }
        if (more) {
            work();
        }
    }

    private void refuse(String why) {
        everyone(listener -> listener.refused(why));
    }

    private void fail(ErrorCode code) {
        everyone(listener -> listener.failed(code));
    }

    /** It is over for all of them. */
    private void everyone(Consumer<LiveQueries.Listener> what) {
        Map<ChannelRef, Follower> last;
        synchronized (this) {
            last = Map.copyOf(members);
            members.clear();
            ended = true;
            answer = Generation.NONE;
        }
        last.forEach((channel, member) ->
                shared.sink().execute(channel.connection().loop(), () -> what.accept(member.listener)));
        shared.surroundings().blocking().execute(() -> all.remove(this, last.keySet()));
    }

    private void later(Duration pause, Runnable what) {
        shared.surroundings().blocking().execute(() -> {
            try {
                shared.surroundings().time().pause(pause);
            } catch (InterruptedException closing) {
                Thread.currentThread().interrupt();
                return;
            }
            synchronized (this) {
                if (ended) {
                    return;
                }
            }
            what.run();
        });
    }

    private void trouble(Throwable failed) {
        shared.surroundings().trouble().report("a live query cannot be read now; trying again", failed);
    }
}

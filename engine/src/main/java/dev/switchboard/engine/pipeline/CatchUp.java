package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.Candidate;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.authorize.Grant;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.encode.ChangeEncoder;
import dev.switchboard.engine.encode.TypeCatalog;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.route.Routed;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.SubscriptionIndex;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Tells channels that come back what they missed, from the history, on a thread of its own, so that nobody else waits for it. All that come at
 * about the same time are told in one pass: it costs what was kept, and what each of them gets. Whether they may see a change is decided
 * for now. What comes meanwhile waits in {@link Held}. Fed by the pipeline thread.
 */
final class CatchUp implements AutoCloseable {
    private static final String THREAD = "switchboard-catch-up";

    /** Changes that are decided together. */
    private static final int PART = 64;

    /** When connections that are behind are looked at again, and for how long they are without getting on. */
    private static final Duration AGAIN = Duration.ofMillis(20);

    private static final Duration LONGEST_BEHIND = Duration.ofSeconds(10);

    private final History history;
    private final RowAccess rows;
    private final Authorizer authorizer;
    private final TypeCatalog types;
    private final Sink sink;
    private final Progress progress;
    private final Inbox inbox;
    private final Router.Retries retries;
    private final BlockingQueue<Missing> waiting = new LinkedBlockingQueue<>();
    /** Those that are here, but for what has been {@link #forget forgotten}. */
    private final Set<ChannelRef> wanted = ConcurrentHashMap.newKeySet();

    private final AtomicReference<Optional<List<String>>> carried = new AtomicReference<>(Optional.empty());
    private @Nullable Thread thread;

    /**
     * A channel with what it misses.
     *
     * @param until  the last change that it misses; what follows it will have come otherwise
     * @param behind since when its connection has been behind
     */
    record Missing(
            ChannelRef channel,
            List<Subscription> subscriptions,
            Fence fence,
            Position until,
            Consumer<ChangeFeed.Notice> notices,
            Optional<Instant> behind) {
        Missing {
            subscriptions = List.copyOf(subscriptions);
        }

        /** Of one that has come back just now. */
        static Missing of(Inbox.Item.Open open, Fence fence, Position until, Consumer<ChangeFeed.Notice> notices) {
            return new Missing(open.channel(), open.subscriptions(), fence, until, notices, Optional.empty());
        }

        /** It has been told everything up to there, and its connection is behind. */
        Missing later(Position told, Instant now) {
            boolean moved = told.compareTo(fence.from()) > 0;
            return new Missing(
                    channel,
                    subscriptions,
                    moved ? fence.after(told) : fence,
                    until,
                    notices,
                    moved ? Optional.of(now) : behind.or(() -> Optional.of(now)));
        }
    }

    CatchUp(
            History history,
            RowAccess rows,
            TypeCatalog types,
            Router.Outcome outcome,
            Inbox inbox,
            Router.Retries retries) {
        this.history = history;
        this.rows = rows;
        authorizer = new Authorizer(rows);
        this.types = types;
        sink = outcome.sink();
        progress = outcome.progress();
        this.inbox = inbox;
        this.retries = retries;
    }

    /** The answer is {@link Inbox.Item.CaughtUp}, or {@link Inbox.Item.NotCaughtUp}. */
    void add(Missing missing) {
        wanted.add(missing.channel());
        waiting.add(missing);
        if (thread == null) {
            thread = Thread.ofPlatform().name(THREAD).daemon().start(this::run);
        }
    }

    /** The channel is gone; nothing is told to it any more. */
    void forget(ChannelRef channel) {
        wanted.remove(channel);
    }

    /** See {@link RowAccess#carried}. */
    void carried(List<String> publications) {
        carried.set(Optional.of(List.copyOf(publications)));
    }

    /** Ends the thread. */
    @Override
    public void close() {
        if (thread != null) {
            thread.interrupt(); // what PostgreSQL is asked has its own end
        } else {
            rows.close();
        }
    }

    private void run() {
        try {
            List<Missing> later = List.of();
            while (!progress.isClosing()) {
                var together = new ArrayList<>(later);
                if (later.isEmpty()) {
                    together.add(waiting.take());
                } else {
                    retries.time().pause(AGAIN);
                }
                waiting.drainTo(together);
                later = new Pass(together).run();
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        } finally {
            rows.close();
        }
    }

    /** One way through the history, for all who have come by then. */
    private final class Pass {
        private final SubscriptionIndex index = new SubscriptionIndex();
        private final Map<ChannelRef, Missing> open = new HashMap<>();
        /** Whom the last part was for, and who was behind before: their connections may be. */
        private final Set<ChannelRef> told = new LinkedHashSet<>();

        private final List<Missing> later = new ArrayList<>();

        Pass(List<Missing> together) {
            for (Missing missing : together) {
                open.put(missing.channel(), missing);
                index.add(
                        missing.channel(),
                        missing.subscriptions(),
                        missing.fence().start());
                if (missing.behind().isPresent()) {
                    told.add(missing.channel());
                }
            }
        }

        /** @return those that go on later, since their connections are behind */
        List<Missing> run() throws InterruptedException {
            try {
                Position at = Position.START;
                while (!progress.isClosing()) {
                    leaveOut(at);
                    putOff(at);
                    Optional<Position> next = open.values().stream()
                            .map(missing -> missing.fence().from())
                            .min(Position::compareTo);
                    if (next.isEmpty()) {
                        break;
                    }
                    at = tellFrom(max(next.get(), at));
                }
            } catch (RuntimeException | Error fault) {
                retries.trouble()
                        .report("channels that came back could not be told what they missed; they refetch", fault);
                fail(ErrorCode.INTERNAL, open.keySet());
            }
            return later;
        }

        /** Those that are gone, and those of what is not kept any more. */
        private void leaveOut(Position at) {
            List.copyOf(open.keySet()).stream()
                    .filter(channel -> !wanted.contains(channel))
                    .forEach(this::close);
            fail(
                    ErrorCode.RESUME_EXPIRED,
                    open.values().stream()
                            .filter(missing ->
                                    !history.reaches(max(missing.fence().from(), at)))
                            .map(Missing::channel)
                            .toList());
        }

        private static Position max(Position one, Position other) {
            return one.compareTo(other) > 0 ? one : other;
        }

        /** @return up to where they have been told now */
        private Position tellFrom(Position at) throws InterruptedException {
            Optional<List<Batch>> part = history.after(at, PART);
            if (part.isEmpty()) {
                return at; // forgotten just now: whom that concerns fails
            }
            if (part.get().isEmpty()) { // it was there as they came
                fail(ErrorCode.RESUME_EXPIRED, open.keySet());
                return at;
            }
            told.clear();
            tell(part.get());
            Position reached = last(part.get().getLast());
            finish(reached);
            return reached;
        }

        /** Those whose connections are behind: nobody waits for them, and they go on a little later. */
        private void putOff(Position at) throws InterruptedException {
            Instant now = retries.time().instant();
            for (ChannelRef channel : behind()) {
                Missing missing = open.get(channel);
                if (missing == null) {
                    continue;
                }
                Missing rest = missing.later(at, now);
                if (rest.behind()
                        .filter(since -> since.plus(LONGEST_BEHIND).isBefore(now))
                        .isPresent()) {
                    fail(ErrorCode.RESUME_EXPIRED, List.of(channel));
                } else {
                    open.remove(channel);
                    index.remove(channel);
                    later.add(rest);
                }
            }
        }

        /** Asked on their loops, after all that has been handed to them. */
        private Set<ChannelRef> behind() throws InterruptedException {
            var byLoop = new HashMap<Integer, List<ChannelRef>>();
            for (ChannelRef channel : told) {
                byLoop.computeIfAbsent(channel.connection().loop(), _ -> new ArrayList<>())
                        .add(channel);
            }
            var asked = new ArrayList<CompletableFuture<List<ChannelRef>>>();
            byLoop.forEach((loop, channels) -> {
                var answer = new CompletableFuture<List<ChannelRef>>();
                sink.execute(
                        loop,
                        () -> answer.complete(
                                channels.stream().filter(sink::isBehind).toList()));
                asked.add(answer);
            });
            var behind = new LinkedHashSet<ChannelRef>();
            for (CompletableFuture<List<ChannelRef>> answer : asked) {
                try {
                    behind.addAll(answer.get(LONGEST_BEHIND.toMillis(), TimeUnit.MILLISECONDS));
                } catch (ExecutionException | TimeoutException stuck) {
                    behind.addAll(told); // of that loop at least
                }
            }
            return behind;
        }

        /** These have been told all that they missed. */
        private void finish(Position at) {
            List<Missing> done = open.values().stream()
                    .filter(missing -> missing.until().compareTo(at) <= 0)
                    .toList();
            if (!done.isEmpty()) {
                done.forEach(missing -> close(missing.channel()));
                inbox.put(new Inbox.Item.CaughtUp(done));
            }
        }

        private void fail(ErrorCode code, Collection<ChannelRef> channels) {
            List<ChannelRef> failed =
                    channels.stream().filter(open::containsKey).toList();
            if (!failed.isEmpty()) {
                failed.forEach(this::close);
                inbox.put(new Inbox.Item.NotCaughtUp(failed, code));
            }
        }

        private void close(ChannelRef channel) {
            open.remove(channel);
            index.remove(channel);
            wanted.remove(channel);
        }

        private void tell(List<Batch> part) throws InterruptedException {
            List<Candidate> candidates = candidates(part);
            if (!candidates.isEmpty()) {
                decide(candidates).ifPresent(decided -> deliver(candidates, decided));
            }
        }

        /** @param encoders of the candidates, in order; of a TRUNCATE none */
        private record Decided(Decision decision, List<Optional<ChangeEncoder>> encoders) {}

        private List<Candidate> candidates(List<Batch> part) {
            var candidates = new ArrayList<Candidate>();
            for (Batch batch : part) {

                index.reached(batch.transaction());
                long number = batch.firstIndex();
                for (Change change : batch.changes()) {
                    fail(ErrorCode.SCHEMA_CHANGED, index.outdated(batch.transaction(), number, change.relation()));
                    if (!MessageTable.is(change)) {
                        var position = new Position(batch.transaction().finalLsn(), number);
                        Routed routed = missed(index.route(batch.transaction(), number, change), position);
                        if (!routed.isEmpty()) {
                            candidates.add(new Candidate(batch.transaction(), number, change, routed));
                        }
                    }
                    number++;
                }
            }
            return candidates;
        }

        private static Position last(Batch batch) {
            return new Position(
                    batch.transaction().finalLsn(),
                    batch.firstIndex() + batch.changes().size() - 1);
        }

        /** Without those to whom it will have come otherwise. */
        private Routed missed(Routed routed, Position position) {
            return routed.of(channel -> Optional.ofNullable(open.get(channel))
                    .filter(missing -> missing.until().compareTo(position) >= 0)
                    .isPresent());
        }

        /** Empty where it cannot be said, for as long as that is worth waiting for; whom it concerns is told to refetch then. */
        private Optional<Decided> decide(List<Candidate> candidates) throws InterruptedException {
            var backoff = new Backoff(Duration.ofMillis(10), Duration.ofSeconds(1));
            Optional<Instant> deadline = Optional.empty();
            while (true) {
                try {
                    carried.getAndSet(Optional.empty()).ifPresent(authorizer::carried);
                    Decision decision = authorizer.decide(candidates);
                    var encoders = new ArrayList<Optional<ChangeEncoder>>();
                    for (Candidate candidate : candidates) {
                        encoders.add(encoder(candidate));
                    }
                    return Optional.of(new Decided(decision, encoders));
                } catch (RowAccessUnavailableException | TypeCatalog.TypeCatalogUnavailableException unavailable) {
                    retries.trouble().report("rows cannot be authorised now; trying again", unavailable);
                    Instant now = retries.time().instant();
                    Instant giveUp = deadline.orElse(now.plus(retries.patience()));
                    deadline = Optional.of(giveUp);
                    if (now.isAfter(giveUp)) {
                        fail(ErrorCode.AUTHORIZATION_TIMEOUT, concerned(candidates));
                        return Optional.empty();
                    }
                    retries.time().pause(backoff.next(retries.time().random()));
                }
            }
        }

        private static Set<ChannelRef> concerned(List<Candidate> candidates) {
            var channels = new LinkedHashSet<ChannelRef>();
            candidates.forEach(candidate -> channels.addAll(Outlet.channels(candidate.subscriptions())));
            return channels;
        }

        private void deliver(List<Candidate> candidates, Decided decided) {
            Decision decision = decided.decision();
            var delivery = new Delivery(true);
            var truncated = new HashSet<ChannelRef>();
            for (int i = 0; i < candidates.size(); i++) {
                Candidate candidate = candidates.get(i);
                Decision.Verdict verdict = decision.verdicts().get(i);
                progress.countDenied(verdict.denials().size());
                List<Grant> grants = verdict.grants().stream()
                        .filter(grant -> open.containsKey(grant.subscription().channel()))
                        .toList();
                told.addAll(
                        Outlet.channels(grants.stream().map(Grant::subscription).toList()));
                if (candidate.change() instanceof Change.Truncate) {
                    truncated.addAll(Outlet.channels(
                            grants.stream().map(Grant::subscription).toList()));
                } else if (!grants.isEmpty()) {
                    delivery.add(decided.encoders().get(i).orElseThrow(), candidate, grants);
                }
            }
            progress.countReplayed(delivery.handOver(sink));
            fail(ErrorCode.TABLE_TRUNCATED, truncated);
            fail(ErrorCode.COLUMN_TYPE, delivery.unsendable());
            fail(ErrorCode.SCHEMA_CHANGED, delivery.outdated());
            fail(ErrorCode.FILTER_FAILED, decision.failed());
        }

        private Optional<ChangeEncoder> encoder(Candidate candidate)
                throws TypeCatalog.TypeCatalogUnavailableException {
            Change change = candidate.change();
            return change instanceof Change.Truncate
                    ? Optional.empty()
                    : Optional.of(new ChangeEncoder(
                            candidate.transaction(), candidate.index(), change, ChangeEncoder.types(change, types)));
        }
    }
}

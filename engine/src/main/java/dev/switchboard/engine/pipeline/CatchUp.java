package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.Candidate;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.authorize.Grant;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
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
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Tells channels that come back what they missed, from the history, on a thread of its own, so that nobody else waits for it. All that come at
 * about the same time are told in one pass: it costs what was kept, and what each of them gets. Whether they may see a change is decided
 * for now. What comes meanwhile waits in {@link Held}. Fed by the pipeline thread.
 */
final class CatchUp implements AutoCloseable {
    private static final String THREAD = "switchboard-catch-up";

    /** Changes that are decided together. */
    private static final int PART = 256;

    private final History history;
    private final RowAccess rows;
    private final Authorizer authorizer;
    private final TypeCatalog types;
    private final Sink sink;
    private final Progress progress;
    private final Inbox inbox;
    private final Router.Retries retries;
    private final BlockingQueue<Missing> waiting = new LinkedBlockingQueue<>();

    private volatile Optional<List<String>> carried = Optional.empty();
    private @Nullable Thread thread;

    /**
     * A channel with what it misses.
     *
     * @param until  the last change that it misses; what follows it will have come otherwise
     * @param caughtUp runs on the pipeline thread once it has been told
     */
    record Missing(
            ChannelRef channel, List<Subscription> subscriptions, Fence fence, Position until, Runnable caughtUp) {
        Missing {
            subscriptions = List.copyOf(subscriptions);
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
        waiting.add(missing);
        if (thread == null) {
            thread = Thread.ofPlatform().name(THREAD).daemon().start(this::run);
        }
    }

    /** See {@link RowAccess#carried}. */
    void carried(List<String> publications) {
        carried = Optional.of(List.copyOf(publications));
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
            while (!progress.isClosing()) {
                var together = new ArrayList<>(List.of(waiting.take()));
                waiting.drainTo(together);
                new Pass(together).run();
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

        Pass(List<Missing> together) {
            for (Missing missing : together) {
                open.put(missing.channel(), missing);
                index.add(
                        missing.channel(),
                        missing.subscriptions(),
                        missing.fence().start());
            }
        }

        void run() throws InterruptedException {
            try {
                Position at = open.values().stream()
                        .map(missing -> missing.fence().from())
                        .min(Position::compareTo)
                        .orElseThrow();
                while (!open.isEmpty() && !progress.isClosing()) {
                    Optional<List<Batch>> part = history.after(at, PART);
                    if (part.isEmpty() || part.get().isEmpty()) { // it was there as they came
                        fail(ErrorCode.RESUME_EXPIRED, open.keySet());
                    } else {
                        tell(part.get());
                        Batch last = part.get().getLast();
                        at = new Position(
                                last.transaction().finalLsn(),
                                last.firstIndex() + last.changes().size() - 1);
                        finish(at);
                    }
                }
            } catch (RuntimeException | Error fault) {
                retries.trouble()
                        .report("channels that came back could not be told what they missed; they refetch", fault);
                fail(ErrorCode.INTERNAL, open.keySet());
            }
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
        }

        private void tell(List<Batch> part) throws InterruptedException {
            List<Candidate> candidates = candidates(part);
            Optional<Decision> decision = candidates.isEmpty() ? Optional.empty() : decide(candidates);
            if (decision.isPresent()) {
                deliver(candidates, decision.get());
            }
        }

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

        /** Without those to whom it will have come otherwise. */
        private Routed missed(Routed routed, Position position) {
            return new Routed(missed(routed.certain(), position), missed(routed.undecided(), position));
        }

        private List<Subscription> missed(List<Subscription> subscriptions, Position position) {
            return subscriptions.stream()
                    .filter(one -> Optional.ofNullable(open.get(one.channel()))
                            .filter(missing -> missing.until().compareTo(position) >= 0)
                            .isPresent())
                    .toList();
        }

        /** Empty where it cannot be said, for as long as that is worth waiting for; whom it concerns is told to refetch then. */
        private Optional<Decision> decide(List<Candidate> candidates) throws InterruptedException {
            var backoff = new Backoff(Duration.ofMillis(10), Duration.ofSeconds(1));
            Optional<Instant> deadline = Optional.empty();
            while (true) {
                try {
                    carried.ifPresent(authorizer::carried);
                    carried = Optional.empty();
                    return Optional.of(authorizer.decide(candidates));
                } catch (RowAccessUnavailableException unavailable) {
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

        private void deliver(List<Candidate> candidates, Decision decision) {
            var delivery = new Delivery(true);
            var truncated = new HashSet<ChannelRef>();
            for (int i = 0; i < candidates.size(); i++) {
                Candidate candidate = candidates.get(i);
                List<Grant> grants = decision.verdicts().get(i).grants();
                if (candidate.change() instanceof Change.Truncate) {
                    truncated.addAll(Outlet.channels(
                            grants.stream().map(Grant::subscription).toList()));
                } else if (!grants.isEmpty()) {
                    try {
                        delivery.add(encoder(candidate), candidate, grants);
                    } catch (TypeCatalog.TypeCatalogUnavailableException unavailable) {
                        fail(ErrorCode.AUTHORIZATION_TIMEOUT, Outlet.channels(candidate.subscriptions()));
                    }
                }
            }
            progress.countReplayed(delivery.handOver(sink));
            fail(ErrorCode.TABLE_TRUNCATED, truncated);
            fail(ErrorCode.COLUMN_TYPE, delivery.unsendable());
            fail(ErrorCode.SCHEMA_CHANGED, delivery.outdated());
            fail(ErrorCode.FILTER_FAILED, decision.failed());
        }

        private ChangeEncoder encoder(Candidate candidate) throws TypeCatalog.TypeCatalogUnavailableException {
            return new ChangeEncoder(
                    candidate.transaction(),
                    candidate.index(),
                    candidate.change(),
                    ChangeEncoder.types(candidate.change(), types));
        }
    }
}

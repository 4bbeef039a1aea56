package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.Candidate;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.encode.ChangeEncoder;
import dev.switchboard.engine.encode.TypeCatalog;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Room;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.route.SubscriptionIndex;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * The body of the pipeline thread: route, authorize, encode, deliver, round by round. A round is what waits in the
 * inbox between two commands, so its questions to PostgreSQL are asked together. A channel that opens between the commit
 * of a change and its round does not get it, as it was there before; channels that close may still have frames under way, which their connection
 * refuses.
 */
final class Router implements Runnable {
    /** How often the thread says that it lives while nothing comes. */
    private static final Duration BEAT = Duration.ofSeconds(1);

    private final Inbox inbox;
    private final History history;
    private final CatchUp catchUp;
    private final Authorizer authorizer;
    private final Lanes lanes;
    private final Sights sights;
    private final Outlet outlet;
    private final TypeCatalog types;
    private final RoomPolicies roomPolicies;
    private final Progress progress;
    private final Time time;
    private final Trouble trouble;
    private final Duration patience;
    private final SubscriptionIndex index = new SubscriptionIndex();
    private final Narrowings narrowings;
    private Optional<StartingPoint> began;

    private final BiConsumer<Room, BroadcastContent> rooms;
    /** How many of the round's messages have been said. */
    private int said;

    /**
     * How what cannot be answered now is tried again.
     *
     * @param patience how long, before the affected channels are told to refetch
     */
    record Retries(Time time, Trouble trouble, Duration patience) {}

    /** Who is told what comes out. */
    record Outcome(Sink sink, Progress progress, Journal journal, BiConsumer<Room, BroadcastContent> rooms) {}

    /**
     * What there was before.
     *
     * @param history is told all that comes
     * @param began   what had been committed as the server started, if that is known: nobody was in a room then
     */
    record Past(History history, Optional<StartingPoint> began) {}

    Router(
            Inbox inbox,
            Past past,
            RowAccess access,
            TypeCatalog types,
            RoomPolicies roomPolicies,
            Outcome outcome,
            Retries retries) {
        this.inbox = inbox;
        this.roomPolicies = roomPolicies;
        authorizer = new Authorizer(access);
        history = past.history();
        began = past.began();
        lanes = new Lanes(access, inbox, retries);
        catchUp = new CatchUp(history, access.aside(), types, outcome, inbox, retries);
        sights = new Sights(authorizer, history, outcome.progress());
        outlet = new Outlet(index, outcome, retries.time(), lanes, catchUp, sights);
        narrowings = new Narrowings(index, authorizer, outcome.progress(), sights);
        this.types = types;
        progress = outcome.progress();
        rooms = outcome.rooms();
        time = retries.time();
        trouble = retries.trouble();
        patience = retries.patience();
    }

    @Override
    public void run() {
        try {
            while (!progress.isClosing()) {
                beat();
                boolean idle = narrowings.foresight().isIdle();
                List<Inbox.Item> items = inbox.take(idle ? BEAT : Duration.ZERO);
                if (items.isEmpty() && !idle) {
                    foresee();
                } else {
                    handle(items);
                }
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        } finally {
            lanes.close();
            catchUp.close();
        }
    }

    private void beat() {
        progress.vitals().beat(Pipeline.PIPELINE_THREAD, time.instant());
    }

    private void foresee() {
        try {
            narrowings.foresee();
        } catch (RuntimeException fault) {
            trouble.report("what groups may see could not be found out beforehand", fault);
        }
    }

    private void handle(List<Inbox.Item> items) throws InterruptedException {
        var round = new ArrayList<Batch>();
        for (Inbox.Item item : items) {
            if (item instanceof Inbox.Item.Changes(var batch)) {
                round.add(batch);
            } else {
                flush(round);
                round.clear();
                obeySafely(item);
                progress.subscriptions(index.size());
            }
        }
        flush(round);
        try {
            tellOfRights();
        } catch (RuntimeException fault) {
            trouble.report("that rights have changed could not be told", fault);
            outlet.refetch(ErrorCode.INTERNAL, sights.giveUp());
        }
    }

    /**
     * Whoever waits still for something that came before begins anew. What cannot be seen yet is waited for, up to {@link #patience}: who
     * read before would believe to have seen it.
     */
    private void tellOfRights() throws InterruptedException {
        var backoff = new Backoff(Duration.ofMillis(10), Duration.ofSeconds(1));
        Optional<Instant> deadline = Optional.empty();
        while (!progress.isClosing()) {
            beat();
            try {
                outlet.refetch(ErrorCode.RIGHTS_CHANGED, sights.tell(outlet::waits));
                return;
            } catch (RowAccessUnavailableException unavailable) {
                progress.accessFails(unavailable);
                Instant giveUp = deadline.orElse(time.instant().plus(patience));
                deadline = Optional.of(giveUp);
                if (time.instant().isAfter(giveUp)) {
                    outlet.refetch(ErrorCode.RIGHTS_CHANGED, sights.giveUp());
                    return;
                }
                time.pause(backoff.next(time.random()));
            }
        }
    }

    /** A command that cannot be obeyed, by a fault of ours, ends nobody else's changes. */
    private void obeySafely(Inbox.Item command) {
        try {
            obey(command);
        } catch (RuntimeException fault) {
            trouble.report("a command of the pipeline failed", fault);
            if (command instanceof Inbox.Item.Open open) {
                outlet.refetch(ErrorCode.INTERNAL, Set.of(open.channel()));
            } else if (command instanceof Inbox.Item.Decided decided) {
                outlet.failed(decided);
            }
        }
    }

    private void obey(Inbox.Item command) {
        switch (command) {
            case Inbox.Item.Open open -> open(open);
            case Inbox.Item.Close(var channel) -> outlet.close(channel);
            case Inbox.Item.RefetchAll(var code) -> outlet.refetchAll(code);
            case Inbox.Item.Carried(var publications) -> {
                roomPolicies.carried(publications);
                authorizer.carried(publications);
                lanes.carried(publications);
                catchUp.carried(publications);
                narrowings.carried();
                outlet.refetch(ErrorCode.RIGHTS_CHANGED, sights.carried(publications));
            }
            case Inbox.Item.Resighted(var found) -> outlet.refetch(ErrorCode.RIGHTS_CHANGED, sights.changed(found));
            case Inbox.Item.RefetchTables(var code, var tables) -> outlet.refetch(code, index.channels(tables));
            case Inbox.Item.Decided decided -> outlet.decided(decided);
            case Inbox.Item.Begin(var since, var origin, var mostWal) -> {
                if (history.origin().isPresent()) {
                    began = Optional.empty(); // what comes may be of another server, whose transactions it knows
                    // nothing of
                }
                history.begin(since, origin, mostWal);
            }
            case Inbox.Item.CaughtUp(var channels) -> {
                outlet.caughtUp(channels.stream().map(CatchUp.Missing::channel).toList());
                channels.forEach(missing -> missing.notices().accept(ChangeFeed.Notice.CAUGHT_UP));
            }
            case Inbox.Item.NotCaughtUp(var channels, var code) -> outlet.refetch(code, channels);
            case Inbox.Item.Changes _ -> throw new IllegalStateException("changes are not a command");
        }
    }

    private void open(Inbox.Item.Open open) {
        // who goes on under other claims is as young as before
        Optional<StartingPoint> start =
                open.fence().map(Fence::start).or(() -> open.replaces().flatMap(index::start));
        open.replaces().ifPresent(outlet::replace);
        start.ifPresentOrElse(
                point -> index.add(open.channel(), open.subscriptions(), point),
                () -> index.add(open.channel(), open.subscriptions()));
        narrowings.foresight().want(open.subscriptions());
        boolean sees = open.wish()
                .map(wish -> sights.open(open.channel(), wish, open.fence()))
                .orElse(true);
        if (!sees || (open.wish().isPresent() && !isSeen())) {
            open.live().run();
            outlet.refetch(ErrorCode.RIGHTS_CHANGED, Set.of(open.channel()));
            return;
        }
        open.replaces().ifPresent(_ -> sights.owe(open.channel())); // as another reader
        if (open.fence().isEmpty() || open.notices().isEmpty()) {
            open.live().run();
            return;
        }
        Fence fence = open.fence().get();
        boolean kept = history.reaches(fence.from());
        boolean missed = kept && history.hasMoreThan(fence);
        if (missed) {
            outlet.catchUp(open.channel());
        }
        open.live().run();
        if (missed) {
            catchUp.add(CatchUp.Missing.of(
                    open, fence, history.last(), open.notices().get()));
        } else if (kept) {
            open.notices().get().accept(ChangeFeed.Notice.CAUGHT_UP);
        } else {
            outlet.refetch(ErrorCode.RESUME_EXPIRED, Set.of(open.channel())); // it was there as the reply was made
        }
    }

    /** Whether new snapshots see all that has passed. */
    private boolean isSeen() {
        try {
            authorizer.awaitVisible(Set.of());
            return true;
        } catch (RowAccessUnavailableException unavailable) {
            progress.accessRetried();
            return false;
        }
    }

    /** A round that cannot be handled, by a fault of ours: nobody may miss it silently, and the next must come. */
    private void flush(List<Batch> round) throws InterruptedException {
        said = 0;
        round.forEach(history::add);
        try {
            passAll(round);
        } catch (RuntimeException | Error poison) {
            trouble.report("a round of changes could not be handled; every subscriber refetches", poison);
            narrowings.forget();
            outlet.refetch(ErrorCode.INTERNAL, index.channels());
            sayRest(round);
        }
        if (progress.isClosing()) {
            return; // the round may have been held: what is not confirmed comes again at the next start
        }
        for (Batch batch : round) {
            batch.end()
                    .ifPresent(end -> outlet.delivered(end, batch.transaction().committedAt()));
        }
    }

    private void passAll(List<Batch> round) throws InterruptedException {
        roomPolicies.passing(round);
        narrowings.passing(round);
        tellOfRights();
        var gathered = new Gathered(new ArrayList<>(), new ArrayList<>());
        for (Batch batch : round) {
            progress.count(batch.changes().size());
            Transaction transaction = batch.transaction();
            index.reached(transaction);
            long at = batch.firstIndex();
            for (Change change : batch.changes()) {
                long number = at++;
                Set<ChannelRef> outdated = index.outdated(transaction, number, change.relation());
                if (!outdated.isEmpty()) {
                    pass(gathered);
                    outlet.refetch(ErrorCode.SCHEMA_CHANGED, outdated);
                }
                if (MessageTable.is(change)) {
                    gathered.messages()
                            .add(new Message(
                                    transaction, change, gathered.candidates().size()));
                    continue;
                }
                boolean alone = change instanceof Change.Truncate;
                if (alone) {
                    pass(gathered);
                }
                var candidate = new Candidate(transaction, number, change, index.route(transaction, number, change));
                if (concerned(candidate)) {
                    gathered.candidates().add(candidate);
                    if (alone) {
                        pass(gathered);
                    } else {
                        narrowings.foresight().described(change.relation());
                    }
                }
            }
        }
        pass(gathered);
        narrowings.passed();
    }

    /** What the round says after what was said of it: they go in order. */
    private void sayRest(List<Batch> round) {
        round.stream()
                .flatMap(batch -> batch.changes().stream()
                        .filter(MessageTable::is)
                        .map(change -> new Message(batch.transaction(), change, 0)))
                .skip(said)
                .toList()
                .forEach(this::say);
    }

    /** What the database says in a room; what cannot be said ends nobody else's. */
    private void say(Message row) {
        said++;
        if (began.filter(before -> before.saw(row.transaction())).isPresent()) {
            return; // it comes again since the slot is behind
        }
        Change change = row.change();
        progress.said(row.transaction()); // before it is: who joins from now on may not hear it
        try {
            Optional<MessageTable.Message> message = MessageTable.message(change);
            if (message.isEmpty()) {
                throw new IllegalArgumentException("it needs a topic, an event and a payload");
            }
            rooms.accept(message.get().room(), message.get().content());
            progress.countBroadcast();
        } catch (RuntimeException fault) {
            trouble.report("a row of " + change.relation().name() + " is no broadcast", fault);
        }
    }

    private boolean concerned(Candidate candidate) {
        boolean anybody = !candidate.routed().isEmpty();
        if (!anybody) {
            outlet.nobody(candidate);
        }
        return anybody;
    }

    /**
     * A part of a round.
     *
     * @param candidates that are decided together
     * @param messages   that come between them
     */
    private record Gathered(List<Candidate> candidates, List<Message> messages) {
        void clear() {
            candidates.clear();
            messages.clear();
        }
    }

    /**
     * A row of the table of messages.
     *
     * @param after how many candidates of its part it comes after
     */
    private record Message(Transaction transaction, Change change, int after) {}

    /** Has a part of the round decided and told, and begins the next. */
    private void pass(Gathered gathered) throws InterruptedException {
        if (progress.isClosing()) {
            return; // what comes after what is held would come before it
        }
        if (gathered.candidates().isEmpty()) {
            gathered.messages().forEach(this::say);
        } else {
            decide(gathered);
        }
        gathered.clear();
    }

    /** Authorizes, encodes and delivers; holds the round while PostgreSQL cannot be asked, up to {@link #patience}. */
    private void decide(Gathered gathered) throws InterruptedException {
        List<Candidate> candidates = gathered.candidates();
        var backoff = new Backoff(Duration.ofMillis(10), Duration.ofSeconds(1));
        Optional<Instant> deadline = Optional.empty();
        while (!progress.isClosing()) {
            beat();
            try {
                deliver(gathered, authorizer.decide(candidates));
                progress.accessWorks();
                return;
            } catch (RowAccessUnavailableException | TypeCatalog.TypeCatalogUnavailableException unavailable) {
                progress.accessFails(unavailable);
                trouble.report("rows cannot be authorised now; trying again", unavailable);
                // counted from the first failure: an answer that was long in coming has not used it up
                Instant giveUp = deadline.orElse(time.instant().plus(patience));
                deadline = Optional.of(giveUp);
                if (time.instant().isAfter(giveUp)) {
                    progress.accessWorks(); // the affected know; whether it works shows with the next change
                    candidates.forEach(outlet::unanswered);
                    outlet.refetch(
                            ErrorCode.AUTHORIZATION_TIMEOUT,
                            Outlet.channels(candidates.stream()
                                    .flatMap(candidate -> candidate.subscriptions().stream())
                                    .toList()));
                    gathered.messages().forEach(this::say);
                    return;
                }
                time.pause(backoff.next(time.random()));
            }
        }
    }

    private void deliver(Gathered gathered, Decision decision) throws TypeCatalog.TypeCatalogUnavailableException {
        List<Candidate> candidates = gathered.candidates();
        var encoders = new ArrayList<Optional<ChangeEncoder>>();
        for (int i = 0; i < candidates.size(); i++) {
            Decision.Verdict verdict = decision.verdicts().get(i);
            boolean wanted = !verdict.later().isEmpty() || !verdict.grants().isEmpty();
            encoders.add(wanted ? encoder(candidates.get(i)) : Optional.empty());
        }
        // not before: where a type is not known now, all of it is done again
        narrowings.found(decision.narrowings());
        var delivery = new Delivery();
        var truncated = new LinkedHashSet<ChannelRef>();
        Iterator<Message> messages = gathered.messages().iterator();
        Optional<Message> next = next(messages);
        for (int i = 0; i <= candidates.size(); i++) {
            while (next.isPresent() && next.get().after() == i) {
                Message message = next.get();
                delivery.then(() -> say(message));
                next = next(messages);
            }
            if (i < candidates.size()) {
                outlet.add(
                        delivery,
                        candidates.get(i),
                        encoders.get(i),
                        decision.verdicts().get(i),
                        truncated);
            }
        }
        outlet.handOver(delivery, truncated, decision.failed());
    }

    private static Optional<Message> next(Iterator<Message> messages) {
        return messages.hasNext() ? Optional.of(messages.next()) : Optional.empty();
    }

    private Optional<ChangeEncoder> encoder(Candidate candidate) throws TypeCatalog.TypeCatalogUnavailableException {
        Change change = candidate.change();
        return change instanceof Change.Truncate
                ? Optional.empty()
                : Optional.of(new ChangeEncoder(
                        candidate.transaction(), candidate.index(), change, ChangeEncoder.types(change, types)));
    }
}

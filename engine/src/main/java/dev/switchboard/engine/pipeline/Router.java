package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.Candidate;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.encode.ChangeEncoder;
import dev.switchboard.engine.encode.TypeCatalog;
import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Room;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.route.SubscriptionIndex;
import dev.switchboard.engine.route.TableSelector;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
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
    private final Authorizer authorizer;
    private final Lanes lanes;
    private final Outlet outlet;
    private final TypeCatalog types;
    private final RoomPolicies roomPolicies;
    private final Progress progress;
    private final Time time;
    private final Trouble trouble;
    private final Duration patience;
    private final SubscriptionIndex index = new SubscriptionIndex();
    private final Foresight foresight;
    /** By what subscriptions can be found from the next round on. */
    private final List<Decision.Narrowing> found = new ArrayList<>();
    /** The tables of which some subscriptions are found so. */
    private final Map<TableName, Narrowed> narrowed = new HashMap<>();

    /** @param state of its policies, under which that was found out */
    private record Narrowed(int oid, Object state) {}

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

    Router(
            Inbox inbox,
            RowAccess access,
            TypeCatalog types,
            RoomPolicies roomPolicies,
            Outcome outcome,
            Retries retries) {
        this.inbox = inbox;
        this.roomPolicies = roomPolicies;
        authorizer = new Authorizer(access);
        lanes = new Lanes(access, inbox, retries);
        outlet = new Outlet(index, outcome, retries.time(), lanes);
        foresight = new Foresight(authorizer);
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
                List<Inbox.Item> items = inbox.take(foresight.isIdle() ? BEAT : Duration.ZERO);
                if (items.isEmpty() && !foresight.isIdle()) {
                    foresee();
                } else {
                    handle(items);
                }
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        } finally {
            lanes.close();
        }
    }

    private void beat() {
        progress.vitals().beat(Pipeline.PIPELINE_THREAD, time.instant());
    }

    private void foresee() {
        try {
            foresight.ask().forEach(this::narrow);
        } catch (RowAccessUnavailableException unavailable) {
            progress.accessRetried();
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
            case Inbox.Item.Open open -> {
                // who goes on under other claims is as young as before
                Optional<StartingPoint> start =
                        open.start().or(() -> open.replaces().flatMap(index::start));
                open.replaces().ifPresent(outlet::replace);
                start.ifPresentOrElse(
                        point -> index.add(open.channel(), open.subscriptions(), point),
                        () -> index.add(open.channel(), open.subscriptions()));
                foresight.want(open.subscriptions());
                open.live().run();
            }
            case Inbox.Item.Close(var channel) -> outlet.close(channel);
            case Inbox.Item.RefetchAll(var code) -> outlet.refetchAll(code);
            case Inbox.Item.Carried(var publications) -> {
                roomPolicies.carried(publications);
                authorizer.carried(publications);
                lanes.carried(publications);
                List.copyOf(narrowed.keySet()).forEach(this::widen);
                foresight.want(index.subscriptions());
            }
            case Inbox.Item.RefetchTables(var code, var tables) -> outlet.refetch(code, index.channels(tables));
            case Inbox.Item.Decided decided -> outlet.decided(decided);
            case Inbox.Item.Changes _ -> throw new IllegalStateException("changes are not a command");
        }
    }

    /** A round that cannot be handled, by a fault of ours: nobody may miss it silently, and the next must come. */
    private void flush(List<Batch> round) throws InterruptedException {
        said = 0;
        try {
            passAll(round);
        } catch (RuntimeException | Error poison) {
            trouble.report("a round of changes could not be handled; every subscriber refetches", poison);
            found.clear();
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

    /**
     * Policies that subscriptions are found by have to be those of now: as they are when every change of the round is visible.
     */
    private void widenOutdated(List<Batch> round) {
        var tables = new HashMap<Integer, TableName>();
        var states = new HashMap<Integer, Object>();
        var xids = new HashSet<Integer>();
        for (Batch batch : round) {
            for (Change change : batch.changes()) {
                Relation relation = change.relation();
                Narrowed known = narrowed.get(relation.name());
                if (known == null) {
                    continue;
                }
                if (known.oid() != relation.oid() || !index.isNarrowed(relation.name())) {
                    widen(relation.name()); // another table of the name, or nobody is left
                } else {
                    tables.put(known.oid(), relation.name());
                    states.put(known.oid(), known.state());
                    xids.add(batch.transaction().xid());
                }
            }
        }
        if (tables.isEmpty()) {
            return;
        }
        try {
            authorizer.outdated(states, xids).stream().map(tables::get).forEach(this::widen);
        } catch (RowAccessUnavailableException unavailable) {
            progress.accessRetried();
            tables.values().forEach(this::widen); // then each is asked about, and waited for
        }
    }

    private void widen(TableName table) {
        narrowed.remove(table);
        index.widen(table);
    }

    private void narrow(Decision.Narrowing narrowing) {
        TableName table = narrowing.relation().name();
        var known = new Narrowed(narrowing.relation().oid(), narrowing.known().state());
        if (!known.equals(narrowed.getOrDefault(table, known))) {
            widen(table); // what was found out before holds no more
        }
        if (index.narrow(table, narrowing.group(), narrowing.known().audience())) {
            narrowed.put(table, known);
        }
    }

    /** Whom the round's own changes let see other rows than before. */
    private void widenConcerned(List<Batch> round) {
        Set<RowAccess.Unknown> unknown = authorizer.passing(round);
        if (!unknown.isEmpty()) {
            var names = new HashMap<Integer, List<TableName>>(); // one that was renamed has two
            narrowed.forEach((name, known) ->
                    names.computeIfAbsent(known.oid(), _ -> new ArrayList<>()).add(name));
            for (RowAccess.Unknown one : unknown) {
                for (TableName name : names.getOrDefault(one.table(), List.of())) {
                    if (index.widen(name, one.group())) {
                        foresight.want(new TableSelector.One(name, one.table()), one.group());
                    }
                }
            }
        }
    }

    private void passAll(List<Batch> round) throws InterruptedException {
        roomPolicies.passing(round);
        widenConcerned(round);
        widenOutdated(round);
        var gathered = new Gathered(new ArrayList<>(), new ArrayList<>());
        for (Batch batch : round) {
            progress.count(batch.changes().size());
            Transaction transaction = batch.transaction();
            index.reached(transaction);
            long at = batch.firstIndex();
            for (Change change : batch.changes()) {
                long number = at++;
                Set<ChannelRef> outdated = index.outdated(transaction, change.relation());
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
                var candidate = new Candidate(transaction, number, change, index.route(transaction, change));
                if (concerned(candidate)) {
                    gathered.candidates().add(candidate);
                    if (alone) {
                        pass(gathered);
                    } else {
                        foresight.described(change.relation());
                    }
                }
            }
        }
        pass(gathered);
        // not before: what was found out for the first of the round's changes may be older than the last of them
        found.forEach(this::narrow);
        found.clear();
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
            boolean wanted = decision.aside().get(i)
                    || !decision.verdicts().get(i).grants().isEmpty();
            encoders.add(wanted ? encoder(candidates.get(i)) : Optional.empty());
        }
        // not before: where a type is not known now, all of it is done again
        found.addAll(decision.narrowings());
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
            if (i < candidates.size() && decision.aside().get(i)) {
                outlet.putAside(candidates.get(i), encoders.get(i));
            } else if (i < candidates.size()) {
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
                : Optional.of(new ChangeEncoder(candidate.transaction(), change, ChangeEncoder.types(change, types)));
    }
}

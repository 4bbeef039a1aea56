package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Candidate;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.authorize.Denial;
import dev.switchboard.engine.authorize.Grant;
import dev.switchboard.engine.deliver.Receipt;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.encode.ChangeEncoder;
import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.journal.Passage;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.SubscriptionIndex;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Tells channels what was decided, each in the order of the stream, and keeps the record of it. What takes long to decide is decided
 * aside, by {@link Lanes}: whom it concerns waits for it, with whatever comes after it; nobody else does. At most
 * {@link #MOST_HELD_BYTES} wait so; beyond that all who wait are told to refetch. Owned by the pipeline thread.
 */
final class Outlet {
    static final long MOST_HELD_BYTES = 64L << 20;
    /** Of more transactions it is not kept apart where they end: those that wait to be confirmed are so later. */
    private static final int MOST_ENDS = 4_096;

    private final SubscriptionIndex index;
    private final Sink sink;
    private final Progress progress;
    private final Journal journal;
    private final Time time;
    private final Lanes lanes;
    private final CatchUp catchUp;
    private final Sights sights;
    private final Held held;
    /** Where transactions end that have passed, and are not confirmed since something before them is not decided. */
    private final ArrayDeque<End> ends = new ArrayDeque<>();
    /** Channels that wait no more, which is said once what they waited for is handed over. */
    private final List<ChannelRef> released = new ArrayList<>();

    private record End(int slot, Lsn lsn, Instant committedAt) {}

    Outlet(SubscriptionIndex index, Router.Outcome outcome, Time time, Lanes lanes, CatchUp catchUp, Sights sights) {
        this.sights = sights;
        this.index = index;
        sink = outcome.sink();
        progress = outcome.progress();
        journal = outcome.journal();
        held = new Held(progress::waits, released::add);
        this.time = time;
        this.lanes = lanes;
        this.catchUp = catchUp;
    }

    private void bound() {
        if (held.bytes() > MOST_HELD_BYTES) {
            refetch(ErrorCode.AUTHORIZATION_TIMEOUT, held.channels());
            giveUp();
        }
    }

    /**
     * A change that is decided, or of some aside; who has to be told that the table is empty is added to {@code truncated}.
     */
    void add(
            Delivery delivery,
            Candidate candidate,
            Optional<ChangeEncoder> encoder,
            Decision.Verdict verdict,
            Set<ChannelRef> truncated) {
        if (!verdict.later().isEmpty()) {
            lanes.add(candidate.of(verdict.later())); // what cannot be decided must not be held
        }
        progress.countDenied(verdict.denials().size());
        add(delivery, held.admit(candidate, encoder, verdict), truncated);
        progress.aside(held.size());
        bound();
    }

    private void add(Delivery delivery, Held.Turn turn, Set<ChannelRef> truncated) {
        Candidate candidate = turn.pending().candidate();
        if (candidate.change() instanceof Change.Truncate) {
            truncated.addAll(
                    channels(turn.grants().stream().map(Grant::subscription).toList()));
        } else if (!turn.grants().isEmpty()) {
            turn.pending().add(delivery.add(turn.pending().encoder().orElseThrow(), candidate, turn.grants()));
        }
        if (turn.pending().isDone()) {
            record(turn.pending());
        }
    }

    /** Hands over what was added, and tells those to refetch who have to. */
    void handOver(Delivery delivery, Set<ChannelRef> truncated, Set<ChannelRef> failed) {
        progress.countDeliveries(delivery.handOver(sink));
        settle();
        refetch(ErrorCode.TABLE_TRUNCATED, truncated);
        refetch(ErrorCode.COLUMN_TYPE, delivery.unsendable());
        refetch(ErrorCode.SCHEMA_CHANGED, delivery.outdated());
        refetch(ErrorCode.FILTER_FAILED, failed);
    }

    private void settle() {
        released.forEach(progress::waitsNoMore);
        released.clear();
    }

    /** Whether the channel is still to be told of something. */
    boolean waits(ChannelRef channel) {
        return held.holds(channel);
    }

    /** Nothing is told to the channel from now on, until it has {@link #caughtUp}. */
    void catchUp(ChannelRef channel) {
        held.catchUp(channel);
    }

    /** These have been told what they had missed, and go on with what has come since. */
    void caughtUp(Collection<ChannelRef> channels) {
        tell(held.caughtUp(channels), Set.of());
    }

    /** What was put aside is decided, or cannot be. */
    void decided(Inbox.Item.Decided item) {
        lanes.decided(item.candidates());
        if (item.decision().isPresent()) {
            decided(item.candidates(), item.decision().get());
        } else if (item.candidates().stream().anyMatch(held::isUndecided)) { // else it is not wanted any more
            // all of the table: whoever waits for one of its changes has waited long enough, for the later ones too
            abandon(item.candidates().getFirst().change().relation().oid());
        }
        progress.aside(held.size());
        confirm();
    }

    private void abandon(int oid) {
        lanes.forget(oid);
        List<Candidate> open = held.undecided(oid);
        refetch(
                ErrorCode.AUTHORIZATION_TIMEOUT,
                channels(open.stream()
                        .flatMap(candidate -> candidate.subscriptions().stream())
                        .toList()));
        held.giveUp(open).forEach(this::record);
    }

    /** What was decided could not be told, by a fault of ours: nobody may miss it silently. */
    void failed(Inbox.Item.Decided item) {
        refetch(
                ErrorCode.INTERNAL,
                channels(item.candidates().stream()
                        .flatMap(candidate -> candidate.subscriptions().stream())
                        .toList()));
        abandon(item.candidates().getFirst().change().relation().oid());
        progress.aside(held.size());
        confirm();
    }

    private void decided(List<Candidate> candidates, Decision decision) {
        var changes = new ArrayList<Held.Pending>();
        for (int i = 0; i < candidates.size(); i++) {
            Decision.Verdict verdict = decision.verdicts().get(i);
            held.decide(candidates.get(i), verdict).ifPresent(pending -> {
                progress.countDenied(verdict.denials().size());
                changes.add(pending);
                if (pending.isDone()) {
                    record(pending); // whom it concerned is gone
                }
            });
        }
        tell(held.release(changes), decision.failed());
    }

    private void tell(List<Held.Turn> turns, Set<ChannelRef> failed) {
        var delivery = new Delivery();
        var truncated = new LinkedHashSet<ChannelRef>();
        turns.forEach(turn -> add(delivery, turn, truncated));
        handOver(delivery, truncated, failed);
    }

    /** The channels missed something, and hear of nothing more. */
    void refetch(ErrorCode code, Collection<ChannelRef> channels) {
        if (channels.isEmpty()) {
            return;
        }
        List<ChannelRef> told = List.copyOf(channels);
        told.forEach(index::remove);
        progress.countRefetches(told.size());
        Delivery.refetch(sink, code, told);
        told.forEach(this::drop);
        settle();
    }

    private void drop(ChannelRef channel) {
        catchUp.forget(channel);
        sights.forget(channel);
        held.drop(channel).forEach(this::record);
    }

    /** All of them, of whatever stream; what comes is of another. */
    void refetchAll(ErrorCode code) {
        ends.clear(); // they may be of a slot that is lost
        refetch(code, index.channels());
        giveUp();
    }

    private void giveUp() {
        lanes.forget();
        held.giveUp(held.undecided()).forEach(this::record);
        progress.aside(held.size());
        confirm();
    }

    /** The channel is gone. */
    void close(ChannelRef channel) {
        index.remove(channel);
        drop(channel);
        settle();
    }

    /** The channel goes on as another, under other claims; of what it waits for nothing could be told any more. */
    void replace(ChannelRef channel) {
        if (held.holds(channel)) {
            refetch(ErrorCode.CLAIMS_CHANGED, Set.of(channel));
        } else {
            index.remove(channel);
            sights.forget(channel);
        }
    }

    /** A transaction has passed that ends there. It is confirmed once everything before it is decided. */
    void delivered(Lsn end, Instant committedAt) {
        progress.passed(end);
        if (ends.size() >= MOST_ENDS) {
            ends.removeLast();
        }
        ends.add(new End(progress.slot(), end, committedAt));
        confirm();
    }

    private void confirm() {
        Optional<Lsn> open = held.first().map(Position::transaction);
        while (!ends.isEmpty() && (open.isEmpty() || !ends.getFirst().lsn().isAfter(open.get()))) {
            End end = ends.remove();
            if (end.slot() == progress.slot()) {
                progress.delivered(end.lsn());
                progress.deliveredCommit(end.committedAt());
            }
        }
    }

    /** A change that concerns nobody. */
    void nobody(Candidate candidate) {
        journal.passed(passage(candidate, List.of(), List.of()));
    }

    /** A change of which nobody can say whom it is for. */
    void unanswered(Candidate candidate) {
        journal.passed(passage(candidate, List.of(), List.of()).unanswered());
    }

    private void record(Held.Pending pending) {
        Passage passage = passage(pending.candidate(), pending.denials(), pending.receipts());
        journal.passed(pending.isAnswered() ? passage : passage.unanswered());
    }

    private Passage passage(Candidate candidate, List<Denial> denials, List<Receipt> receipts) {
        return Passage.of(
                candidate.position(),
                candidate.transaction(),
                candidate.change(),
                time.instant(),
                candidate.routed().size(),
                denials,
                receipts);
    }

    static Set<ChannelRef> channels(List<Subscription> subscriptions) {
        var channels = new LinkedHashSet<ChannelRef>();
        subscriptions.forEach(subscription -> channels.add(subscription.channel()));
        return channels;
    }
}

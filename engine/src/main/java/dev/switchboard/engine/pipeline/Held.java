package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Candidate;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.authorize.Denial;
import dev.switchboard.engine.authorize.Grant;
import dev.switchboard.engine.deliver.Receipt;
import dev.switchboard.engine.encode.ChangeEncoder;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Row;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Changes that are not decided yet, and whatever comes after them for the channels that they concern, so that each channel hears of
 * changes in their order while the others go on. Owned by the pipeline thread.
 */
final class Held {
    private static final int CHANGE_BYTES = 200;
    private static final int SLOT_BYTES = 100;

    /** Per channel, in the order of the stream; none is empty. */
    private final Map<ChannelRef, ArrayDeque<Slot>> byChannel = new HashMap<>();

    private final Consumer<ChannelRef> begins;
    private final Consumer<ChannelRef> ends;
    private final TreeMap<Position, Pending> undecided = new TreeMap<>();
    /** Channels that are being told what they had missed; whatever comes for them waits for that. */
    private final Set<ChannelRef> catchingUp = new HashSet<>();

    private long bytes;

    /**
     * @param begins hears of a channel that begins to wait
     * @param ends   hears of one that waits no more
     */
    Held(Consumer<ChannelRef> begins, Consumer<ChannelRef> ends) {
        this.begins = begins;
        this.ends = ends;
    }

    /** A change, and what has become of it so far. */
    static final class Pending {
        private final Candidate candidate;
        private final Optional<ChangeEncoder> encoder;
        private final Map<ChannelRef, Slot> slots = new HashMap<>();
        private final List<Receipt> receipts = new ArrayList<>();
        private Decision.Verdict verdict;
        private boolean answered = true;

        private Pending(Candidate candidate, Optional<ChangeEncoder> encoder, Decision.Verdict verdict) {
            this.candidate = candidate;
            this.encoder = encoder;
            this.verdict = verdict;
        }

        Candidate candidate() {
            return candidate;
        }

        /** Empty where nobody may see it. */
        Optional<ChangeEncoder> encoder() {
            return encoder;
        }

        List<Denial> denials() {
            return verdict.denials();
        }

        /** False where of some it was never decided. */
        boolean isAnswered() {
            return answered;
        }

        List<Receipt> receipts() {
            return receipts;
        }

        void add(List<Receipt> more) {
            receipts.addAll(more);
        }

        /** With those of whom it is not decided. */
        private Candidate open() {
            return candidate.of(verdict.later());
        }

        /** Whether it is decided, and no channel waits for its turn to hear of it. */
        boolean isDone() {
            return verdict.later().isEmpty() && slots.isEmpty();
        }

        private long bytes() {
            long images = CHANGE_BYTES;
            for (Row image : images(candidate.change())) {
                images += image.bytes().length;
            }
            return images;
        }

        private static List<Row> images(Change change) {
            return switch (change) {
                case Change.Insert insert -> List.of(insert.row());
                case Change.Update update -> List.of(update.row()); // the old one lies in the same message
                case Change.Delete delete -> List.of(delete.old());
                case Change.Truncate _ -> List.of();
            };
        }
    }

    /** The turn of a channel to hear of a change; without grants as long as it is not decided. */
    private static final class Slot {
        private final Pending pending;
        private Optional<List<Grant>> grants;

        private Slot(Pending pending, Optional<List<Grant>> grants) {
            this.pending = pending;
            this.grants = grants;
        }
    }

    /** A change and those who may hear of it now. */
    record Turn(Pending pending, List<Grant> grants) {}

    /** Whether the channel waits for something. */
    boolean holds(ChannelRef channel) {
        return byChannel.containsKey(channel) || catchingUp.contains(channel);
    }

    /** The channels of what waits. */
    Set<ChannelRef> channels() {
        return Set.copyOf(byChannel.keySet());
    }

    /** From now on what comes for the channel waits until it has {@link #caughtUp}. */
    void catchUp(ChannelRef channel) {
        if (!holds(channel)) {
            begins.accept(channel);
        }
        catchingUp.add(channel);
    }

    /** Whose turn it is, of channels that were told what they had missed; in the order of the stream. */
    List<Turn> caughtUp(Collection<ChannelRef> channels) {
        List<ChannelRef> caught = channels.stream().filter(catchingUp::remove).toList();
        List<Turn> turns = turns(caught);
        caught.stream().filter(channel -> !holds(channel)).forEach(ends);
        return turns;
    }

    /** Whether it waits to be decided. */
    boolean isUndecided(Candidate candidate) {
        return undecided.containsKey(candidate.position());
    }

    /** The changes of a table that wait to be decided, with whom that concerns. */
    List<Candidate> undecided(int oid) {
        return undecided().stream()
                .filter(candidate -> candidate.change().relation().oid() == oid)
                .toList();
    }

    /** All of them. */
    List<Candidate> undecided() {
        return undecided.values().stream().map(Pending::open).toList();
    }

    /** How many changes are not decided. */
    int size() {
        return undecided.size();
    }

    /** Of heap, by estimate. */
    long bytes() {
        return bytes;
    }

    /** The first change that is not decided. */
    Optional<Position> first() {
        return undecided.isEmpty() ? Optional.empty() : Optional.of(undecided.firstKey());
    }

    /**
     * A change that is decided: those of its channels that wait for another hear of it after that one, the others now. Those of whom it
     * is decided later wait for that.
     */
    Turn admit(Candidate candidate, Optional<ChangeEncoder> encoder, Decision.Verdict verdict) {
        var pending = new Pending(candidate, encoder, verdict);
        boolean isOpen = !verdict.later().isEmpty();
        if (!isOpen && byChannel.isEmpty() && catchingUp.isEmpty()) {
            return new Turn(pending, verdict.grants());
        }
        var now = new ArrayList<Grant>();
        var later = new LinkedHashMap<ChannelRef, List<Grant>>();
        for (Grant grant : verdict.grants()) {
            ChannelRef channel = grant.subscription().channel();
            if (holds(channel)) {
                later.computeIfAbsent(channel, _ -> new ArrayList<>()).add(grant);
            } else {
                now.add(grant);
            }
        }
        if (isOpen || !later.isEmpty()) {
            bytes += pending.bytes();
        }
        later.forEach((channel, grants) -> add(channel, new Slot(pending, Optional.of(grants))));
        if (isOpen) {
            undecided.put(candidate.position(), pending);
            Outlet.channels(pending.open().subscriptions())
                    .forEach(channel -> add(channel, new Slot(pending, Optional.empty())));
        }
        return new Turn(pending, now);
    }

    private void add(ChannelRef channel, Slot slot) {
        slot.pending.slots.put(channel, slot);
        if (!holds(channel)) {
            begins.accept(channel);
        }
        byChannel.computeIfAbsent(channel, _ -> new ArrayDeque<>()).add(slot);
        bytes += SLOT_BYTES;
    }

    /**
     * Takes what was decided of those who waited for it.
     *
     * @return what is held still
     */
    Optional<Pending> decide(Candidate candidate, Decision.Verdict verdict) {
        Pending pending = undecided.remove(candidate.position());
        if (pending == null) {
            return Optional.empty();
        }
        pending.verdict = pending.verdict.completedBy(verdict);
        pending.slots.values().stream()
                .filter(slot -> slot.grants.isEmpty())
                .forEach(slot -> slot.grants = Optional.of(new ArrayList<>()));
        for (Grant grant : verdict.grants()) {
            Optional.ofNullable(pending.slots.get(grant.subscription().channel()))
                    .flatMap(slot -> slot.grants)
                    .ifPresent(grants -> grants.add(grant));
        }
        if (pending.isDone()) {
            bytes -= pending.bytes(); // its channels are gone
        }
        return Optional.of(pending);
    }

    /** Whose turn it is by now, of those who wait for one of these changes; in the order of the stream. */
    List<Turn> release(Collection<Pending> decided) {
        var channels = new LinkedHashSet<ChannelRef>();
        decided.forEach(pending -> channels.addAll(pending.slots.keySet()));
        channels.removeAll(catchingUp);
        List<Turn> turns = turns(channels);
        channels.stream().filter(channel -> !holds(channel)).forEach(ends);
        return turns;
    }

    private List<Turn> turns(Collection<ChannelRef> channels) {
        var turns = new TreeMap<Position, Turn>();
        for (ChannelRef channel : channels) {
            ArrayDeque<Slot> waiting = byChannel.getOrDefault(channel, new ArrayDeque<>());
            while (!waiting.isEmpty() && waiting.getFirst().grants.isPresent()) {
                Slot slot = waiting.remove();
                turns.computeIfAbsent(slot.pending.candidate.position(), _ -> new Turn(slot.pending, new ArrayList<>()))
                        .grants()
                        .addAll(slot.grants.orElseThrow());
                left(channel, slot);
            }
            if (waiting.isEmpty()) {
                byChannel.remove(channel);
            }
        }
        return List.copyOf(turns.values());
    }

    private void left(ChannelRef channel, Slot slot) {
        slot.pending.slots.remove(channel);
        bytes -= SLOT_BYTES;
        if (slot.pending.isDone()) {
            bytes -= slot.pending.bytes();
        }
    }

    /**
     * The channel is told nothing more.
     *
     * @return changes that nobody waits for any more
     */
    List<Pending> drop(ChannelRef channel) {
        var done = new ArrayList<Pending>();
        if (!holds(channel)) {
            return done;
        }
        ends.accept(channel);
        catchingUp.remove(channel);
        ArrayDeque<Slot> waiting =
                Optional.ofNullable(byChannel.remove(channel)).orElseGet(ArrayDeque::new);
        for (Slot slot : waiting) {
            left(channel, slot);
            if (slot.pending.isDone()) {
                done.add(slot.pending);
            }
        }
        return done;
    }

    /**
     * What is not decided will not be: whoever waits for it has been told something else.
     *
     * @return changes that nobody waits for any more
     */
    List<Pending> giveUp(Collection<Candidate> candidates) {
        var given = new ArrayList<Pending>();
        for (Candidate candidate : candidates) {
            decide(candidate, Decision.Verdict.NOBODY).ifPresent(pending -> {
                pending.answered = false;
                given.add(pending);
            });
        }
        return given.stream().filter(Pending::isDone).toList();
    }
}

package dev.switchboard.engine.channel;

import dev.switchboard.engine.channel.RoomPolicies.Answer.Rights;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.protocol.ErrorCode;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** How a private channel stands with the policies of its room. Owned by its connection's event loop. */
final class PrivateStanding {
    private Rights hearing = Rights.NOTHING;
    /** What of its room it has entered, whoever it belonged to then. */
    private Rights entered = Rights.NOTHING;

    private final Inquiry ofHearing = new Inquiry();
    private final Inquiry ofPresence = new Inquiry();
    private boolean known;
    private boolean missed;
    private Optional<Rights> speaking = Optional.empty();
    private Instant spokeAt = Instant.EPOCH;
    private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();
    private final Heard heard = new Heard();

    /**
     * What is to be said, once it is known whether that is allowed.
     *
     * @param who   said it, whoever has the channel by then
     * @param bytes that it takes meanwhile, by estimate
     */
    record Waiting(RoomPolicies.Question who, boolean presence, long bytes, Runnable say, Consumer<ErrorCode> deny) {}

    /** Which of the room's kept messages it has had. */
    Heard heard() {
        return heard;
    }

    Rights entered() {
        return entered;
    }

    void enteredBroadcast() {
        entered = new Rights(true, entered.presence());
    }

    void enteredPresence() {
        entered = new Rights(entered.broadcast(), true);
    }

    Rights hearing() {
        return hearing;
    }

    /** What it may hear. */
    Inquiry ofHearing() {
        return ofHearing;
    }

    /** Whether it may be present. */
    Inquiry ofPresence() {
        return ofPresence;
    }

    void hears(Rights rights, Instant now) {
        hearing = rights;
        ofHearing.answered(now);
        known = true;
        missed = false;
    }

    /** Whether what it may hear is what it was told. */
    boolean hearsStill(Rights rights, Instant asOf) {
        boolean still = known && !missed && hearing.equals(rights);
        if (still) {
            ofHearing.holds(asOf);
        }
        return still;
    }

    /** Whether it is known what it may hear. */
    boolean isKnown() {
        return known;
    }

    /** Another user has it: nothing is known of that one. */
    void forget() {
        known = false;
        hearing = Rights.NOTHING;
        speaking = Optional.empty();
    }

    /** Whether what is said in the room may go out to it now; what does not is remembered. */
    boolean admits(Recipients.Cast cast) {
        missed |= !known;
        return known && cast.id().map(id -> heard.admits(id, cast.frame())).orElse(true);
    }

    boolean hasMissed() {
        return missed;
    }

    Optional<Rights> speaking(Instant since) {
        return speaking.filter(_ -> spokeAt.isAfter(since));
    }

    /** The number of those that wait now. */
    int await(Waiting message) {
        waiting.add(message);
        return waiting.size();
    }

    int waiting() {
        return waiting.size();
    }

    void speaks(Rights rights, Instant now) {
        speaking = Optional.of(rights);
        ofPresence.answered(now);
        spokeAt = now;
    }

    /** Who said what has waited longest. */
    RoomPolicies.Question waitingLongest() {
        return waiting.element().who();
    }

    /** What that one has said, up to what another has; it waits no more. */
    List<Waiting> takeWaiting(RoomPolicies.Question who) {
        var taken = new ArrayList<Waiting>();
        while (!waiting.isEmpty() && waiting.element().who().equals(who)) {
            taken.add(waiting.remove());
        }
        return taken;
    }

    /** All that waits; none waits any more. */
    List<Waiting> takeWaiting() {
        List<Waiting> taken = List.copyOf(waiting);
        waiting.clear();
        return taken;
    }

    static void decide(Waiting message, Rights rights, ErrorCode otherwise) {
        if (message.presence() ? rights.presence() : rights.broadcast()) {
            message.say().run();
        } else {
            message.deny().accept(otherwise);
        }
    }
}

package dev.switchboard.callcenter.state;

import static dev.switchboard.callcenter.state.CallState.Live.ACTIVE;
import static dev.switchboard.callcenter.state.CallState.Live.CLAIMED;
import static dev.switchboard.callcenter.state.CallState.Live.HELD;
import static dev.switchboard.callcenter.state.CallState.Live.NEW;
import static dev.switchboard.callcenter.state.CallState.Live.PARKED;
import static dev.switchboard.callcenter.state.CallState.Live.QUEUED;
import static dev.switchboard.callcenter.state.CallState.Live.RINGING;
import static dev.switchboard.callcenter.state.CallState.Live.TRANSFERRING;
import static dev.switchboard.callcenter.state.CallState.Terminal.ABANDONED;
import static dev.switchboard.callcenter.state.CallState.Terminal.BUSY;
import static dev.switchboard.callcenter.state.CallState.Terminal.CANCELED;
import static dev.switchboard.callcenter.state.CallState.Terminal.COMPLETED;
import static dev.switchboard.callcenter.state.CallState.Terminal.FAILED;
import static dev.switchboard.callcenter.state.CallState.Terminal.MISSED;
import static dev.switchboard.callcenter.state.CallState.Terminal.NO_ANSWER;
import static dev.switchboard.callcenter.state.CallState.Terminal.VOIDED;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The ways of a call (DOMAIN 4.2), as data: commands decide by it, the table {@code app.call_transitions} says the same to
 * the trigger that holds every writer to it, and a test compares the two.
 */
public final class CallTransitions {
    /** One way: by this event, from this state to that one. */
    public record Way(CallState from, CallEvent event, CallState to) {}

    private static final Set<Way> WAYS = Set.copyOf(table());

    private CallTransitions() {}

    private static List<Way> table() {
        List<CallState> live = List.of(CallState.Live.values());
        var ways = new ArrayList<Way>();
        add(ways, List.of(NEW, QUEUED), CallEvent.ENQUEUE, QUEUED);
        add(ways, List.of(NEW, QUEUED, RINGING), CallEvent.OFFER, RINGING);
        add(ways, List.of(NEW), CallEvent.WAIT_TIMEOUT, MISSED);
        add(ways, List.of(NEW), CallEvent.DIAL, CLAIMED);
        add(ways, List.of(RINGING), CallEvent.CLAIM, CLAIMED);
        add(ways, List.of(NEW, QUEUED, RINGING, CLAIMED), CallEvent.START, ACTIVE);
        add(ways, List.of(RINGING), CallEvent.DECLINE, NEW, RINGING, QUEUED, PARKED, MISSED, COMPLETED);
        add(ways, List.of(RINGING), CallEvent.RING_TIMEOUT, QUEUED, PARKED, MISSED, COMPLETED);
        add(ways, List.of(QUEUED), CallEvent.WAIT_TIMEOUT, MISSED, COMPLETED);
        add(ways, List.of(CLAIMED), CallEvent.LEASE_EXPIRED, RINGING, QUEUED, PARKED, MISSED, NO_ANSWER, COMPLETED);
        add(ways, List.of(ACTIVE), CallEvent.HOLD, HELD);
        add(ways, List.of(HELD), CallEvent.UNHOLD, ACTIVE);
        add(ways, List.of(ACTIVE, HELD), CallEvent.PARK, PARKED);
        add(ways, List.of(PARKED), CallEvent.UNPARK, CLAIMED);
        add(ways, List.of(PARKED), CallEvent.PARK_TIMEOUT, RINGING, QUEUED);
        add(ways, List.of(ACTIVE, HELD), CallEvent.TRANSFER, TRANSFERRING);
        add(ways, List.of(TRANSFERRING), CallEvent.TRANSFER_DONE, ACTIVE);
        add(ways, List.of(TRANSFERRING), CallEvent.TRANSFER_FAILED, ACTIVE);
        add(ways, List.of(ACTIVE, HELD), CallEvent.REQUEUE, QUEUED);
        add(ways, List.of(NEW, QUEUED, RINGING, CLAIMED, PARKED), CallEvent.HANGUP, ABANDONED, COMPLETED);
        add(ways, List.of(ACTIVE, HELD, TRANSFERRING), CallEvent.HANGUP, COMPLETED);
        add(ways, List.of(ABANDONED, MISSED), CallEvent.ANSWER_HEARD, COMPLETED);
        add(ways, live, CallEvent.END, COMPLETED, FAILED, BUSY, NO_ANSWER, CANCELED);
        add(ways, live, CallEvent.VOID, VOIDED);
        return ways;
    }

    private static void add(List<Way> ways, List<CallState> from, CallEvent event, CallState... to) {
        for (CallState start : from) {
            for (CallState end : to) {
                ways.add(new Way(start, event, end));
            }
        }
    }

    /** All of them. */
    public static Set<Way> ways() {
        return WAYS;
    }

    /** Whether anything leads from there by that. */
    public static boolean allows(CallState from, CallEvent event) {
        return WAYS.stream().anyMatch(way -> way.from().equals(from) && way.event() == event);
    }

    /** Whether this way exists. */
    public static boolean allows(CallState from, CallEvent event, CallState to) {
        return WAYS.contains(new Way(from, event, to));
    }
}

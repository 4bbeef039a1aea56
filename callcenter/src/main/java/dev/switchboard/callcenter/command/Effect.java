package dev.switchboard.callcenter.command;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** One thing that is written; all effects of a decision are written in one transaction, in their order. */
public sealed interface Effect {
    /** Rows of active_calls at which the call rings now. */
    record Ring(List<UUID> agents) implements Effect {
        public Ring {
            agents = List.copyOf(agents);
        }
    }

    /** Rows of active_calls of these agents go. */
    record Clear(List<UUID> agents) implements Effect {
        public Clear {
            agents = List.copyOf(agents);
        }
    }

    /** All rows of active_calls of the call go. */
    record ClearAll() implements Effect {}

    /** Whatever else rings at this agent stops, with its ring_cancel: they are busy or gone. */
    record ClearElsewhere(UUID agent) implements Effect {}

    /** The row of active_calls of the one who has the call. */
    record SetRow(UUID agent, Situation.Row row) implements Effect {}

    record ParkRow(int slot, UUID by, Optional<String> comment, Instant timeout) implements Effect {}

    record ExtendParking(Instant timeout) implements Effect {}

    record UnparkRow() implements Effect {}

    /**
     * A row of ring_events.
     *
     * @param agent   who acted
     * @param targets whom it concerns, a row each; none: one row for all
     */
    record Announce(RingEvent event, Optional<UUID> agent, List<UUID> targets, Optional<Reason> reason)
            implements Effect {
        public Announce {
            targets = List.copyOf(targets);
        }
    }

    /** Types of ring_events. */
    enum RingEvent {
        OFFERED,
        ANSWERED,
        RING_CANCEL,
        DECLINED,
        MISSED,
        PARKED,
        UNPARKED,
        TRANSFERRED,
        ENDED
    }

    /** Why it stopped ringing (contradiction C4). */
    enum Reason {
        CALLER_HANGUP,
        ANSWERED_ELSEWHERE,
        ENDED,
        TIMEOUT,
        PARKED,
        TRANSFERRED,
        BUSY,
        DECLINED
    }

    /** The call waits (again) from now on; at most one visit is open. */
    record OpenVisit(Optional<UUID> queue) implements Effect {}

    record CloseVisit(Outcome outcome) implements Effect {}

    /** The last visit ended at that time, in an answer. */
    record AnswerVisit(Instant at) implements Effect {}

    /** The call was none: it never waited. */
    record DropVisits() implements Effect {}

    /** How a visit to a queue ended. */
    enum Outcome {
        ANSWERED,
        ABANDONED,
        FLOWED_OUT,
        MISSED
    }

    /** These agents do this from now on with the call; what they did before ends. */
    record OpenSegments(List<UUID> agents, Segment kind) implements Effect {
        public OpenSegments {
            agents = List.copyOf(agents);
        }
    }

    /** What these agents did with the call ends; of none: of all, but for what they still wrap up. */
    record CloseSegments(List<UUID> agents) implements Effect {
        public CloseSegments {
            agents = List.copyOf(agents);
        }
    }

    /** It turns out that the agent, at whom it rang until then, spoke between these times. */
    record RecordTalk(UUID agent, Instant from, Instant to) implements Effect {}

    /** The agent wraps up no call any more. */
    record CloseWrapUp(UUID agent) implements Effect {}

    /** A supervisor did to somebody's call what is otherwise theirs to do: it goes into the audit log. */
    record Audit(String action) implements Effect {}

    /** What an agent does with a call. */
    enum Segment {
        RING,
        TALK,
        HOLD,
        WRAP_UP,
        CONSULT
    }

    /** The telephone provider is told, after the commit. */
    record Tell(Instruction instruction, Map<String, String> details) implements Effect {
        public Tell {
            details = Map.copyOf(details);
        }
    }

    /** What providers are told. */
    enum Instruction {
        DIAL,
        ENQUEUE,
        RING,
        /** These agents' phones stop ringing. */
        STOP_RINGING,
        /** The customer is put through to the agent. */
        CONNECT,
        HOLD,
        UNHOLD,
        MUTE,
        UNMUTE,
        PARK,
        TRANSFER,
        /** A supervisor's phone is put on the call. */
        MONITOR,
        RECORD,
        TRANSCRIBE,
        HANG_UP
    }
}

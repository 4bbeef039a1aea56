package dev.switchboard.callcenter.command;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * All that a command on a call decides by, read under locks in the order call, agents (by id), rows.
 *
 * @param agents     by user: those whom the call or the command concerns
 * @param rows       of active_calls of this call, by agent
 * @param parked     where the call is parked
 * @param slots      that are taken in the organization; read where the call may come into one
 * @param wrappingUp  agents who wrap this call up; read for that only
 * @param codes      what it can have been about, and what was said of it
 * @param target     the queue that the command names
 * @param candidates who would be offered the call, best first
 */
public record Situation(
        Call call,
        Map<UUID, Agent> agents,
        Map<UUID, Row> rows,
        Optional<Parked> parked,
        Set<Integer> slots,
        Set<UUID> wrappingUp,
        Codes codes,
        Optional<Call.Queue> target,
        List<UUID> candidates,
        Actor actor,
        Instant now) {
    public Situation {
        agents = Map.copyOf(agents);
        rows = Map.copyOf(rows);
        slots = Set.copyOf(slots);
        wrappingUp = Set.copyOf(wrappingUp);
        candidates = List.copyOf(candidates);
    }

    /**
     * Wrap-up codes of the call's queue and of all.
     *
     * @param seconds  by code, how long after the call's end its agent writes; none: any text is a code
     * @param said     the code that the call has
     */
    public record Codes(Map<String, Optional<Integer>> seconds, Optional<String> said) {
        public static final Codes NONE = new Codes(Map.of(), Optional.empty());

        public Codes {
            seconds = Map.copyOf(seconds);
        }

        Optional<Integer> secondsOf(String code) {
            return seconds.getOrDefault(code, Optional.empty());
        }
    }

    /** The status of a row in active_calls. */
    public enum Row {
        RINGING,
        ACTIVE,
        HELD,
        /** The second agent of an attended transfer. */
        CONSULTING
    }

    /** Who parked it, and where. */
    public record Parked(int slot, UUID by) {}

    List<UUID> ringing() {
        return rows.entrySet().stream()
                .filter(row -> row.getValue() == Row.RINGING)
                .map(Map.Entry::getKey)
                .sorted()
                .toList();
    }

    boolean ringsAt(UUID agent) {
        return rows.get(agent) == Row.RINGING;
    }
}

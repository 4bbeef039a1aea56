package dev.switchboard.callcenter.state;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** The state of a call (DOMAIN 4.2). A terminal call stays as it is; wrap-up is a state of the agent, not of the call. */
public sealed interface CallState {
    /** As PostgreSQL and clients name it. */
    String wire();

    /** Still going on. */
    enum Live implements CallState {
        NEW,
        QUEUED,
        RINGING,
        /** An agent took it and their leg is being connected: a lease. */
        CLAIMED,
        ACTIVE,
        HELD,
        PARKED,
        TRANSFERRING;

        private final String wire = name().toLowerCase(Locale.ROOT);

        @Override
        public String wire() {
            return wire;
        }

        /** Whether an agent owns it. */
        public boolean isOwned() {
            return switch (this) {
                case CLAIMED, ACTIVE, HELD, TRANSFERRING -> true;
                case NEW, QUEUED, RINGING, PARKED -> false;
            };
        }
    }

    /** Over. */
    enum Terminal implements CallState {
        COMPLETED,
        /** The caller hung up before anybody answered. */
        ABANDONED,
        /** It rang or waited past its limit. */
        MISSED,
        BUSY,
        FAILED,
        NO_ANSWER,
        CANCELED,
        /** A duplicate of another call. */
        VOIDED;

        private final String wire = name().toLowerCase(Locale.ROOT);

        @Override
        public String wire() {
            return wire;
        }
    }

    static List<CallState> all() {
        return Stream.concat(Arrays.stream(Live.values()), Arrays.<CallState>stream(Terminal.values()))
                .toList();
    }

    /** @throws IllegalArgumentException where there is no such state */
    static CallState of(String wire) {
        return all().stream()
                .filter(state -> state.wire().equals(wire))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no such state of a call: " + wire));
    }
}

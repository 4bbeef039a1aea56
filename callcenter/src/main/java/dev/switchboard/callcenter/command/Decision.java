package dev.switchboard.callcenter.command;

import dev.switchboard.callcenter.state.CallState;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** What a command comes to. */
public sealed interface Decision {
    /**
     * Something changes.
     *
     * @param kind    as call_events names it
     * @param state   the call's from now on
     * @param columns of the call that change beside its state
     * @param agents  who change, as they are from now on
     */
    record Changed(
            String kind,
            CallState state,
            Map<CallColumn, Optional<?>> columns,
            List<Agent> agents,
            List<Effect> effects)
            implements Decision {
        public Changed {
            columns = Map.copyOf(columns);
            agents = List.copyOf(agents);
            effects = List.copyOf(effects);
        }
    }

    /** It is so already: a success that writes nothing. */
    record Unchanged() implements Decision {}

    /**
     * It is not done.
     *
     * @param detail what the caller can read
     * @param holder who has the call, where that is why
     */
    record Refused(Refusal refusal, String detail, Optional<UUID> holder) implements Decision {}

    static Refused refused(Refusal refusal, String detail) {
        return new Refused(refusal, detail, Optional.empty());
    }
}

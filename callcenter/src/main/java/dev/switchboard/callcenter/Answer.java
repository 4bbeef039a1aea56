package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Refusal;
import java.util.Optional;
import java.util.UUID;

/** What a command answers. */
public sealed interface Answer {
    /**
     * It is so now.
     *
     * @param json what it was done to, as clients see it
     */
    record Done(String json) implements Answer {}

    /**
     * It was done by an earlier request with the same key.
     *
     * @param json what that one answered
     */
    record Repeated(String json) implements Answer {}

    /**
     * It was not done.
     *
     * @param holder who has the call, where that is why
     */
    record Refused(Refusal refusal, String detail, Optional<Holder> holder) implements Answer {}

    /** An agent, by user id and name. */
    record Holder(UUID user, String name) {}

    static Refused refused(Refusal refusal, String detail) {
        return new Refused(refusal, detail, Optional.empty());
    }
}

package dev.switchboard.engine.channel;

import dev.switchboard.engine.deliver.Sink;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/** Asks about private rooms off the event loops. Thread-safe. */
public final class PrivateRooms {
    private final RoomPolicies policies;
    private final Executor blocking;
    private final Sink sink;

    public PrivateRooms(RoomPolicies policies, Executor blocking, Sink sink) {
        this.policies = policies;
        this.blocking = blocking;
        this.sink = sink;
    }

    /** @param answer runs on that event loop */
    void ask(int loop, RoomPolicies.Verb verb, RoomPolicies.Question question, Consumer<RoomPolicies.Answer> answer) {
        blocking.execute(() -> {
            RoomPolicies.Answer found = askSafely(verb, question);
            sink.execute(loop, () -> answer.accept(found));
        });
    }

    /** Whether somebody may say something in a room. Blocking. */
    public RoomPolicies.Answer maySpeak(RoomPolicies.Question question) {
        return askSafely(RoomPolicies.Verb.SPEAK, question);
    }

    /** A fault of ours is no answer, and whoever waits for one must get it. */
    private RoomPolicies.Answer askSafely(RoomPolicies.Verb verb, RoomPolicies.Question question) {
        try {
            return policies.ask(verb, question);
        } catch (RuntimeException fault) {
            return new RoomPolicies.Answer.Unavailable();
        }
    }
}

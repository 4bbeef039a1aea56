package dev.switchboard.engine.channel;

import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.protocol.ClientMessage;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Asks about private rooms off the event loops. Thread-safe. */
public final class PrivateRooms {
    private final RoomPolicies policies;
    private final RoomHistory history;
    private final Executor blocking;
    private final Sink sink;

    public PrivateRooms(RoomPolicies policies, RoomHistory history, Executor blocking, Sink sink) {
        this.policies = policies;
        this.history = history;
        this.blocking = blocking;
        this.sink = sink;
    }

    /** @param answer runs on that event loop */
    void ask(int loop, RoomPolicies.Verb verb, RoomPolicies.Question question, Consumer<RoomPolicies.Answer> answer) {
        offLoop(loop, () -> askSafely(verb, question), answer);
    }

    /** @param answer runs on that event loop */
    void past(
            int loop,
            RoomPolicies.Question question,
            ClientMessage.Replay.Wanted wanted,
            Consumer<RoomHistory.Past> answer) {
        offLoop(loop, () -> safely(() -> history.past(question, wanted), new RoomHistory.Past.Unavailable()), answer);
    }

    /** @param answer runs on that event loop */
    void keep(int loop, RoomPolicies.Question question, RoomHistory.Said said, Consumer<RoomHistory.Outcome> answer) {
        offLoop(loop, () -> keep(question, said), answer);
    }

    /** Keeps a message, which the stream brings to its room. Blocking. */
    public RoomHistory.Outcome keep(RoomPolicies.Question question, RoomHistory.Said said) {
        return safely(() -> history.keep(question, said), RoomHistory.Outcome.FAILED);
    }

    private <T> void offLoop(int loop, Supplier<T> question, Consumer<T> answer) {
        blocking.execute(() -> {
            T found = question.get();
            sink.execute(loop, () -> answer.accept(found));
        });
    }

    /** Whether somebody may say something in a room. Blocking. */
    public RoomPolicies.Answer maySpeak(RoomPolicies.Question question) {
        return askSafely(RoomPolicies.Verb.SPEAK, question);
    }

    /** A fault of ours is no answer, and whoever waits for one must get it. */
    private static <T> T safely(Supplier<T> question, T otherwise) {
        try {
            return question.get();
        } catch (RuntimeException fault) {
            return otherwise;
        }
    }

    private RoomPolicies.Answer askSafely(RoomPolicies.Verb verb, RoomPolicies.Question question) {
        return safely(() -> policies.ask(verb, question), new RoomPolicies.Answer.Unavailable());
    }
}

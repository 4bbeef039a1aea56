package dev.switchboard.engine.channel;

import dev.switchboard.engine.deliver.Member;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.Frame;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/** Asks about private rooms off the event loops. Thread-safe. */
public final class PrivateRooms {
    private final RoomPolicies policies;
    private final RoomHistory history;
    private final Executor blocking;
    private final Sink sink;
    private final Supplier<Set<Integer>> said;
    private final Consumer<Set<Integer>> seen;

    /**
     * @param said the last transactions that have said something in rooms, and are not known to be visible
     * @param seen is told which of them are
     */
    public PrivateRooms(
            RoomPolicies policies,
            RoomHistory history,
            Executor blocking,
            Sink sink,
            Supplier<Set<Integer>> said,
            Consumer<Set<Integer>> seen) {
        this.policies = policies;
        this.history = history;
        this.blocking = blocking;
        this.sink = sink;
        this.said = said;
        this.seen = seen;
    }

    /** What can be told of an earlier answer without asking. Never blocks. */
    RoomPolicies.Known known(RoomPolicies.Verb verb, RoomPolicies.Question question) {
        return policies.known(verb, question);
    }

    /** @param answer runs on that event loop */
    void ask(int loop, RoomPolicies.Verb verb, RoomPolicies.Question question, Consumer<RoomPolicies.Answer> answer) {
        offLoop(loop, () -> askSafely(verb, question), answer);
    }

    /**
     * What was said before, to one channel.
     *
     * @param answer makes its frames, on the channel's event loop, after all that was handed over before
     */
    void past(
            Member member,
            RoomPolicies.Question question,
            ClientMessage.Replay.Wanted wanted,
            Function<RoomHistory.Past, List<Frame>> answer) {
        blocking.execute(() -> {
            Set<Integer> told = said.get();
            RoomHistory.Past past =
                    safely(() -> history.past(question, wanted, told), new RoomHistory.Past.Unavailable());
            if (past instanceof RoomHistory.Past.Messages) {
                seen.accept(told);
            }
            sink.cast(
                    member.ref().connection().loop(),
                    past.size(),
                    () -> answer.apply(past).stream()
                            .<Recipients>map(frame -> new Recipients.Cast(frame, List.of(member)))
                            .toList());
        });
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

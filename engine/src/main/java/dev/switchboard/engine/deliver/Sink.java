package dev.switchboard.engine.deliver;

import dev.switchboard.engine.model.ChannelRef;
import java.util.List;
import java.util.function.Supplier;

/**
 * Port to the sockets. What is given for one loop takes effect in the order in which it is given, whichever method gives
 * it.
 */
public interface Sink {
    /**
     * Hands a batch of changes to the event loop with that index. Blocks while the loop is behind: that is the
     * back-pressure of the pipeline, never called on an event loop.
     */
    default void deliver(int loop, List<Recipients> batch) {
        deliver(loop, () -> batch);
    }

    /** The same of recipients that are determined on the loop, when their turn comes. */
    void deliver(int loop, Supplier<List<Recipients>> recipients);

    /**
     * Hands over recipients that are determined on the loop, when their turn comes. Never blocks: the senders' sockets
     * are not read on while too much waits.
     *
     * @param bytes that count as waiting until then
     */
    void cast(int loop, int bytes, Supplier<List<Recipients>> recipients);

    /** On the channel's event loop: whether more waits for its connection than half of what may. */
    default boolean isBehind(ChannelRef channel) {
        return false;
    }

    /** Runs a task on the event loop with that index, after everything that was handed over before. */
    void execute(int loop, Runnable task);
}

package dev.switchboard.engine.deliver;

import java.util.List;

/**
 * Port to the sockets. Calls for one loop take effect in the order in which they are made. Both may block the caller
 * while the loop is behind: that is the back-pressure of the pipeline.
 */
public interface Sink {
    /** Hands a batch to the event loop with that index. */
    void deliver(int loop, List<Recipients> batch);

    /** Runs a task on the event loop with that index. */
    void execute(int loop, Runnable task);
}

package dev.switchboard.client;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * A channel's events for a thread that waits for them. Holds at most its capacity: then the client reads on only as events
 * are taken, so nothing is dropped; a thread that takes none for longer than the server's patience (60 s) loses the
 * connection, and finds {@link Event.Interrupted}. Thread-safe.
 */
public final class EventQueue implements AutoCloseable {
    private final BlockingQueue<Event> events;
    private final Channel channel;
    private final BooleanSupplier clientClosed;
    private volatile boolean closed;

    EventQueue(Channel channel, BooleanSupplier clientClosed, int capacity) {
        this.channel = channel;
        this.clientClosed = clientClosed;
        this.events = new ArrayBlockingQueue<>(capacity);
    }

    void put(Event event) {
        try {
            while (!closed && !clientClosed.getAsBoolean() && !events.offer(event, 100, TimeUnit.MILLISECONDS)) {
                // the reader is behind
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }

    /** The next event, as soon as there is one. */
    public Event take() throws InterruptedException {
        return events.take();
    }

    /** The next event, if there is one in time. */
    public Optional<Event> poll(Duration patience) throws InterruptedException {
        return Optional.ofNullable(events.poll(patience.toNanos(), TimeUnit.NANOSECONDS));
    }

    /** Leaves the channel. */
    @Override
    public void close() {
        closed = true;
        channel.leave();
    }
}

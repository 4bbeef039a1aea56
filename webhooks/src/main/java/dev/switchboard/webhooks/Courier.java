package dev.switchboard.webhooks;

import dev.switchboard.engine.pipeline.Time;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings one endpoint its messages: several at once, those of one key one after the other, each again until it is taken or given
 * up. A receiver that is slow or gone holds up nobody else's. One thread of its own, and one for each message that is under way.
 */
final class Courier implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Courier.class);
    /** So many messages of an endpoint are under way at once, each of another key. */
    static final int MOST_AT_ONCE = 16;

    private static final Duration POLL = Duration.ofSeconds(1);
    private static final Duration LONGEST_RETRY_AFTER = Duration.ofHours(1);
    private static final double JITTER = 0.1;
    private static final int GONE = 410;
    private static final int MOST_ERROR_CHARACTERS = 500;

    private final Outbox outbox;
    private final Poster poster;
    private final Secret secret;
    private final WebhookSettings settings;
    private final Time time;
    private final Tally tally;
    private final ExecutorService sending;
    private final BlockingQueue<Signal> signals = new LinkedBlockingQueue<>();
    private final Set<UUID> underWay = new LinkedHashSet<>(); // owned by the thread
    /** When the next of what was put off is to be sent; owned by the thread. */
    private Optional<Instant> due = Optional.empty();

    private final Thread thread;
    private volatile Endpoint endpoint;
    private volatile boolean closing;
    /** Whether the receiver wants nothing any more; owned by the thread. */
    private boolean gone;

    /** How many messages were taken, at how many attempts one was not, and how many were given up. */
    record Tally(LongAdder taken, LongAdder refused, LongAdder givenUp) {
        Tally() {
            this(new LongAdder(), new LongAdder(), new LongAdder());
        }
    }

    private sealed interface Signal {
        /** There may be something to send. */
        record Work() implements Signal {}

        /** One was sent. */
        record Answered(Outbox.Taken message, Poster.Answer answer) implements Signal {}
    }

    Courier(
            Endpoint endpoint,
            Outbox outbox,
            Poster poster,
            Secret secret,
            WebhookSettings settings,
            Time time,
            Tally tally,
            ExecutorService sending) {
        this.endpoint = endpoint;
        this.outbox = outbox;
        this.poster = poster;
        this.secret = secret;
        this.settings = settings;
        this.time = time;
        this.tally = tally;
        this.sending = sending;
        thread = Thread.ofVirtual().name("webhook-" + endpoint.id()).unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    /** There may be something to send. */
    void wake() {
        if (signals.isEmpty()) {
            signals.add(new Signal.Work());
        }
    }

    /** Whether it brings nothing any more. */
    boolean hasEnded() {
        return thread.getState() == Thread.State.TERMINATED;
    }

    /** The endpoint as it is now. */
    void follow(Endpoint changed) {
        endpoint = changed;
    }

    private void run() {
        while (!closing && !gone) {
            try {
                send();
                Signal signal = signals.poll(patience().toMillis(), TimeUnit.MILLISECONDS);
                if (signal != null) {
                    settle(signal);
                }
            } catch (InterruptedException closing) {
                return;
            } catch (RuntimeException | Error failed) { // also without memory: the others' need less
                if (closing) {
                    return;
                }
                LOG.warn(
                        "Webhook {} could not work; it goes on: {}",
                        endpoint.id(),
                        String.valueOf(failed.getMessage()));
                if (!pause()) {
                    return;
                }
            }
        }
    }

    /** Until something is due of itself, a second at most. */
    private Duration patience() {
        Instant now = time.instant();
        return due.map(next -> Duration.between(now, next).plusMillis(1))
                .filter(left -> left.compareTo(POLL) < 0)
                .orElse(POLL);
    }

    private boolean pause() {
        try {
            time.pause(POLL);
            return true;
        } catch (InterruptedException closing) {
            return false;
        }
    }

    private void send() {
        due = due.filter(time.instant()::isBefore);
        int room = MOST_AT_ONCE - underWay.size();
        if (room == 0) {
            return;
        }
        for (Outbox.Taken message : outbox.take(endpoint.id(), underWay, room, time.instant())) {
            underWay.add(message.id());
            sending.execute(() -> signals.add(new Signal.Answered(message, answer(message))));
        }
    }

    private Poster.Answer answer(Outbox.Taken message) {
        Endpoint to = endpoint;
        long now = time.instant().getEpochSecond();
        String id = "msg_" + message.id();
        String signature = secret.signature(to.id(), to.secretVersion(), id, now, message.body());
        if (to.previousUntil().filter(time.instant()::isBefore).isPresent()) {
            signature += " " + secret.signature(to.id(), to.secretVersion() - 1, id, now, message.body());
        }
        try {
            return poster.post(
                    to.url(),
                    Map.of(
                            "content-type",
                            "application/json",
                            "user-agent",
                            "Switchboard-Webhooks/1",
                            "webhook-id",
                            id,
                            "webhook-timestamp",
                            Long.toString(now),
                            "webhook-signature",
                            signature),
                    message.body().getBytes(StandardCharsets.UTF_8));
        } catch (RuntimeException | Error failed) { // an attempt that fails by a fault of ours is one as well
            return Poster.Answer.refused(failed.toString());
        }
    }

    /** Notes how attempts ended, all that are known by now. */
    private void settle(Signal first) {
        var taken = new ArrayList<Outbox.Delivered>();
        try {
            for (Signal signal = first; signal != null; signal = signals.poll()) {
                if (signal instanceof Signal.Answered(var message, var answer)) {
                    underWay.remove(message.id()); // if it cannot be noted it is sent again
                    if (answer.error().isEmpty()) {
                        taken.add(new Outbox.Delivered(message, answer.status().orElse(0)));
                    } else {
                        refuse(message, answer, answer.error().get());
                    }
                }
            }
        } finally {
            if (!taken.isEmpty()) {
                outbox.delivered(endpoint.id(), taken, time.instant());
                tally.taken().add(taken.size());
            }
        }
    }

    private void refuse(Outbox.Taken message, Poster.Answer answer, String why) {
        if (closing) {
            return; // the receiver has nothing to do with it: it counts as not tried
        }
        tally.refused().increment();
        int attempt = message.attempts() + 1;
        String error = why.substring(0, Math.min(why.length(), MOST_ERROR_CHARACTERS));
        if (answer.status().filter(status -> status == GONE).isPresent()) {
            LOG.warn("Webhook {} is turned off: its receiver answered 410 Gone", endpoint.id());
            outbox.disable(endpoint.id(), "its receiver answered 410 Gone");
            gone = true;
        }
        if (attempt > settings.retries().size()) {
            LOG.warn(
                    "Webhook {} gives up {} ({}) after {} attempts: {}",
                    endpoint.id(),
                    message.id(),
                    message.type(),
                    attempt,
                    error);
            tally.givenUp().increment();
            outbox.failed(endpoint.id(), message, answer.status(), error, time.instant());
            return;
        }
        Duration pause = pause(attempt, answer.retryAfter());
        LOG.info(
                "Webhook {} was not taken ({}, attempt {}); again in {} s: {}",
                endpoint.id(),
                message.type(),
                attempt,
                pause.toSeconds(),
                error);
        Instant next = time.instant().plus(pause);
        outbox.postponed(message, next, answer.status(), error);
        due = Optional.of(due.filter(next::isAfter).orElse(next));
    }

    /** Not all at the same moment, and not before the receiver wants them, within an hour. */
    private Duration pause(int attempt, Optional<Duration> wish) {
        Duration planned = settings.retries().get(attempt - 1);
        long jittered = (long) (planned.toMillis() * (1 + JITTER * time.random()));
        Duration wished = wish.map(
                        seconds -> seconds.compareTo(LONGEST_RETRY_AFTER) < 0 ? seconds : LONGEST_RETRY_AFTER)
                .orElse(Duration.ZERO);
        return Duration.ofMillis(Math.max(jittered, wished.toMillis()));
    }

    @Override
    public void close() {
        closing = true;
        thread.interrupt();
    }
}

package dev.switchboard.telephony.fake;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** One leg at the provider, and what it does. Confined to the provider's loop. */
final class Leg {
    final String sid;
    final Optional<Leg> parent;
    final String from;
    final String to;
    final String direction;
    final Set<String> events = new LinkedHashSet<>();
    final Instant startedAt;

    String status = "queued";
    Optional<String> statusUrl = Optional.empty();
    /** Where a leg that was dialled by itself asks what to do, once it is answered. */
    Optional<String> url = Optional.empty();

    int sequence;
    /** What was begun under an earlier one goes on no more. */
    int generation;

    Doing doing = new Nothing();
    Optional<Instant> answeredAt = Optional.empty();
    Optional<Instant> endedAt = Optional.empty();
    boolean hungUp;
    final List<Runnable> whenOver = new ArrayList<>();

    Leg(String sid, Optional<Leg> parent, String from, String to, String direction, Instant startedAt) {
        this.sid = sid;
        this.parent = parent;
        this.from = from;
        this.to = to;
        this.direction = direction;
        this.startedAt = startedAt;
    }

    /** What a leg does. */
    sealed interface Doing {}

    record Nothing() implements Doing {}

    /** Waits for others to answer, or talks to the one who did. */
    record Dialling(List<Leg> children, Optional<String> action, Optional<Leg> answered) implements Doing {
        Dialling(Optional<String> action) {
            this(new ArrayList<>(), action, Optional.empty());
        }

        Dialling with(Leg leg) {
            return new Dialling(children, action, Optional.of(leg));
        }
    }

    /** In a conference. */
    record InRoom(String name, boolean muted, Optional<String> coach, Optional<String> callback) implements Doing {}

    /** Hears music. */
    record Queued(String name, Optional<String> action, Optional<String> gathers) implements Doing {}

    boolean isOver() {
        return endedAt.isPresent();
    }

    boolean isConnected() {
        return status.equals("in-progress");
    }

    boolean isOurs() {
        return to.startsWith("client:");
    }

    /** The device's name, of a leg to one. */
    String identity() {
        return to.substring("client:".length());
    }
}

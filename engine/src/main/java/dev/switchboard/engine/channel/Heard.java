package dev.switchboard.engine.channel;

import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.Frame;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Which of the kept messages of its room a private channel has had, so that it gets none of them twice: what is replayed comes
 * before what is said meanwhile, and what it says itself does not come back. Owned by its connection's event loop.
 */
final class Heard {
    /** Messages that wait until the past was told, and bytes of those. */
    private static final int MOST_WAITING = 1_000;

    private static final long LARGEST_WAITING = 256 * 1024;

    /** Own messages that are kept, and have not come back yet. */
    private static final int MOST_OWN = 1_000;

    private final Set<String> replayed = new HashSet<>();
    /** With whether it has come back. */
    private final Map<String, Boolean> own = new LinkedHashMap<>();

    private final Map<String, Frame> waiting = new LinkedHashMap<>();
    private long bytes;
    private Asking asking = Asking.NEVER;

    private enum Asking {
        NEVER,
        NOW,
        IN_VAIN,
        DONE
    }

    /** From now on what is said waits until the past has come; false if that was asked for before. */
    boolean begin() {
        if (asking != Asking.NEVER) {
            return false;
        }
        asking = Asking.NOW;
        return true;
    }

    /** Whether a kept message may go out now; asked again where it could not. */
    boolean admits(String id, Frame frame) {
        if (own.replace(id, true) != null || replayed.contains(id)) {
            return false;
        }
        if (asking == Asking.NEVER || asking == Asking.DONE) {
            return true;
        }
        if (waiting.putIfAbsent(id, frame) == null) {
            bytes += frame.payload().length;
        }
        if (asking == Asking.IN_VAIN || waiting.size() > MOST_WAITING || bytes > LARGEST_WAITING) {
            asking = Asking.IN_VAIN;
            waiting.clear();
        }
        return false;
    }

    /**
     * The past has come, and is told.
     *
     * @param past the oldest first
     * @return its frames and those of what was said meanwhile: in the order of the stream what that has brought, before it what it had
     *         brought before, behind it what it has not brought yet; empty if that was too much
     */
    Optional<List<Frame>> told(List<BroadcastContent> past, Function<BroadcastContent, Optional<Frame>> frameOf) {
        if (asking == Asking.IN_VAIN) {
            return Optional.empty();
        }
        var again = new HashMap<String, Frame>();
        var before = new ArrayList<Frame>();
        var behind = new ArrayList<Frame>();
        boolean met = false;
        for (BroadcastContent message : past) {
            String id = message.id().orElseThrow();
            Optional<Frame> frame = own.containsKey(id) ? Optional.empty() : frameOf.apply(message);
            if (waiting.containsKey(id)) {
                met = true;
                before.addAll(behind);
                behind.clear();
                frame.ifPresent(replay -> again.put(id, replay));
            } else {
                frame.ifPresent(behind::add);
            }
        }
        if (!met) {
            before.addAll(behind); // nothing tells which is older; the past is meant to come first
            behind.clear();
        }
        past.forEach(message -> replayed.add(message.id().orElseThrow()));
        waiting.forEach((id, frame) -> before.add(again.getOrDefault(id, frame)));
        before.addAll(behind);
        waiting.clear();
        asking = Asking.DONE;
        return Optional.of(before);
    }

    /** An own message will come that its channel is not to get; the oldest that have not come are forgotten where there are many. */
    void expectsOwn(String id) {
        own.put(id, false);
        if (own.size() > MOST_OWN) {
            own.remove(own.keySet().iterator().next());
        }
    }

    void doesNotExpect(String id) {
        own.remove(id);
    }
}

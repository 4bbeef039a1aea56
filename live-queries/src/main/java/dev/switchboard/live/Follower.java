package dev.switchboard.live;

import dev.switchboard.engine.channel.LiveQueries;
import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A channel that is told of an {@link Evaluation}, one thing at a time. Guarded by that. */
final class Follower {
    /** With more of them among those who rest, nobody rests (SPEC I6). */
    static final int MOST_GENERATIONS = 4;

    final LiveQueries.Listener listener;
    /** For so long it is not told once more that rows have changed. */
    final Duration rest;
    /** Rows of a reading that began before are not for it. */
    final long since;

    /** What it has been told; null where it has to be told all. */
    @Nullable
    Generation has;

    boolean knowsStale;
    boolean underWay;
    /** Whether its connection was behind: it is asked now and then, and told all when it is not any more. */
    boolean behind;
    /** Whether it was told of changes just now, and is told of the next ones in a while. */
    boolean resting;

    Follower(LiveQueries.Listener listener, Duration rest, long since) {
        this.listener = listener;
        this.rest = rest;
        this.since = since;
    }

    /** Whether it could not be told what there was, and is asked about again. */
    boolean waits() {
        return behind || (!underWay && has == null);
    }

    /** What those who rest have stays in memory: of few readings at a time, else nobody rests. */
    static void wakeWhereManyDiffer(Collection<Follower> followers) {
        Set<Generation> others = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Follower follower : followers) {
            if (follower.resting && follower.has != null) {
                others.add(follower.has);
            }
        }
        if (others.size() > MOST_GENERATIONS) {
            followers.forEach(follower -> follower.resting = false);
        }
    }
}

package dev.switchboard.engine.explain;

import dev.switchboard.engine.channel.SocketStatus;
import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.pipeline.Progress;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
import java.time.InstantSource;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What a running engine is asked when something is to be explained. Thread-safe.
 *
 * @param sockets finds out how it stands with somebody's channels, now; asks every event loop
 */
public record LiveSources(
        Journal journal,
        Progress progress,
        Function<Predicate<Claims>, List<SocketStatus>> sockets,
        SubscriptionCatalog catalog,
        InstantSource clock) {
    /** Looks at the channels that a question is about, once. */
    public LiveExplanation about(Question question) {
        return new LiveExplanation(this, question);
    }
}

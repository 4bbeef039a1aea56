package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.history.FenceSeal;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Sight;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.ServerMessage;
import dev.switchboard.engine.route.Subscription;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Where channels begin: now, or where they were told everything before. Thread-safe; blocking. */
public final class Fences {
    /** How long one that comes back waits for the first stream, after a start of the server. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final SubscriptionCatalog catalog;
    private final History history;
    private final FenceSeal seal;
    private final Progress progress;

    /** @param place what its client is told of it, where it wants to know */
    record Beginning(Fence fence, Optional<ServerMessage.Place> place) {
        boolean goesOn() {
            return place.filter(ServerMessage.Place::resumed).isPresent();
        }
    }

    Fences(SubscriptionCatalog catalog, History history, FenceSeal seal, Progress progress) {
        this.catalog = catalog;
        this.history = history;
        this.seal = seal;
        this.progress = progress;
    }

    /** As long as no stream has begun nobody knows what can be told of the past. */
    void await(ClientMessage.Positions positions) throws InterruptedException {
        if (positions.wanted()) {
            history.await(PATIENCE);
        }
    }

    /** To be asked before the snapshot that rows are read by, or a channel begins at. */
    public Lsn head() {
        return history.head();
    }

    /**
     * What its user can join a channel with, to be told of what a snapshot does not see.
     *
     * @param before the {@link #head} of a moment before the snapshot
     * @return empty as long as no stream has begun
     */
    public Optional<String> seal(Lsn before, StartingPoint snapshot, Claims user) {
        return history.origin().map(origin -> seal.seal(history.fence(before, snapshot), user, origin));
    }

    /**
     * @param before the {@link #head} of a moment before
     * @param sights what the rows hang on of those tables of which it wants to know
     */
    Beginning beginning(
            ChangeFeed.Request request, List<Subscription> subscriptions, Lsn before, Collection<Sight> sights)
            throws SubscriptionCatalog.CatalogUnavailableException {
        StartingPoint now = catalog.now();
        Fence fence = history.fence(before, now).seenBy(seenBy(sights, request.claims()));
        Optional<String> origin = history.origin();
        if (!request.positions().wanted() || origin.isEmpty()) {
            return new Beginning(fence, Optional.empty());
        }
        String place = seal.seal(fence, request.claims(), origin.get());
        Optional<String> since = request.positions().since();
        if (since.isEmpty()) {
            return new Beginning(fence, Optional.of(new ServerMessage.Place(place, false, Optional.empty())));
        }
        Optional<Fence> former = seal.open(since.get(), request.claims(), origin.get());
        Optional<ErrorCode> objection = objection(former, subscriptions, now)
                .or(() -> isSeenOtherwise(former.orElseThrow(), fence.sight(), sights));
        if (objection.isPresent()) {
            progress.countResync();
            return new Beginning(fence, Optional.of(new ServerMessage.Place(place, false, objection)));
        }
        progress.countResume();
        String again = since.get().split("@", 2)[0];
        return new Beginning(former.orElseThrow(), Optional.of(new ServerMessage.Place(again, true, Optional.empty())));
    }

    /** The same as long as the rows that can be read hang on the same: by the catalog, and by the claims of who reads. */
    private static String seenBy(Collection<Sight> sights, Claims reader) {
        if (sights.isEmpty()) {
            return "";
        }
        String versions =
                sights.stream().map(Sight::version).distinct().sorted().collect(Collectors.joining("-"));
        return versions + "-" + Integer.toHexString(reader.group().json().hashCode());
    }

    /** Whether other rows may have come into sight since, or left it, though nobody touched them. */
    private Optional<ErrorCode> isSeenOtherwise(Fence former, String sight, Collection<Sight> sights) {
        boolean same = sights.isEmpty()
                || (former.sight().equals(sight)
                        && sights.stream()
                                .allMatch(one -> one.reads().isPresent()
                                        && one.reads().get().stream()
                                                .noneMatch(table -> history.hasChanged(table, former))));
        return same ? Optional.empty() : Optional.of(ErrorCode.RIGHTS_CHANGED);
    }

    private Optional<ErrorCode> objection(Optional<Fence> former, List<Subscription> subscriptions, StartingPoint now)
            throws SubscriptionCatalog.CatalogUnavailableException {
        boolean plausible = former.flatMap(fence -> fence.start().after())
                .map(told -> !told.transaction().isAfter(now.position()))
                .orElse(former.isPresent());
        if (!plausible) {
            return Optional.of(ErrorCode.RESUME_INVALID);
        }
        if (!history.reaches(former.orElseThrow().from())) {
            return Optional.of(ErrorCode.RESUME_EXPIRED);
        }
        boolean carried = catalog.carriedSince(
                subscriptions.stream().map(Subscription::table).toList(),
                former.orElseThrow().start());
        return carried ? Optional.empty() : Optional.of(ErrorCode.RESUME_IMPOSSIBLE);
    }
}

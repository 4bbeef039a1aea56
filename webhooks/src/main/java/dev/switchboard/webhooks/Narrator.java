package dev.switchboard.webhooks;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.Candidate;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.authorize.Grant;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.encode.ChangeEncoder;
import dev.switchboard.engine.encode.TypeCatalog;
import dev.switchboard.engine.encode.UnsupportedTypeException;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.pipeline.SubscriptionCatalog.CatalogUnavailableException;
import dev.switchboard.engine.pipeline.Time;
import dev.switchboard.engine.route.Routed;
import dev.switchboard.engine.route.Subscription;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** From batches of the stream to what endpoints are told: route, authorize, encode. Owned by the feed's thread. */
final class Narrator {
    /** Of a message. What is larger is told as a gap: receivers take less. */
    static final int MOST_BYTES = 1 << 20;
    /** For so long one of whom nothing can be found out is not asked about. */
    private static final Duration LEFT_ALONE = Duration.ofMinutes(5);

    private static final String UNDECIDED = "it could not be found out whether rows may be told";

    private final Interests interests;
    private final Authorizer authorizer;
    private final TypeCatalog types;
    private final Keys keys;
    private final Consumer<List<Event>> atOnce;
    private final Time time;
    /** Of whom it could not be found out what they may see, and until when it is not tried again. */
    private final Map<ClaimsGroup, Instant> undecidable = new HashMap<>();
    /** Endpoints that have been told that the table is another one, by how the stream described the former one. */
    private final IdentityHashMap<Relation, Set<UUID>> passed = new IdentityHashMap<>();

    /** @param atOnce keeps gaps that are found once and not again, whatever becomes of the round */
    Narrator(
            Interests interests,
            RowAccess access,
            TypeCatalog types,
            Keys keys,
            Consumer<List<Event>> atOnce,
            Time time) {
        this.interests = interests;
        this.authorizer = new Authorizer(access);
        this.types = types;
        this.keys = keys;
        this.atOnce = atOnce;
        this.time = time;
    }

    /** These were resolved anew: whom a table fits now hears of it. */
    void fits(List<Interests.Looked> looks) {
        looks.forEach(look ->
                passed.values().forEach(left -> left.remove(look.endpoint().id())));
    }

    /** Another stream describes its tables anew. */
    void begin() {
        passed.clear();
    }

    /**
     * What endpoints are told of these batches, in order. The same whenever it is asked, as far as rights are the same.
     *
     * @throws RowAccessUnavailableException if nobody can say now who may see the rows
     */
    List<Event> of(List<Batch> round)
            throws RowAccessUnavailableException, TypeCatalog.TypeCatalogUnavailableException, SQLException,
                    CatalogUnavailableException {
        return narrate(round, this::decide);
    }

    /** The same, each claims group by itself: of what cannot be decided about one a gap is told, if the database answers at all. */
    List<Event> ofEachAlone(List<Batch> round)
            throws RowAccessUnavailableException, TypeCatalog.TypeCatalogUnavailableException, SQLException,
                    CatalogUnavailableException {
        return narrate(round, this::decideEachAlone);
    }

    /** How candidates become events. */
    private interface Deciding {
        void decide(List<Candidate> candidates, List<Event> events)
                throws RowAccessUnavailableException, TypeCatalog.TypeCatalogUnavailableException, SQLException,
                        CatalogUnavailableException;
    }

    private List<Event> narrate(List<Batch> round, Deciding deciding)
            throws RowAccessUnavailableException, TypeCatalog.TypeCatalogUnavailableException, SQLException,
                    CatalogUnavailableException {
        var events = new ArrayList<Event>();
        var candidates = new ArrayList<Candidate>();
        for (Batch batch : round) {
            long number = batch.firstIndex();
            for (Change change : batch.changes()) {
                Set<ChannelRef> outdated = interests.outdated(batch.transaction(), number, change.relation());
                if (!outdated.isEmpty()) {
                    deciding.decide(candidates, events);
                    candidates.clear();
                    resolveAnew(outdated, batch, number, change);
                }
                Set<UUID> without = passed.getOrDefault(change.relation(), Set.of());
                Routed routed = interests
                        .route(batch.transaction(), number, change)
                        .of(channel -> interests
                                .endpoint(channel)
                                .filter(endpoint -> !without.contains(endpoint.id()))
                                .isPresent());
                if (!routed.isEmpty()) {
                    candidates.add(new Candidate(batch.transaction(), number, change, routed));
                }
                number++;
            }
        }
        deciding.decide(candidates, events);
        return events;
    }

    /**
     * A table that is not what it was: who is told of it is resolved anew, and left out of what the stream still brings of the former
     * one, once they know that there is a gap.
     */
    private void resolveAnew(Set<ChannelRef> outdated, Batch batch, long number, Change change)
            throws CatalogUnavailableException, RowAccessUnavailableException {
        authorizer.awaitVisible(Set.of(batch.transaction().xid())); // the catalog is read as of it or later
        Set<UUID> left = passed.computeIfAbsent(change.relation(), _ -> new HashSet<>());
        List<ChannelRef> untold = outdated.stream()
                .filter(channel -> !left.containsAll(ids(List.of(channel))))
                .toList();
        var gaps = new ArrayList<Event>();
        gaps(
                untold,
                new Position(batch.transaction().finalLsn(), number) + " schema",
                change,
                "the table has changed, and what is told of it with it",
                gaps,
                batch.transaction().committedAt());
        atOnce.accept(gaps);
        left.addAll(ids(outdated));
        interests.again(outdated);
        // whom it fits after all hears of what comes
        left.retainAll(ids(interests.outdated(batch.transaction(), number, change.relation())));
    }

    private Set<UUID> ids(Collection<ChannelRef> channels) {
        return channels.stream()
                .flatMap(channel -> interests.endpoint(channel).stream())
                .map(Endpoint::id)
                .collect(Collectors.toSet());
    }

    private void decide(List<Candidate> candidates, List<Event> events)
            throws RowAccessUnavailableException, TypeCatalog.TypeCatalogUnavailableException, SQLException {
        undecidable.values().removeIf(until -> !time.instant().isBefore(until));
        List<Candidate> askable = undecidable.isEmpty() ? candidates : withoutUndecidable(candidates, events);
        if (askable.isEmpty()) {
            return;
        }
        Decision decision = authorizer.decide(askable);
        for (int i = 0; i < askable.size(); i++) {
            tell(askable.get(i), decision.verdicts().get(i).grants(), events);
        }
        gaps(askable.getLast(), decision.failed(), " filter", "PostgreSQL could not evaluate the filter", events);
    }

    /** Those who took too long just now are told a gap at once, and cost the others no patience. */
    private List<Candidate> withoutUndecidable(List<Candidate> candidates, List<Event> events) {
        var askable = new ArrayList<Candidate>();
        var told = new HashSet<ChannelRef>();
        for (Candidate candidate : candidates) {
            Set<ChannelRef> left = candidate.subscriptions().stream()
                    .filter(one -> undecidable.containsKey(one.group()))
                    .map(Subscription::channel)
                    .filter(told::add)
                    .collect(Collectors.toSet());
            gaps(candidate, left, " undecided", UNDECIDED, events);
            Candidate others = candidate.of(candidate.routed().of(channel -> !told.contains(channel)));
            if (!others.routed().isEmpty()) {
                askable.add(others);
            }
        }
        return askable;
    }

    private void decideEachAlone(List<Candidate> candidates, List<Event> events)
            throws TypeCatalog.TypeCatalogUnavailableException, SQLException, CatalogUnavailableException {
        Set<ClaimsGroup> groups = candidates.stream()
                .flatMap(candidate -> candidate.subscriptions().stream())
                .map(Subscription::group)
                .collect(Collectors.toCollection(LinkedHashSet::new));
        for (ClaimsGroup group : groups) {
            List<Candidate> own = candidates.stream()
                    .map(candidate -> candidate.of(candidate
                            .routed()
                            .of(channel -> interests
                                    .endpoint(channel)
                                    .filter(endpoint -> endpoint.group().equals(group))
                                    .isPresent())))
                    .filter(candidate -> !candidate.routed().isEmpty())
                    .toList();
            try {
                decide(own, events);
            } catch (RowAccessUnavailableException undecided) {
                interests.probe(); // where the database does not answer at all nobody is told of a gap
                undecidable.put(group, time.instant().plus(LEFT_ALONE));
                Set<ChannelRef> channels = own.stream()
                        .flatMap(candidate -> candidate.subscriptions().stream())
                        .map(Subscription::channel)
                        .collect(Collectors.toSet());
                gaps(own.getLast(), channels, " undecided", UNDECIDED, events);
            }
        }
    }

    private void gaps(Candidate at, Collection<ChannelRef> channels, String what, String why, List<Event> events) {
        gaps(
                channels,
                at.position() + what,
                at.change(),
                why,
                events,
                at.transaction().committedAt());
    }

    private void tell(Candidate candidate, List<Grant> grants, List<Event> events)
            throws TypeCatalog.TypeCatalogUnavailableException, SQLException {
        var told = new HashSet<ChannelRef>();
        var bodies = new HashMap<ChangeEncoder.View, String>();
        Optional<ChangeEncoder> encoder = Optional.empty();
        for (Grant grant : grants) {
            ChannelRef channel = grant.subscription().channel();
            Optional<Endpoint> endpoint = interests.endpoint(channel);
            if (endpoint.isEmpty() || !told.add(channel)) { // one of several bindings of an endpoint is enough
                continue;
            }
            if (candidate.change() instanceof Change.Truncate) {
                gaps(
                        Set.of(channel),
                        candidate.position() + " truncate",
                        candidate.change(),
                        "the table was emptied by TRUNCATE",
                        events,
                        candidate.transaction().committedAt());
                continue;
            }
            if (encoder.isEmpty()) {
                encoder = Optional.of(new ChangeEncoder(
                        candidate.transaction(),
                        candidate.index(),
                        candidate.change(),
                        ChangeEncoder.types(candidate.change(), types)));
            }
            events.add(event(candidate, endpoint.get(), grant, encoder.get(), bodies));
        }
    }

    /** @param bodies that were made already: who is shown the same is told the same */
    private Event event(
            Candidate candidate,
            Endpoint endpoint,
            Grant grant,
            ChangeEncoder encoder,
            Map<ChangeEncoder.View, String> bodies)
            throws SQLException {
        Change change = candidate.change();
        Position position = candidate.position();
        Instant at = candidate.transaction().committedAt();
        String table = change.relation().name().toString();
        try {
            var view = new ChangeEncoder.View(grant.columns(), grant.old(), Optional.empty(), true);
            byte[] data = encoder.data(view);
            if (data.length > MOST_BYTES) {
                return Event.ofGap(
                        endpoint.id(),
                        position + " size",
                        Optional.of(table),
                        "a change has " + data.length + " bytes, more than the " + MOST_BYTES + " of a message",
                        at);
            }
            String type = table + "." + kind(change);
            return new Event(
                    endpoint.id(),
                    position.toString(),
                    keys.of(
                            endpoint.ordering(),
                            change.relation(),
                            change.decisive().orElseThrow()),
                    type,
                    bodies.computeIfAbsent(view, _ -> Event.body(type, at, data)));
        } catch (UnsupportedTypeException unsupported) {
            return Event.ofGap(
                    endpoint.id(),
                    position + " type",
                    Optional.of(table),
                    String.valueOf(unsupported.getMessage()),
                    at);
        }
    }

    private static String kind(Change change) {
        return switch (change) {
            case Change.Insert _ -> "insert";
            case Change.Update _ -> "update";
            case Change.Delete _ -> "delete";
            case Change.Truncate _ -> "truncate";
        };
    }

    private void gaps(
            Collection<ChannelRef> channels, String where, Change change, String why, List<Event> events, Instant at) {
        for (ChannelRef channel : channels) {
            interests
                    .endpoint(channel)
                    .ifPresent(endpoint -> events.add(Event.ofGap(
                            endpoint.id(),
                            where,
                            Optional.of(change.relation().name().toString()),
                            why,
                            at)));
        }
    }
}

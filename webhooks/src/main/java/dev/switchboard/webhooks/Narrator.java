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
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.pipeline.SubscriptionCatalog.CatalogUnavailableException;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** From batches of the stream to what endpoints are told: route, authorize, encode. Owned by the feed's thread. */
final class Narrator {
    /** Of a message. What is larger is told as a gap: receivers take less. */
    static final int MOST_BYTES = 1 << 20;

    private final Interests interests;
    private final Authorizer authorizer;
    private final TypeCatalog types;
    private final Keys keys;
    private final Consumer<List<Event>> atOnce;

    /** @param atOnce keeps gaps that are found once and not again, whatever becomes of the round */
    Narrator(Interests interests, RowAccess access, TypeCatalog types, Keys keys, Consumer<List<Event>> atOnce) {
        this.interests = interests;
        this.authorizer = new Authorizer(access);
        this.types = types;
        this.keys = keys;
        this.atOnce = atOnce;
    }

    /**
     * What endpoints are told of these batches, in order. The same whenever it is asked, as far as rights are the same.
     *
     * @throws RowAccessUnavailableException if nobody can say now who may see the rows
     */
    List<Event> of(List<Batch> round)
            throws RowAccessUnavailableException, TypeCatalog.TypeCatalogUnavailableException, SQLException,
                    CatalogUnavailableException {
        var events = new ArrayList<Event>();
        var candidates = new ArrayList<Candidate>();
        for (Batch batch : round) {
            long number = batch.firstIndex();
            for (Change change : batch.changes()) {
                Set<ChannelRef> changed = interests.outdated(batch.transaction(), number, change.relation());
                if (!changed.isEmpty()) {
                    decide(candidates, events);
                    var gaps = new ArrayList<Event>();
                    gaps(
                            changed,
                            new Position(batch.transaction().finalLsn(), number) + " schema",
                            change,
                            "the table has changed, and what is told of it with it",
                            gaps,
                            batch.transaction().committedAt());
                    atOnce.accept(gaps);
                    interests.again(changed);
                }
                var candidate = new Candidate(
                        batch.transaction(), number, change, interests.route(batch.transaction(), number, change));
                if (!candidate.routed().isEmpty()) {
                    candidates.add(candidate);
                }
                number++;
            }
        }
        decide(candidates, events);
        return events;
    }

    private void decide(List<Candidate> candidates, List<Event> events)
            throws RowAccessUnavailableException, TypeCatalog.TypeCatalogUnavailableException, SQLException {
        if (candidates.isEmpty()) {
            return;
        }
        Decision decision = authorizer.decide(candidates);
        for (int i = 0; i < candidates.size(); i++) {
            tell(candidates.get(i), decision.verdicts().get(i).grants(), events);
        }
        Candidate last = candidates.getLast();
        gaps(
                decision.failed(),
                last.position() + " filter",
                last.change(),
                "PostgreSQL could not evaluate the filter",
                events,
                last.transaction().committedAt());
        candidates.clear();
    }

    private void tell(Candidate candidate, List<Grant> grants, List<Event> events)
            throws TypeCatalog.TypeCatalogUnavailableException, SQLException {
        var told = new HashSet<ChannelRef>();
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
            events.add(event(candidate, endpoint.get(), grant, encoder.get()));
        }
    }

    private Event event(Candidate candidate, Endpoint endpoint, Grant grant, ChangeEncoder encoder)
            throws SQLException {
        Change change = candidate.change();
        Position position = candidate.position();
        Instant at = candidate.transaction().committedAt();
        String table = change.relation().name().toString();
        try {
            byte[] data = encoder.data(new ChangeEncoder.View(grant.columns(), grant.old(), Optional.empty(), true));
            if (data.length > MOST_BYTES) {
                return Event.ofGap(
                        endpoint.id(),
                        position + " size",
                        Optional.of(table),
                        "a change has " + data.length + " bytes, more than the " + MOST_BYTES + " of a message",
                        at);
            }
            return Event.ofChange(
                    endpoint.id(),
                    position,
                    keys.of(endpoint.ordering(), change.relation(), image(change)),
                    change.relation().name().schema(),
                    change.relation().name().table(),
                    kind(change),
                    at,
                    data);
        } catch (UnsupportedTypeException unsupported) {
            return Event.ofGap(
                    endpoint.id(),
                    position + " type",
                    Optional.of(table),
                    String.valueOf(unsupported.getMessage()),
                    at);
        }
    }

    private static Row image(Change change) {
        return switch (change) {
            case Change.Insert insert -> insert.row();
            case Change.Update update -> update.row();
            case Change.Delete delete -> delete.old();
            case Change.Truncate _ -> throw new IllegalStateException("TRUNCATE has no row");
        };
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

package dev.switchboard.webhooks;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
import dev.switchboard.engine.pipeline.SubscriptionCatalog.CatalogUnavailableException;
import dev.switchboard.engine.pipeline.SubscriptionCatalog.Resolution;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.route.EventKind;
import dev.switchboard.engine.route.Routed;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.SubscriptionIndex;
import dev.switchboard.engine.route.TableSelector;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Which endpoints a change concerns, before anybody is asked whether they may see it. Owned by the feed's thread. */
final class Interests {
    /** A message about a message would never end. */
    static final String OWN_SCHEMA = "webhooks";

    private final SubscriptionCatalog catalog;
    private final SubscriptionIndex index = new SubscriptionIndex();
    private final Map<UUID, Interest> interests = new LinkedHashMap<>();
    private final Map<ChannelRef, Endpoint> endpoints = new HashMap<>();
    private long numbers;

    Interests(SubscriptionCatalog catalog) {
        this.catalog = catalog;
    }

    /**
     * An endpoint as the index knows it.
     *
     * @param problem why some of its bindings cannot be, if that is so
     */
    private record Interest(Endpoint endpoint, ChannelRef channel, Optional<String> problem) {}

    /** What became of an endpoint since it was looked at before. */
    record Looked(Endpoint endpoint, Optional<String> problem, boolean healed) {}

    boolean isEmpty() {
        return interests.isEmpty();
    }

    List<UUID> ids() {
        return List.copyOf(interests.keySet());
    }

    Optional<Endpoint> endpoint(ChannelRef channel) {
        return Optional.ofNullable(endpoints.get(channel));
    }

    /**
     * Takes over who is to be told; who cannot be told of something is looked at again each time.
     *
     * @return of each that is new, or was looked at again, how it is now
     */
    List<Looked> follow(List<Endpoint> wanted) throws CatalogUnavailableException {
        Set<UUID> ids = wanted.stream().map(Endpoint::id).collect(Collectors.toSet());
        for (UUID gone :
                interests.keySet().stream().filter(id -> !ids.contains(id)).toList()) {
            forget(gone);
        }
        var looked = new ArrayList<Looked>();
        for (Endpoint endpoint : wanted) {
            Interest known = interests.get(endpoint.id());
            if (known == null
                    || known.endpoint().revision() != endpoint.revision()
                    || known.problem().isPresent()) {
                looked.add(resolve(endpoint, known));
            }
        }
        return looked;
    }

    /** Resolves these anew, whose tables have changed. */
    List<Looked> again(Collection<ChannelRef> channels) throws CatalogUnavailableException {
        var looked = new ArrayList<Looked>();
        for (ChannelRef channel : channels) {
            Endpoint endpoint = endpoints.get(channel);
            if (endpoint != null) {
                looked.add(resolve(endpoint, interests.get(endpoint.id())));
            }
        }
        return looked;
    }

    private Looked resolve(Endpoint endpoint, @Nullable Interest known) throws CatalogUnavailableException {
        var channel =
                new ChannelRef(new ConnectionId(0, ++numbers), numbers, "webhook:" + endpoint.id(), WireVersion.V2);
        var subscriptions = new ArrayList<Subscription>();
        var problems = new ArrayList<String>();
        for (Binding binding : endpoint.bindings()) {
            switch (catalog.resolve(binding, endpoint.group())) {
                case Resolution.Resolved resolved ->
                    subscriptions.add(new Subscription(
                            channel,
                            binding.id(),
                            EventKind.of(binding.event()),
                            resolved.table(),
                            resolved.filter(),
                            resolved.selection(),
                            endpoint.group()));
                case Resolution.Refused(String message) -> problems.add(message);
            }
        }
        forget(endpoint.id());
        Optional<String> problem = problems.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", problems));
        interests.put(endpoint.id(), new Interest(endpoint, channel, problem));
        endpoints.put(channel, endpoint);
        index.add(channel, subscriptions);
        Optional<String> before = known == null ? endpoint.problem() : known.problem(); // perhaps of another process
        boolean healed = before.isPresent() && !before.equals(problem);
        return new Looked(endpoint, problem, healed);
    }

    private void forget(UUID id) {
        Interest interest = interests.remove(id);
        if (interest != null) {
            endpoints.remove(interest.channel());
            index.remove(interest.channel());
        }
    }

    /** Whose tables or filters are not what they were any more, as the stream tells. */
    Set<ChannelRef> outdated(Transaction transaction, long number, Relation relation) {
        return index.outdated(transaction, number, relation);
    }

    /** Whose tables were dropped, renamed or unpublished, or have lost or won rows that the stream does not tell of. */
    Set<ChannelRef> unheard() throws CatalogUnavailableException {
        var tables = new LinkedHashSet<TableSelector.One>(catalog.withdrawn());
        tables.addAll(catalog.moved());
        return tables.isEmpty() ? Set.of() : index.channels(tables);
    }

    /** Whether the database answers now. */
    void probe() throws CatalogUnavailableException {
        catalog.now();
    }

    /** Whom it concerns: nobody is told of what was committed before they were there. */
    Routed route(Transaction transaction, long number, Change change) {
        Routed routed = change.relation().name().schema().equals(OWN_SCHEMA)
                ? Routed.NOBODY
                : index.route(transaction, number, change);
        return routed.isEmpty()
                ? routed
                : routed.of(channel -> {
                    Endpoint endpoint = endpoints.get(channel);
                    return endpoint != null && transaction.finalLsn().isAfter(endpoint.beginsAfter());
                });
    }
}

package dev.switchboard.webhooks;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Update;

/** Endpoints and their messages in the database. Thread-safe. */
final class Outbox {
    /** An endpoint with more open messages than that is turned off: its receiver has been gone for long. */
    static final int MOST_OPEN = 100_000;
    /** For so long what was taken can be told once more by {@code switchboard webhooks replay}. */
    static final Duration KEPT = Duration.ofDays(3);
    /** The same of what has failed. */
    static final Duration FAILED_KEPT = Duration.ofDays(30);

    private static final int FORGOTTEN_AT_ONCE = 10_000;

    private static final String PUT = """
            insert into webhooks.messages (endpoint_id, epoch, position, key, type, body, next_at, created_at)
            select e.id, p.epoch, m.position, m.key, m.type, m.body, :now, :now
              from unnest(:endpoints::uuid[], :positions::text[], :keys::uuid[], :types::text[], :bodies::text[])
                     with ordinality as m(endpoint, position, key, type, body, place)
              join webhooks.endpoints e on e.id = m.endpoint and e.enabled, webhooks.progress p
             order by m.place
            on conflict (endpoint_id, epoch, position) do nothing""";

    private static final String TAKE = """
            select m.id, m.type, m.body, m.attempts, m.key from webhooks.messages m
             where m.endpoint_id = :endpoint and m.state = 'open' and not m.blocked and m.next_at <= :now
               and m.id <> all (:under_way)
             order by m.next_at, m.number limit :room""";

    private static final String UNBLOCK = """
            update webhooks.messages m set blocked = false
              from (select distinct endpoint, key from unnest(:endpoints::uuid[], :keys::uuid[]) as t(endpoint, key)) k
             cross join lateral (select o.id from webhooks.messages o
                                  where o.endpoint_id = k.endpoint and o.key = k.key and o.state = 'open'
                                  order by o.number limit 1) head
             where m.id = head.id and m.blocked""";

    private final Jdbi jdbi;

    Outbox(Jdbi jdbi) {
        this.jdbi = jdbi;
    }

    /** One message that is to be sent. */
    record Taken(UUID id, String type, String body, int attempts, UUID key) {}

    /** Those that are on. */
    List<Endpoint> endpoints() {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select id, url, bindings::text as bindings, role, claims::text as claims, ordering,"
                                + " begins_after::text as begins_after, secret_version, previous_until, revision"
                                + " from webhooks.endpoints where enabled order by id")
                .map((row, _) -> new Endpoint(
                        row.getObject("id", UUID.class),
                        String.valueOf(row.getString("url")),
                        Bindings.parse(String.valueOf(row.getString("bindings"))),
                        new ClaimsGroup(String.valueOf(row.getString("role")), String.valueOf(row.getString("claims"))),
                        Endpoint.Ordering.of(String.valueOf(row.getString("ordering"))),
                        Lsn.parse(String.valueOf(row.getString("begins_after"))),
                        row.getInt("secret_version"),
                        Optional.ofNullable(row.getTimestamp("previous_until")).map(java.sql.Timestamp::toInstant),
                        row.getInt("revision")))
                .list());
    }

    /** Name of the replication slot, as the server called it last. */
    String slot() {
        return jdbi.withHandle(handle -> handle.createQuery("select slot from webhooks.progress")
                .mapTo(String.class)
                .one());
    }

    void slot(String name) {
        jdbi.useHandle(handle -> handle.execute("update webhooks.progress set slot = ?", name));
    }

    /** Up to where the stream was read. */
    Position read() {
        return jdbi.withHandle(handle -> handle.createQuery(
                                "select position from webhooks.progress where position is not null")
                        .mapTo(String.class)
                        .findOne())
                .map(Position::parse)
                .orElse(Position.START);
    }

    /** What is to be told, and up to where the stream was read for it: both or none. */
    void put(List<Event> events, Position upTo, Instant now) {
        jdbi.useTransaction(handle -> {
            put(handle, events, now);
            handle.createUpdate("update webhooks.progress set position = :position")
                    .bind("position", upTo.toString())
                    .execute();
        });
    }

    /** What is to be told of something else than the stream's next changes. */
    void put(List<Event> events, Instant now) {
        jdbi.useTransaction(handle -> put(handle, events, now));
    }

    private static void put(Handle handle, List<Event> events, Instant now) {
        if (events.isEmpty()) {
            return;
        }
        List<UUID> endpoints = events.stream().map(Event::endpoint).toList();
        List<UUID> keys = events.stream().map(Event::key).toList();
        lock(handle, endpoints);
        handle.createUpdate(PUT)
                .bind("now", now.atOffset(ZoneOffset.UTC))
                .bindArray("endpoints", UUID.class, endpoints)
                .bindArray(
                        "positions",
                        String.class,
                        events.stream().map(Event::position).toList())
                .bindArray("keys", UUID.class, keys)
                .bindArray(
                        "types", String.class, events.stream().map(Event::type).toList())
                .bindArray(
                        "bodies", String.class, events.stream().map(Event::body).toList())
                .execute();
        unblock(handle, endpoints, keys);
    }

    /** Who comes first of a key is changed by one at a time. */
    private static void lock(Handle handle, List<UUID> endpoints) {
        handle.createQuery("select id from webhooks.endpoints where id = any (:ids) order by id for no key update")
                .bindArray("ids", UUID.class, endpoints.stream().distinct().toList())
                .mapTo(UUID.class)
                .list();
    }

    /** Of each key the first that is open may go. */
    private static void unblock(Handle handle, List<UUID> endpoints, List<UUID> keys) {
        handle.createUpdate(UNBLOCK)
                .bindArray("endpoints", UUID.class, endpoints)
                .bindArray("keys", UUID.class, keys)
                .execute();
    }

    /** The slot is gone: everybody is told so, and positions of the next one are others. */
    void begunAnew(String why, Instant now) {
        jdbi.useTransaction(handle -> {
            int epoch = handle.createQuery(
                            "update webhooks.progress set epoch = epoch + 1, position = null returning epoch")
                    .mapTo(Integer.class)
                    .one();
            List<UUID> all = handle.createQuery("select id from webhooks.endpoints where enabled")
                    .mapTo(UUID.class)
                    .list();
            put(
                    handle,
                    all.stream()
                            .map(id -> Event.ofGap(id, "epoch " + epoch, Optional.empty(), why, now))
                            .toList(),
                    now);
        });
    }

    /** What can be sent now: of each key the first, without what is under way. */
    List<Taken> take(UUID endpoint, Collection<UUID> underWay, int room, Instant now) {
        return jdbi.withHandle(handle -> handle.createQuery(TAKE)
                .bind("endpoint", endpoint)
                .bind("now", now.atOffset(ZoneOffset.UTC))
                .bindArray("under_way", UUID.class, List.copyOf(underWay))
                .bind("room", room)
                .map((row, _) -> new Taken(
                        row.getObject("id", UUID.class),
                        String.valueOf(row.getString("type")),
                        String.valueOf(row.getString("body")),
                        row.getInt("attempts"),
                        row.getObject("key", UUID.class)))
                .list());
    }

    /** One that a receiver has taken, with the status of its answer. */
    record Delivered(Taken message, int status) {}

    /** A receiver has taken these; what waited behind them comes to its turn. */
    void delivered(UUID endpoint, List<Delivered> all, Instant now) {
        jdbi.useTransaction(handle -> {
            lock(handle, List.of(endpoint));
            handle.createUpdate(
                            "update webhooks.messages m set state = 'delivered', attempts = m.attempts + 1, ended_at = :now,"
                                    + " status = t.status, error = null"
                                    + " from unnest(:ids::uuid[], :statuses::int[]) as t(id, status) where m.id = t.id")
                    .bind("now", now.atOffset(ZoneOffset.UTC))
                    .bindArray(
                            "ids",
                            UUID.class,
                            all.stream().map(one -> one.message().id()).toList())
                    .bindArray(
                            "statuses",
                            Integer.class,
                            all.stream().map(Delivered::status).toList())
                    .execute();
            List<UUID> keys = all.stream().map(one -> one.message().key()).toList();
            unblock(handle, Collections.nCopies(keys.size(), endpoint), keys);
        });
    }

    /** One was not taken, and is to be tried again; what is behind it waits. */
    void postponed(Taken taken, Instant next, Optional<Integer> status, String error) {
        jdbi.useHandle(
                handle -> handle.createUpdate("update webhooks.messages set attempts = attempts + 1, next_at = :next,"
                                + " status = :status::int, error = :error where id = :id")
                        .bind("next", next.atOffset(ZoneOffset.UTC))
                        .bind("status", status.orElse(null))
                        .bind("error", error)
                        .bind("id", taken.id())
                        .execute());
    }

    /** One is given up; what waited behind it comes to its turn. */
    void failed(UUID endpoint, Taken taken, Optional<Integer> status, String error, Instant now) {
        jdbi.useTransaction(handle -> {
            lock(handle, List.of(endpoint));
            handle.createUpdate(
                            "update webhooks.messages set state = 'failed', attempts = attempts + 1, ended_at = :now,"
                                    + " status = :status::int, error = :error where id = :id")
                    .bind("now", now.atOffset(ZoneOffset.UTC))
                    .bind("status", status.orElse(null))
                    .bind("error", error)
                    .bind("id", taken.id())
                    .execute();
            unblock(handle, List.of(endpoint), List.of(taken.key()));
        });
    }

    /**
     * Opens messages once more, in their order.
     *
     * @param since those that ended, of since then; without it, those that have failed
     * @return how many
     */
    int reopen(UUID endpoint, Optional<Instant> since, Instant now) {
        String which = since.isPresent() ? "state <> 'open' and created_at >= :since" : "state = 'failed'";
        return jdbi.inTransaction(handle -> {
            lock(handle, List.of(endpoint));
            Update reopening = handle.createUpdate(
                            "update webhooks.messages set state = 'open', attempts = 0, next_at = :now, ended_at = null, blocked = true"
                                    + " where endpoint_id = :id and " + which)
                    .bind("id", endpoint)
                    .bind("now", now.atOffset(ZoneOffset.UTC));
            since.ifPresent(at -> reopening.bind("since", at.atOffset(ZoneOffset.UTC)));
            int reopened = reopening.execute();
            List<UUID> keys = handle.createQuery(
                            "select distinct key from webhooks.messages where endpoint_id = :id and state = 'open'")
                    .bind("id", endpoint)
                    .mapTo(UUID.class)
                    .list();
            handle.createUpdate(
                            "update webhooks.messages set blocked = true where endpoint_id = :id and state = 'open' and not blocked")
                    .bind("id", endpoint)
                    .execute();
            unblock(handle, Collections.nCopies(keys.size(), endpoint), keys);
            return reopened;
        });
    }

    /** Turns an endpoint off, for a reason that its owner is shown; its messages stay. */
    void disable(UUID endpoint, String why) {
        jdbi.useHandle(handle -> handle.createUpdate(
                        "update webhooks.endpoints set enabled = false, disabled_reason = :why where id = :id and enabled")
                .bind("why", why)
                .bind("id", endpoint)
                .execute());
    }

    /** What keeps an endpoint from being told, if something does. */
    void note(UUID endpoint, Optional<String> problem) {
        jdbi.useHandle(handle -> handle.createUpdate(
                        "update webhooks.endpoints set problem = :problem where id = :id and problem is distinct from :problem::text")
                .bind("problem", problem.orElse(null))
                .bind("id", endpoint)
                .execute());
    }

    /** How many messages are in each state. */
    record Counts(long open, long failed) {}

    Counts counts() {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select count(*) filter (where state = 'open') as open, count(*) filter (where state = 'failed') as failed"
                                + " from webhooks.messages where state <> 'delivered'")
                .map((row, _) -> new Counts(row.getLong("open"), row.getLong("failed")))
                .one());
    }

    /** Turns off whose receivers have been gone for too long; says which. */
    List<UUID> disableOverfull() {
        List<UUID> overfull = jdbi.withHandle(handle -> handle.createQuery(
                        "select e.id from webhooks.endpoints e where e.enabled and (select count(*) from (select from webhooks.messages m"
                                + " where m.endpoint_id = e.id and m.state = 'open' limit :most) open) >= :most")
                .bind("most", MOST_OPEN)
                .mapTo(UUID.class)
                .list());
        overfull.forEach(id -> disable(id, MOST_OPEN + " messages waited; its receiver takes none, or too few"));
        return overfull;
    }

    /** Forgets what ended long ago, a part of it at a time. */
    void forget(Instant now) {
        jdbi.useHandle(handle -> handle.createUpdate(
                        "delete from webhooks.messages where id in (select id from webhooks.messages"
                                + " where state <> 'open' and ended_at < case state when 'failed' then :failed else :delivered end limit :most)")
                .bind("failed", now.minus(FAILED_KEPT).atOffset(ZoneOffset.UTC))
                .bind("delivered", now.minus(KEPT).atOffset(ZoneOffset.UTC))
                .bind("most", FORGOTTEN_AT_ONCE)
                .execute());
    }
}

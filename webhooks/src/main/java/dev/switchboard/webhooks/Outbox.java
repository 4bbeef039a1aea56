package dev.switchboard.webhooks;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Update;

/** Endpoints and their messages in the database. Thread-safe. */
final class Outbox {
    /** An endpoint with more open messages than that is turned off, if the first of them has waited for {@link #LONGEST_OVERFULL}. */
    static final int MOST_OPEN = 100_000;
    /** With more than that it is turned off at once. */
    static final int MOST_EVER_OPEN = 1_000_000;

    static final Duration LONGEST_OVERFULL = Duration.ofDays(1);
    /** So many are sent again by one command. */
    static final int MOST_REPLAYED = 50_000;
    /** Messages in one statement. */
    private static final int PUT_AT_ONCE = 1_000;

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
                        "select id, url, bindings::text as bindings, role, claims::text as claims, ordering, problem,"
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
                        Optional.ofNullable(row.getTimestamp("previous_until")).map(Timestamp::toInstant),
                        row.getInt("revision"),
                        Optional.ofNullable(row.getString("problem"))))
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

    /** Whether the server that was started last tells anybody. */
    void runs(boolean so) {
        jdbi.useHandle(handle -> handle.execute("update webhooks.progress set runs = ?", so));
    }

    boolean runs() {
        return jdbi.withHandle(handle -> handle.createQuery("select runs from webhooks.progress")
                .mapTo(Boolean.class)
                .one());
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
        lock(handle, events.stream().map(Event::endpoint).toList());
        for (int from = 0; from < events.size(); from += PUT_AT_ONCE) {
            List<Event> part = events.subList(from, Math.min(events.size(), from + PUT_AT_ONCE));
            List<UUID> endpoints = part.stream().map(Event::endpoint).toList();
            List<UUID> keys = part.stream().map(Event::key).toList();
            handle.createUpdate(PUT)
                    .bind("now", now.atOffset(ZoneOffset.UTC))
                    .bindArray("endpoints", UUID.class, endpoints)
                    .bindArray(
                            "positions",
                            String.class,
                            part.stream().map(Event::position).toList())
                    .bindArray("keys", UUID.class, keys)
                    .bindArray(
                            "types",
                            String.class,
                            part.stream().map(Event::type).toList())
                    .bindArray(
                            "bodies",
                            String.class,
                            part.stream().map(Event::body).toList())
                    .execute();
            unblock(handle, endpoints, keys);
        }
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

    /** The slot is gone: positions of the next one are others, and who is there now is to be told when there is a next one. */
    void gapDue(String why, Instant now) {
        jdbi.useHandle(handle -> handle.createUpdate(
                        "update webhooks.progress set epoch = epoch + 1, position = null, gap = coalesce(gap, :why), gap_at = :now")
                .bind("why", why)
                .bind("now", now.atOffset(ZoneOffset.UTC))
                .execute());
    }

    /** Tells that there is a gap, if one is due: there is a slot again, so that what is read from now on is whole. */
    void tellGap(Instant now) {
        jdbi.useTransaction(handle -> {
            handle.createQuery("select epoch, gap from webhooks.progress where gap is not null for update")
                    .map((row, _) -> Map.entry(row.getInt("epoch"), String.valueOf(row.getString("gap"))))
                    .findOne()
                    .ifPresent(gap -> {
                        List<UUID> concerned = handle.createQuery(
                                        "select e.id from webhooks.endpoints e, webhooks.progress p where e.enabled and e.created_at <= p.gap_at")
                                .mapTo(UUID.class)
                                .list();
                        put(
                                handle,
                                concerned.stream()
                                        .map(id -> Event.ofGap(
                                                id, "epoch " + gap.getKey(), Optional.empty(), gap.getValue(), now))
                                        .toList(),
                                now);
                        handle.execute("update webhooks.progress set gap = null, gap_at = null");
                    });
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
     * @return how many, the first of them: with what is open {@link #MOST_REPLAYED} at most
     */
    int reopen(UUID endpoint, Optional<Instant> since, Instant now) {
        String which = since.isPresent() ? "state <> 'open' and created_at >= :since" : "state = 'failed'";
        return jdbi.inTransaction(handle -> {
            lock(handle, List.of(endpoint));
            Update reopening = handle.createUpdate(
                            "update webhooks.messages set state = 'open', attempts = 0, next_at = :now, ended_at = null, blocked = true"
                                    + " where id in (select id from webhooks.messages where endpoint_id = :id and "
                                    + which
                                    + " order by number limit greatest(0, :most - (select count(*) from webhooks.messages o"
                                    + "   where o.endpoint_id = :id and o.state = 'open')))")
                    .bind("id", endpoint)
                    .bind("now", now.atOffset(ZoneOffset.UTC))
                    .bind("most", MOST_REPLAYED);
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

    /**
     * Turns an endpoint on from here on: what waits is given up, and can be replayed; that something is missing comes first.
     *
     * @return whether it was off
     */
    boolean enable(UUID endpoint, Instant now) {
        return jdbi.inTransaction(handle -> {
            int changed = handle.createUpdate(
                            "update webhooks.endpoints set enabled = true, disabled_reason = null, revision = revision + 1,"
                                    + " begins_after = pg_current_wal_insert_lsn() where id = :id and not enabled")
                    .bind("id", endpoint)
                    .execute();
            if (changed == 0) {
                return false;
            }
            handle.createUpdate(
                            "update webhooks.messages set state = 'failed', ended_at = :now, error = coalesce(error, 'the endpoint was off')"
                                    + " where endpoint_id = :id and state = 'open'")
                    .bind("id", endpoint)
                    .bind("now", now.atOffset(ZoneOffset.UTC))
                    .execute();
            put(
                    handle,
                    List.of(Event.ofGap(
                            endpoint,
                            "enabled " + now,
                            Optional.empty(),
                            "the endpoint was off; what was committed meanwhile was not told",
                            now)),
                    now);
            return true;
        });
    }

    /** Takes an endpoint away: off at first, so that nobody waits for it, then its messages, part by part. */
    boolean remove(UUID endpoint) {
        disable(endpoint, "it is being removed");
        int removed;
        do {
            removed = jdbi.withHandle(handle -> handle.createUpdate("delete from webhooks.messages where id in"
                            + " (select id from webhooks.messages where endpoint_id = :id limit :most)")
                    .bind("id", endpoint)
                    .bind("most", FORGOTTEN_AT_ONCE)
                    .execute());
        } while (removed == FORGOTTEN_AT_ONCE);
        return jdbi.withHandle(handle -> handle.execute("delete from webhooks.endpoints where id = ?", endpoint)) > 0;
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

    /** How many messages wait and have failed, and how many endpoints are off. */
    record Counts(long open, long failed, long off) {}

    Counts counts() {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select (select count(*) from webhooks.messages where state = 'open') as open,"
                                + " (select count(*) from webhooks.messages where state = 'failed') as failed,"
                                + " (select count(*) from webhooks.endpoints where not enabled) as off")
                .map((row, _) -> new Counts(row.getLong("open"), row.getLong("failed"), row.getLong("off")))
                .one());
    }

    /** Turns off whose receivers have been gone for too long; says which. */
    List<UUID> disableOverfull(Instant now) {
        List<UUID> overfull = jdbi.withHandle(handle -> handle.createQuery("""
                        select e.id from webhooks.endpoints e,
                               lateral (select count(*) as n from (select from webhooks.messages m where m.endpoint_id = e.id and m.state = 'open'
                                         limit :ever) waiting) open,
                               lateral (select min(m.created_at) as since from webhooks.messages m where m.endpoint_id = e.id and m.state = 'open'
                                         and open.n >= :most) first
                         where e.enabled and (open.n >= :ever or (open.n >= :most and first.since < :long_ago))""")
                .bind("most", MOST_OPEN)
                .bind("ever", MOST_EVER_OPEN)
                .bind("long_ago", now.minus(LONGEST_OVERFULL).atOffset(ZoneOffset.UTC))
                .mapTo(UUID.class)
                .list());
        overfull.forEach(
                id -> disable(id, "more than " + MOST_OPEN + " messages waited; its receiver takes none, or too few"));
        return overfull;
    }

    /** Turns off whose user is gone or banned; says which. */
    List<UUID> disableOfGoneUsers(Instant now) {
        boolean accounts = jdbi.withHandle(handle -> handle.createQuery("select to_regclass('auth.users') is not null")
                .mapTo(Boolean.class)
                .one());
        if (!accounts) {
            return List.of();
        }
        List<UUID> gone = jdbi.withHandle(handle -> handle.createQuery(
                        "select e.id from webhooks.endpoints e where e.enabled and e.user_id is not null and not exists"
                                + " (select from auth.users u where u.id = e.user_id and u.deleted_at is null"
                                + "    and (u.banned_until is null or u.banned_until <= :now))")
                .bind("now", now.atOffset(ZoneOffset.UTC))
                .mapTo(UUID.class)
                .list());
        gone.forEach(id -> disable(id, "the user whose rights it has is gone or banned"));
        return gone;
    }

    /** Forgets what ended long ago. */
    void forget(Instant now) {
        forget("delivered", now.minus(KEPT));
        forget("failed", now.minus(FAILED_KEPT));
    }

    private void forget(String state, Instant before) {
        int forgotten;
        do {
            forgotten = jdbi.withHandle(handle -> handle.createUpdate("delete from webhooks.messages where state = '"
                            + state + "' and id in (select id from webhooks.messages" + " where state = '" + state
                            + "' and ended_at < :before limit :most)")
                    .bind("before", before.atOffset(ZoneOffset.UTC))
                    .bind("most", FORGOTTEN_AT_ONCE)
                    .execute());
        } while (forgotten == FORGOTTEN_AT_ONCE);
    }
}

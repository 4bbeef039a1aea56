package dev.switchboard.engine.postgres;

import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.postgres.TableSecurity.Predicate;
import dev.switchboard.engine.postgres.policy.ClaimValues;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import javax.sql.DataSource;

/**
 * Who may be in private rooms, as policies on {@code realtime.messages} say (the original's conventions): those for SELECT of who
 * hears, those for INSERT of who speaks, asked about a row of the room that is written nowhere. What they said is given to all who ask
 * the same: for {@link #KEPT}, or, where it hangs on nothing but who asks and rows that the stream tells of, until it does. Thread-safe.
 */
public final class PostgresRoomPolicies implements RoomPolicies {
    /** How long an answer counts that may be another each time. */
    static final Duration KEPT = Duration.ofSeconds(1);

    /** How long policies are gone by before it is looked whether they are the same. */
    private static final Duration POLICIES_KEPT = Duration.ofSeconds(1);

    /** When policies are read again whose answers do not hold: what they hang on may be told of by now. */
    private static final Duration READ_AGAIN = Duration.ofSeconds(5);

    /** How long answers hold after it was last looked whether the stream goes on. */
    private static final Duration FRESH = Duration.ofMillis(2_500);

    /** How long an answer is kept that nobody has asked for. */
    private static final Duration UNUSED = Duration.ofMinutes(1);

    private static final Duration TIMEOUT = Duration.ofSeconds(2);

    /** What kept answers take at most, by estimate; beyond that they count for a moment. */
    private static final long MOST_BYTES = 64L << 20;

    private static final int ANSWER_BYTES = 800;
    private static final int HEADER_BYTES = 100;

    /** Answers of which it is said in a second that they are over: all at once would keep those waiting who join. */
    private static final int MOST_OVER = 1_000;

    private static final List<String> EXTENSIONS = List.of("broadcast", "presence");

    private final DataSource connections;
    private final DataSource watching;
    private final InstantSource clock;
    private final RoomWatch watch;
    private final LongAdder asked = new LongAdder();
    private final Map<PolicyKey, Loaded> policies = new ConcurrentHashMap<>();
    /** Held while policies are read. */
    private final Map<PolicyKey, Object> locks = new ConcurrentHashMap<>();

    private final Map<AnswerKey, Entry> answers = new ConcurrentHashMap<>();
    private final LongAdder bytes = new LongAdder();
    private final AtomicInteger over = new AtomicInteger();
    private volatile Instant lookedAt = Instant.EPOCH;
    private Publications publications = Publications.none();

    private record PolicyKey(Verb verb, String role) {}

    private record AnswerKey(Verb verb, Question question) {
        long bytes() {
            return ANSWER_BYTES
                    + question.group().json().length()
                    + 2L * question.topic().length()
                    + question.headers().entrySet().stream()
                            .mapToLong(header -> HEADER_BYTES
                                    + header.getKey().length()
                                    + header.getValue().length())
                            .sum();
        }
    }

    /**
     * Policies as they were read.
     *
     * @param epoch     of the watch in which their tables are watched
     * @param untilXmin when no transaction before this one is under way, none has written to their tables before they were watched
     * @param readAt    when they were read
     * @param seenAt    when they were found to be so last
     */
    private record Loaded(RoomPolicyReader.Read read, long epoch, long untilXmin, Instant readAt, Instant seenAt) {
        Loaded seenAt(Instant now) {
            return new Loaded(read, epoch, untilXmin, readAt, now);
        }
    }

    /** An answer that was given, or is awaited. */
    private static final class Entry {
        final CompletableFuture<Answer> answer = new CompletableFuture<>();
        final Instant at;
        volatile Optional<RoomWatch.Held> held = Optional.empty();
        volatile Instant usedAt;

        Entry(Instant at) {
            this.at = at;
            usedAt = at;
        }

        boolean isOver() {
            return held.filter(RoomWatch.Held::isOver).isPresent();
        }
    }

    /** @param hold has it hold, if it can */
    private record Decided(Answer answer, Optional<Hold> hold) {
        static Decided of(Answer answer) {
            return new Decided(answer, Optional.empty());
        }
    }

    /** @param since before the snapshot */
    private record Hold(RoomWatch.Held held, Loaded loaded, Snapshot snapshot, Instant since) {}

    /**
     * @param connections of a user who may take on the roles of tokens
     * @param watching    the same, for {@link #look}, which must not wait for those who ask
     */
    public PostgresRoomPolicies(DataSource connections, DataSource watching, InstantSource clock) {
        this.connections = connections;
        this.watching = watching;
        this.clock = clock;
        watch = new RoomWatch(clock);
    }

    /** Questions that PostgreSQL was asked. */
    public long asked() {
        return asked.sum();
    }

    /** Answers that hold until something is told that they hang on. */
    public int held() {
        return watch.size();
    }

    @Override
    public Answer ask(Verb verb, Question question) {
        var key = new AnswerKey(verb, question);
        Instant now = clock.instant();
        var mine = new Entry(now);
        Entry known = answers.get(key);
        if (known != null && !isUsable(known, now)) {
            remove(key, known);
        }
        Entry others = answers.putIfAbsent(key, mine);
        if (others != null) {
            others.usedAt = now;
            return others.answer.join();
        }
        bytes.add(key.bytes());
        complete(mine, key);
        return mine.answer.join();
    }

    private void complete(Entry mine, AnswerKey key) {
        Decided decided = Decided.of(new Answer.Unavailable());
        try {
            decided = decide(key.verb(), key.question());
            decided.hold()
                    .filter(hold -> bytes.sum() <= MOST_BYTES)
                    .filter(hold -> hold(
                            hold,
                            new PolicyKey(key.verb(), key.question().group().role())))
                    .ifPresent(hold -> {
                        mine.held = Optional.of(hold.held());
                        bytes.add(hold.held().bytes());
                    });
        } finally {
            if (decided.answer() instanceof Answer.Unavailable || bytes.sum() > MOST_BYTES) {
                remove(key, mine);
            }
            mine.answer.complete(decided.answer());
        }
    }

    @SuppressWarnings("ReferenceEquality") // what was read anew is another reading, equal or not
    private boolean hold(Hold hold, PolicyKey key) {
        if (!watch.hold(hold.held(), hold.loaded().epoch(), hold.snapshot(), hold.since())) {
            return false;
        }
        Loaded present = policies.get(key);
        boolean current = present != null && present.read() == hold.loaded().read();
        if (!current) {
            watch.release(hold.held());
        }
        return current;
    }

    /** Only of what is answered, or by who answers it. */
    private void remove(AnswerKey key, Entry entry) {
        if (answers.remove(key, entry)) {
            bytes.add(-key.bytes());
            entry.held.ifPresent(held -> {
                bytes.add(-held.bytes());
                watch.release(held);
            });
        }
    }

    private boolean isUsable(Entry entry, Instant now) {
        if (!entry.answer.isDone()) {
            return true;
        }
        return !entry.isOver() && (!entry.at.isBefore(now.minus(KEPT)) || (entry.held.isPresent() && isFresh(now)));
    }

    /** Whether whatever was committed some seconds ago has been told. */
    private boolean isFresh(Instant now) {
        return lookedAt.isAfter(now.minus(FRESH));
    }

    @Override
    public Known known(Verb verb, Question question) {
        Entry entry = answers.get(new AnswerKey(verb, question));
        if (entry == null || entry.held.isEmpty()) {
            return new Known.Nothing();
        }
        Instant now = clock.instant();
        entry.usedAt = now;
        if (entry.isOver()) {
            return over.getAndIncrement() < MOST_OVER ? new Known.Over() : new Known.Later();
        }
        Instant asOf = lookedAt;
        return asOf.isAfter(now.minus(FRESH))
                        && entry.answer.getNow(new Answer.Unavailable()) instanceof Answer.Rights rights
                ? new Known.Holds(rights, asOf)
                : new Known.Stale();
    }

    @Override
    public void passing(List<Batch> round) {
        watch.passing(round);
    }

    @Override
    public synchronized void carried(List<String> names) {
        publications = new Publications(names.getFirst(), Set.copyOf(names));
        watch.beginAnew();
    }

    @Override
    public void look(boolean current) {
        Instant now = clock.instant();
        over.set(0);
        answers.forEach((key, entry) -> {
            boolean unused = entry.usedAt.isBefore(now.minus(UNUSED));
            if (entry.answer.isDone() && (unused || (entry.held.isEmpty() && !isUsable(entry, now)))) {
                remove(key, entry);
            }
        });
        if (!current) {
            return; // and what holds counts for a moment more
        }
        if (watch.size() > 0) {
            try (Connection connection = watching.getConnection()) {
                for (PolicyKey key : policies.keySet()) {
                    load(connection, key, now);
                }
                watch.see(snapshot(connection));
            } catch (SQLException unavailable) {
                return;
            }
        }
        lookedAt = now;
    }

    private static Snapshot snapshot(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select pg_current_snapshot()::text")) {
            row.next();
            return Snapshot.parse(row.getString(1));
        }
    }

    private Decided decide(Verb verb, Question question) {
        try (Connection connection = connections.getConnection()) {
            var key = new PolicyKey(verb, question.group().role());
            Loaded known = policies.get(key);
            Instant recently = clock.instant().minus(POLICIES_KEPT);
            Loaded loaded = known != null && known.seenAt().isAfter(recently) ? known : load(connection, key, recently);
            Optional<Predicate> predicate = loaded.read().predicate();
            return predicate.isEmpty()
                    ? Decided.of(new Answer.Unsupported())
                    : switch (predicate.get()) {
                        case Predicate.Never _ -> Decided.of(Answer.Rights.NOTHING);
                        case Predicate.Always _ -> Decided.of(new Answer.Rights(true, true));
                        case Predicate.Asked policy -> rights(connection, verb, policy.expression(), question, loaded);
                    };
        } catch (SQLException failed) {
            return Decided.of(
                    SqlState.isTransient(failed) // a timeout too: members stay for a while
                            ? new Answer.Unavailable()
                            : Answer.Rights.NOTHING); // what raises allows nothing
        }
    }

    /** Policies as they are now: what was answered under others does not count any more. */
    private Loaded load(Connection connection, PolicyKey key, Instant since) throws SQLException {
        synchronized (locks.computeIfAbsent(key, _ -> new Object())) {
            Loaded known = policies.get(key);
            return known != null && known.seenAt().isAfter(since) ? known : loadNow(connection, key);
        }
    }

    /** Under the lock of these policies. */
    private Loaded loadNow(Connection connection, PolicyKey key) throws SQLException {
        Instant now = clock.instant();
        Loaded known = policies.get(key);
        if (known != null && mayStay(known, now) && known.read().isCurrent(connection)) {
            Loaded again = known.seenAt(now);
            policies.put(key, again);
            return again;
        }
        Publications present;
        long epoch;
        synchronized (this) {
            present = publications;
            epoch = watch.epoch();
        }
        RoomPolicyReader.Read read = new RoomPolicyReader(connection, present).read(key.verb(), key.role());
        read.hanging().ifPresent(policy -> watch.watch(policy, epoch));
        long untilXmin = read.hanging().isPresent() ? nextXid(connection) : 0;
        var loaded = new Loaded(read, epoch, untilXmin, now, now);
        policies.put(key, loaded);
        if (known != null && known.read().hanging().isPresent()) {
            watch.forget(key);
        }
        if (known != null && !known.read().predicate().equals(read.predicate())) {
            answers.forEach((answer, entry) -> {
                boolean of = answer.verb() == key.verb()
                        && answer.question().group().role().equals(key.role());
                if (of && entry.answer.isDone() && entry.held.isEmpty()) {
                    remove(answer, entry);
                }
            });
        }
        return loaded;
    }

    /** What their answers hang on may be told by a stream that did not before. */
    private boolean mayStay(Loaded known, Instant now) {
        return known.read().hanging().isPresent()
                ? watch.isPresent(known.epoch())
                : known.readAt().isAfter(now.minus(READ_AGAIN));
    }

    /** A transaction id of its own: a snapshot's {@code xmax} may be that of a transaction that is under way. */
    private static long nextXid(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select pg_current_xact_id()::text")) {
            row.next();
            return Long.parseLong(row.getString(1));
        }
    }

    /** One SELECT sees both rows or raises; of two INSERTs each raises by itself. */
    private Decided rights(Connection connection, Verb verb, String expression, Question question, Loaded loaded)
            throws SQLException {
        try {
            Instant since = clock.instant();
            Allowed both = allowed(
                    connection, expression, question, EXTENSIONS, loaded.read().hanging());
            Optional<Hold> hold = both.values()
                    .filter(_ -> both.snapshot().seesAllBefore(loaded.untilXmin()))
                    .map(values -> new Hold(
                            new RoomWatch.Held(
                                    new PolicyKey(verb, question.group().role()),
                                    loaded.read().hanging().orElseThrow(),
                                    values),
                            loaded,
                            both.snapshot(),
                            since));
            return new Decided(
                    new Answer.Rights(
                            both.extensions().get(0), both.extensions().get(1)),
                    hold);
        } catch (SQLException raised) {
            boolean same = verb == Verb.HEAR && loaded.read().hanging().isEmpty();
            if (SqlState.isTransient(raised) || same) {
                throw raised; // and asked again it would raise again
            }
        }
        if (verb == Verb.HEAR) { // perhaps it was what the answer hangs on that raised
            List<Boolean> both = allowed(connection, expression, question, EXTENSIONS, Optional.empty())
                    .extensions();
            return Decided.of(new Answer.Rights(both.get(0), both.get(1)));
        }
        return Decided.of(new Answer.Rights(
                isAllowed(connection, expression, question, EXTENSIONS.get(0)),
                isAllowed(connection, expression, question, EXTENSIONS.get(1))));
    }

    private boolean isAllowed(Connection connection, String expression, Question question, String extension)
            throws SQLException {
        try {
            return allowed(connection, expression, question, List.of(extension), Optional.empty())
                    .extensions()
                    .getFirst();
        } catch (SQLException raised) {
            if (SqlState.isTransient(raised)) {
                throw raised;
            }
            return false;
        }
    }

    /** @param values by which rows of other tables can be told that the answer hangs on; empty where nobody can say */
    private record Allowed(List<Boolean> extensions, Snapshot snapshot, Optional<ClaimValues> values) {}

    /** One round trip: the settings that policies may read, what they make of a row per extension, and what that hangs on. */
    private Allowed allowed(
            Connection connection,
            String expression,
            Question question,
            List<String> extensions,
            Optional<CompiledPolicy> hanging)
            throws SQLException {
        asked.increment();
        String values =
                hanging.map(policy -> Impersonation.valuesOf(policy) + "; ").orElse("");
        try (PreparedStatement statement = connection.prepareStatement("begin read only; " + RoomVisitor.BECOME
                + "; select (" + JdbcText.escape(expression)
                + ") is true, pg_catalog.pg_current_snapshot()::text"
                + " from jsonb_populate_recordset(null::realtime.messages, ?::jsonb) as messages; "
                + values + "rollback")) {
            int next = RoomVisitor.bind(statement, question, TIMEOUT);
            statement.setString(next, rows(question.topic(), extensions));
            statement.execute();
            RoundTrips.nextRows(statement).close();
            var allowed = new ArrayList<Boolean>();
            String snapshot = "";
            try (ResultSet rows = RoundTrips.nextRows(statement)) {
                while (rows.next()) {
                    allowed.add(rows.getBoolean(1));
                    snapshot = rows.getString(2);
                }
            }
            Optional<ClaimValues> hangsOn = Optional.empty();
            if (hanging.isPresent()) {
                try (ResultSet row = RoundTrips.nextRows(statement)) {
                    row.next();
                    hangsOn = Impersonation.values(hanging.get(), row);
                }
            }
            return new Allowed(allowed, Snapshot.parse(snapshot), hangsOn);
        } catch (SQLException raised) {
            Impersonation.rollback(connection);
            throw raised;
        }
    }

    /** As they would be inserted. */
    private String rows(String topic, List<String> extensions) {
        List<String> rows = extensions.stream()
                .map(extension -> {
                    var row = new LinkedHashMap<String, String>();
                    row.put("topic", topic);
                    row.put("extension", extension);
                    row.put("private", "true");
                    row.put("inserted_at", clock.instant().toString());
                    row.put("updated_at", clock.instant().toString());
                    row.put(
                            "id",
                            UUID.nameUUIDFromBytes((extension + topic).getBytes(StandardCharsets.UTF_8))
                                    .toString());
                    return RoomVisitor.json(row);
                })
                .toList();
        return "[" + String.join(",", rows) + "]";
    }
}

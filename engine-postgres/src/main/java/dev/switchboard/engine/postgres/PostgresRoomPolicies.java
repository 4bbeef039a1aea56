package dev.switchboard.engine.postgres;

import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.TableSecurity.Predicate;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
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
import java.util.concurrent.atomic.LongAdder;
import javax.sql.DataSource;

/**
 * Who may be in private rooms, as policies on {@code realtime.messages} say (the original's conventions): those for SELECT of who
 * hears, those for INSERT of who speaks, asked about a row of the room that is written nowhere. What they said counts for
 * {@link #KEPT}, and is given to all who ask the same. Thread-safe; blocking.
 */
public final class PostgresRoomPolicies implements RoomPolicies {
    /** How long an answer counts. */
    static final Duration KEPT = Duration.ofSeconds(1);

    /** How long policies are gone by before they are read again. */
    private static final Duration POLICIES_KEPT = Duration.ofSeconds(1);

    private static final Duration TIMEOUT = Duration.ofSeconds(2);

    /** Answers that are kept. */
    private static final int MOST_KEPT = 5_000;

    private static final List<String> EXTENSIONS = List.of("broadcast", "presence");
    private static final TableName TABLE = new TableName("realtime", "messages");

    private static final String STANDING = """
            select c.oid, not c.relrowsecurity or r.rolsuper or r.rolbypassrls
                   or (pg_has_role(r.oid, c.relowner, 'USAGE') and not c.relforcerowsecurity) as exempt,
                   has_schema_privilege(r.oid, n.oid, 'USAGE') and pg_has_role(session_user, r.oid, 'MEMBER')
                   and has_table_privilege(r.oid, c.oid, ?) as granted
              from pg_class c join pg_namespace n on n.oid = c.relnamespace, pg_roles r
             where n.nspname = 'realtime' and c.relname = 'messages' and r.rolname = ?
            """;

    private static final String POLICIES = """
            select p.polpermissive, case when ? = 'a' then coalesce(pg_get_expr(p.polwithcheck, p.polrelid), pg_get_expr(p.polqual, p.polrelid))
                   else pg_get_expr(p.polqual, p.polrelid) end as expression
              from pg_policy p, pg_roles r
             where p.polrelid = ? and r.rolname = ? and p.polcmd in (?::"char", '*')
               and exists (select from unnest(p.polroles) as to_role(id)
                            where case when to_role.id = 0 then true else pg_has_role(r.oid, to_role.id, 'USAGE') end)
             order by p.polname
            """;

    private final DataSource connections;
    private final InstantSource clock;
    private final LongAdder asked = new LongAdder();
    private final Map<PolicyKey, Read> policies = new ConcurrentHashMap<>();
    private final Map<AnswerKey, CompletableFuture<Given>> answers = new ConcurrentHashMap<>();

    private record PolicyKey(Verb verb, String role) {}

    private record AnswerKey(Verb verb, Question question) {}

    /** @param predicate empty where there is no table */
    private record Read(Optional<Predicate> predicate, Instant at) {}

    private record Given(Answer answer, Instant at) {}

    /** @param connections of a user who may take on the roles of tokens */
    public PostgresRoomPolicies(DataSource connections, InstantSource clock) {
        this.connections = connections;
        this.clock = clock;
    }

    /** Questions that PostgreSQL was asked. */
    public long asked() {
        return asked.sum();
    }

    @Override
    public Answer ask(Verb verb, Question question) {
        var key = new AnswerKey(verb, question);
        Instant now = clock.instant();
        var mine = new CompletableFuture<Given>();
        answers.computeIfPresent(key, (_, known) -> isOver(known, now) ? null : known);
        CompletableFuture<Given> others = answers.putIfAbsent(key, mine);
        if (others != null) {
            return others.join().answer();
        }
        complete(mine, key, now);
        forgetSome();
        return mine.join().answer();
    }

    private void complete(CompletableFuture<Given> mine, AnswerKey key, Instant now) {
        Answer answer = new Answer.Unavailable();
        try {
            answer = decide(key.verb(), key.question());
        } finally {
            if (answer instanceof Answer.Unavailable) {
                answers.remove(key, mine);
            }
            mine.complete(new Given(answer, now));
        }
    }

    private static boolean isOver(CompletableFuture<Given> known, Instant now) {
        return known.isDone() && known.join().at().isBefore(now.minus(KEPT));
    }

    private void forgetSome() {
        if (answers.size() > MOST_KEPT) {
            Instant now = clock.instant();
            answers.values().removeIf(known -> isOver(known, now));
            if (answers.size() > MOST_KEPT) {
                answers.values().removeIf(CompletableFuture::isDone);
            }
        }
    }

    private Answer decide(Verb verb, Question question) {
        try (Connection connection = connections.getConnection()) {
            Optional<Predicate> predicate =
                    policies(connection, verb, question.group().role());
            return predicate.isEmpty()
                    ? new Answer.Unsupported()
                    : switch (predicate.get()) {
                        case Predicate.Never _ -> Answer.Rights.NOTHING;
                        case Predicate.Always _ -> new Answer.Rights(true, true);
                        case Predicate.Asked policy -> rights(connection, verb, policy.expression(), question);
                    };
        } catch (SQLException failed) {
            return SqlState.isTransient(failed) // a timeout too: members stay for a while
                    ? new Answer.Unavailable()
                    : Answer.Rights.NOTHING; // what raises allows nothing
        }
    }

    private Optional<Predicate> policies(Connection connection, Verb verb, String role) throws SQLException {
        var key = new PolicyKey(verb, role);
        Read known = policies.get(key);
        if (known != null && known.at().isAfter(clock.instant().minus(POLICIES_KEPT))) {
            return known.predicate();
        }
        Instant now = clock.instant();
        Optional<Predicate> read = read(connection, verb, role);
        if (known != null && !known.predicate().equals(read)) {
            answers.keySet().removeIf(answer -> answer.verb() == verb);
        }
        policies.put(key, new Read(read, now));
        return read;
    }

    private static Optional<Predicate> read(Connection connection, Verb verb, String role) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement path = connection.prepareStatement("set local search_path = ''");
                PreparedStatement standing = connection.prepareStatement(STANDING)) {
            path.execute();
            standing.setString(1, verb == Verb.HEAR ? "SELECT" : "INSERT");
            standing.setString(2, role);
            try (ResultSet row = standing.executeQuery()) {
                if (!row.next()) {
                    return exists(connection) ? Optional.of(new Predicate.Never()) : Optional.empty();
                }
                if (!row.getBoolean("granted")) {
                    return Optional.of(new Predicate.Never());
                }
                return Optional.of(
                        row.getBoolean("exempt")
                                ? new Predicate.Always()
                                : policies(connection, verb, row.getLong("oid"), role));
            }
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    private static boolean exists(Connection connection) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement("select to_regclass(?) is not null")) {
            query.setString(1, TABLE.quoted());
            try (ResultSet row = query.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    private static Predicate policies(Connection connection, Verb verb, long oid, String role) throws SQLException {
        String command = verb == Verb.HEAR ? "r" : "a";
        var permissive = new ArrayList<String>();
        var restrictive = new ArrayList<String>();
        try (PreparedStatement query = connection.prepareStatement(POLICIES)) {
            query.setString(1, command);
            query.setLong(2, oid);
            query.setString(3, role);
            query.setString(4, command);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    String expression = row.getString("expression");
                    if (expression == null) {
                        continue; // as PostgreSQL, which goes past one that says nothing of the command
                    }
                    if (row.getBoolean("polpermissive")) {
                        permissive.addFirst(
                                "(" + expression + ")"); // in PostgreSQL's order: one that raises may come first
                    } else {
                        restrictive.add("(" + expression + ")");
                    }
                }
            }
        }
        return TableSecurity.combine(permissive, restrictive, Set.of());
    }

    /** One SELECT sees both rows or raises; of two INSERTs each raises by itself. */
    private Answer rights(Connection connection, Verb verb, String expression, Question question) throws SQLException {
        try {
            List<Boolean> both = allowed(connection, expression, question, EXTENSIONS);
            return new Answer.Rights(both.get(0), both.get(1));
        } catch (SQLException raised) {
            if (verb == Verb.HEAR || SqlState.isTransient(raised)) {
                throw raised;
            }
            return new Answer.Rights(
                    isAllowed(connection, expression, question, EXTENSIONS.get(0)),
                    isAllowed(connection, expression, question, EXTENSIONS.get(1)));
        }
    }

    private boolean isAllowed(Connection connection, String expression, Question question, String extension)
            throws SQLException {
        try {
            return allowed(connection, expression, question, List.of(extension)).getFirst();
        } catch (SQLException raised) {
            if (SqlState.isTransient(raised)) {
                throw raised;
            }
            return false;
        }
    }

    /** One round trip: the settings that policies may read, then what they make of a row per extension. */
    private List<Boolean> allowed(Connection connection, String expression, Question question, List<String> extensions)
            throws SQLException {
        asked.increment();
        try (PreparedStatement statement = connection.prepareStatement(
                "begin read only; " + RoomVisitor.BECOME + "; select ("
                        + JdbcText.escape(expression)
                        + ") is true from jsonb_populate_recordset(null::realtime.messages, ?::jsonb) as messages; rollback")) {
            int next = RoomVisitor.bind(statement, question, TIMEOUT);
            statement.setString(next, rows(question.topic(), extensions));
            statement.execute();
            RoundTrips.nextRows(statement).close();
            var allowed = new ArrayList<Boolean>();
            try (ResultSet rows = RoundTrips.nextRows(statement)) {
                while (rows.next()) {
                    allowed.add(rows.getBoolean(1));
                }
            }
            return allowed;
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

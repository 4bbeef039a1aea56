package dev.switchboard.engine.postgres;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.pipeline.Trouble;
import dev.switchboard.engine.route.Filter;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGStatement;

/**
 * Asks PostgreSQL. The connections' user may SET ROLE to the roles of tokens and has no rights of its own.
 *
 * <p>One round trip is one multi-statement: first whether the transactions that wrote the images are visible to a new
 * snapshot (a change can be decoded before), and whether the catalog is as it was when the policies were read; then for each claims group a READ ONLY transaction of its own, with
 * {@code set_config} of role and claims and one execution of the policy over all its images. Later snapshots still see
 * what the first saw, and nothing that a policy sets for its transaction reaches the next group. Never one statement over
 * several groups: the planner computes {@code (select auth.uid())} once.
 *
 * <p>What the policy raises means "not visible" for the row that made it raise: the images are halved until it is
 * found. A group whose probe SELECT raises sees nothing (the planner may evaluate what the policy over an image does
 * not). Keeps one connection, opened anew after it broke. Owned by the pipeline thread.
 */
public final class PostgresRowAccess implements RowAccess, AutoCloseable {
    private static final long INVISIBLE_NANOS = TimeUnit.SECONDS.toNanos(2);
    /** How often a round is asked when the catalog changes under it. */
    private static final int ATTEMPTS = 5;

    private static final String GONE = "";
    /** What all conditions of one group may take in one round; beyond it, they have failed. */
    private static final long CONDITIONS_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final int LARGEST_CHUNK = 32;
    private static final int REMEMBERED = 10_000;
    private static final String VISIBLE = """
            select coalesce(bool_and(pg_visible_in_snapshot(x::xid8, pg_current_snapshot())), true)
              from unnest(?::text[]) as x""";
    /** Takes on a role and its claims for the transaction. */
    static final String BECOME = "select set_config('role', ?, true), set_config('request.jwt.claims', ?, true)";
    /** A condition is its user's own text, a regular expression perhaps: it must not hold the others up for long. */
    static final String BECOME_BRIEFLY = BECOME + ", set_config('statement_timeout', '250', true)";

    private final Database database;
    private final Trouble trouble;
    private final Set<String> reported = new HashSet<>();
    /** Tables that were found unchanged during the present round. */
    private final Set<SecurityKey> verified = new HashSet<>();

    private @Nullable Connection kept;
    private final AtomicLong nearestXid = new AtomicLong();
    private final Map<SecurityKey, Loaded> securities = new HashMap<>();
    /** What the conditions of each group have taken in the present round. */
    private final Map<ClaimsGroup, Long> conditionNanos = new HashMap<>();

    /** What the present round goes by. */
    private final Map<SecurityKey, Loaded> used = new HashMap<>();

    private final Map<ProbeKey, Probed> probes = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<ProbeKey, Probed> eldest) {
            return size() > REMEMBERED;
        }
    };

    private record SecurityKey(int oid, String role) {}

    /** @param version of the catalog when it was read, or a little before */
    private record Loaded(TableSecurity security, Relation relation, String version) {
        boolean isOf(Map<Integer, String> versions, SecurityKey key) {
            return version.equals(versions.getOrDefault(key.oid(), GONE));
        }
    }

    private record ProbeKey(int oid, ClaimsGroup group) {}

    private record Probed(TableSecurity security, boolean passed) {}

    /**
     * A question that PostgreSQL has to decide.
     *
     * @param literals the distinct images, reduced to what the policy reads, each with the indexes of the question's
     *                 images that it stands for
     * @param onFailure what to do when a condition cannot be evaluated; policies have none, and hide what raises
     */
    private record Pending(
            int oid,
            TableSecurity security,
            String sql,
            ClaimsGroup group,
            List<Map.Entry<String, List<Integer>>> literals,
            BitSet visible,
            Optional<Runnable> onFailure) {
        Pending part(int from, int to) {
            return new Pending(oid, security, sql, group, literals.subList(from, to), visible, onFailure);
        }

        String become() {
            return onFailure.isPresent() ? BECOME_BRIEFLY : BECOME;
        }

        void decided(int literal, boolean shown) {
            if (shown) {
                literals.get(literal).getValue().forEach(visible::set);
            }
        }
    }

    /**
     * @param database with the user whose connections may take the roles of tokens
     * @param trouble  hears of policies that raise, once per table and SQLSTATE
     */
    public PostgresRowAccess(Database database, Trouble trouble) {
        this.database = database;
        this.trouble = trouble;
    }

    @Override
    public List<Answer> ask(List<Question> questions, Set<Integer> xids) throws RowAccessUnavailableException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            verified.clear();
            try {
                return askOnce(connection(), questions, xids);
            } catch (OutdatedException outdated) {
                securities.entrySet().removeIf(entry -> !entry.getValue().isOf(outdated.versions, entry.getKey()));
            } catch (SQLException failed) {
                close();
                throw new RowAccessUnavailableException("cannot ask PostgreSQL: " + failed.getMessage(), failed);
            }
        }
        throw new RowAccessUnavailableException(
                "policies or grants keep changing", new IllegalStateException(ATTEMPTS + " attempts"));
    }

    /** What was known of a table is not so any more. */
    private static final class OutdatedException extends Exception {
        private static final long serialVersionUID = 1L;
        private final transient Map<Integer, String> versions;

        OutdatedException(Map<Integer, String> versions) {
            super("the catalog has changed");
            this.versions = versions;
        }
    }

    private List<Answer> askOnce(Connection connection, List<Question> questions, Set<Integer> xids)
            throws SQLException, RowAccessUnavailableException, OutdatedException {
        var answers = new ArrayList<Answer>();
        var pending = new LinkedHashMap<String, List<Pending>>();
        used.clear();
        conditionNanos.clear();
        for (Question question : questions) {
            prepare(connection, question, answers)
                    .ifPresent(asked -> pending.computeIfAbsent(asked.sql(), _ -> new ArrayList<>())
                            .add(asked));
        }
        String[] fullXids = fullXids(connection, xids);
        if (pending.isEmpty()) {
            // what a transaction changed in the catalog counts for its own rows too
            untilVisible(() -> isVisible(connection, fullXids), fullXids);
            refuseOutdated(CatalogVersion.read(connection, usedOids()));
            return answers;
        }
        for (List<Pending> sameStatement : pending.values()) {
            askAll(connection, sameStatement, fullXids);
        }
        return answers;
    }

    private Set<Integer> usedOids() {
        var oids = new HashSet<Integer>();
        used.keySet().forEach(key -> oids.add(key.oid()));
        return oids;
    }

    private void refuseOutdated(Map<Integer, String> versions) throws OutdatedException {
        for (var entry : used.entrySet()) {
            if (!entry.getValue().isOf(versions, entry.getKey())) {
                throw new OutdatedException(versions);
            }
        }
    }

    private Connection connection() throws SQLException {
        if (kept == null) {
            kept = database.connect("switchboard-rows");
        }
        return kept;
    }

    /** Ends the connection; the next question opens another. Called by the thread that asks, or after it has ended. */
    @Override
    public void close() {
        Connection ended = kept;
        kept = null;
        try {
            if (ended != null) {
                ended.close();
            }
        } catch (SQLException alreadyGone) {
            // a closed connection is what was wanted
        }
    }

    /** Adds the answer, filled at once where no asking is needed. */
    private Optional<Pending> prepare(Connection connection, Question question, List<Answer> answers)
            throws SQLException, RowAccessUnavailableException {
        Relation relation = question.relation();
        TableSecurity security = security(connection, relation, question.group().role());
        var visible = new BitSet();
        int place = answers.size();
        answers.add(new Answer(visible, readable(relation, security), false));
        if (!probe(connection, relation.oid(), security, question.group())) {
            return Optional.empty();
        }
        return switch (conditioned(security, question.condition())) {
            case TableSecurity.Predicate.Never _ -> Optional.empty();
            case TableSecurity.Predicate.Always _ -> {
                visible.set(0, question.images().size());
                yield Optional.empty();
            }
            case TableSecurity.Predicate.Asked asked -> {
                var literals = literals(question, security, asked);
                Optional<Runnable> onFailure = question.condition()
                        .map(_ -> () -> answers.set(place, new Answer(visible, readable(relation, security), true)));
                yield literals.isEmpty()
                        ? Optional.empty()
                        : Optional.of(new Pending(
                                relation.oid(),
                                security,
                                statement(security, asked),
                                question.group(),
                                List.copyOf(literals.entrySet()),
                                visible,
                                onFailure));
            }
        };
    }

    /** A condition is tried on visible rows alone: how long it takes, or whether it raises, must not tell of others. */
    private static TableSecurity.Predicate conditioned(TableSecurity security, Optional<Filter> condition) {
        if (condition.isEmpty()) {
            return security.predicate();
        }
        Filter filter = condition.get();
        var reads = new HashSet<>(filter.columns().keySet());
        reads.addAll(security.domains());
        return switch (security.predicate()) {
            case TableSecurity.Predicate.Never never -> never;
            case TableSecurity.Predicate.Always _ -> new TableSecurity.Predicate.Asked(filter.sql(), reads);
            case TableSecurity.Predicate.Asked asked -> {
                reads.addAll(asked.reads());
                yield new TableSecurity.Predicate.Asked(
                        "case when (" + asked.expression() + ") is true then (" + filter.sql() + ") end", reads);
            }
        };
    }

    private static Map<String, List<Integer>> literals(
            Question question, TableSecurity security, TableSecurity.Predicate.Asked asked) {
        var literals = new LinkedHashMap<String, List<Integer>>();
        for (int i = 0; i < question.images().size(); i++) {
            Row image = question.images().get(i);
            if (RowImage.covers(question.relation(), image, asked.reads())) {
                literals.computeIfAbsent(
                                RowImage.literal(question.relation(), security.columns(), asked.reads(), image),
                                _ -> new ArrayList<>())
                        .add(i);
            }
        }
        return literals;
    }

    private static BitSet readable(Relation relation, TableSecurity security) {
        var readable = new BitSet();
        for (int i = 0; i < relation.columns().size(); i++) {
            if (security.readable().contains(relation.columns().get(i).name())) {
                readable.set(i);
            }
        }
        return readable;
    }

    private static String statement(TableSecurity security, TableSecurity.Predicate.Asked asked) {
        return "select (" + JdbcText.escape(asked.expression()) + ") is true from unnest(?::"
                + security.table().quoted() + "[]) as "
                + TableName.quote(security.table().table());
    }

    /** Policies and grants as they are now, and never older than the last Relation message. */
    @SuppressWarnings("ReferenceEquality") // another instance is another Relation message, equal or not
    private TableSecurity security(Connection connection, Relation relation, String role) throws SQLException {
        var key = new SecurityKey(relation.oid(), role);
        Loaded known = securities.get(key);
        if (known != null && known.relation() == relation) {
            used.put(key, known);
            return known.security();
        }
        String version = CatalogVersion.read(connection, Set.of(relation.oid())).getOrDefault(relation.oid(), GONE);
        TableSecurity loaded = TableSecurity.load(connection, relation.oid(), role);
        // the same instance as long as nothing changed: a probe passed under it stays passed
        TableSecurity security = known != null && known.security().equals(loaded) ? known.security() : loaded;
        var loading = new Loaded(security, relation, version);
        securities.put(key, loading);
        used.put(key, loading);
        return security;
    }

    @SuppressWarnings("ReferenceEquality") // security() keeps the instance while nothing changed
    private boolean probe(Connection connection, int oid, TableSecurity security, ClaimsGroup group)
            throws SQLException, RowAccessUnavailableException {
        var key = new ProbeKey(oid, group);
        Probed known = probes.get(key);
        if (known != null && known.security() == security) {
            return known.passed();
        }
        boolean passed = objection(connection, security, group).isEmpty();
        if (!passed && !TableSecurity.load(connection, oid, group.role()).equals(security)) {
            securities.remove(new SecurityKey(oid, group.role()));
            throw new RowAccessUnavailableException(
                    "table " + security.table() + " has changed meanwhile", new IllegalStateException("stale"));
        }
        probes.put(key, new Probed(security, passed));
        return passed;
    }

    /** What a SELECT on the table raises for this group, if it does. */
    static Optional<String> objection(Connection connection, TableSecurity security, ClaimsGroup group)
            throws SQLException {
        if (security.readable().isEmpty()) {
            return Optional.of("permission denied for table " + security.table().table());
        }
        String columns = String.join(
                ", ", security.readable().stream().map(TableName::quote).toList());
        String select = "select " + JdbcText.escape(columns) + " from "
                + JdbcText.escape(security.table().quoted()) + " limit 0";
        return objection(connection, select, group);
    }

    /** What a statement raises for this group, if it does. */
    static Optional<String> objection(Connection connection, String select, ClaimsGroup group) throws SQLException {
        try (PreparedStatement probe =
                connection.prepareStatement("begin read only; " + BECOME + "; " + select + "; rollback")) {
            // never from a prepared plan: what raises while planning under these claims has to raise here
            probe.unwrap(PGStatement.class).setPrepareThreshold(0);
            probe.setString(1, group.role());
            probe.setString(2, group.json());
            probe.execute();
            return Optional.empty();
        } catch (SQLException raised) {
            rollback(connection);
            if (SqlState.isTransient(raised)) {
                throw raised;
            }
            return Optional.of(String.valueOf(raised.getMessage()));
        }
    }

    private String[] fullXids(Connection connection, Set<Integer> xids) throws SQLException {
        if (nearestXid.get() == 0) {
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery("select pg_snapshot_xmax(pg_current_snapshot())::text")) {
                row.next();
                nearestXid.set(Long.parseLong(row.getString(1)));
            }
        }
        long near = nearestXid.get();
        var full = new ArrayList<String>();
        for (int xid : xids) {
            long extended = Xids.extend(xid, near);
            nearestXid.accumulateAndGet(extended, Math::max);
            full.add(Long.toString(extended));
        }
        return full.toArray(String[]::new);
    }

    /** In chunks: a round trip each, and at most that many texts of statements are prepared. */
    private void askAll(Connection connection, List<Pending> pending, String[] xids)
            throws SQLException, RowAccessUnavailableException, OutdatedException {
        int from = 0;
        while (from < pending.size()) {
            int size = Math.min(LARGEST_CHUNK, pending.size() - from);
            askChunk(connection, pending.subList(from, from + size), xids);
            from += size;
        }
    }

    private void askChunk(Connection connection, List<Pending> chunk, String[] xids)
            throws SQLException, RowAccessUnavailableException, OutdatedException {
        if (chunk.getFirst().onFailure().isEmpty()) {
            askWhole(connection, chunk, xids);
            return;
        }
        var affordable = new ArrayList<Pending>();
        for (Pending pending : chunk) {
            if (conditionNanos.getOrDefault(pending.group(), 0L) > CONDITIONS_NANOS) {
                pending.onFailure().ifPresent(Runnable::run);
            } else {
                affordable.add(pending);
            }
        }
        if (!affordable.isEmpty()) {
            long start = System.nanoTime();
            try {
                askWhole(connection, affordable, xids);
            } finally {
                long each = (System.nanoTime() - start) / affordable.size();
                affordable.forEach(pending -> conditionNanos.merge(pending.group(), each, Long::sum));
            }
        }
    }

    private void askWhole(Connection connection, List<Pending> chunk, String[] xids)
            throws SQLException, RowAccessUnavailableException, OutdatedException {
        try {
            untilVisible(() -> answered(connection, chunk, xids), xids);
        } catch (SQLException raised) {
            rollback(connection);
            boolean ownTimeout = chunk.getFirst().onFailure().isPresent() && SqlState.isTimeout(raised);
            if (SqlState.isTransient(raised) && !ownTimeout) {
                throw raised;
            }
            refuseStale(connection, chunk.getFirst(), raised);
            isolate(connection, chunk, xids, raised);
        }
    }

    /** What raised may be our own: the table is not any more what the statement was made for. Then ask again. */
    private void refuseStale(Connection connection, Pending pending, SQLException raised)
            throws SQLException, RowAccessUnavailableException {
        var key = new SecurityKey(pending.oid(), pending.group().role());
        if (!verified.add(key)) {
            return;
        }
        TableSecurity present = TableSecurity.load(connection, key.oid(), key.role());
        if (!present.equals(pending.security())) {
            securities.remove(key);
            throw new RowAccessUnavailableException(
                    "table " + pending.security().table() + " has changed meanwhile: " + raised.getMessage(), raised);
        }
    }

    /** A question that is answered once the changes' transactions are visible to it. */
    private interface Attempt {
        boolean succeeds() throws SQLException, OutdatedException;
    }

    private static void untilVisible(Attempt attempt, String[] xids)
            throws SQLException, RowAccessUnavailableException, OutdatedException {
        long start = System.nanoTime();
        while (!attempt.succeeds()) {
            if (System.nanoTime() - start > INVISIBLE_NANOS) {
                throw new RowAccessUnavailableException(
                        "the changes' transactions are not visible to new snapshots yet",
                        new IllegalStateException(String.join(",", xids)));
            }
            LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(200));
        }
    }

    private static boolean isVisible(Connection connection, String[] xids) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(VISIBLE)) {
            query.setArray(1, connection.createArrayOf("text", xids));
            try (ResultSet visible = query.executeQuery()) {
                visible.next();
                return visible.getBoolean(1);
            }
        }
    }

    /**
     * Something in the chunk raised: each question by itself, then its images halved; a single one is not visible. A
     * condition that raises has failed as a whole; one that takes too long is tried on fewer images, within its group's
     * budget.
     */
    private void isolate(Connection connection, List<Pending> chunk, String[] xids, SQLException raised)
            throws SQLException, RowAccessUnavailableException, OutdatedException {
        if (chunk.size() > 1) {
            for (Pending one : chunk) {
                askChunk(connection, List.of(one), xids);
            }
            return;
        }
        Pending one = chunk.getFirst();
        int literals = one.literals().size();
        boolean mayHelpToHalve = literals > 1 && (one.onFailure().isEmpty() || SqlState.isTimeout(raised));
        if (one.onFailure().isPresent() && !mayHelpToHalve) {
            one.onFailure().get().run();
        } else if (literals == 1) {
            report(one.security().table(), raised);
        } else {
            askChunk(connection, List.of(one.part(0, literals / 2)), xids);
            askChunk(connection, List.of(one.part(literals / 2, literals)), xids);
        }
    }

    private void report(TableName table, SQLException raised) {
        if (reported.size() < REMEMBERED && reported.add(table + " " + raised.getSQLState())) {
            trouble.report("a policy of table " + table + " raises, so the row is not shown", raised);
        }
    }

    private boolean answered(Connection connection, List<Pending> chunk, String[] xids)
            throws SQLException, OutdatedException {
        String sql = VISIBLE + "; " + CatalogVersion.QUERY + "; "
                + ("begin read only; " + chunk.getFirst().become() + "; "
                                + chunk.getFirst().sql() + "; rollback; ")
                        .repeat(chunk.size());
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setArray(1, connection.createArrayOf("text", xids));
            statement.setArray(2, CatalogVersion.parameter(connection, usedOids()));
            int parameter = 3;
            for (Pending pending : chunk) {
                statement.setString(parameter++, pending.group().role());
                statement.setString(parameter++, pending.group().json());
                statement.setString(
                        parameter++,
                        RowImage.array(pending.literals().stream()
                                .map(Map.Entry::getKey)
                                .toList()));
            }
            statement.execute();
            return read(statement, chunk);
        }
    }

    private boolean read(PreparedStatement statement, List<Pending> chunk) throws SQLException, OutdatedException {
        try (ResultSet visible = statement.getResultSet()) {
            visible.next();
            if (!visible.getBoolean(1)) {
                return false;
            }
        }
        try (ResultSet versions = nextRows(statement)) {
            refuseOutdated(CatalogVersion.read(versions));
        }
        for (Pending pending : chunk) {
            nextRows(statement).close(); // set_config
            try (ResultSet decisions = nextRows(statement)) {
                int literal = 0;
                while (decisions.next()) {
                    pending.decided(literal++, decisions.getBoolean(1));
                }
                if (literal != pending.literals().size()) {
                    throw new SQLException(
                            literal + " decisions for " + pending.literals().size() + " rows", "08P01");
                }
            }
        }
        return true;
    }

    private static ResultSet nextRows(PreparedStatement statement) throws SQLException {
        while (!statement.getMoreResults()) {
            if (statement.getUpdateCount() == -1) {
                throw new SQLException("a result is missing", "08P01");
            }
        }
        return statement.getResultSet();
    }

    static void rollback(Connection connection) {
        try (Statement statement = connection.createStatement()) {
            statement.execute("rollback");
        } catch (SQLException gone) {
            // the connection is broken, and the pool finds that out
        }
    }
}

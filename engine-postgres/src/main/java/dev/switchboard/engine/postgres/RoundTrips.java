package dev.switchboard.engine.postgres;

import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.pipeline.Trouble;
import dev.switchboard.engine.postgres.CatalogVersion.Item;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
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
import java.util.function.BiConsumer;

/**
 * Asks PostgreSQL in as few round trips as may be.
 *
 * <p>One round trip is one multi-statement: first whether the transactions that wrote the images are visible to a new
 * snapshot (a change can be decoded before), and whether the catalog is as it was when the policies were read; then for
 * each claims group a READ ONLY transaction of its own, with {@code set_config} of role and claims and one execution of
 * the policy over all its images. Later snapshots still see what the first saw, and nothing that a policy sets for its
 * transaction reaches the next group. Never one statement over several groups: the planner computes {@code (select
 * auth.uid())} once.
 *
 * <p>What the policy raises means "not visible" for the row that made it raise: the images are halved until it is found.
 * Owned by the thread that asks.
 */
final class RoundTrips {
    private static final long INVISIBLE_NANOS = TimeUnit.SECONDS.toNanos(2);

    /** What all conditions of one group may take in one round; beyond it, they have failed. */
    private static final long CONDITIONS_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** What a policy may take for its images; beyond it, PostgreSQL is not available. */
    static final long PATIENT_MILLIS = 10_000;

    /** The same where others wait meanwhile; beyond it, it is asked aside. */
    static final long BRIEF_MILLIS = 100;

    private static final int LARGEST_CHUNK = 32;
    private static final int FIRST_CHUNK = 4;
    private static final int PARTS_OF_SLOW = 8;
    private static final int REMEMBERED = 10_000;
    private static final String VISIBLE = """
            select coalesce(bool_and(pg_visible_in_snapshot(x::xid8, pg_current_snapshot())), true)
              from unnest(?::text[]) as x""";

    private final KnownTables tables;
    private final Trouble trouble;
    private final Set<String> reported = new HashSet<>();
    private final AtomicLong nearestXid = new AtomicLong();
    /** What the conditions of each group have taken in the present round. */
    private final Map<ClaimsGroup, Long> conditionNanos = new HashMap<>();
    /** What took too long in the present round. */
    private final Set<String> slow = new HashSet<>();

    /** What each statement has taken in the present round. */
    private final Map<String, Long> nanos = new HashMap<>();
    /** What a question took lately, by statement; of the last {@link #REMEMBERED}. */
    private final Map<String, Long> nanosEach = new LinkedHashMap<>();

    private boolean brief;
    /** Whether something was read in the present round, so that the catalog was found to be as it was. */
    private boolean read;

    /**
     * A question that PostgreSQL has to decide.
     *
     * @param literals the distinct images, reduced to what the policy reads, each with the indexes of the question's
     *                 images that it stands for
     * @param onFailure what to do when a condition cannot be evaluated; policies have none, and hide what raises
     * @param onSlow    what to do when policies take longer than others may be held up
     * @param said      hears what PostgreSQL says of each literal
     */
    record Pending(
            int oid,
            TableSecurity security,
            String sql,
            ClaimsGroup group,
            List<Map.Entry<String, List<Integer>>> literals,
            BitSet visible,
            Optional<Runnable> onFailure,
            Runnable onSlow,
            BiConsumer<String, Boolean> said) {
        Pending part(int from, int to) {
            return new Pending(oid, security, sql, group, literals.subList(from, to), visible, onFailure, onSlow, said);
        }

        void decided(int literal, boolean shown) {
            said.accept(literals.get(literal).getKey(), shown);
            if (shown) {
                literals.get(literal).getValue().forEach(visible::set);
            }
        }
    }

    /** From now on nothing holds others up: what takes long is put aside. */
    void beBrief() {
        brief = true;
    }

    private String become(Pending pending) {
        return pending.onFailure().isPresent()
                ? Impersonation.BECOME_BRIEFLY
                : Impersonation.becomeFor(brief ? BRIEF_MILLIS : PATIENT_MILLIS);
    }

    RoundTrips(KnownTables tables, Trouble trouble) {
        this.tables = tables;
        this.trouble = trouble;
    }

    /**
     * Asks all that is pending, together where the statement is the same.
     *
     * @return whether it was found that the transactions are visible, and the catalog as it was: not where everything raised
     */
    boolean ask(Connection connection, Collection<List<Pending>> pending, Set<Integer> xids)
            throws SQLException, RowAccessUnavailableException, OutdatedException {
        conditionNanos.clear();
        slow.clear();
        nanos.clear();
        read = false;
        String[] fullXids = fullXids(connection, xids);
        for (List<Pending> sameStatement : pending) {
            askAll(connection, sameStatement, fullXids);
        }
        return read;
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

    /**
     * In chunks: a round trip each, and at most that many texts of statements are prepared. As many at a time as can be waited for, by
     * what one took lately.
     */
    private void askAll(Connection connection, List<Pending> pending, String[] xids)
            throws SQLException, RowAccessUnavailableException, OutdatedException {
        int from = 0;
        while (from < pending.size()) {
            int size = Math.min(chunkSize(pending.getFirst().sql()), pending.size() - from);
            askChunk(connection, pending.subList(from, from + size), xids);
            from += size;
        }
    }

    private int chunkSize(String sql) {
        Long each = nanosEach.get(sql);
        if (each == null) {
            return brief ? FIRST_CHUNK : 1;
        }
        long affordable = mostNanos() / Math.max(1, each);
        return Math.clamp(affordable, 1, LARGEST_CHUNK);
    }

    private long mostNanos() {
        return TimeUnit.MILLISECONDS.toNanos(brief ? BRIEF_MILLIS : PATIENT_MILLIS);
    }

    /** Where all that is asked of a table takes longer than others may be held up, the rest is put aside. */
    private void account(List<Pending> chunk, long taken) {
        String sql = chunk.getFirst().sql();
        nanosEach.remove(sql);
        nanosEach.put(sql, taken / chunk.size());
        if (nanosEach.size() > REMEMBERED) {
            nanosEach.remove(nanosEach.keySet().iterator().next());
        }
        if (brief && nanos.merge(sql, taken, Long::sum) > mostNanos()) {
            slow.add(sql);
            chunk.getFirst().onSlow().run();
        }
    }

    private void askChunk(Connection connection, List<Pending> chunk, String[] xids)
            throws SQLException, RowAccessUnavailableException, OutdatedException {
        if (slow.contains(chunk.getFirst().sql())) {
            chunk.forEach(pending -> pending.onSlow().run());
            return;
        }
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
            Impersonation.rollback(connection);
            if (brief
                    && SqlState.isTimeout(raised)
                    && chunk.getFirst().onFailure().isEmpty()) {
                slow.add(chunk.getFirst().sql());
                chunk.forEach(pending -> pending.onSlow().run());
                return;
            }
            // many that are slow together may each be fast enough; one that is too slow alone is no answer
            boolean mayHelpToSplit =
                    chunk.size() > 1 || chunk.getFirst().literals().size() > 1;
            boolean ownTimeout =
                    SqlState.isTimeout(raised) && (chunk.getFirst().onFailure().isPresent() || mayHelpToSplit);
            if (SqlState.isTransient(raised) && !ownTimeout) {
                throw raised;
            }
            tables.refuseStale(connection, chunk.getFirst(), raised);
            isolate(connection, chunk, xids, raised);
        }
    }

    /** A question that is answered once the changes' transactions are visible to it. */
    private interface Attempt<X extends Exception> {
        boolean succeeds() throws SQLException, X;
    }

    private static <X extends Exception> void untilVisible(Attempt<X> attempt, String[] xids)
            throws SQLException, RowAccessUnavailableException, X {
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

    /** The versions of what is in the catalog, as they are when these transactions are visible; in one round trip. */
    Map<Item, String> versions(Connection connection, Set<Item> items, Set<Integer> xids)
            throws SQLException, RowAccessUnavailableException {
        return versions(connection, items, fullXids(connection, xids));
    }

    /** Until every new snapshot sees these transactions. */
    void awaitVisible(Connection connection, Set<Integer> xids) throws SQLException, RowAccessUnavailableException {
        versions(connection, Set.of(), xids);
    }

    private static Map<Item, String> versions(Connection connection, Set<Item> items, String[] xids)
            throws SQLException, RowAccessUnavailableException {
        var versions = new HashMap<Item, String>();
        untilVisible(() -> isVisible(connection, items, xids, versions), xids);
        return versions;
    }

    private static boolean isVisible(Connection connection, Set<Item> items, String[] xids, Map<Item, String> versions)
            throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(VISIBLE + "; " + CatalogVersion.QUERY)) {
            query.setArray(1, connection.createArrayOf("text", xids));
            CatalogVersion.bind(query, 2, items);
            query.execute();
            try (ResultSet visible = query.getResultSet()) {
                visible.next();
                if (!visible.getBoolean(1)) {
                    return false;
                }
            }
            try (ResultSet rows = nextRows(query)) {
                versions.putAll(CatalogVersion.read(rows, items));
            }
            return true;
        }
    }

    /**
     * Something in the chunk raised: each question by itself, then its images halved; a single one is not visible. What
     * takes too long is tried on an eighth of the images at a time: each try costs the whole time-out. A condition that
     * raises has failed as a whole; one that takes too long is tried on fewer images within its group's budget.
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
            int parts = Math.min(literals, SqlState.isTimeout(raised) ? PARTS_OF_SLOW : 2);
            for (int i = 0; i < parts; i++) {
                askChunk(connection, List.of(one.part(literals * i / parts, literals * (i + 1) / parts)), xids);
            }
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
                + ("begin read only; " + become(chunk.getFirst()) + "; "
                                + chunk.getFirst().sql() + "; rollback; ")
                        .repeat(chunk.size());
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setArray(1, connection.createArrayOf("text", xids));
            CatalogVersion.bind(statement, 2, tables.usedItems());
            int parameter = 2 + CatalogVersion.PARAMETERS;
            for (Pending pending : chunk) {
                statement.setString(parameter++, pending.group().role());
                statement.setString(parameter++, pending.group().json());
                statement.setString(
                        parameter++,
                        RowImage.array(pending.literals().stream()
                                .map(Map.Entry::getKey)
                                .toList()));
            }
            long start = System.nanoTime(); // that transactions are not visible yet is no policy's fault
            statement.execute();
            boolean answered = read(statement, chunk);
            if (answered && chunk.getFirst().onFailure().isEmpty()) {
                account(chunk, System.nanoTime() - start);
            }
            return answered;
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
            tables.refuseOutdated(CatalogVersion.read(versions, tables.usedItems()));
        }
        read = true;
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

    static ResultSet nextRows(PreparedStatement statement) throws SQLException {
        while (!statement.getMoreResults()) {
            if (statement.getUpdateCount() == -1) {
                throw new SQLException("a result is missing", "08P01");
            }
        }
        return statement.getResultSet();
    }
}

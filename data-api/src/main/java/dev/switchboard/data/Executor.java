package dev.switchboard.data;

import dev.switchboard.engine.memory.MemoryBudget;
import dev.switchboard.http.Handler;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Runs {@link Plan}s under the role and the claims of a token: a transaction of its own for each, begun, set up, run and
 * committed in one round trip, from statements that PostgreSQL keeps prepared. An outcome that must not be committed is an
 * error of the statement. Blocking; thread-safe.
 */
final class Executor {
    private static final Logger LOG = LoggerFactory.getLogger(Executor.class);

    /** Bytes of an answer up to which nobody asks whether there is memory for it. */
    private static final int SMALL = 2 << 20;

    /** How often an answer is in memory while it is read and sent: as bytes, as text, and as bytes again. */
    private static final int COPIES = 4;

    private static final String ISOLATION = "default_transaction_isolation";
    private static final Set<String> ISOLATIONS =
            Set.of("serializable", "repeatable read", "read committed", "read uncommitted");

    private final DataSource connections;
    private final DataSettings settings;
    private final MemoryBudget memory;

    /**
     * Under whom and as what a statement runs.
     *
     * @param claims     all of them, as JSON
     * @param roleSettings of the role
     * @param headers    of the request, as JSON
     * @param schema     that names are looked up in first
     */
    record Scope(
            String role,
            String claims,
            Map<String, String> roleSettings,
            String method,
            String path,
            String headers,
            String cookies,
            String schema,
            Optional<String> timezone) {}

    /**
     * How it is run.
     *
     * @param placed whether it is told where the log is, and what was seen of it
     */
    record Wish(boolean rollback, boolean placed) {}

    /**
     * Where the log was.
     *
     * @param snapshot by which a reading was done; empty for a writing, which stands before the place
     * @param lsn      of after it was taken, or after the commit
     */
    record Place(Optional<String> snapshot, String lsn) {}

    record Ran(Plan.Outcome outcome, Optional<Place> place) {}

    /** @param memory that large answers share */
    Executor(DataSource connections, DataSettings settings, MemoryBudget memory) {
        this.connections = connections;
        this.settings = settings;
        this.memory = memory;
    }

    /** Of an answer: what the settings allow, where its copies leave a quarter of the memory to everybody else. */
    private int most() {
        return (int) Math.min(settings.limits().responseBytes(), memory.bytes() * 3 / 4 / COPIES);
    }

    /**
     * Runs it. Most answers are small, and nobody asks what they take. One that turns out not to be is begun anew, once there
     * is memory for the largest that it may become: so several at once are bounded together.
     *
     * @throws DataException for what PostgreSQL raises
     */
    Ran run(Plan plan, Scope scope, Wish wish, Handler.Client client) {
        int most = most();
        try {
            return run(plan, scope, wish, client, Math.min(SMALL, most));
        } catch (DataException refused) {
            if (!refused.code().equals(DataError.TOO_LARGE.code()) || most <= SMALL) {
                throw refused;
            }
        }
        if (!memory.take((long) COPIES * most)) {
            throw new DataException(
                    DataError.BUSY, "The answer is large, and other large answers are under way; try again later");
        }
        try {
            return run(plan, scope, wish, client, most);
        } finally {
            memory.give((long) COPIES * most);
        }
    }

    private Ran run(Plan plan, Scope scope, Wish wish, Handler.Client client, int most) {
        try (Connection connection = connections.getConnection()) {
            try {
                return run(connection, plan, scope, wish, client, most);
            } catch (SQLException raised) {
                rollback(connection);
                throw raised;
            }
        } catch (SQLTransientConnectionException none) {
            throw new DataException(DataError.POOL_TIMEOUT, DataError.POOL_TIMEOUT.message());
        } catch (SQLException raised) {
            throw SqlErrors.translate(raised, scope.role(), most);
        }
    }

    private Ran run(Connection connection, Plan plan, Scope scope, Wish wish, Handler.Client client, int most)
            throws SQLException {
        var sql = new Sql().add("begin");
        boolean snapshot = wish.placed() && plan.readOnly();
        Optional.ofNullable(plan.settings().get(ISOLATION))
                .map(level -> level.toLowerCase(Locale.ROOT))
                .filter(ISOLATIONS::contains)
                .filter(level -> !snapshot || level.equals("serializable"))
                .or(() -> Optional.of("repeatable read").filter(_ -> snapshot))
                .ifPresent(level -> sql.add(" isolation level ").add(level));
        sql.add(plan.readOnly() ? " read only; " : "; ");
        settings(sql, scope, plan.settings(), most);
        if (snapshot) { // of the whole transaction
            sql.add("; select pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text");
        }
        plan.estimate()
                .ifPresent(estimate -> sql.add("; explain (format json) ").add(estimate));
        sql.add("; ");
        plan.explained().ifPresent(explained -> sql.add(explain(explained)));
        sql.add(plan.main());
        sql.add(wish.rollback() ? "; rollback" : "; commit");
        if (wish.placed() && !snapshot) {
            sql.add("; select null, pg_current_wal_insert_lsn()::text");
        }
        try (PreparedStatement statement = connection.prepareStatement(sql.text())) {
            int i = 1;
            for (@Nullable String parameter : sql.parameters()) {
                statement.setString(i++, parameter);
            }
            client.whenGone(() -> cancel(statement));
            statement.execute();
            return ran(statement, plan, snapshot);
        }
    }

    /** All that policies and functions may ask of the request, and the role itself. */
    private void settings(Sql sql, Scope scope, Map<String, String> own, int most) {
        var all = new LinkedHashMap<String, String>();
        var path = new StringBuilder(quoted(scope.schema()));
        settings.searchPath().stream()
                .filter(schema -> !schema.equals(scope.schema()))
                .forEach(schema -> path.append(", ").append(quoted(schema)));
        all.put("search_path", path.toString());
        all.put(
                "statement_timeout",
                Long.toString(settings.limits().statementTimeout().toMillis()));
        all.putAll(scope.roleSettings());
        own.forEach((name, value) -> {
            if (!name.equals(ISOLATION)) { // said where the transaction begins
                all.put(name, value);
            }
        });
        all.put(AnswerBound.MOST, Integer.toString(most));
        all.put("role", scope.role());
        all.put("request.jwt.claims", scope.claims());
        all.put("request.method", scope.method());
        all.put("request.path", scope.path());
        all.put("request.headers", scope.headers());
        all.put("request.cookies", scope.cookies());
        scope.timezone().ifPresent(zone -> all.put("timezone", zone));
        sql.add("select ");
        boolean first = true;
        for (Map.Entry<String, String> setting : all.entrySet()) {
            sql.add(first ? "set_config(" : ", set_config(")
                    .value(setting.getKey())
                    .add(", ")
                    .value(setting.getValue())
                    .add(", true)");
            first = false;
        }
    }

    private static String quoted(String name) {
        return dev.switchboard.engine.model.TableName.quote(name);
    }

    private static String explain(MediaType.Plan plan) {
        return "explain (format " + (plan.text() ? "text" : "json")
                + (plan.options().isEmpty() ? "" : ", " + String.join(", ", plan.options())) + ") ";
    }

    /** The results come in the statements' order: settings, place of a reading, estimate, main, place of a writing; begin and commit have none. */
    private static Ran ran(PreparedStatement statement, Plan plan, boolean snapshot) throws SQLException {
        int sets = 0;
        Optional<Long> estimated = Optional.empty();
        Optional<Plan.Outcome> outcome = Optional.empty();
        Optional<Place> place = Optional.empty();
        int estimate = snapshot ? 2 : 1;
        int last = plan.estimate().isPresent() ? estimate + 1 : estimate;
        boolean hasRows = statement.getUpdateCount() < 0;
        while (true) {
            if (hasRows) {
                try (ResultSet rows = statement.getResultSet()) {
                    if (sets == last) {
                        outcome = Optional.of(plan.explained().isPresent() ? explained(rows) : read(rows));
                    } else if (sets > last || (snapshot && sets == 1)) {
                        rows.next();
                        place = Optional.of(new Place(Optional.ofNullable(rows.getString(1)), rows.getString(2)));
                    } else if (sets == estimate) {
                        rows.next();
                        estimated = Optional.of(planRows(rows.getString(1)));
                    }
                    sets++;
                }
            } else if (statement.getUpdateCount() < 0) {
                break;
            }
            hasRows = statement.getMoreResults();
        }
        Plan.Outcome found = outcome.orElseThrow();
        var whole = new Plan.Outcome(
                found.body(),
                found.rows(),
                found.total(),
                found.written(),
                found.inserted(),
                found.headers(),
                found.status(),
                estimated,
                Optional.empty());
        return new Ran(whole, place);
    }

    private static long planRows(String json) {
        JsonNode plan = JsonMapper.shared().readTree(json).path(0).path("Plan");
        return plan.path("Plan Rows").asLong(0);
    }

    private static Plan.Outcome explained(ResultSet rows) throws SQLException {
        var text = new StringBuilder();
        while (rows.next()) {
            text.append(text.isEmpty() ? "" : "\n").append(rows.getString(1));
        }
        return Plan.Outcome.explained(text.toString());
    }

    private static Plan.Outcome read(ResultSet rows) throws SQLException {
        rows.next();
        return new Plan.Outcome(
                Optional.ofNullable(rows.getString(1)).orElse(""),
                rows.getLong(2),
                number(rows, 3),
                number(rows, 4),
                number(rows, 5),
                Optional.ofNullable(rows.getString(6)),
                Optional.ofNullable(rows.getString(7)),
                Optional.empty(),
                Optional.empty());
    }

    private static Optional<Long> number(ResultSet rows, int column) throws SQLException {
        long number = rows.getLong(column);
        return rows.wasNull() ? Optional.empty() : Optional.of(number);
    }

    private static void cancel(PreparedStatement statement) {
        try {
            statement.cancel();
        } catch (SQLException failed) {
            LOG.debug("A statement whose client is gone could not be cancelled: {}", failed.getMessage());
        }
    }

    private static void rollback(Connection connection) throws SQLException {
        if (connection.isClosed()) {
            return;
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("rollback");
        } catch (SQLException broken) {
            LOG.debug("A connection is broken: {}", broken.getMessage());
        }
    }
}

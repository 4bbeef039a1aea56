package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.policy.ClaimValues;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGStatement;

/** SQL under the role and the claims of a token. */
final class Impersonation {
    /** Takes on a role and its claims for the transaction. */
    static final String BECOME = "select set_config('role', ?, true), set_config('request.jwt.claims', ?, true)";

    /**
     * A condition is its user's own text, a regular expression perhaps: it must not hold the others up for long. Waiting for who
     * changes the table is told from that by coming first.
     */
    static final String BECOME_BRIEFLY =
            BECOME + ", set_config('statement_timeout', '250', true), set_config('lock_timeout', '200', true)";

    /** The same, for what is to take so many milliseconds at most. */
    static String becomeFor(long millis) {
        return BECOME + ", set_config('statement_timeout', '" + millis + "', true)";
    }

    /** A longer list is not kept: its policy is asked. */
    private static final int MOST_ELEMENTS = 10_000;

    /** What takes longer holds everybody up: such a group is asked about. */
    static final long VALUES_MILLIS = 500;

    private Impersonation() {}

    /**
     * What the values of a table's compiled policies come to under a group's claims, said beside a SELECT that raises nothing.
     *
     * @return empty where the policies are not compiled, or something raises, or a value is of another type than its column
     */
    static Optional<ClaimValues> values(Connection connection, TableSecurity security, ClaimsGroup group)
            throws SQLException {
        if (!(security.predicate() instanceof TableSecurity.Predicate.Asked asked)
                || asked.compiled().isEmpty()
                || security.readable().isEmpty()) {
            return Optional.empty();
        }
        CompiledPolicy policy = asked.compiled().get();
        try (PreparedStatement question = connection.prepareStatement("begin read only; " + becomeFor(VALUES_MILLIS)
                + "; " + selection(security) + "; " + valuesOf(policy) + "; rollback")) {
            question.unwrap(PGStatement.class).setPrepareThreshold(0);
            question.setString(1, group.role());
            question.setString(2, group.json());
            question.execute();
            RoundTrips.nextRows(question).close(); // set_config
            RoundTrips.nextRows(question).close(); // the table's rows, of which none was asked for
            try (ResultSet row = RoundTrips.nextRows(question)) {
                row.next();
                return values(policy, row).filter(policy::fits);
            }
        } catch (SQLException raised) {
            rollback(connection);
            if (SqlState.isTransient(raised) && !SqlState.isTimeout(raised)) {
                throw raised;
            }
            return Optional.empty();
        }
    }

    /**
     * What values come to and what a policy says of rows, at one moment.
     *
     * @param visible of the rows, in order
     * @param end     where the log ended right after it
     */
    record Moment(ClaimValues values, BitSet visible, Lsn end) {}

    /**
     * Both by one snapshot.
     *
     * @param statement that tells of each of the rows
     * @return empty where something raises or takes long
     */
    static Optional<Moment> atOneMoment(
            Connection connection, CompiledPolicy policy, ClaimsGroup group, String statement, String rows)
            throws SQLException {
        try (PreparedStatement question =
                connection.prepareStatement("begin isolation level repeatable read read only; "
                        + becomeFor(VALUES_MILLIS) + "; "
                        + valuesOf(policy) + "; " + statement
                        + "; select pg_catalog.pg_current_wal_insert_lsn()::text; rollback")) {
            question.unwrap(PGStatement.class).setPrepareThreshold(0);
            question.setString(1, group.role());
            question.setString(2, group.json());
            question.setString(3, rows);
            question.execute();
            RoundTrips.nextRows(question).close(); // set_config
            Optional<ClaimValues> values;
            try (ResultSet row = RoundTrips.nextRows(question)) {
                row.next();
                values = values(policy, row);
            }
            var visible = new BitSet();
            try (ResultSet row = RoundTrips.nextRows(question)) {
                for (int i = 0; row.next(); i++) {
                    visible.set(i, row.getBoolean(1));
                }
            }
            Lsn end;
            try (ResultSet row = RoundTrips.nextRows(question)) {
                row.next();
                end = Lsn.parse(row.getString(1));
            }
            return values.map(all -> new Moment(all, visible, end));
        } catch (SQLException raised) {
            rollback(connection);
            if (SqlState.isTransient(raised) && !SqlState.isTimeout(raised)) {
                throw raised;
            }
            return Optional.empty();
        }
    }

    /** Each value is computed once; of an array only the elements that may be kept. */
    static String valuesOf(CompiledPolicy policy) {
        var sql = new StringBuilder("select 1");
        var from = new StringBuilder();
        for (int i = 0; i < policy.values().size(); i++) {
            CompiledPolicy.ValueSource value = policy.values().get(i);
            String name = "v" + i;
            from.append(i == 0 ? " from " : ", ")
                    .append("(select (")
                    .append(JdbcText.escape(value.sql()))
                    .append(") as value offset 0) as ")
                    .append(name);
            if (value.array()) {
                sql.append(", case when pg_catalog.cardinality(NAME.value) <= ".replace("NAME", name))
                        .append(MOST_ELEMENTS)
                        .append(" then NAME.value::text[] end, ".replace("NAME", name))
                        .append("(select t.typelem::bigint from pg_catalog.pg_type t")
                        .append(" where t.oid = pg_catalog.pg_typeof(NAME.value)), ".replace("NAME", name))
                        .append("pg_catalog.cardinality(NAME.value) > ".replace("NAME", name))
                        .append(MOST_ELEMENTS);
            } else {
                sql.append(", NAME.value::text, pg_catalog.pg_typeof(NAME.value)::oid::bigint, false"
                        .replace("NAME", name));
            }
        }
        return sql.append(from).toString();
    }

    /** Empty where one is too large to be kept. */
    static Optional<ClaimValues> values(CompiledPolicy policy, ResultSet row) throws SQLException {
        var values = new ArrayList<ClaimValues.Value>();
        int column = 2;
        for (CompiledPolicy.ValueSource value : policy.values()) {
            int type = (int) row.getLong(column + 1);
            if (row.getBoolean(column + 2)) {
                return Optional.empty();
            }
            values.add(
                    value.array()
                            ? array(type, row.getArray(column))
                            : ClaimValues.Value.of(type, Optional.ofNullable(row.getString(column))));
            column += 3;
        }
        return Optional.of(new ClaimValues(values));
    }

    /** As ANY does: however many dimensions there are, the elements count. */
    private static void flatten(Object[] elements, List<Optional<String>> texts) {
        for (Object element : elements) {
            if (element instanceof Object[] inner) {
                flatten(inner, texts);
            } else {
                texts.add(Optional.ofNullable((String) element));
            }
        }
    }

    private static ClaimValues.Value array(int elementType, @Nullable Array array) throws SQLException {
        var texts = new ArrayList<Optional<String>>();
        if (array != null) {
            flatten((Object[]) array.getArray(), texts);
        }
        return new ClaimValues.Value(elementType, texts, array == null);
    }

    /** What a SELECT on the table raises for this group, if it does. */
    static Optional<String> objection(Connection connection, TableSecurity security, ClaimsGroup group)
            throws SQLException {
        if (security.readable().isEmpty()) {
            return Optional.of("permission denied for table " + security.table().table());
        }
        return objection(connection, selection(security), group);
    }

    /** The same, but that what takes longer to find out raises. */
    static Optional<String> objectionWithin(
            Connection connection, TableSecurity security, ClaimsGroup group, long millis) throws SQLException {
        return security.readable().isEmpty()
                ? objection(connection, security, group)
                : objection(connection, becomeFor(millis), selection(security), group);
    }

    private static String selection(TableSecurity security) {
        String columns = String.join(
                ", ", security.readable().stream().map(TableName::quote).toList());
        return "select " + JdbcText.escape(columns) + " from "
                + JdbcText.escape(security.table().quoted()) + " limit 0";
    }

    /** What a statement raises for this group, if it does. */
    static Optional<String> objection(Connection connection, String select, ClaimsGroup group) throws SQLException {
        return objection(connection, BECOME, select, group);
    }

    private static Optional<String> objection(Connection connection, String become, String select, ClaimsGroup group)
            throws SQLException {
        try (PreparedStatement probe =
                connection.prepareStatement("begin read only; " + become + "; " + select + "; rollback")) {
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
            return Optional.of("PostgreSQL says: " + SqlState.text(raised));
        }
    }

    static void rollback(Connection connection) {
        try (Statement statement = connection.createStatement()) {
            statement.execute("rollback");
        } catch (SQLException gone) {
            // the connection is broken, and the pool finds that out
        }
    }
}

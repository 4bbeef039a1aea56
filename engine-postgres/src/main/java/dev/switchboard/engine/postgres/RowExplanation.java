package dev.switchboard.engine.postgres;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.policy.ClaimValues;
import dev.switchboard.engine.policy.CompiledPolicy;
import dev.switchboard.engine.policy.NotCompiledException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Why somebody hears of changes of a row, or does not: each step that a change passes, in order, as the database is now. What it
 * tells of rows and policies is for who runs the database. One per question; not thread-safe.
 */
public final class RowExplanation {
    private static final String TABLE = """
            select c.oid, c.relreplident, c.relrowsecurity, c.relforcerowsecurity,
                   exists (select from pg_publication_tables p where p.pubname = ? and p.schemaname = n.nspname and p.tablename = c.relname) as published,
                   (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
                     where i.indrelid = c.oid and case c.relreplident when 'i' then i.indisreplident else i.indisprimary end) as key
              from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = ? and c.relname = ?
            """;

    private static final String ROLE = """
            select r.rolsuper or r.rolbypassrls as bypass, has_schema_privilege(r.oid, n.oid, 'USAGE') as usage,
                   pg_has_role(r.oid, c.relowner, 'USAGE') as owned
              from pg_roles r, pg_class c join pg_namespace n on n.oid = c.relnamespace where r.rolname = ? and c.oid = ?
            """;

    private static final String POLICIES = """
            select p.polname, p.polpermissive, pg_get_expr(p.polqual, p.polrelid) as expression, p.polcmd,
                   array_to_string(array(select case when u.id = 0 then 'public' else u.id::regrole::text end from unnest(p.polroles) as u(id)), ', ') as roles,
                   exists (select from unnest(p.polroles) as u(id)
                            where case when u.id = 0 then true else pg_has_role(?, u.id, 'USAGE') end) as applies
              from pg_policy p where p.polrelid = ? order by p.polpermissive, p.polname
            """;

    private final Connection connection;
    /** Of a set so many are shown. */
    private static final int MOST_VALUES = 10;

    private final Publications publications;
    private final TableName table;
    private final ClaimsGroup group;
    private final List<Step> steps = new ArrayList<>();

    /** What became of a change at a step. */
    public enum Outcome {
        /** It goes on. */
        PASSED,
        /** It ends here; later steps are told all the same. */
        STOPPED,
        /** Nothing was decided; good to know. */
        TOLD
    }

    /** @param name in one or two words, as docs/explain.md lists them */
    public record Step(String name, Outcome outcome, String text) {}

    private RowExplanation(Connection connection, String publication, TableName table, ClaimsGroup group) {
        this.connection = connection;
        this.publications = new Publications(publication, Set.of(publication, Publications.DEPENDENCIES));
        this.table = table;
        this.group = group;
    }

    /**
     * Explains.
     *
     * @param database of a user who sees every row and may take on the role: the embedded one's superuser, for example
     * @param row      a JSON object with some columns' values, which one row has
     * @throws InvalidSettingException if there is no such table or row, naming it
     */
    public static List<Step> of(
            Database database, String publication, TableName table, ClaimsGroup group, Optional<String> row) {
        try (Connection connection = connect(database)) {
            var explanation = new RowExplanation(connection, publication, table, group);
            explanation.explain(publication, row);
            return List.copyOf(explanation.steps);
        } catch (SQLException failed) {
            throw new InvalidSettingException("PostgreSQL says: " + failed.getMessage());
        }
    }

    /**
     * The same for who is explained: of rows, policies and columns that are hidden it says nothing.
     *
     * @param row found among the rows that the user may see; one that is hidden is told as one that is not there
     */
    public static List<Step> ofOneself(
            Database database, String publication, TableName table, ClaimsGroup group, Optional<String> row) {
        try (Connection connection = connect(database)) {
            var explanation = new RowExplanation(connection, publication, table, group);
            explanation.explainToOneself(publication, row);
            return List.copyOf(explanation.steps);
        } catch (SQLException failed) {
            throw new InvalidSettingException("PostgreSQL says: " + SqlState.text(failed));
        }
    }

    /** A row that is looked for by a value without an index, or a policy that takes long, must not take PostgreSQL for long. */
    private static Connection connect(Database database) throws SQLException {
        Connection connection = database.connect("switchboard-explain");
        try (Statement limit = connection.createStatement()) {
            limit.execute("set statement_timeout = '5s'");
            return connection;
        } catch (SQLException broken) {
            connection.close();
            throw broken;
        }
    }

    /** Where changes end, if they do: a policy alone decides nothing, all of them together do. */
    public static Optional<Step> end(List<Step> steps) {
        return steps.stream()
                .filter(step ->
                        step.outcome() == Outcome.STOPPED && !step.name().startsWith("policy "))
                .findFirst();
    }

    private void passed(String name, String text) {
        steps.add(new Step(name, Outcome.PASSED, text));
    }

    private void stopped(String name, String text) {
        steps.add(new Step(name, Outcome.STOPPED, text));
    }

    private void told(String name, String text) {
        steps.add(new Step(name, Outcome.TOLD, text));
    }

    private void explain(String publication, Optional<String> wanted) throws SQLException {
        int oid = table(publication);
        Optional<String> row = wanted.isPresent() ? Optional.of(row(wanted.get())) : Optional.empty();
        if (!role(oid)) {
            return;
        }
        TableSecurity security = TableSecurity.load(connection, oid, group.role());
        columns(security);
        policies(oid, security, row);
        Impersonation.objection(connection, security, group)
                .ifPresentOrElse(
                        objection -> stopped("probe", "a SELECT raises, so nothing is shown: " + objection),
                        () -> passed("probe", "a SELECT raises nothing"));
    }

    private void explainToOneself(String publication, Optional<String> wanted) throws SQLException {
        int oid = table(publication);
        if (!role(oid)) {
            return;
        }
        TableSecurity security = TableSecurity.load(connection, oid, group.role());
        if (security.readable().isEmpty()) {
            stopped("grants", group.role() + " may SELECT no column of " + table);
            return;
        }
        passed("grants", "SELECT on " + String.join(", ", new TreeSet<>(security.readable())));
        if (wanted.isEmpty()) {
            told("policies", "name a row to see whether it is shown");
        } else if (isSeen(security, wanted.get())) {
            passed("policies", "shown");
        } else {
            stopped("policies", "there is no such row, or it is hidden");
        }
    }

    private boolean isSeen(TableSecurity security, String wanted) throws SQLException {
        String columns = JdbcText.escape(String.join(
                ", ", security.readable().stream().map(TableName::quote).toList()));
        try (PreparedStatement question = connection.prepareStatement("begin read only; " + Impersonation.BECOME
                + "; select from (select " + columns + " from " + JdbcText.escape(table.quoted())
                + ") as readable where to_jsonb(readable) @> ?::jsonb limit 1; rollback")) {
            question.setString(1, group.role());
            question.setString(2, group.json());
            question.setString(3, wanted);
            question.execute();
            RoundTrips.nextRows(question).close();
            try (ResultSet row = RoundTrips.nextRows(question)) {
                return row.next();
            }
        }
    }

    private int table(String publication) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(TABLE)) {
            query.setString(1, publication);
            query.setString(2, table.schema());
            query.setString(3, table.table());
            try (ResultSet found = query.executeQuery()) {
                if (!found.next()) {
                    throw new InvalidSettingException("there is no table " + table);
                }
                if (found.getBoolean("published")) {
                    passed("published", "in publication " + publication);
                } else {
                    stopped(
                            "published",
                            "not in publication " + publication + ": nobody hears of it; switchboard publish " + table);
                }
                told("replica identity", identity(found.getString("relreplident"), found.getString("key")));
                return (int) found.getLong("oid");
            }
        }
    }

    private static String identity(String kind, @org.jspecify.annotations.Nullable String key) {
        return switch (kind) {
            case "f" -> "full: UPDATE and DELETE carry the whole old row";
            case "n" -> "nothing: UPDATE and DELETE fail while the table is published";
            default ->
                key == null
                        ? "none, for want of a primary key: UPDATE and DELETE fail while the table is published"
                        : "key " + key
                                + ": a DELETE carries no more, and is shown only where the policies read no more";
        };
    }

    private String row(String wanted) throws SQLException {
        String name = TableName.quote(table.table());
        try (PreparedStatement query =
                connection.prepareStatement("select " + JdbcText.escape(name) + "::text, to_jsonb("
                        + JdbcText.escape(name) + ")::text from " + JdbcText.escape(table.quoted()) + " where to_jsonb("
                        + JdbcText.escape(name) + ") @> ?::jsonb limit 2")) {
            query.setString(1, wanted);
            try (ResultSet rows = query.executeQuery()) {
                if (!rows.next()) {
                    throw new InvalidSettingException("there is no row with " + wanted + " in " + table
                            + "; a row that is gone cannot be explained");
                }
                String image = rows.getString(1);
                told("row", rows.getString(2));
                if (rows.next()) {
                    throw new InvalidSettingException(
                            "several rows of " + table + " have " + wanted + "; name one by its key");
                }
                return image;
            }
        }
    }

    private boolean role(int oid) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(ROLE)) {
            query.setString(1, group.role());
            query.setLong(2, Integer.toUnsignedLong(oid));
            try (ResultSet found = query.executeQuery()) {
                if (!found.next()) {
                    stopped("role", "there is no role " + group.role());
                    return false;
                }
                if (found.getBoolean("usage")) {
                    passed("role", group.role() + " with claims " + group.json());
                } else {
                    stopped("role", group.role() + " has no USAGE on schema " + table.schema());
                }
                return true;
            }
        }
    }

    private void columns(TableSecurity security) {
        Set<String> hidden = new TreeSet<>(security.columns());
        hidden.removeAll(security.readable());
        if (security.readable().isEmpty()) {
            stopped("grants", group.role() + " may SELECT no column of " + table);
        } else {
            passed(
                    "grants",
                    hidden.isEmpty() ? "SELECT on every column" : "SELECT, but not on " + String.join(", ", hidden));
        }
    }

    private void policies(int oid, TableSecurity security, Optional<String> row) throws SQLException {
        if (security.predicate() instanceof TableSecurity.Predicate.Always) {
            passed("row security", "no policy applies to " + group.role() + ": every row is shown");
            return;
        }
        told("row security", "on: one permissive policy has to be true, and every restrictive one");
        var permissive = new ArrayList<Optional<Boolean>>();
        var restrictive = new ArrayList<Optional<Boolean>>();
        for (Policy policy : policiesOf(oid)) {
            if (policy.reads() && policy.applies()) {
                (policy.permissive() ? permissive : restrictive).add(explain(oid, security, policy, row));
            } else {
                told(
                        "policy " + policy.name(),
                        policy.reads()
                                ? "is for " + policy.roles() + ", and not for " + group.role()
                                : "is not for SELECT");
            }
        }
        verdict(permissive, restrictive, row.isPresent());
    }

    private void verdict(List<Optional<Boolean>> permissive, List<Optional<Boolean>> restrictive, boolean ofRow) {
        Optional<Boolean> yes = Optional.of(true);
        if (permissive.isEmpty()) {
            stopped("policies", "no permissive policy is for " + group.role() + ": no row is shown");
        } else if (!ofRow) {
            told("policies", "name a --row to see what they make of it");
        } else if (permissive.stream().noneMatch(yes::equals)) {
            stopped("policies", "hidden: no permissive policy is true for this row");
        } else if (!restrictive.stream().allMatch(yes::equals)) {
            stopped("policies", "hidden: a restrictive policy is not true for this row");
        } else {
            passed("policies", "shown");
        }
    }

    /** @param reads whether it is for SELECT */
    private record Policy(
            String name, boolean permissive, String expression, boolean reads, String roles, boolean applies) {}

    private List<Policy> policiesOf(int oid) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement path = connection.prepareStatement("set local search_path = ''");
                PreparedStatement query = connection.prepareStatement(POLICIES)) {
            path.execute();
            query.setString(1, group.role());
            query.setLong(2, Integer.toUnsignedLong(oid));
            var policies = new ArrayList<Policy>();
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    String expression = row.getString("expression");
                    boolean reads = expression != null && Set.of("r", "*").contains(row.getString("polcmd"));
                    policies.add(new Policy(
                            row.getString("polname"),
                            row.getBoolean("polpermissive"),
                            reads ? expression : "",
                            reads,
                            row.getString("roles"),
                            row.getBoolean("applies")));
                }
            }
            return policies;
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    private Optional<Boolean> explain(int oid, TableSecurity security, Policy policy, Optional<String> row)
            throws SQLException {
        String what = (policy.permissive() ? "permissive" : "restrictive") + ", " + policy.expression() + "; "
                + way(oid, security, policy);
        if (row.isEmpty()) {
            told("policy " + policy.name(), what);
            return Optional.empty();
        }
        try {
            Optional<Boolean> value = value(policy.expression(), row.get());
            String text = value.map(String::valueOf).orElse("NULL") + ": " + what;
            steps.add(
                    new Step("policy " + policy.name(), value.orElse(false) ? Outcome.PASSED : Outcome.STOPPED, text));
            return value;
        } catch (SQLException raised) {
            Impersonation.rollback(connection);
            stopped("policy " + policy.name(), "raises " + SqlState.text(raised) + ": " + what);
            return Optional.empty();
        }
    }

    /** How it is decided when a change comes, and by what claims. */
    private String way(int oid, TableSecurity security, Policy policy) throws SQLException {
        CompiledPolicy compiled;
        try {
            compiled = PolicyReader.compileByItself(connection, oid, group.role(), policy.expression(), publications);
        } catch (NotCompiledException asked) {
            return "asked of PostgreSQL, for " + asked.getMessage();
        }
        var alone = new TableSecurity(
                security.table(),
                security.columns(),
                security.readable(),
                security.domains(),
                security.surroundings(),
                new TableSecurity.Predicate.Asked(policy.expression(), new HashSet<>(), Optional.of(compiled)));
        Optional<ClaimValues> values = Impersonation.values(connection, alone, group);
        if (values.isEmpty()) {
            return "asked of PostgreSQL, for a value that raises or is of another type";
        }
        var said = new ArrayList<String>();
        for (int i = 0; i < compiled.values().size(); i++) {
            ClaimValues.Value value = values.get().values().get(i);
            String text = value.isNull()
                    ? "NULL"
                    : String.join(
                                    ", ",
                                    value.texts().stream()
                                            .limit(MOST_VALUES)
                                            .map(one -> one.orElse("NULL"))
                                            .toList())
                            + (value.texts().size() > MOST_VALUES
                                    ? " and " + (value.texts().size() - MOST_VALUES) + " more"
                                    : "");
            said.add(compiled.values().get(i).sql() + " is " + text);
        }
        return "decided without PostgreSQL" + (said.isEmpty() ? "" : ", where " + String.join(", ", said));
    }

    private Optional<Boolean> value(String expression, String row) throws SQLException {
        try (PreparedStatement question = connection.prepareStatement("begin read only; " + Impersonation.BECOME
                + "; select (" + JdbcText.escape(expression) + ") from unnest(array[?::"
                + JdbcText.escape(table.quoted()) + "]) as "
                + JdbcText.escape(TableName.quote(table.table())) + "; rollback")) {
            question.setString(1, group.role());
            question.setString(2, group.json());
            question.setString(3, row);
            question.execute();
            RoundTrips.nextRows(question).close();
            try (ResultSet value = RoundTrips.nextRows(question)) {
                value.next();
                boolean shown = value.getBoolean(1);
                return value.wasNull() ? Optional.empty() : Optional.of(shown);
            }
        }
    }
}

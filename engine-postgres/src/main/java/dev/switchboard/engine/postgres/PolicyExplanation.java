package dev.switchboard.engine.postgres;

import dev.switchboard.engine.explain.Image;
import dev.switchboard.engine.explain.Step;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.policy.ClaimValues;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import dev.switchboard.engine.postgres.policy.NotCompiledException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** What each policy of a table makes of a row, or of many, and how it is decided. One per question; not thread-safe. */
final class PolicyExplanation {
    private static final String POLICIES = """
            select p.polname, p.polpermissive, pg_get_expr(p.polqual, p.polrelid) as expression, p.polcmd,
                   array_to_string(array(select case when u.id = 0 then 'public' else u.id::regrole::text end from unnest(p.polroles) as u(id)), ', ') as roles,
                   exists (select from unnest(p.polroles) as u(id)
                            where case when u.id = 0 then true else pg_has_role(?, u.id, 'USAGE') end) as applies,
                   array(select distinct a.attname::text from pg_depend d
                           join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                          where d.classid = 'pg_policy'::regclass and d.objid = p.oid
                            and d.refclassid = 'pg_class'::regclass and d.refobjid = p.polrelid) as columns
              from pg_policy p where p.polrelid = ? order by p.polpermissive, p.polname
            """;

    /** Of a set so many are shown. */
    private static final int MOST_VALUES = 10;

    private final Connection connection;
    private final Publications publications;
    private final TableName table;
    private final ClaimsGroup group;
    private final List<Step> steps = new ArrayList<>();

    PolicyExplanation(Connection connection, Publications publications, TableName table, ClaimsGroup group) {
        this.connection = connection;
        this.publications = publications;
        this.table = table;
        this.group = group;
    }

    List<Step> of(int oid, TableSecurity security, Optional<Image> row) throws SQLException {
        if (security.predicate() instanceof TableSecurity.Predicate.Always) {
            return List.of(
                    Step.passed("row security", "no policy applies to " + group.role() + ": every row is shown"));
        }
        steps.add(Step.told("row security", "on: one permissive policy has to be true, and every restrictive one"));
        var permissive = new ArrayList<Optional<Boolean>>();
        var restrictive = new ArrayList<Optional<Boolean>>();
        for (Policy policy : policiesOf(oid)) {
            if (policy.reads() && policy.applies()) {
                (policy.permissive() ? permissive : restrictive).add(explain(oid, security, policy, row));
            } else {
                steps.add(Step.told(
                        "policy " + policy.name(),
                        policy.reads()
                                ? "is for " + policy.roles() + ", and not for " + group.role()
                                : "is not for SELECT"));
            }
        }
        verdict(permissive, restrictive, row.isPresent());
        return List.copyOf(steps);
    }

    private void verdict(List<Optional<Boolean>> permissive, List<Optional<Boolean>> restrictive, boolean ofRow) {
        Optional<Boolean> yes = Optional.of(true);
        if (permissive.isEmpty()) {
            steps.add(Step.stopped("policies", "no permissive policy is for " + group.role() + ": no row is shown"));
        } else if (!ofRow) {
            steps.add(Step.told("policies", "name a --row to see what they make of it"));
        } else if (permissive.stream().noneMatch(yes::equals)) {
            steps.add(Step.stopped("policies", "hidden: no permissive policy is true for this row"));
        } else if (!restrictive.stream().allMatch(yes::equals)) {
            steps.add(Step.stopped("policies", "hidden: a restrictive policy is not true for this row"));
        } else {
            steps.add(Step.passed("policies", "shown"));
        }
    }

    /**
     * @param reads   whether it is for SELECT
     * @param columns that it reads
     */
    private record Policy(
            String name,
            boolean permissive,
            String expression,
            boolean reads,
            String roles,
            boolean applies,
            Set<String> columns) {
        String words() {
            return (permissive ? "permissive" : "restrictive") + ", " + inOneLine(expression);
        }
    }

    /** PostgreSQL breaks the lines of subqueries. */
    private static String inOneLine(String sql) {
        return sql.replaceAll("\\s*\n\\s*", " ");
    }

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
                            row.getBoolean("applies"),
                            Set.of((String[]) row.getArray("columns").getArray())));
                }
            }
            return policies;
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    private Optional<Boolean> explain(int oid, TableSecurity security, Policy policy, Optional<Image> row)
            throws SQLException {
        String what = policy.words() + "; " + inOneLine(way(oid, security, policy));
        if (row.isEmpty()) {
            steps.add(Step.told("policy " + policy.name(), what));
            return Optional.empty();
        }
        Image image = row.get();
        if (!RowImage.covers(image.relation(), image.row(), policy.columns())) {
            steps.add(Step.stopped(
                    "policy " + policy.name(),
                    "not known, since the change does not carry all of "
                            + String.join(", ", new TreeSet<>(policy.columns())) + " (replica identity): " + what));
            return Optional.empty();
        }
        String literal =
                RowImage.literal(image.relation(), security.columns(), Set.copyOf(security.columns()), image.row());
        try {
            Optional<Boolean> value = value(policy.expression(), literal);
            String text = value.map(String::valueOf).orElse("NULL") + ": " + what;
            steps.add(
                    value.orElse(false)
                            ? Step.passed("policy " + policy.name(), text)
                            : Step.stopped("policy " + policy.name(), text));
            return value;
        } catch (SQLException raised) {
            Impersonation.rollback(connection);
            steps.add(Step.stopped("policy " + policy.name(), "raises " + SqlState.text(raised) + ": " + what));
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
                    : value.texts().isEmpty()
                            ? "empty"
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
        if (!compiled.decides()) {
            return "asked of PostgreSQL, for " + compiled.obstacle()
                    + ", once for rows that read the same until something changes that this hangs on";
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

    /** How many of these rows, a JSON array, each policy for SELECT leaves; nothing of what is no table with row security. */
    List<Step> counts(String rows) throws SQLException {
        Optional<Integer> oid = RowLookup.oid(connection, table);
        if (oid.isEmpty()) {
            return List.of();
        }
        for (Policy policy : policiesOf(oid.get())) {
            if (policy.reads() && policy.applies()) {
                steps.add(Step.told("policy " + policy.name(), count(policy, rows)));
            }
        }
        return List.copyOf(steps);
    }

    private String count(Policy policy, String rows) throws SQLException {
        String what = policy.words();
        String name = JdbcText.escape(TableName.quote(table.table()));
        try (PreparedStatement question = connection.prepareStatement("begin read only; " + Impersonation.BECOME
                + "; select count(*) filter (where " + JdbcText.escape(policy.expression())
                + "), count(*) from jsonb_populate_recordset(null::" + JdbcText.escape(table.quoted())
                + ", ?::jsonb) as " + name + "; rollback")) {
            question.setString(1, group.role());
            question.setString(2, group.json());
            question.setString(3, rows);
            question.execute();
            RoundTrips.nextRows(question).close();
            try (ResultSet count = RoundTrips.nextRows(question)) {
                count.next();
                return "true for " + count.getLong(1) + " of " + count.getLong(2) + ": " + what;
            }
        } catch (SQLException raised) {
            Impersonation.rollback(connection);
            return "raises " + SqlState.text(raised) + ": " + what;
        }
    }
}

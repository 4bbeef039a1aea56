package dev.switchboard.engine.postgres;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.explain.Image;
import dev.switchboard.engine.explain.Step;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

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

    private final Connection connection;
    private final Publications publications;
    private final TableName table;
    private final ClaimsGroup group;
    private final List<Step> steps = new ArrayList<>();

    /**
     * Which row is meant.
     *
     * @param pattern  some of its values, by which it is looked for in the table
     * @param recalled the row as the stream brought it, where it is not looked for, or not there any more
     */
    public record Wanted(Optional<Image.Pattern> pattern, Optional<Image> recalled) {
        /** None: what holds for every row. */
        public static final Wanted NOTHING = new Wanted(Optional.empty(), Optional.empty());

        boolean isNothing() {
            return pattern.isEmpty() && recalled.isEmpty();
        }
    }

    /**
     * What the database says.
     *
     * @param table  steps that hold for whoever asks
     * @param image  the row that was found
     * @param rights steps of the role and its claims
     */
    public record Explained(List<Step> table, Optional<Image> image, List<Step> rights) {
        /** All steps in order. */
        public List<Step> steps() {
            return Stream.concat(table.stream(), rights.stream()).toList();
        }
    }

    private RowExplanation(Connection connection, String publication, TableName table, ClaimsGroup group) {
        this.connection = connection;
        this.publications = Publications.with(publication);
        this.table = table;
        this.group = group;
    }

    /**
     * Explains.
     *
     * @param database of a user who sees every row and may take on the role: the embedded one's superuser, for example
     * @throws InvalidSettingException if there is no such table or row, naming it
     */
    public static Explained of(
            Database database, String publication, TableName table, ClaimsGroup group, Wanted wanted) {
        try (Connection connection = connect(database)) {
            return new RowExplanation(connection, publication, table, group).explain(publication, wanted);
        } catch (SQLException failed) {
            throw new InvalidSettingException("PostgreSQL says: " + failed.getMessage());
        }
    }

    /**
     * The same for who is explained: of rows, policies and columns that are hidden it says nothing. The image is there only if the
     * user may see the row: one that is hidden is told as one that is not there.
     */
    public static Explained ofOneself(
            Database database, String publication, TableName table, ClaimsGroup group, Optional<Image.Pattern> row) {
        try (Connection connection = connect(database)) {
            return new RowExplanation(connection, publication, table, group).explainToOneself(publication, row);
        } catch (SQLException failed) {
            throw new InvalidSettingException("PostgreSQL says: " + SqlState.text(failed));
        }
    }

    /**
     * How many of some rows each policy leaves, a step told for each; none for what is no table with row security.
     *
     * @param rows a JSON array of them, as the data API writes it
     */
    public static List<Step> counts(Database database, TableName table, ClaimsGroup group, String rows) {
        try (Connection connection = connect(database)) {
            return new PolicyExplanation(connection, Publications.none(), table, group).counts(rows);
        } catch (SQLException failed) {
            throw new InvalidSettingException("PostgreSQL says: " + failed.getMessage());
        }
    }

    /** @throws InvalidSettingException for what is no JSON object with some of a row's values */
    public static Image.Pattern pattern(String json) {
        return Image.Pattern.parse(json)
                .orElseThrow(() -> new InvalidSettingException(
                        "a row is named by a JSON object with some of its values, such as {\"id\": 7}, not by "
                                + json));
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

    private void passed(String name, String text) {
        steps.add(Step.passed(name, text));
    }

    private void stopped(String name, String text) {
        steps.add(Step.stopped(name, text));
    }

    private void told(String name, String text) {
        steps.add(Step.told(name, text));
    }

    private Explained explain(String publication, Wanted wanted) throws SQLException {
        int oid = table(publication);
        Optional<Image> image = image(oid, wanted);
        image.ifPresent(found -> told("row", found.words()));
        List<Step> ofTable = List.copyOf(steps);
        steps.clear();
        boolean missing = !wanted.isNothing() && image.isEmpty();
        if (!missing && role(oid)) {
            TableSecurity security = TableSecurity.load(connection, oid, group.role());
            columns(security);
            steps.addAll(new PolicyExplanation(connection, publications, table, group).of(oid, security, image));
            Impersonation.objection(connection, security, group)
                    .ifPresentOrElse(
                            objection -> stopped("probe", "a SELECT raises, so nothing is shown: " + objection),
                            () -> passed("probe", "a SELECT raises nothing"));
        }
        return new Explained(ofTable, image, List.copyOf(steps));
    }

    /** @throws InvalidSettingException where there is no such row, and nobody is about to write it */
    private Optional<Image> image(int oid, Wanted wanted) throws SQLException {
        if (wanted.pattern().isEmpty()) {
            return wanted.recalled();
        }
        var lookup = new RowLookup(connection, table, oid);
        Optional<Image> found = lookup.find(wanted.pattern().get());
        if (found.isPresent()) {
            return found;
        }
        if (wanted.recalled().isPresent()) {
            told(
                    "row",
                    "is not there any more, or has other values now; what follows is of it as its last change had it");
            return wanted.recalled();
        }
        String missing = "there is no row with " + wanted.pattern().get().json() + " in " + table;
        List<String> writers = lookup.writers();
        if (writers.isEmpty()) {
            throw new InvalidSettingException(
                    missing + "; a row that is gone is explained as long as its last change is kept");
        }
        stopped(
                "committed",
                missing + ", but transactions that write to the table have not committed: "
                        + String.join(", ", writers));
        return Optional.empty();
    }

    /** A table of which nothing may be read is told as one that is not there. */
    private Explained explainToOneself(String publication, Optional<Image.Pattern> wanted) throws SQLException {
        var none = new InvalidSettingException("there is no table " + table + " that " + group.role() + " may read");
        int oid = RowLookup.oid(connection, table).orElseThrow(() -> none);
        TableSecurity security = TableSecurity.load(connection, oid, group.role());
        if (security.readable().isEmpty()) {
            throw none;
        }
        table(publication);
        List<Step> ofTable = List.copyOf(steps);
        steps.clear();
        Optional<Image> seen = Optional.empty();
        if (role(oid)) {
            passed("grants", "SELECT on " + String.join(", ", new TreeSet<>(security.readable())));
            seen = seen(oid, security, wanted);
        }
        return new Explained(ofTable, seen, List.copyOf(steps));
    }

    private Optional<Image> seen(int oid, TableSecurity security, Optional<Image.Pattern> wanted) throws SQLException {
        if (wanted.isEmpty()) {
            told("policies", "name a row to see whether it is shown");
            return Optional.empty();
        }
        Optional<Image> seen = new RowLookup(connection, table, oid).findAs(group, security.readable(), wanted.get());
        if (seen.isPresent()) {
            passed("policies", "shown");
        } else {
            stopped("policies", "there is no such row, or it is hidden");
        }
        return seen;
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
}

package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.policy.NotCompiledException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Tables that policies of published tables read, and whose changes the stream does not bring, so that PostgreSQL is asked about each
 * change of the published ones. Only looks. Stateless.
 */
public final class UnheardTables {
    private static final TableName MESSAGES = new TableName("realtime", "messages");

    /** Roles of tokens whose policies are looked at. */
    private static final List<String> ROLES = List.of("anon", "authenticated");

    private static final String PUBLISHED = """
            select n.nspname, c.relname, c.oid::bigint
              from pg_publication_tables p
              join pg_namespace n on n.nspname = p.schemaname
              join pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
             where p.pubname = ? and c.relrowsecurity order by 1, 2
            """;

    /** An identity that UPDATE and DELETE work with once the table is published, without any change to it. */
    private static final String CAN_BE_ADDED = """
            select not exists (select from pg_publication_tables p join pg_namespace n on n.nspname = p.schemaname
                                where n.oid = c.relnamespace and p.tablename = c.relname)
                   and case c.relreplident
                         when 'f' then not exists (select from pg_attribute a where a.attrelid = c.oid and a.attgenerated <> '')
                         when 'n' then false
                         else exists (select from pg_index i where i.indrelid = c.oid
                                         and case c.relreplident when 'i' then i.indisreplident else i.indisprimary end
                                         and not exists (select from pg_attribute a where a.attrelid = c.oid
                                                            and a.attnum = any (i.indkey) and a.attgenerated <> ''))
                       end
              from pg_class c where c.oid = ?
            """;

    private UnheardTables() {}

    /**
     * One of them.
     *
     * @param table   that is read
     * @param readers published tables whose policies read it, and {@code realtime.messages}, if those of private rooms do
     */
    public record Unheard(TableName table, Set<TableName> readers) {
        public Unheard {
            readers = Set.copyOf(readers);
        }

        /** What that means, in words. */
        public String what() {
            var costs = new ArrayList<String>();
            if (readers.stream().anyMatch(reader -> !reader.equals(MESSAGES))) {
                costs.add("about each change, once per group of users");
            }
            if (readers.contains(MESSAGES)) {
                costs.add("about everybody in private rooms, every 5 s");
            }
            return "policies of "
                    + String.join(
                            ", ",
                            new TreeSet<>(
                                    readers.stream().map(TableName::toString).toList()))
                    + " read table " + table
                    + ", whose changes are not heard of: PostgreSQL is asked " + String.join(", and ", costs);
        }

        /** The statement that mends it. */
        public String remedy() {
            return "alter publication " + Publications.DEPENDENCIES + " add table " + table.quoted();
        }
    }

    /** The statement that makes the publication they belong to, where it is not there. */
    public static Optional<String> missingPublication(Connection connection) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement("select from pg_publication where pubname = ?")) {
            query.setString(1, Publications.DEPENDENCIES);
            try (ResultSet row = query.executeQuery()) {
                return row.next() ? Optional.empty() : Optional.of("create publication " + Publications.DEPENDENCIES);
            }
        }
    }

    /**
     * All whose policies could be decided without PostgreSQL if these were heard of, and which can be published as they are.
     *
     * @param connection in a transaction that may be rolled back to where it is now
     */
    public static List<Unheard> of(Connection connection, String publication) throws SQLException {
        boolean alone = connection.getAutoCommit();
        connection.setAutoCommit(false);
        var readers = new LinkedHashMap<TableName, Set<TableName>>();
        try (Statement statement = connection.createStatement()) {
            var before = connection.setSavepoint();
            statement.execute("set local search_path = ''");
            for (Map.Entry<TableName, Integer> table :
                    published(connection, publication).entrySet()) {
                for (String role : ROLES) {
                    for (TableName read : read(connection, publication, table.getValue(), role)) {
                        readers.computeIfAbsent(read, _ -> new TreeSet<>(UnheardTables::compare))
                                .add(table.getKey());
                    }
                }
            }
            for (String role : ROLES) {
                for (TableName read : new RoomPolicyReader(connection, stream(publication)).unheard(role)) {
                    readers.computeIfAbsent(read, _ -> new TreeSet<>(UnheardTables::compare))
                            .add(MESSAGES);
                }
            }
            connection.rollback(before);
        } finally {
            if (alone) {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        }
        var unheard = new ArrayList<Unheard>();
        readers.forEach((table, all) -> unheard.add(new Unheard(table, all)));
        return unheard;
    }

    private static int compare(TableName one, TableName other) {
        return one.toString().compareTo(other.toString());
    }

    private static Map<TableName, Integer> published(Connection connection, String publication) throws SQLException {
        var published = new LinkedHashMap<TableName, Integer>();
        try (PreparedStatement query = connection.prepareStatement(PUBLISHED)) {
            query.setString(1, publication);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    published.put(new TableName(row.getString(1), row.getString(2)), (int) row.getLong(3));
                }
            }
        }
        return published;
    }

    /** What is not heard of of what the policies read; nothing where they could not be decided even so. */
    private static Set<TableName> read(Connection connection, String publication, int table, String role)
            throws SQLException {
        TableSecurity security = TableSecurity.read(connection, table, role, Publications.none());
        if (!(security.predicate() instanceof TableSecurity.Predicate.Asked asked)) {
            return Set.of();
        }
        try {
            return PolicyReader.unheard(connection, table, role, asked.expression(), stream(publication));
        } catch (NotCompiledException askedAnyway) {
            return Set.of();
        }
    }

    private static Publications stream(String publication) {
        return Publications.with(publication);
    }

    static boolean canBeAdded(Connection connection, int table) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(CAN_BE_ADDED)) {
            query.setLong(1, Integer.toUnsignedLong(table));
            try (ResultSet row = query.executeQuery()) {
                return row.next() && row.getBoolean(1);
            }
        }
    }
}

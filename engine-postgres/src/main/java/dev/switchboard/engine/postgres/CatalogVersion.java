package dev.switchboard.engine.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * A fingerprint of all that policies and grants of a table hang on in the catalog: its own row (row security, owner,
 * grants), columns, policies, schema, publications, the functions and tables that they read, the labels of enumerations, roles and
 * memberships. Every change of such a row gives it another xmin. Read in every round, in the round trip that asks, it makes a
 * changed policy count from the next change on, without an event trigger, which managed services seldom allow and which role changes
 * do not fire (ADR 5). What to look at is told by oid, so that it costs a few lookups by key.
 */
final class CatalogVersion {
    /** The fingerprint of table {@code c} in schema {@code n} by itself, beside {@link #SHARED}. */
    static final String OF_TABLE = """
            concat_ws(' ', c.xmin, n.xmin,
              (select count(*) || ':' || bit_xor(hashtextextended(p.oid || ' ' || p.xmin, 0))
                 from pg_policy p where p.polrelid = c.oid),
              (select count(*) || ':' || sum(a.xmin::text::bigint)
                 from pg_attribute a where a.attrelid = c.oid))""";

    /** What all tables hang on, as one row in a FROM clause. */
    static final String SHARED = """
            (select (select count(*) || ':' || sum(m.xmin::text::bigint) from pg_auth_members m) || ' '
                 || (select count(*) || ':' || bit_xor(hashtextextended(
                              concat_ws(' ', r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolbypassrls), 0))
                       from pg_roles r) as version) as shared""";

    /** What a table hangs on besides: functions that its policies call and those that these are known to call, labels of columns. */
    private static final String SURROUNDINGS = """
            with recursive called (oid) as (
                   (select d.refobjid from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
                    where p.polrelid = any (?::text[]::oid[]) and d.refclassid = 'pg_proc'::regclass
                    union
                   select a.oid from pg_proc a join pg_namespace n on n.oid = a.pronamespace
                    where a.proname in ('uid', 'jwt', 'role', 'email') and n.nspname = 'auth')
                    union
                   select d.refobjid from called join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = called.oid
                    where d.refclassid = 'pg_proc'::regclass)
            select 'FUNCTION' as kind, oid::bigint from called
             union
            select 'ENUMERATION', t.oid::bigint from pg_attribute a join pg_type t on t.oid = a.atttypid
             where a.attrelid = any (?::text[]::oid[]) and a.attnum > 0 and t.typtype = 'e'
            """;

    /** With three parameters, the oids of tables, functions and enumerations as arrays of text. */
    static final String QUERY = "select 'TABLE', c.oid::bigint, concat_ws(' ', " + OF_TABLE + """
            , (select string_agg(r.prpubid || ':' || r.xmin, ',' order by r.prpubid) from pg_publication_rel r where r.prrelid = c.oid))
              from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any (?::text[]::oid[])
             union all
            select 'FUNCTION', f.oid::bigint, f.xmin || ' ' || n.xmin
              from pg_proc f join pg_namespace n on n.oid = f.pronamespace where f.oid = any (?::text[]::oid[])
             union all
            select 'ENUMERATION', e.enumtypid::bigint, count(*) || ':' || bit_xor(hashtextextended(e.oid || ' ' || e.xmin, 0))
              from pg_enum e where e.enumtypid = any (?::text[]::oid[]) group by e.enumtypid
             union all
            select 'PUBLICATIONS', 0, string_agg(p.oid || ':' || p.xmin, ',' order by p.oid) from pg_publication p
             union all
            select 'SHARED', 0, shared.version from\s""" + SHARED;

    /** How many parameters {@link #QUERY} has. */
    static final int PARAMETERS = 3;

    private static final String GONE = "";

    private CatalogVersion() {}

    enum Kind {
        TABLE,
        FUNCTION,
        ENUMERATION,
        /** How they are made. */
        PUBLICATIONS,
        /** Roles and memberships. */
        SHARED
    }

    /** Something in the catalog that policies hang on. */
    record Item(Kind kind, int oid) {
        static final Item SHARED = new Item(Kind.SHARED, 0);
        static final Item PUBLICATIONS = new Item(Kind.PUBLICATIONS, 0);

        static Item table(int oid) {
            return new Item(Kind.TABLE, oid);
        }
    }

    /** All that the policies and grants of these tables hang on. */
    static Set<Item> surroundings(Connection connection, Collection<Integer> tables) throws SQLException {
        var items = new HashSet<Item>();
        items.add(Item.SHARED);
        items.add(Item.PUBLICATIONS);
        tables.forEach(oid -> items.add(Item.table(oid)));
        try (PreparedStatement query = connection.prepareStatement(SURROUNDINGS)) {
            String[] oids = tables.stream().map(Integer::toUnsignedString).toArray(String[]::new);
            query.setArray(1, connection.createArrayOf("text", oids));
            query.setArray(2, connection.createArrayOf("text", oids));
            try (ResultSet rows = query.executeQuery()) {
                while (rows.next()) {
                    items.add(new Item(Kind.valueOf(rows.getString(1)), (int) rows.getLong(2)));
                }
            }
        }
        return items;
    }

    /** How these are now; of what is gone that it is. */
    static Map<Item, String> read(Connection connection, Set<Item> items) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(QUERY)) {
            bind(query, 1, items);
            try (ResultSet rows = query.executeQuery()) {
                return read(rows, items);
            }
        }
    }

    /** Sets the parameters of {@link #QUERY}, from the first on. */
    static void bind(PreparedStatement query, int first, Set<Item> items) throws SQLException {
        int parameter = first;
        for (Kind kind : new Kind[] {Kind.TABLE, Kind.FUNCTION, Kind.ENUMERATION}) {
            query.setArray(
                    parameter++,
                    query.getConnection()
                            .createArrayOf(
                                    "text",
                                    items.stream()
                                            .filter(item -> item.kind() == kind)
                                            .map(item -> Integer.toUnsignedString(item.oid()))
                                            .toArray()));
        }
    }

    /** From the rows of {@link #QUERY}. */
    static Map<Item, String> read(ResultSet rows, Set<Item> items) throws SQLException {
        var versions = new HashMap<Item, String>();
        items.forEach(item -> versions.put(item, GONE));
        while (rows.next()) {
            versions.put(new Item(Kind.valueOf(rows.getString(1)), (int) rows.getLong(2)), rows.getString(3));
        }
        return versions;
    }
}

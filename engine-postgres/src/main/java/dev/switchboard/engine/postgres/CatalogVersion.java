package dev.switchboard.engine.postgres;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/**
 * A fingerprint of all that policies and grants of a table hang on in the catalog: its own row (row security, owner,
 * grants), columns and the labels of their enumerations, policies and the functions that they call, schema, roles and memberships. Every change of such a row gives it another xmin. Read in
 * every round, in the round trip that asks, it makes a changed policy count from the next change on, without an event trigger, which managed services
 * seldom allow and which role changes do not fire (ADR 5).
 */
final class CatalogVersion {
    /**
     * Of the functions that policies of table {@code c} call, of those that the catalog knows these to call, and of those that say
     * what the claims are.
     */
    static final String OF_FUNCTIONS = """
            (with recursive called (oid) as (
                   select d.refobjid from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
                    where p.polrelid = c.oid and d.refclassid = 'pg_proc'::regclass
                    union
                   select d.refobjid from called join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = called.oid
                    where d.refclassid = 'pg_proc'::regclass)
             select string_agg(f.oid || ':' || f.xmin || ':' || s.xmin, ',' order by f.oid)
               from pg_proc f join pg_namespace s on s.oid = f.pronamespace
              where f.oid in (
                      select oid from called
                       union all
                      select a.oid from pg_proc a join pg_namespace n on n.oid = a.pronamespace
                       where a.proname in ('uid', 'jwt', 'role', 'email') and n.nspname = 'auth'))""";

    /** Of the publications that table {@code c} is in, and how they are made. */
    private static final String OF_PUBLICATIONS = """
            (select string_agg(p.oid || ':' || p.xmin || ':' || coalesce(r.xmin::text, ''), ',' order by p.oid)
               from pg_publication p left join pg_publication_rel r on r.prpubid = p.oid and r.prrelid = c.oid)""";

    /** The fingerprint of table {@code c} in schema {@code n}, beside {@link #SHARED}. */
    static final String OF_TABLE = """
            concat_ws(' ', c.xmin, n.xmin,
              (select count(*) || ':' || bit_xor(hashtextextended(p.oid || ' ' || p.xmin, 0))
                 from pg_policy p where p.polrelid = c.oid),
              (select count(*) || ':' || sum(a.xmin::text::bigint)
                 from pg_attribute a where a.attrelid = c.oid),
              (select count(*) || ':' || bit_xor(hashtextextended(e.oid || ' ' || e.xmin, 0))
                 from pg_attribute a join pg_enum e on e.enumtypid = a.atttypid where a.attrelid = c.oid and a.attnum > 0),
              %s, %s, shared.version)""".formatted(OF_FUNCTIONS, OF_PUBLICATIONS);

    /** What all tables hang on, as one row in a FROM clause. */
    static final String SHARED = """
            (select (select count(*) || ':' || sum(m.xmin::text::bigint) from pg_auth_members m) || ' '
                 || (select count(*) || ':' || bit_xor(hashtextextended(
                              concat_ws(' ', r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolbypassrls), 0))
                       from pg_roles r) as version) as shared""";

    /** With one parameter, the tables' oids as an array of text; gives oid and fingerprint. */
    static final String QUERY = "select c.oid, " + OF_TABLE
            + " from pg_class c join pg_namespace n on n.oid = c.relnamespace, " + SHARED
            + " where c.oid = any (?::text[]::oid[])";

    private CatalogVersion() {}

    /** The fingerprints of these tables by oid; a table that is gone has none. */
    static Map<Integer, String> read(Connection connection, Collection<Integer> oids) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(QUERY)) {
            query.setArray(1, parameter(connection, oids));
            try (ResultSet rows = query.executeQuery()) {
                return read(rows);
            }
        }
    }

    static Array parameter(Connection connection, Collection<Integer> oids) throws SQLException {
        return connection.createArrayOf(
                "text", oids.stream().map(Integer::toUnsignedString).toArray());
    }

    /** From the rows of {@link #QUERY}. */
    static Map<Integer, String> read(ResultSet rows) throws SQLException {
        var versions = new HashMap<Integer, String>();
        while (rows.next()) {
            versions.put((int) rows.getLong(1), rows.getString(2));
        }
        return versions;
    }
}

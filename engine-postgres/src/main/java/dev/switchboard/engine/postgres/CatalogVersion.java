package dev.switchboard.engine.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/**
 * A fingerprint of all that policies and grants of a table hang on in the catalog: its own row (row security, owner,
 * grants), columns, policies, schema, roles and memberships. Every change of such a row gives it another xmin. Read once
 * per round, it makes a changed policy count from the next change on, without an event trigger, which managed services
 * seldom allow and which role changes do not fire (ADR 5).
 */
final class CatalogVersion {
    private static final String QUERY = """
            select c.oid,
                   concat_ws(' ', c.xmin, n.xmin,
                     (select string_agg(p.oid || ':' || p.xmin, ',' order by p.oid)
                        from pg_policy p where p.polrelid = c.oid),
                     (select count(*) || ':' || sum(a.xmin::text::bigint)
                        from pg_attribute a where a.attrelid = c.oid),
                     shared.version)
              from pg_class c join pg_namespace n on n.oid = c.relnamespace,
                   (select (select count(*) || ':' || sum(m.xmin::text::bigint) from pg_auth_members m)
                        || (select string_agg(concat_ws(':', r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolbypassrls),
                                              ',' order by r.oid) from pg_roles r) as version) as shared
             where c.oid = any (?::text[]::oid[])
            """;

    private CatalogVersion() {}

    /** The fingerprints of these tables by oid; a table that is gone has none. */
    static Map<Integer, String> read(Connection connection, Collection<Integer> oids) throws SQLException {
        var versions = new HashMap<Integer, String>();
        try (PreparedStatement query = connection.prepareStatement(QUERY)) {
            query.setArray(
                    1,
                    connection.createArrayOf(
                            "text", oids.stream().map(Integer::toUnsignedString).toArray()));
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    versions.put((int) row.getLong(1), row.getString(2));
                }
            }
        }
        return versions;
    }
}

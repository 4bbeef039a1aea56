package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A column as subscriptions see it. Of a domain, the base type is meant: its operators are those of the base type.
 *
 * @param name          one object for all who filter by it
 * @param typeOid       of the column itself
 * @param baseOid       of its base type
 * @param typeName      of its base type
 * @param typeKind      pg_type.typtype of its base type
 * @param typeSchema    of its base type
 * @param text          whether patterns can be matched with it
 * @param deterministic whether its collation is: equal text is the same text
 * @param byteOrdered   whether its collation orders text by its bytes: C, POSIX, C.UTF-8
 * @param key           whether it belongs to the primary key
 * @param published     whether the WAL carries it
 */
record ColumnFacts(
        String name,
        int typeOid,
        int baseOid,
        String typeName,
        char typeKind,
        String typeSchema,
        boolean text,
        boolean deterministic,
        boolean byteOrdered,
        boolean key,
        boolean published) {
    private static final String QUERY = """
            select a.attname, a.atttypid, b.oid as base, b.typname, b.typtype, bn.nspname as type_schema,
                   b.typcategory = 'S' as is_text,
                   coalesce(l.collisdeterministic, true) as deterministic,
                   case l.collprovider
                     when 'c' then l.collcollate in ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
                     when 'b' then true
                     when 'd' then (select case coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
                                             when 'c' then d.datcollate in ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
                                             else to_jsonb(d) ->> 'datlocprovider' = 'b' end
                                      from pg_database d where d.datname = current_database())
                     else false end as byte_ordered,
                   coalesce((select a.attnum = any(i.indkey) from pg_index i
                              where i.indrelid = a.attrelid and i.indisprimary), false) as key,
                   exists (select from pg_publication_tables p, pg_class c, pg_namespace n
                            where c.oid = a.attrelid and n.oid = c.relnamespace
                              and p.pubname = ? and p.schemaname = n.nspname and p.tablename = c.relname
                              and case when to_jsonb(p) ?? 'attnames' then to_jsonb(p) -> 'attnames' ?? a.attname::text
                                       else a.attgenerated = '' end) as published
              from pg_attribute a
              cross join lateral (
                     with recursive up(oid, typtype, typbasetype) as (
                            select t.oid, t.typtype, t.typbasetype from pg_type t where t.oid = a.atttypid
                            union all
                            select t.oid, t.typtype, t.typbasetype from up join pg_type t on t.oid = up.typbasetype
                             where up.typtype = 'd')
                     select oid from up where typtype <> 'd') base
              join pg_type b on b.oid = base.oid
              join pg_namespace bn on bn.oid = b.typnamespace
              left join pg_collation l on l.oid = a.attcollation
             where a.attrelid = ? and a.attnum > 0 and not a.attisdropped
             order by a.attnum
            """;

    /** The columns of a table by name, in order. */
    static Map<String, ColumnFacts> load(Connection connection, int oid, String publication) throws SQLException {
        var columns = new LinkedHashMap<String, ColumnFacts>();
        try (PreparedStatement query = connection.prepareStatement(QUERY)) {
            query.setString(1, publication);
            query.setLong(2, Integer.toUnsignedLong(oid));
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    String name = row.getString("attname");
                    columns.put(
                            name,
                            new ColumnFacts(
                                    name,
                                    (int) row.getLong("atttypid"),
                                    (int) row.getLong("base"),
                                    row.getString("typname"),
                                    row.getString("typtype").charAt(0),
                                    row.getString("type_schema"),
                                    row.getBoolean("is_text"),
                                    row.getBoolean("deterministic"),
                                    row.getBoolean("byte_ordered"),
                                    row.getBoolean("key"),
                                    row.getBoolean("published")));
                }
            }
        }
        return columns;
    }

    /** The base type as SQL names it, whatever the search path and without a length. */
    String sqlType() {
        return TableName.quote(typeSchema) + "." + TableName.quote(typeName);
    }

    boolean isBuiltIn() {
        return typeSchema.equals("pg_catalog");
    }
}

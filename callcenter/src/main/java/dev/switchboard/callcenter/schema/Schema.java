package dev.switchboard.callcenter.schema;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * What there is of the call centre's tables: columns, row level security, policies, publication, replica identity. As text
 * one fact a line; the text that this version needs is a resource, written by a test from the migrations.
 */
public record Schema(Map<String, Table> tables) {
    /** One table of schema public. */
    public record Table(
            Map<String, String> columns,
            Map<String, String> policies,
            boolean secured,
            boolean published,
            String identity) {
        public Table {
            columns = new TreeMap<>(columns);
            policies = new TreeMap<>(policies);
        }
    }

    private static final String RESOURCE = "/dev/switchboard/callcenter/schema.tsv";

    private static final String TABLES = """
            select c.relname, c.relrowsecurity and c.relforcerowsecurity,
                   exists (select from pg_catalog.pg_publication_tables p
                            where p.pubname = ? and p.schemaname = 'public' and p.tablename = c.relname),
                   case c.relreplident when 'f' then 'full' when 'n' then 'nothing' when 'i' then 'index' else 'default' end
              from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'public' and c.relkind in ('r', 'p')
            """;
    private static final String COLUMNS = """
            select c.relname, a.attname,
                   pg_catalog.format_type(a.atttypid, a.atttypmod)
                     || case when a.attgenerated <> '' then ' generated always as (' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ') stored'
                             else coalesce(' default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') end
                     || case when a.attnotnull then ' not null' else '' end
              from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
              join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
             where n.nspname = 'public' and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
            """;
    private static final String POLICIES = """
            select c.relname, p.polname,
                   case when p.polpermissive then '' else 'as restrictive ' end || 'for '
                     || case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end
                     || ' to ' || (select string_agg(case r when 0 then 'public' else r::regrole::text end, ', ' order by r) from unnest(p.polroles) r)
                     || coalesce(' using (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')
                     || coalesce(' with check (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
              from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
              join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public'
            """;

    public Schema {
        tables = new TreeMap<>(tables);
    }

    /** What a database has. */
    public static Schema read(Connection connection, String publication) throws SQLException {
        var facts = new Facts();
        try (PreparedStatement path = connection.prepareStatement("set search_path = ''")) {
            path.execute(); // names are deparsed with their schemas
        }
        try (PreparedStatement statement = connection.prepareStatement(TABLES)) {
            statement.setString(1, publication);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    facts.table(rows.getString(1), rows.getBoolean(2), rows.getBoolean(3), rows.getString(4));
                }
            }
        }
        facts.read(connection, COLUMNS, facts.columns);
        facts.read(connection, POLICIES, facts.policies);
        return facts.schema();
    }

    /** What this version needs. */
    public static Schema needed() {
        try (InputStream in = Schema.class.getResourceAsStream(RESOURCE)) {
            return parse(new BufferedReader(
                            new InputStreamReader(Objects.requireNonNull(in, RESOURCE), StandardCharsets.UTF_8))
                    .lines()
                    .toList());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** From its text. */
    public static Schema parse(List<String> lines) {
        var facts = new Facts();
        for (String line : lines) {
            String[] parts = line.split("\t", -1);
            switch (parts[0]) {
                case "table" ->
                    facts.table(parts[1], parts[2].equals("secured"), parts[3].equals("published"), parts[4]);
                case "column" -> facts.of(facts.columns, parts[1]).put(parts[2], parts[3]);
                case "policy" -> facts.of(facts.policies, parts[1]).put(parts[2], parts[3]);
                default -> throw new IllegalArgumentException("no fact of a schema: " + line);
            }
        }
        return facts.schema();
    }

    /** As text: its tables in alphabetical order, and each one's columns and policies too. */
    public List<String> lines() {
        var lines = new ArrayList<String>();
        tables.forEach((name, table) -> {
            lines.add(String.join(
                    "\t",
                    "table",
                    name,
                    table.secured() ? "secured" : "open",
                    table.published() ? "published" : "hidden",
                    table.identity()));
            table.columns().forEach((column, type) -> lines.add(String.join("\t", "column", name, column, flat(type))));
            table.policies()
                    .forEach((policy, text) -> lines.add(String.join("\t", "policy", name, policy, flat(text))));
        });
        return lines;
    }

    private static String flat(String text) {
        return text.replaceAll("\\s+", " ");
    }

    private static final class Facts {
        private final Map<String, Object[]> tables = new TreeMap<>();
        private final Map<String, Map<String, String>> columns = new TreeMap<>();
        private final Map<String, Map<String, String>> policies = new TreeMap<>();

        void table(String name, boolean secured, boolean published, String identity) {
            tables.put(name, new Object[] {secured, published, identity});
        }

        Map<String, String> of(Map<String, Map<String, String>> facts, String table) {
            return facts.computeIfAbsent(table, _ -> new TreeMap<>());
        }

        void read(Connection connection, String sql, Map<String, Map<String, String>> facts) throws SQLException {
            try (PreparedStatement statement = connection.prepareStatement(sql);
                    ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    of(facts, rows.getString(1)).put(rows.getString(2), flat(rows.getString(3)));
                }
            }
        }

        Schema schema() {
            var all = new TreeMap<String, Table>();
            tables.forEach((name, facts) -> all.put(
                    name,
                    new Table(of(columns, name), of(policies, name), (Boolean) facts[0], (Boolean) facts[1], (String)
                            facts[2])));
            return new Schema(all);
        }
    }
}

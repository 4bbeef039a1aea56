package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a database of one's own lacks, PostgreSQL 14 to 18, a managed one above all: each missing thing with the statements
 * that mend it. Only looks, unless told to {@link #mend}.
 */
public final class Preparation {
    private static final int OLDEST = 140_000;
    private static final int STORED_GENERATED = 180_000;
    private static final int BYPASS_BY_CREATEROLE = 160_000;
    private static final List<String> ROLES = List.of("anon", "authenticated", "service_role");

    private static final String FACTS = """
            select current_setting('server_version_num')::int as version,
                   current_setting('wal_level') as wal_level,
                   current_setting('max_replication_slots')::int as slots,
                   (select count(*) from pg_replication_slots) as used_slots,
                   exists (select from pg_replication_slots where slot_name = ?) as own_slot,
                   current_setting('max_wal_senders')::int as senders,
                   (select count(*) from pg_stat_replication) as used_senders,
                   r.rolname, r.rolsuper, r.rolbypassrls,
                   r.rolsuper or r.rolreplication
                     or exists (select from pg_roles g where g.rolname = 'rds_replication'
                                   and pg_has_role(r.oid, g.oid, 'MEMBER')) as replicates,
                   exists (select from pg_roles g where g.rolname = 'rds_replication') as rds,
                   p.oid is not null as publication,
                   coalesce(p.pubviaroot, false) as via_root,
                   coalesce(p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate, false) as all_changes,
                   to_regprocedure('auth.uid()') is not null as claims,
                   current_setting('log_min_messages') in ('log', 'fatal', 'panic') as quiet_log
              from pg_roles r left join pg_publication p on p.pubname = ?
             where r.rolname = current_user
            """;

    private static final String ROLE = """
            select r.oid is not null as exists,
                   coalesce(pg_has_role(current_user, r.oid,
                     case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end), false)
                     as takes,
                   coalesce(r.rolbypassrls, false) as bypasses
              from (select ?::text as name) wanted left join pg_roles r on r.rolname = wanted.name
            """;

    private static final String TABLES = """
            select n.nspname, c.relname, c.relreplident, c.relrowsecurity,
                   exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary) as has_key
              from pg_publication_tables p
              join pg_namespace n on n.nspname = p.schemaname
              join pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
             where p.pubname = ?
             order by 1, 2
            """;

    private final Database database;
    private final String publication;
    private final String slot;

    /** How much is the matter. */
    public enum Weight {
        /** The server does not start without it. */
        NEEDED,
        /** It works, but not as well as it could. */
        ADVISED
    }

    /**
     * One missing thing.
     *
     * @param what       in words
     * @param statements that mend it; none where no statement can
     * @param then       what else has to be done; empty if nothing
     */
    public record Lack(Weight weight, String what, List<String> statements, String then) {
        public Lack {
            statements = List.copyOf(statements);
        }
    }

    private record Facts(
            int version,
            String user,
            boolean superuser,
            boolean bypasses,
            String walLevel,
            int slots,
            int usedSlots,
            boolean ownSlot,
            int senders,
            int usedSenders,
            boolean replicates,
            boolean rds,
            boolean publication,
            boolean viaRoot,
            boolean allChanges,
            boolean claims,
            boolean quietLog) {}

    /** The database cannot be asked. */
    public static final class UnreachableDatabaseException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        UnreachableDatabaseException(Database database, SQLException cause) {
            super("cannot connect as " + database + ": " + cause.getMessage(), cause);
        }
    }

    public Preparation(Database database, String publication, String slot) {
        this.database = database;
        this.publication = publication;
        this.slot = slot;
    }

    /** What is missing, the needed things first. */
    public List<Lack> lacks() {
        try (Connection connection = connect()) {
            var lacks = new ArrayList<Lack>();
            Facts facts = facts(connection);
            if (facts.version() < OLDEST) {
                return List.of(needed(
                        "PostgreSQL is " + facts.version() / 10_000 + "; 14 to 18 are supported",
                        List.of(),
                        "Upgrade it."));
            }
            replication(facts, lacks);
            roles(connection, facts, lacks);
            publication(facts, lacks);
            if (!facts.claims()) {
                lacks.add(claims());
            }
            RoomsSchema.lack(connection).ifPresent(lacks::add);
            tables(connection, lacks);
            dependencies(connection, lacks);
            log(facts, lacks);
            lacks.sort((a, b) -> a.weight().compareTo(b.weight()));
            return lacks;
        } catch (SQLException failed) {
            throw new UnreachableDatabaseException(database, failed);
        }
    }

    /**
     * Runs the statements of one lack.
     *
     * @return why it could not be mended; empty if it was
     */
    public String mend(Lack lack) {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            statement.setEscapeProcessing(false);
            for (String sql : lack.statements()) {
                statement.execute(sql);
            }
            return "";
        } catch (SQLException failed) {
            return String.valueOf(failed.getMessage());
        }
    }

    private Connection connect() throws SQLException {
        return DriverManager.getConnection(database.url(), database.user(), database.password());
    }

    private Facts facts(Connection connection) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(FACTS)) {
            query.setString(1, slot);
            query.setString(2, publication);
            try (ResultSet row = query.executeQuery()) {
                row.next();
                return new Facts(
                        row.getInt("version"),
                        row.getString("rolname"),
                        row.getBoolean("rolsuper"),
                        row.getBoolean("rolbypassrls"),
                        row.getString("wal_level"),
                        row.getInt("slots"),
                        row.getInt("used_slots"),
                        row.getBoolean("own_slot"),
                        row.getInt("senders"),
                        row.getInt("used_senders"),
                        row.getBoolean("replicates"),
                        row.getBoolean("rds"),
                        row.getBoolean("publication"),
                        row.getBoolean("via_root"),
                        row.getBoolean("all_changes"),
                        row.getBoolean("claims"),
                        row.getBoolean("quiet_log"));
            }
        }
    }

    private static void replication(Facts facts, List<Lack> lacks) {
        String restart = facts.superuser()
                ? "Then restart PostgreSQL."
                : "That needs a superuser and a restart; on a managed service set it in its parameters (RDS:"
                        + " rds.logical_replication = 1, Cloud SQL: cloudsql.logical_decoding = on, Azure: wal_level).";
        if (!facts.walLevel().equals("logical")) {
            lacks.add(needed(
                    "wal_level is " + facts.walLevel() + ", and has to be logical",
                    List.of("alter system set wal_level = 'logical'"),
                    restart));
        }
        if (!facts.ownSlot() && facts.usedSlots() >= facts.slots()) {
            lacks.add(needed(
                    "all " + facts.slots() + " replication slots are taken (max_replication_slots)",
                    List.of("alter system set max_replication_slots = " + (facts.slots() + 5)),
                    restart));
        }
        if (facts.usedSenders() >= facts.senders()) {
            lacks.add(needed(
                    "all " + facts.senders() + " WAL senders are taken (max_wal_senders)",
                    List.of("alter system set max_wal_senders = " + (facts.senders() + 5)),
                    restart));
        }
        if (!facts.replicates()) {
            String user = TableName.quote(facts.user());
            lacks.add(needed(
                    "user " + facts.user() + " may not replicate",
                    List.of(facts.rds() ? "grant rds_replication to " + user : "alter role " + user + " replication"),
                    "If this user may not do that, let an administrator do it."));
        }
    }

    private static void roles(Connection connection, Facts facts, List<Lack> lacks) throws SQLException {
        String user = TableName.quote(facts.user());
        boolean mayBypass = facts.superuser() || (facts.bypasses() && facts.version() >= BYPASS_BY_CREATEROLE);
        for (String role : ROLES) {
            try (PreparedStatement query = connection.prepareStatement(ROLE)) {
                query.setString(1, role);
                try (ResultSet row = query.executeQuery()) {
                    row.next();
                    boolean service = role.equals("service_role");
                    if (!row.getBoolean("exists")) {
                        lacks.add(needed(
                                "role " + role + " of tokens does not exist",
                                List.of(
                                        "create role " + role + " nologin noinherit"
                                                + (service && mayBypass ? " bypassrls" : ""),
                                        "grant " + role + " to " + user,
                                        "grant usage on schema public to " + role),
                                service && !mayBypass
                                        ? "It obeys policies like any role: BYPASSRLS is a superuser's to give."
                                        : ""));
                    } else if (!row.getBoolean("takes")) {
                        lacks.add(needed(
                                "user " + facts.user() + " may not take on role " + role,
                                List.of("grant " + role + " to " + user),
                                ""));
                    }
                }
            }
        }
    }

    private void publication(Facts facts, List<Lack> lacks) {
        String name = TableName.quote(publication);
        if (!facts.publication()) {
            String generated = facts.version() >= STORED_GENERATED ? ", publish_generated_columns = stored" : "";
            lacks.add(needed(
                    "publication " + publication + " does not exist",
                    List.of("create publication " + name + " with (publish_via_partition_root = true" + generated
                            + ")"),
                    "Then add tables with: switchboard publish TABLE --database-url ..."));
            return;
        }
        if (!facts.allChanges()) {
            lacks.add(new Lack(
                    Weight.ADVISED,
                    "publication " + publication + " leaves out some kinds of changes",
                    List.of("alter publication " + name + " set (publish = 'insert, update, delete, truncate')"),
                    ""));
        }
        if (!facts.viaRoot()) {
            lacks.add(new Lack(
                    Weight.ADVISED,
                    "partitioned tables appear under the names of their partitions",
                    List.of("alter publication " + name + " set (publish_via_partition_root = true)"),
                    ""));
        }
    }

    private static Lack claims() {
        return new Lack(
                Weight.ADVISED,
                "function auth.uid() does not exist, by which policies ask for the token's user",
                List.of(
                        "create schema if not exists auth",
                        "grant usage on schema auth to " + String.join(", ", ROLES),
                        "create or replace function auth.jwt() returns jsonb language sql stable return"
                                + " coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb",
                        "create or replace function auth.uid() returns uuid language sql stable return"
                                + " (auth.jwt() ->> 'sub')::uuid",
                        "create or replace function auth.role() returns text language sql stable return"
                                + " auth.jwt() ->> 'role'",
                        "create or replace function auth.email() returns text language sql stable return"
                                + " auth.jwt() ->> 'email'"),
                "");
    }

    /** What clients do wrong would fill PostgreSQL's log, statements and all. */
    private static void log(Facts facts, List<Lack> lacks) {
        if (!facts.quietLog()) {
            lacks.add(new Lack(
                    Weight.ADVISED,
                    "what clients do wrong is written to PostgreSQL's log, where it can fill the disk",
                    List.of("alter role " + TableName.quote(facts.user()) + " set log_min_messages = 'log'"),
                    "That needs a superuser, or from PostgreSQL 15 on: grant set on parameter log_min_messages to "
                            + TableName.quote(facts.user())));
        }
    }

    private void tables(Connection connection, List<Lack> lacks) throws SQLException {
        List<ReplicaIdentities.Broken> broken = ReplicaIdentities.broken(connection, publication);
        for (ReplicaIdentities.Broken one : broken) {
            lacks.add(new Lack(
                    Weight.ADVISED,
                    one.what(),
                    one.mend().stream().toList(),
                    one.mend().isEmpty() ? one.remedy() : ""));
        }
        try (PreparedStatement query = connection.prepareStatement(TABLES)) {
            query.setString(1, publication);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    var table = new TableName(row.getString("nspname"), row.getString("relname"));
                    char identity = row.getString("relreplident").charAt(0);
                    boolean mayBeFull = ReplicaIdentities.uncarried(connection, table, publication)
                            .isEmpty();
                    if (identity != 'f' && mayBeFull) {
                        boolean fails = identity == 'n' || (identity == 'd' && !row.getBoolean("has_key"));
                        lacks.add(new Lack(
                                Weight.ADVISED,
                                "table " + table + " has not REPLICA IDENTITY FULL: "
                                        + (fails
                                                ? "your own UPDATE and DELETE on it fail now"
                                                : "DELETE is shown only where policies read nothing but the key"),
                                List.of("alter table " + table.quoted() + " replica identity full"),
                                ""));
                    }
                    if (!row.getBoolean("relrowsecurity")) {
                        lacks.add(new Lack(
                                Weight.ADVISED,
                                "table " + table + " has no row level security: every role with SELECT sees every row",
                                List.of(),
                                "Write policies, then: alter table " + table.quoted() + " enable row level security"));
                    }
                }
            }
        }
    }

    /** What policies read besides their own table is heard of by a publication of its own. */
    private void dependencies(Connection connection, List<Lack> lacks) throws SQLException {
        List<UnheardTables.Unheard> unheard = UnheardTables.of(connection, publication);
        if (unheard.isEmpty()) {
            return;
        }
        Optional<String> make = UnheardTables.missingPublication(connection);
        var statements = new ArrayList<>(make.stream().toList());
        for (UnheardTables.Unheard one : unheard) {
            statements.add(one.remedy());
            lacks.add(new Lack(
                    Weight.ADVISED,
                    one.what(),
                    List.copyOf(statements),
                    make.isPresent()
                            ? "A server that runs takes the new publication up when it is started again."
                            : ""));
            statements.clear();
        }
    }

    private static Lack needed(String what, List<String> statements, String then) {
        return new Lack(Weight.NEEDED, what, statements, then);
    }
}

package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.PostgresRowAccess;
import dev.switchboard.engine.route.Audience;
import dev.switchboard.systemtest.harness.TestServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.postgresql.PGStatement;

/**
 * Random policy sets, decided three ways: by us, compiled where that can be; by PostgreSQL on the row's image; and by a SELECT of
 * that row under the same role and claims, an error meaning "not visible". What an audience leaves out is hidden.
 */
class PolicyDifferentialTest {
    private static final int POLICY_SETS = 300;
    private static final int ROWS = 20;
    private static final int IDENTITIES = 17;
    private static final String TABLE = "policy_subject";

    private static final List<String> USERS = List.of(
            "11111111-1111-4111-8111-111111111111",
            "22222222-2222-4222-8222-222222222222",
            "33333333-3333-4333-8333-333333333333");
    private static final List<String> ORGANIZATIONS =
            List.of("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb");

    /** Some depend on the claims, some on the row, some on other tables, some on the whole row, some raise. */
    private static final List<String> EXPRESSIONS = List.of(
            "true",
            "false",
            "user_id = auth.uid()",
            "user_id = (select auth.uid())",
            "user_id is null",
            "user_id is distinct from auth.uid()",
            "organization_id = (auth.jwt() ->> 'org_id')::uuid",
            "organization_id::text = auth.jwt() ->> 'org_id'",
            "organization_id in (select m.organization_id from policy_member m where m.user_id = auth.uid())",
            "exists (select 1 from policy_member m where m.user_id = auth.uid() and m.organization_id = policy_subject.organization_id)",
            "not exists (select 1 from policy_member m where m.organization_id = policy_subject.organization_id and m.level > 1)",
            "organization_id = any (array(select m.organization_id from policy_member m where m.user_id = (select auth.uid())))",
            "organization_id in (select v.organization_id from policy_member_invoker v where v.user_id = auth.uid())",
            "organization_id in (select v.organization_id from policy_member_definer v where v.user_id = auth.uid())",
            "exists (select 1 from policy_member_mine v where v.organization_id = policy_subject.organization_id)",
            "not exists (select 1 from policy_member_owned v where v.organization_id = policy_subject.organization_id)",
            "pg_has_role('policy_owner', 'usage')",
            "pg_has_role('policy_owner', 'member') or active",
            "pg_has_role(coalesce(team, 'nobody'), 'usage')",
            "pg_has_role(current_user, case when active then 'policy_owner' else 'anon' end, 'usage')",
            "current_user = 'authenticated'",
            "policy_orgs() @> array[organization_id]",
            "policy_whole(policy_subject)",
            "policy_subject is not null",
            "(policy_subject).amount > 40",
            "row_to_json(policy_subject) ->> 'team' = 'blue'",
            "team = 'blue'",
            "team in ('blue', 'green')",
            "team like 'b%'",
            "team = auth.jwt() ->> 'team'",
            "lower(team) <> 'red'",
            "team is null or amount < 50",
            "amount > 50",
            "amount between 20 and 70",
            "amount % 2 = 0",
            "amount / (amount - amount % 3) >= 1",
            "100 / (amount - 40) > 0",
            "active",
            "not active",
            "active is not true",
            "meta ->> 'tier' = 'gold'",
            "meta ? 'tier'",
            "meta @> '{\"vip\": true}'",
            "meta is null",
            "meta = 'null'",
            "coalesce((meta ->> 'limit')::int, 0) < amount",
            "tags && array['a']",
            "'b' = any (tags)",
            "cardinality(tags) > 1",
            "tags is not distinct from '{}'",
            "auth.role() = 'authenticated'",
            "auth.email() like '%@example.com'",
            "auth.jwt() -> 'app' ->> 'level' = '2'",
            "(auth.jwt() ->> 'level')::int >= amount / 30",
            "due < timestamptz '2026-06-01'",
            "due is null",
            "price > 10.5",
            "price = 1.10",
            "note = 'a\"b\\c,(d)'",
            "length(note) > 3",
            "case when active then amount > 30 else team = 'red' end");

    /** Those that are decided without PostgreSQL, alone or together. */
    private static final List<String> COMPILED = List.of(
            "true",
            "user_id = auth.uid()",
            "user_id = (select auth.uid())",
            "(select auth.uid()) = user_id",
            "user_id <> auth.uid()",
            "not (user_id = auth.uid())",
            "user_id is null",
            "(user_id = auth.uid()) is not true",
            "(user_id = auth.uid()) is unknown",
            "organization_id = (auth.jwt() ->> 'org_id')::uuid",
            "organization_id::text = auth.jwt() ->> 'org_id'",
            "organization_id = any (array(select jsonb_array_elements_text(auth.jwt() -> 'orgs'))::uuid[])",
            "organization_id <> all (array(select jsonb_array_elements_text(auth.jwt() -> 'orgs'))::uuid[])",
            "user_id = nullif(current_setting('request.jwt.claims', true)::json ->> 'sub', '')::uuid",
            "user_id = policy_me()",
            "team in ('blue', 'green')",
            "team not in ('blue', null)",
            "team = auth.jwt() ->> 'team'",
            "team = any (string_to_array(auth.jwt() ->> 'teams', ','))",
            "team is not null",
            "nick = 'blue'",
            "nick in ('blue', 'x')",
            "grade >= 3",
            "big = (auth.jwt() ->> 'level')::int",
            "big < 9000000000",
            "amount > 50",
            "amount between 20 and 70",
            "50 >= amount",
            "active",
            "not active",
            "active is not true",
            "active = (auth.jwt() ->> 'flag')::boolean",
            "mood = 'glad'",
            "mood <> 'sad'",
            "mood in ('sad', 'glad')",
            "mood::text = auth.jwt() ->> 'team'",
            "due < timestamptz '2026-06-01'",
            "due >= timestamptz '2026-01-01 00:00:00+00'",
            "day = date '2026-02-28'",
            "auth.role() = 'authenticated'",
            "auth.jwt() -> 'app' ->> 'level' = '2'",
            "(select auth.uid()) is not null");

    /** What may change of the database while nobody asks: what was known before counts no more. */
    private static final List<String> ALTERATIONS = List.of(
            "grant policy_owner to authenticated",
            "revoke policy_owner from authenticated",
            "grant policy_owner to authenticated with inherit false",
            "alter view policy_member_invoker set (security_invoker = off)",
            "alter view policy_member_invoker set (security_invoker = on)",
            "create or replace view policy_member_definer as select * from policy_member where level > 0",
            "create or replace view policy_member_definer as select * from policy_member",
            "revoke select on policy_member_mine from public",
            "grant select on policy_member_mine to public",
            "alter view policy_member_owned owner to policy_stranger",
            "alter view policy_member_owned owner to policy_owner",
            "alter policy own on policy_member using (level > 0)",
            "alter policy own on policy_member using (user_id = auth.uid() or level > 1)",
            "create or replace function policy_me() returns uuid stable language sql as 'select null::uuid'",
            "create or replace function policy_me() returns uuid stable language sql as 'select auth.uid()'",
            "update policy_member set level = 2 - level",
            "update policy_member set organization_id = null where level = 1");

    private static final List<String> ROLES =
            List.of("authenticated", "anon", "service_role", "policy_owner", "policy_owner_member", "policy_stranger");

    private static TestServer server;
    private static Connection admin;
    private static Connection subject;
    private static PostgresRowAccess access;
    private static PostgresRowAccess asking;
    private static PostgresRowAccess checking;

    @BeforeAll
    static void start() throws SQLException {
        server = TestServer.start();
        Database database = server.server().database();
        admin = DriverManager.getConnection(database.url(), database.user(), database.password());
        run(admin, "alter role authenticator password 'for-this-test'");
        subject = DriverManager.getConnection(database.url(), "authenticator", "for-this-test");
        run(subject, "set search_path = public");
        access = new PostgresRowAccess(database.as("authenticator", "for-this-test"), (_, _) -> {}, 0);
        checking = new PostgresRowAccess(database.as("authenticator", "for-this-test"), (_, _) -> {}, 1);
        asking = PostgresRowAccess.alwaysAsking(database.as("authenticator", "for-this-test"), (_, _) -> {});
        for (String role : List.of("policy_owner", "policy_owner_member", "policy_stranger")) {
            run(admin, "create role " + role);
            run(admin, "grant " + role + " to authenticator");
        }
        run(admin, "grant policy_owner to policy_owner_member");
        run(admin, "grant usage on schema public, auth to policy_owner, policy_owner_member, policy_stranger");
        run(admin, "create type policy_mood as enum ('sad', 'glad', 'blue')");
        run(admin, "create function policy_me() returns uuid stable language sql as 'select auth.uid()'");
        run(admin, "create table policy_member (user_id uuid, organization_id uuid, level int)");
        run(admin, "grant select on policy_member to public");
        run(admin, "alter table policy_member enable row level security");
        run(admin, "create policy own on policy_member for select using (user_id = auth.uid() or level > 1)");
        run(admin, "create view policy_member_invoker with (security_invoker) as select * from policy_member");
        run(admin, "create view policy_member_definer as select * from policy_member");
        run(admin, "create view policy_member_mine as select * from policy_member_definer where user_id = auth.uid()");
        run(admin, "create view policy_member_owned as select * from policy_member");
        run(admin, "alter view policy_member_owned owner to policy_owner");
        for (String view : List.of("invoker", "definer", "mine", "owned")) {
            run(admin, "grant select on policy_member_" + view + " to public");
        }
    }

    @AfterAll
    static void stop() throws SQLException {
        access.close();
        asking.close();
        checking.close();
        subject.close();
        admin.close();
        server.close();
    }

    private record Identity(String role, String claims) {}

    /** Each of these by itself, as PostgreSQL writes it, is understood. */
    @Test
    void A9_commonFormsAreDecidedHere() throws Exception {
        policySet(new Random(1), List.of("true"));
        var asked = new ArrayList<String>();
        var ann = new Identity(
                "authenticated",
                "{\"role\":\"authenticated\",\"sub\":\"" + USERS.getFirst()
                        + "\",\"orgs\":[],\"teams\":\"\",\"flag\":true,\"level\":1}");
        run(admin, "grant select on " + TABLE + " to authenticated");
        for (String expression : COMPILED) {
            run(admin, "drop policy if exists one on " + TABLE);
            run(admin, "create policy one on " + TABLE + " as restrictive for select using (" + expression + ")");
            run(admin, "drop policy if exists all_rows on " + TABLE);
            run(admin, "create policy all_rows on " + TABLE + " for select using (true)");
            run(admin, "alter table " + TABLE + " enable row level security");
            long before = access.decidedHere();
            ours(access, relation(), ann, rows());
            if (access.decidedHere() == before) {
                asked.add(expression);
            }
            ours(checking, relation(), ann, rows());
        }

        assertThat(asked).isEmpty();
        assertThat(checking.asked()).isPositive();
        assertThat(checking.disagreements()).isZero();
    }

    private static final Identity ANN = new Identity(
            "authenticated",
            "{\"role\":\"authenticated\",\"sub\":\"" + USERS.getFirst() + "\",\"teams\":\"{{blue},{red}}\"}");

    /** One policy for everybody over the rows that there are; the same table, whatever its policy was before. */
    private static void policy(String expression) throws SQLException {
        run(admin, "drop policy if exists one on " + TABLE);
        run(admin, "drop policy if exists all_rows on " + TABLE);
        run(admin, "create policy one on " + TABLE + " for select using (" + expression + ")");
        run(admin, "alter table " + TABLE + " enable row level security");
        run(admin, "grant select on " + TABLE + " to authenticated");
    }

    private static void compareOnce(Relation relation, List<Row> rows) throws Exception {
        assertThat(askedUntilKnown(access, relation, ANN, rows))
                .isEqualTo(askedUntilKnown(asking, relation, ANN, rows));
    }

    /** What raises for a table that was altered meanwhile is no answer, and asked again, as the router does. */
    private static BitSet askedUntilKnown(
            PostgresRowAccess access, Relation relation, Identity identity, List<Row> rows) throws Exception {
        try {
            return ours(access, relation, identity, rows);
        } catch (RowAccessUnavailableException altered) {
            return ours(access, relation, identity, rows);
        }
    }

    /** What a function's body comes to is asked again when the body is another, also where a new Relation comes between. */
    @Test
    void A9_aFunctionThatIsMadeAnewCountsAtOnce() throws Exception {
        policySet(new Random(2), List.of("true"));
        run(admin, "create or replace function policy_me() returns uuid stable language sql as 'select auth.uid()'");
        policy("active or user_id = policy_me()");
        compareOnce(relation(), rows());
        run(
                admin,
                "create or replace function policy_me() returns uuid stable language sql as 'select ''"
                        + USERS.getLast() + "''::uuid'");
        BitSet before = ours(access, relation(), ANN, rows());
        compareOnce(relation(), rows());
        assertThat(before).isEqualTo(ours(asking, relation(), ANN, rows()));
        run(admin, "revoke execute on function policy_me() from public");
        assertThat(ours(access, relation(), ANN, rows())).isEqualTo(ours(asking, relation(), ANN, rows()));
        run(admin, "grant execute on function policy_me() to public");
        run(admin, "create or replace function policy_me() returns uuid stable language sql as 'select auth.uid()'");
    }

    /** A user's own claim, of any form, decides for that user and disturbs nobody. */
    @Test
    void A9_arraysOfManyDimensionsAreElements() throws Exception {
        policySet(new Random(3), List.of("true"));
        policy("team = any ((auth.jwt() ->> 'teams')::text[])");
        compareOnce(relation(), rows());
    }

    /** An image from before a label was renamed, or a column retyped, is not decided by what is so now. */
    @Test
    void A9_imagesFromBeforeALabelOrATypeChangedAreNotShown() throws Exception {
        policySet(new Random(4), List.of("true"));
        run(admin, "update " + TABLE + " set mood = 'sad', nick = 'x'");
        policy("mood <> 'sad'");
        Relation before = relation();
        List<Row> images = rows();
        run(admin, "alter type policy_mood rename value 'sad' to 'blue2'");
        try {
            assertThat(askedUntilKnown(access, before, ANN, images).isEmpty()).isTrue();
            compareOnce(before, images);
        } finally {
            run(admin, "alter type policy_mood rename value 'blue2' to 'sad'");
        }
        policy("true");
        run(admin, "alter table " + TABLE + " alter column nick type int using 0");
        policy("nick <> 1");
        assertThat(askedUntilKnown(access, before, ANN, images).isEmpty()).isTrue();
        compareOnce(before, images);
    }

    /** PostgreSQL's last moment, a common "never", is later than all others. */
    @Test
    void A9_theLastMomentIsTheLatest() throws Exception {
        policySet(new Random(5), List.of("true"));
        run(admin, "update " + TABLE + " set due = '294276-12-31 23:59:59.999999+00' where id % 3 = 0");
        run(admin, "update " + TABLE + " set due = '4713-01-01 00:00:00+00 BC' where id % 3 = 1");
        policy("due < timestamptz '2030-01-01'");
        compareOnce(relation(), rows());
        policy("due > timestamptz '2030-01-01'");
        compareOnce(relation(), rows());
    }

    @Test
    void A1_A9_ourDecisionNeverShowsWhatASelectHides() throws Exception {
        compare(POLICY_SETS);
    }

    @Test
    @Tag("long")
    void A1_A9_theSameWithAMillionDecisions() throws Exception {
        compare(10 * POLICY_SETS);
    }

    private static void compare(int sets) throws Exception {
        long before = access.decidedHere();
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("PolicyDifferentialTest: -Dseed=" + seed);
        var random = new Random(seed);
        int decisions = 0;
        int visible = 0;
        Identity last = ANN;
        var leaks = new ArrayList<String>();
        var losses = new ArrayList<String>();
        var differences = new ArrayList<String>();

        for (int set = 0; set < sets; set++) {
            List<String> policies = policySet(random, set % 2 == 0 ? EXPRESSIONS : COMPILED);
            Relation relation = relation();
            List<Row> rows = rows();
            for (int i = 0; i < IDENTITIES; i++) {
                if (random.nextInt(10) == 0) {
                    policies.add(ALTERATIONS.get(random.nextInt(ALTERATIONS.size())));
                    run(admin, policies.getLast());
                }
                // some come again, under what was altered meanwhile
                boolean again = i > 0 && random.nextInt(4) == 0;
                Identity identity = again ? last : identity(random);
                last = identity;
                BitSet ours = askedUntilKnown(access, relation, identity, rows);
                // the first kind is asked anyway, but for what is remembered
                BitSet asked = set % 2 == 0 && !again ? ours : askedUntilKnown(asking, relation, identity, rows);
                if (!ours.equals(asked)) {
                    differences.add(identity + " compiled " + ours + " asked " + asked + " under " + policies);
                }
                Optional<BitSet> all = selectAll(identity);
                for (int id = 0; id < ROWS; id++) {
                    int row = id;
                    boolean oracle = all.isPresent() ? all.get().get(row) : select(identity, row);
                    decisions++;
                    visible += oracle ? 1 : 0;
                    if (ours.get(id) && !oracle) {
                        leaks.add(identity + " row " + rows.get(id) + " under " + policies);
                    }
                    if (!ours.get(id) && oracle) {
                        losses.add(identity + " row " + rows.get(id) + " under " + policies);
                    }
                }
            }
        }

        System.out.printf(
                "PolicyDifferentialTest: %d decisions, %d %% visible, %d shown wrongly, %d hidden wrongly; %d of %d questions"
                        + " decided here, %d otherwise than asked%n",
                decisions,
                100L * visible / decisions,
                leaks.size(),
                losses.size(),
                access.decidedHere() - before,
                sets * IDENTITIES,
                differences.size());
        assertThat(leaks).isEmpty();
        assertThat(losses).isEmpty();
        assertThat(differences).isEmpty();
        assertThat(access.decidedHere() - before).isGreaterThan(sets * IDENTITIES / 8);
        assertThat(decisions).isGreaterThanOrEqualTo(sets * 300);
        assertThat(100.0 * visible / decisions).isBetween(20.0, 80.0);
    }

    private static List<String> policySet(Random random, List<String> expressions) throws SQLException {
        run(admin, "drop table if exists " + TABLE + " cascade");
        run(
                admin,
                "create table " + TABLE + " (id int primary key, user_id uuid, organization_id uuid, team text,"
                        + " amount int, active bool, meta jsonb, tags text[], due timestamptz, price numeric, note text,"
                        + " nick varchar(10), grade int2, big int8, mood policy_mood, day date)");
        run(admin, "alter table " + TABLE + " owner to policy_owner");
        run(
                admin,
                "create or replace function policy_whole(r policy_subject) returns bool stable language sql"
                        + " return (r).amount > 30 or (r).team is null");
        run(
                admin,
                "create or replace function policy_orgs() returns uuid[] stable security definer language sql"
                        + " return (select coalesce(array_agg(organization_id), '{}') from policy_member where user_id = auth.uid())");
        run(admin, "grant select on " + TABLE + " to anon, authenticated, service_role, policy_owner_member");
        if (random.nextInt(20) == 0) {
            run(admin, "revoke select on " + TABLE + " from authenticated");
            run(admin, "grant select (id, team) on " + TABLE + " to authenticated");
        }
        insertRows(random);
        var policies = new ArrayList<String>();
        int permissive = random.nextInt(8) == 0 ? 0 : 1 + random.nextInt(3);
        int restrictive = random.nextInt(3);
        for (int i = 0; i < permissive + restrictive; i++) {
            String expression = expressions.get(random.nextInt(expressions.size()));
            if (random.nextInt(4) == 0) {
                expression = "(" + expression + ") or (" + expressions.get(random.nextInt(expressions.size())) + ")";
            }
            String policy = "create policy p" + random.nextInt(1_000_000) + " on " + TABLE
                    + (i < permissive ? " as permissive" : " as restrictive")
                    + pick(random, " for select", " for select", " for all", " for insert with check (true)")
                    + pick(
                            random,
                            "",
                            "",
                            " to public",
                            " to authenticated",
                            " to anon, authenticated",
                            " to policy_owner");
            policy = policy.contains("with check")
                    ? policy.replace(" with check (true)", "") + " with check (true)"
                    : policy + " using (" + expression + ")";
            run(admin, policy);
            policies.add(policy);
        }
        String security = pick(random, "on", "on", "on", "on", "forced", "off");
        if (!security.equals("off")) {
            run(admin, "alter table " + TABLE + " enable row level security");
        }
        if (security.equals("forced")) {
            run(admin, "alter table " + TABLE + " force row level security");
        }
        policies.add("row security " + security);
        return policies;
    }

    private static void insertRows(Random random) throws SQLException {
        run(admin, "truncate policy_member");
        for (String user : USERS) {
            for (String organization : ORGANIZATIONS) {
                if (random.nextInt(2) == 0) {
                    run(
                            admin,
                            "insert into policy_member values ('" + user + "', '" + organization + "', "
                                    + random.nextInt(3) + ")");
                }
            }
        }
        for (int id = 0; id < ROWS; id++) {
            run(
                    admin,
                    "insert into " + TABLE + " values (" + id + ", "
                            + orNull(random, quote(USERS.get(random.nextInt(USERS.size())))) + ", "
                            + orNull(random, quote(ORGANIZATIONS.get(random.nextInt(ORGANIZATIONS.size())))) + ", "
                            + orNull(random, pick(random, "'blue'", "'green'", "'red'", "'Blue'")) + ", "
                            + orNull(random, Integer.toString(random.nextInt(100))) + ", "
                            + orNull(random, pick(random, "true", "false")) + ", "
                            + orNull(
                                    random,
                                    pick(
                                            random,
                                            "'{\"tier\": \"gold\"}'",
                                            "'{\"vip\": true, \"limit\": 20}'",
                                            "'{\"limit\": \"x\"}'",
                                            "'null'",
                                            "'\"tier\"'",
                                            "'[1, \"a\\\\b\"]'"))
                            + ", "
                            + orNull(random, pick(random, "'{}'", "'{a}'", "'{a,b}'", "'{\"x,y\",NULL,\"q\\\"\"}'"))
                            + ", "
                            + orNull(random, pick(random, "'2026-01-01'", "'2026-12-31 23:59:59.5+02'", "'infinity'"))
                            + ", "
                            + orNull(random, pick(random, "1.1", "1.10", "11", "'NaN'")) + ", "
                            + orNull(
                                    random,
                                    pick(random, "'plain'", "'a\"b\\c,(d)'", "''", "'o''clock'", "E'line\\nbreak'"))
                            + ", " + orNull(random, pick(random, "'blue'", "'x'", "''"))
                            + ", " + orNull(random, Integer.toString(random.nextInt(6)))
                            + ", " + orNull(random, pick(random, "1", "2", "9000000000", "-5"))
                            + ", " + orNull(random, pick(random, "'sad'", "'glad'", "'blue'"))
                            + ", " + orNull(random, pick(random, "'2026-02-28'", "'infinity'", "'0044-03-15 BC'"))
                            + ")");
        }
    }

    private static Identity identity(Random random) {
        String role = random.nextInt(3) > 0 ? "authenticated" : ROLES.get(random.nextInt(ROLES.size()));
        var claims = new ArrayList<String>();
        claims.add("\"role\":\"" + role + "\"");
        String user = USERS.get(random.nextInt(USERS.size()));
        switch (random.nextInt(8)) {
            case 0 -> {} // no sub
            case 1 -> claims.add("\"sub\":null");
            case 2 -> claims.add("\"sub\":\"not-a-uuid\"");
            default -> claims.add("\"sub\":\"" + user + "\"");
        }
        switch (random.nextInt(4)) {
            case 0 -> {}
            case 1 -> claims.add("\"org_id\":null");
            default -> claims.add("\"org_id\":\"" + ORGANIZATIONS.get(random.nextInt(ORGANIZATIONS.size())) + "\"");
        }
        claims.add("\"team\":" + pick(random, "\"blue\"", "\"red\"", "null", "7"));
        claims.add("\"orgs\":"
                + pick(
                        random,
                        "[]",
                        "null",
                        "[\"" + ORGANIZATIONS.getFirst() + "\"]",
                        "[\"" + ORGANIZATIONS.getFirst() + "\",null]",
                        "[\"" + ORGANIZATIONS.getFirst() + "\",\"" + ORGANIZATIONS.getLast() + "\"]",
                        "[\"no uuid\"]"));
        claims.add("\"teams\":" + pick(random, "\"blue,red\"", "\"\"", "null"));
        claims.add("\"flag\":" + pick(random, "true", "\"f\"", "null", "\"perhaps\""));
        claims.add("\"level\":" + pick(random, "1", "\"2\"", "null", "\"many\""));
        claims.add("\"app\":" + pick(random, "{\"level\":2}", "{}", "null"));
        claims.add("\"email\":" + pick(random, "\"a@example.com\"", "\"b@example.org\"", "null"));
        return new Identity(role, "{" + String.join(",", claims) + "}");
    }

    private static BitSet ours(PostgresRowAccess access, Relation relation, Identity identity, List<Row> rows)
            throws Exception {
        var group = new ClaimsGroup(identity.role(), identity.claims());
        RowAccess.Answer answer = access.ask(
                        List.of(new RowAccess.Question(relation, group, rows, Optional.empty())), Set.of())
                .getFirst();
        for (int i = 0; i < rows.size(); i++) {
            if (!isIn(answer.known().audience(), relation, rows.get(i))) {
                assertThat(answer.visible().get(i))
                        .as("%s is left out by %s", rows.get(i), answer)
                        .isFalse();
            }
        }
        // a role that may read no column gets nothing of a visible row
        return answer.columns().isEmpty() ? new BitSet() : answer.visible();
    }

    /** Whether the row would be looked at by who is found by this audience. */
    private static boolean isIn(Audience audience, Relation relation, Row row) {
        return switch (audience) {
            case Audience.Any _ -> true;
            case Audience.None _ -> false;
            case Audience.ByValue(String column, var values) -> {
                int index = relation.indexOf(column);
                yield row.hasValue(index)
                        && values.stream()
                                .anyMatch(value -> value.equals(value.rule().key(row.text(index))));
            }
        };
    }

    /** All rows at once: what raises nothing raises nothing for one of them. */
    private static Optional<BitSet> selectAll(Identity identity) throws SQLException {
        subject.setAutoCommit(false);
        try (PreparedStatement select = subject.prepareStatement(
                "select set_config('role', ?, true), set_config('request.jwt.claims', ?, true); select id from "
                        + TABLE)) {
            select.unwrap(PGStatement.class).setPrepareThreshold(0);
            select.setString(1, identity.role());
            select.setString(2, identity.claims());
            select.execute();
            select.getMoreResults();
            var shown = new BitSet();
            try (ResultSet row = select.getResultSet()) {
                while (row.next()) {
                    shown.set(row.getInt(1));
                }
            }
            return Optional.of(shown);
        } catch (SQLException raised) {
            return Optional.empty();
        } finally {
            subject.rollback();
        }
    }

    private static boolean select(Identity identity, int id) throws SQLException {
        subject.setAutoCommit(false);
        try (PreparedStatement select = subject.prepareStatement(
                "select set_config('role', ?, true), set_config('request.jwt.claims', ?, true);" + " select id from "
                        + TABLE + " where id = ?")) {
            // planned under these claims: a plan made under another's does not raise what planning raises
            select.unwrap(PGStatement.class).setPrepareThreshold(0);
            select.setString(1, identity.role());
            select.setString(2, identity.claims());
            select.setInt(3, id);
            select.execute();
            select.getMoreResults();
            try (ResultSet row = select.getResultSet()) {
                return row.next();
            }
        } catch (SQLException raised) {
            return false;
        } finally {
            subject.rollback();
        }
    }

    private static Relation relation() throws SQLException {
        try (Statement statement = admin.createStatement();
                ResultSet row = statement.executeQuery(
                        "select a.attrelid, a.attname, a.atttypid from pg_attribute a where a.attrelid = '" + TABLE
                                + "'::regclass and a.attnum > 0 order by a.attnum")) {
            var columns = new ArrayList<Column>();
            int oid = 0;
            while (row.next()) {
                oid = (int) row.getLong(1);
                columns.add(new Column(row.getString(2), (int) row.getLong(3), true));
            }
            return new Relation(oid, new TableName("public", TABLE), ReplicaIdentity.FULL, columns);
        }
    }

    /** As the WAL has them: every value as its type's output function writes it. */
    private static List<Row> rows() throws SQLException {
        run(admin, "set timezone = 'UTC'");
        var columns = List.of(
                "id",
                "user_id",
                "organization_id",
                "team",
                "amount",
                "active",
                "meta",
                "tags",
                "due",
                "price",
                "note",
                "nick",
                "grade",
                "big",
                "mood",
                "day");
        String list = String.join(
                ", ",
                columns.stream()
                        .map(column -> "case when " + column + " is not null then format('%s', " + column + ") end")
                        .toList());
        try (Statement statement = admin.createStatement();
                ResultSet row = statement.executeQuery("select " + list + " from " + TABLE + " order by id")) {
            var rows = new ArrayList<Row>();
            while (row.next()) {
                var texts = new ArrayList<Optional<String>>();
                for (int i = 1; i <= columns.size(); i++) {
                    texts.add(Optional.ofNullable(row.getString(i)));
                }
                rows.add(Row.ofTexts(texts));
            }
            return rows;
        }
    }

    private static String pick(Random random, String... choices) {
        return choices[random.nextInt(choices.length)];
    }

    private static String orNull(Random random, String value) {
        return random.nextInt(6) == 0 ? "null" : value;
    }

    private static String quote(String text) {
        return "'" + text + "'";
    }

    private static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}

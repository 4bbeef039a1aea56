package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.decode.TransactionAssembler;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.pipeline.WalSource;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.PostgresRowAccess;
import dev.switchboard.engine.postgres.PostgresWalSource;
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
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.postgresql.PGStatement;

/**
 * SPEC A11: policies that read other tables. After any sequence of commits, as the stream tells of them, who sees what by the sets in
 * memory is who sees it by a SELECT.
 */
class SetPolicyTest {
    private static final int COMMITS = 150;
    private static final int ROWS = 12;
    private static final String MARKER = "row_marker";

    private static final List<String> USERS = List.of(
            "11111111-1111-4111-8111-111111111111",
            "22222222-2222-4222-8222-222222222222",
            "33333333-3333-4333-8333-333333333333",
            "44444444-4444-4444-8444-444444444444");
    private static final List<String> ORGANIZATIONS = List.of(
            "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
            "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
            "cccccccc-cccc-4ccc-8ccc-cccccccccccc");
    private static final List<String> ROLES = List.of("owner", "agent", "guest");

    private static final List<String> SCHEMA = List.of(
            "create table set_member (user_id uuid, org uuid, role text, primary key (user_id, org))",
            "create table set_permission (role text, permission text, primary key (role, permission))",
            "create table set_friend (id int generated always as identity primary key, one uuid, other uuid)",
            "create table set_subject (id int primary key, owner uuid, org uuid)",
            "create table row_marker (id int primary key)",
            "alter table set_subject replica identity full",
            "grant select on set_member, set_permission, set_friend, set_subject to authenticated",
            "create function set_orgs(permission text) returns uuid[] stable security definer language sql begin atomic"
                    + " select coalesce(array_agg(m.org), '{}') from set_member m join set_permission p on p.role = m.role"
                    + " where m.user_id = auth.uid() and p.permission = set_orgs.permission; end",
            "create function set_colleagues(permission text) returns uuid[] stable security definer language sql begin atomic"
                    + " select coalesce(array_agg(distinct user_id), '{}') from set_member"
                    + " where org = any (set_orgs(set_colleagues.permission)); end",
            "create function set_may_see(which uuid) returns boolean stable security definer set search_path = '' language sql as"
                    + " 'select exists (select from public.set_member m where m.org = which and m.user_id = auth.uid())'",
            "create function set_orgs_of(who uuid) returns setof uuid stable security definer set search_path = ''"
                    + " language sql as 'select m.org from public.set_member m where m.user_id = who'",
            "alter table set_subject enable row level security",
            "alter publication supabase_realtime add table set_subject, set_member, set_friend, row_marker",
            "alter publication switchboard_dependencies add table set_permission");

    private static final List<String> POLICIES = List.of(
            "org in (select m.org from set_member m where m.user_id = auth.uid())",
            "org in (select org from set_member where user_id = (select auth.uid()) and role <> 'guest')",
            "org not in (select m.org from set_member m where m.user_id = auth.uid())",
            "exists (select 1 from set_member m where m.org = set_subject.org and m.user_id = auth.uid())",
            "not exists (select from set_member m where m.org = set_subject.org and m.role = 'owner')",
            "exists (select 1 from set_member m join set_permission p on p.role = m.role"
                    + " where m.org = set_subject.org and m.user_id = auth.uid() and p.permission = 'read')",
            "exists (select 1 from set_member m where m.user_id = auth.uid() and m.role = 'owner')",
            "exists (select 1 from set_member m where m.org = set_subject.org and m.user_id = set_subject.owner)",
            "not exists (select from set_member m join set_friend f on f.other = m.user_id"
                    + " where m.org = set_subject.org and f.one = set_subject.owner and m.role <> 'guest')",
            "org = any ((select set_orgs('read'))::uuid[])",
            "owner = any ((select set_colleagues('read'))::uuid[])",
            "org in (select set_orgs_of(auth.uid()))",
            "org in (select set_orgs_of((auth.jwt() ->> 'sub')::uuid)) or owner = auth.uid()",
            "owner in (select f.other from set_friend f where f.one = auth.uid())",
            "owner in (select f.other from set_friend f where f.one = auth.uid())"
                    + " and org in (select m.org from set_member m where m.user_id = auth.uid())",
            "owner = auth.uid() or exists (select from set_friend f, set_member m where f.one = auth.uid()"
                    + " and m.user_id = f.other and m.org = set_subject.org)");

    /** What is asked, and remembered. */
    private static final List<String> REMEMBERED = List.of(
            "exists (select 1 from set_member m where m.user_id = auth.uid() and m.org >= set_subject.org)",
            "exists (select 1 from set_member m where m.user_id = auth.uid() and m.org::text ~~ (substr(set_subject.org::text, 1, 1) || '%'))",
            "set_may_see(org)",
            "owner = auth.uid() or set_may_see(org) or org::text like 'b%'",
            "(select count(*) from set_member m where m.org = set_subject.org) > 1",
            "(select m.role from set_member m where m.org = set_subject.org and m.user_id = auth.uid()) = 'owner'",
            "exists (select 1 from set_friend f join set_member m on m.user_id = f.other"
                    + " where f.one = auth.uid() and m.org <> set_subject.org and m.user_id <> set_subject.owner)");

    private final Random random = new Random(seed());
    private final TestServer server = TestServer.start();
    private Connection admin;
    private Connection subject;
    private PostgresWalSource source;
    private WalSource.Stream stream;
    private TransactionAssembler assembler;
    private PostgresRowAccess access;
    private int markers;
    private int midst;

    private static long seed() {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("SetPolicyTest: -Dseed=" + seed);
        return seed;
    }

    @BeforeEach
    void start() throws Exception {
        Database database = server.server().database();
        admin = DriverManager.getConnection(database.url(), database.user(), database.password());
        run("alter role authenticator password 'for-this-test'");
        for (String statement : SCHEMA) {
            run(statement);
        }
        subject = DriverManager.getConnection(database.url(), "authenticator", "for-this-test");
        access = new PostgresRowAccess(database.as("authenticator", "for-this-test"), (_, _) -> {}, 0);
        source = PostgresWalSource.withDependencies(database, "set_policies", "supabase_realtime");
        stream = source.open(Lsn.NONE);
        assembler = new TransactionAssembler(Position.START);
        access.carried(stream.publications());
    }

    @AfterEach
    void stop() throws Exception {
        stream.close();
        source.close();
        access.close();
        subject.close();
        admin.close();
        server.close();
    }

    @Test
    void A11_setsAreWhatASelectSaysAfterAnyCommits() throws Exception {
        model(COMMITS, POLICIES);
        assertThat(access.decidedHere()).isGreaterThan(9 * access.asked());
    }

    @Test
    @Tag("long")
    void A11_theSameForLong() throws Exception {
        model(60 * COMMITS, POLICIES);
        assertThat(access.decidedHere()).isGreaterThan(9 * access.asked());
    }

    @Test
    void A12_whatIsRememberedIsWhatASelectSaysAfterAnyCommits() throws Exception {
        model(COMMITS, REMEMBERED);
        assertThat(access.remembered()).isGreaterThan(access.asked() / 2);
    }

    @Test
    @Tag("long")
    void A12_theSameForLong() throws Exception {
        model(60 * COMMITS, REMEMBERED);
        assertThat(access.remembered()).isGreaterThan(access.asked() / 2);
    }

    /** Rows that read the same are asked about once, for each group, until something is told that it hangs on. */
    @Test
    void A12_whatPostgresSaidOfARowIsRemembered() throws Exception {
        insertRows();
        var asked = new ArrayList<String>();
        for (String policy : REMEMBERED) {
            policy(policy);
            passUpToMarker();
            compareAll(policy);
            long before = access.asked();
            long remembered = access.remembered();
            compareAll(policy);
            if (access.asked() > before || access.remembered() != remembered + USERS.size()) {
                asked.add(policy);
            }
        }
        assertThat(asked).isEmpty();

        run("delete from set_member where user_id = " + quote(USERS.getFirst()));
        passUpToMarker();
        policy(REMEMBERED.getFirst());
        compareAll("without the memberships");
    }

    private void model(int commits, List<String> policies) throws Exception {
        insertRows();
        policy("true");
        int decisions = 0;
        int each = Math.min(20, commits / policies.size()); // so that every policy has its turn
        for (int commit = 0; commit < commits; commit++) {
            if (commit % each == 0) {
                policy(policies.get((commit / each) % policies.size()));
            }
            String what = change(commit);
            marker();
            decisions += compareAll(what);
        }

        System.out.printf(
                "SetPolicyTest: %d commits, %d decisions; %d questions decided here, %d remembered, %d asked%n",
                commits, decisions, access.decidedHere(), access.remembered(), access.asked());
        assertThat(midst).isPositive();
    }

    /** Each policy by itself is decided from a set in memory. */
    @Test
    void A11_setsOfCommonFormsAreDecidedHere() throws Exception {
        insertRows();
        var asked = new ArrayList<String>();
        for (String policy : POLICIES) {
            policy(policy);
            long before = access.asked();
            compareAll(policy);
            if (access.asked() > before) {
                asked.add(policy);
            }
        }
        assertThat(asked).isEmpty();
    }

    /** A membership concerns its own user: what others see stays known. */
    @Test
    void A11_aMembershipMakesUnknownWhatItsOwnUserSees() throws Exception {
        insertRows();
        policy("org in (select m.org from set_member m where m.user_id = auth.uid())");
        compareAll("before");

        run("insert into set_member values ('" + USERS.getFirst() + "', '" + ORGANIZATIONS.getFirst() + "', 'guest')"
                + " on conflict (user_id, org) do update set role = 'changed'");
        Set<RowAccess.Unknown> unknown = passUpToMarker();

        assertThat(unknown).isNotEmpty().allMatch(one -> one.group().json().contains(USERS.getFirst()));
        run("truncate set_member");
        assertThat(passUpToMarker().stream().map(RowAccess.Unknown::group).distinct())
                .as("without a row that says whom it concerns: all who are still known")
                .hasSize(USERS.size() - 1);
    }

    /** A table that is not published, or whose changes are not all heard of, is asked about. */
    @Test
    void A11_whatIsNotHeardOfIsAsked() throws Exception {
        insertRows();
        policy("exists (select 1 from set_member m join set_permission p on p.role = m.role"
                + " where m.org = set_subject.org and m.user_id = auth.uid() and p.permission = 'read')");
        assertThat(isAsked()).isFalse();
        for (List<String> pair : List.of(
                List.of(
                        "alter publication switchboard_dependencies drop table set_permission",
                        "alter publication switchboard_dependencies add table set_permission"),
                List.of(
                        "alter publication switchboard_dependencies set (publish = 'insert, update')",
                        "alter publication switchboard_dependencies set (publish = 'insert, update, delete, truncate')"),
                List.of(
                        "alter publication switchboard_dependencies set table set_permission where (role <> 'x')",
                        "alter publication switchboard_dependencies set table set_permission"),
                List.of("alter table set_permission set unlogged", "alter table set_permission set logged"))) {
            if (pair.getFirst().endsWith("unlogged")) {
                run("alter publication switchboard_dependencies drop table set_permission");
            }
            run(pair.getFirst());
            assertThat(isAsked()).as(pair.getFirst()).isTrue();
            run(pair.getLast());
            if (pair.getFirst().endsWith("unlogged")) {
                run("alter publication switchboard_dependencies add table set_permission");
            }
            assertThat(isAsked()).as(pair.getLast()).isFalse();
        }
        run("create table set_part () inherits (set_permission)");
        assertThat(isAsked()).as("a table that inherits").isTrue();
    }

    /** A function that runs as its owner sees what its caller does not: what it reads is told by what its caller can say. */
    @Test
    void A11_whatOnlyTheOwnerOfAFunctionSeesIsNoKey() throws Exception {
        insertRows();
        run("create table set_profile (id uuid primary key, account uuid)");
        run("alter table set_profile enable row level security");
        run("grant select on set_profile to authenticated");
        run("insert into set_profile select distinct user_id, user_id from set_member");
        run(
                "create function set_own_orgs() returns setof uuid stable security definer set search_path = '' language sql as"
                        + " 'select m.org from public.set_member m where m.user_id ="
                        + " (select p.id from public.set_profile p where p.account = auth.uid())'");
        run("alter publication switchboard_dependencies add table set_profile");
        policy("org in (select set_own_orgs())");
        assertThat(isAsked()).isFalse();

        run("delete from set_member");
        passUpToMarker();

        compareAll("the memberships are gone");
    }

    /** EXISTS asks for rows, and what is selected may make some or none. */
    @Test
    void A11_aFunctionOfSetsInExistsDecidesWhetherThereAreRows() throws Exception {
        insertRows();
        run("alter table set_member add column notes text[]");
        run("update set_member set notes = case when role = 'owner' then array['x'] else '{}' end");
        passUpToMarker();
        for (String policy : List.of(
                "exists (select unnest(m.notes) from set_member m where m.org = set_subject.org and m.user_id = auth.uid())",
                "exists (select max(m.role) from set_member m where m.org = set_subject.org and m.user_id = auth.uid())")) {
            policy(policy);
            compareAll(policy);
        }
    }

    /** Which of several functions of a name is called is not told by the text of a policy. */
    @Test
    void A11_aFunctionOfSeveralIsAsked() throws Exception {
        insertRows();
        run("create function set_may(who text) returns boolean stable language sql return true");
        run("create function set_may(who uuid) returns boolean stable security definer language plpgsql as"
                + " 'begin return exists (select from set_member where user_id = who); end'");
        policy("set_may(auth.uid())");
        assertThat(isAsked()).isTrue();
        run("delete from set_member");
        passUpToMarker();
        compareAll("what the other one reads is gone");
    }

    /** A commit that waits for a standby is in the stream, and new snapshots do not see it yet. */
    @Test
    void A11_whatTheStreamHasToldIsSeenBeforeAnythingIsAsked() throws Exception {
        insertRows();
        policy("org in (select m.org from set_member m where m.user_id = auth.uid())");
        compareAll("before");
        run("set synchronous_commit = local");
        run("alter system set synchronous_standby_names = 'nobody'");
        run("select pg_reload_conf()");
        Database database = server.server().database();
        try (Connection waiting = DriverManager.getConnection(database.url(), database.user(), database.password());
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            run("update set_member set role = 'changed' where user_id = " + quote(USERS.getFirst()));
            var committed = threads.submit(() -> waiting.createStatement()
                    .execute("delete from set_member where user_id = " + quote(USERS.getFirst())));
            Batch batch;
            do {
                batch = read().orElse(null);
                if (batch != null) {
                    access.passing(List.of(batch));
                }
            } while (batch == null || batch.changes().stream().noneMatch(Change.Delete.class::isInstance));

            try {
                assertThatThrownBy(() -> compareAll("not visible")).isInstanceOf(RowAccessUnavailableException.class);
            } finally {
                run("alter system reset synchronous_standby_names");
                run("select pg_reload_conf()");
                committed.get();
            }
        }
        compareAll("visible");
    }

    /** A table that its own policy reads is rewritten without a word in the stream. */
    @Test
    void A11_aTableThatItsPolicyReadsIsKnownAnewWhenItIsRewritten() throws Exception {
        insertRows();
        run("alter table set_subject add column tag uuid");
        run("update set_subject set tag = org");
        run("create function set_own() returns setof uuid stable security definer set search_path = '' language sql as"
                + " 'select s.tag from public.set_subject s where s.owner = auth.uid()'");
        passUpToMarker();
        policy("owner = auth.uid() or org in (select set_own())");
        compareAll("before");
        run("alter table set_subject alter column tag type uuid using '" + ORGANIZATIONS.getLast() + "'");
        passUpToMarker();
        compareAll("rewritten");
    }

    /** A set that takes long is asked about, and holds nobody up. */
    @Test
    void A11_aSetThatTakesLongIsAsked() throws Exception {
        insertRows();
        run(
                "insert into set_friend (one, other) select gen_random_uuid(), gen_random_uuid() from generate_series(1, 12000)");
        run("insert into set_friend (one, other) select one, " + quote(USERS.getFirst())
                + " from set_friend where other is not null limit 1");
        policy("owner in (select f.other from set_friend f)");
        assertThat(isAsked()).as("more than 10,000").isTrue();
        policy("exists (select from set_friend a, set_friend b where a.other = set_subject.owner and a.one <> b.one)");
        assertThat(isAsked()).as("a product of 144 million rows").isTrue();
    }

    /** What was written to a table before it was published is not heard of when it is committed. */
    @Test
    void A11_aTransactionFromBeforeThePublicationIsWaitedFor() throws Exception {
        insertRows();
        run("delete from set_permission");
        policy("exists (select 1 from set_member m join set_permission p on p.role = m.role"
                + " where m.org = set_subject.org and m.user_id = auth.uid() and p.permission = 'read')");
        run("alter publication switchboard_dependencies drop table set_permission");
        Database database = server.server().database();
        try (Connection early = DriverManager.getConnection(database.url(), database.user(), database.password())) {
            early.setAutoCommit(false);
            early.createStatement()
                    .execute(
                            "insert into set_permission select role, 'read' from unnest(array['owner', 'agent', 'guest'])"
                                    + " as role");
            run("alter publication switchboard_dependencies add table set_permission");
            assertThat(isAsked()).isTrue();
            early.commit();
        }
        passUpToMarker();
        compareAll("after the early transaction");
        assertThat(isAsked()).isFalse();
    }

    private boolean isAsked() throws Exception {
        passUpToMarker();
        long before = access.asked();
        compareAll("whether it is asked");
        return access.asked() > before;
    }

    private void policy(String expression) throws SQLException {
        run("drop policy if exists one on set_subject");
        run("create policy one on set_subject for select to authenticated using (" + expression + ")");
    }

    private void insertRows() throws Exception {
        for (int id = 0; id < ROWS; id++) {
            run("insert into set_subject values (" + id + ", " + maybeNull(user()) + ", " + maybeNull(organization())
                    + ")");
        }
        for (String user : USERS) {
            run("insert into set_member values (" + quote(user) + ", " + organization() + ", " + role()
                    + ") on conflict do nothing");
        }
        run("insert into set_permission values ('owner', 'read'), ('agent', 'read'), ('owner', 'write')");
        passUpToMarker();
    }

    /** One random transaction; says which. */
    private String change(int commit) throws SQLException {
        var statements = new ArrayList<String>();
        switch (random.nextInt(14)) {
            case 0 -> statements.add("truncate set_member");
            case 1 -> statements.add("alter table set_member replica identity " + pick("full", "default", "full"));
            case 2 -> statements.add("alter table set_friend replica identity " + pick("full", "default"));
            case 3 -> {
                statements.addAll(List.of("savepoint s", member(), "rollback to s", friend()));
            }
            case 4 -> statements.addAll(List.of("savepoint s", member(), "release s", member()));
            case 5 -> {
                // a transaction that comes in parts, with what it hangs on in the last
                statements.add("insert into row_marker select " + (1_000_000 + 1_000 * commit)
                        + " + g from generate_series(1, 999) as g");
                statements.add("update set_subject set org = org");
                statements.add(member());
            }
            case 6 -> {
                String permission = pick("'read'", "'write'", "'none'");
                statements.add("update set_permission p set permission = " + permission + " where role = " + role()
                        + " and ctid = (select min(ctid) from set_permission o where o.role = p.role) and not exists"
                        + " (select from set_permission o where o.role = p.role and o.permission = " + permission
                        + ")");
            }
            case 7 ->
                statements.add("insert into set_permission values (" + role() + ", 'read') on conflict do nothing");
            case 8 -> statements.addAll(List.of(member(), member(), friend(), member()));
            case 9 ->
                statements.addAll(List.of(
                        "alter table set_member enable row level security",
                        "drop policy if exists own on set_member",
                        "create policy own on set_member for select using ("
                                + pick("true", "user_id = auth.uid()", "role <> 'guest'") + ")"));
            case 10 -> statements.add("alter table set_member disable row level security");
            case 11, 12 -> statements.add(friend());
            default -> statements.add(member());
        }
        admin.setAutoCommit(false);
        for (String statement : statements) {
            run(statement);
        }
        admin.commit();
        admin.setAutoCommit(true);
        return statements.toString();
    }

    private String member() {
        return switch (random.nextInt(4)) {
            case 0 -> "delete from set_member where user_id = " + user() + " and org = " + organization();
            case 1 -> "update set_member set role = " + role() + " where user_id = " + user();
            case 2 ->
                "update set_member set user_id = " + user()
                        + " where ctid = (select ctid from set_member m where not exists"
                        + " (select from set_member o where o.org = m.org and o.user_id <> m.user_id) limit 1)";
            default ->
                "insert into set_member values (" + user() + ", " + organization() + ", " + role()
                        + ") on conflict (user_id, org) do update set role = excluded.role";
        };
    }

    private String friend() {
        return switch (random.nextInt(3)) {
            case 0 -> "delete from set_friend where id = (select min(id) from set_friend)";
            case 1 ->
                "update set_friend set " + pick("one", "other") + " = " + maybeNull(user())
                        + " where id = (select max(id) from set_friend)";
            default -> "insert into set_friend (one, other) values (" + user() + ", " + maybeNull(user()) + ")";
        };
    }

    private void marker() throws Exception {
        run("insert into row_marker values (" + ++markers + ")");
        while (true) {
            Optional<Batch> batch = read();
            if (batch.isEmpty()) {
                continue;
            }
            access.passing(List.of(batch.get()));
            boolean concerned = batch.get().changes().stream()
                    .anyMatch(change -> change.relation().name().table().equals("set_subject"));
            if (concerned && batch.get().end().isEmpty()) {
                compareAll("in the midst of a transaction"); // which is committed as a whole
                midst++;
            }
            if (isMarker(batch.get())) {
                return;
            }
        }
    }

    private Set<RowAccess.Unknown> passUpToMarker() throws Exception {
        run("insert into row_marker values (" + ++markers + ")");
        var batches = new ArrayList<Batch>();
        do {
            read().ifPresent(batches::add);
        } while (batches.isEmpty() || !isMarker(batches.getLast()));
        return access.passing(batches);
    }

    private boolean isMarker(Batch batch) {
        return batch.changes().stream()
                .anyMatch(change -> change instanceof Change.Insert(Relation relation, Row row)
                        && relation.name().table().equals(MARKER)
                        && row.text(0).equals(Integer.toString(markers)));
    }

    private Optional<Batch> read() throws Exception {
        return stream.read().flatMap(assembler::take);
    }

    private int compareAll(String after) throws Exception {
        Relation relation = relation();
        List<Row> rows = rows();
        for (String user : USERS) {
            var group = new ClaimsGroup("authenticated", "{\"role\":\"authenticated\",\"sub\":\"" + user + "\"}");
            BitSet ours = access.ask(List.of(new RowAccess.Question(relation, group, rows, Optional.empty())), Set.of())
                    .getFirst()
                    .visible();
            assertThat(ours).as("%s after %s", user, after).isEqualTo(select(group));
        }
        return USERS.size() * rows.size();
    }

    private BitSet select(ClaimsGroup group) throws SQLException {
        subject.setAutoCommit(false);
        try (PreparedStatement select = subject.prepareStatement("select set_config('role', ?, true),"
                + " set_config('request.jwt.claims', ?, true); select id from public.set_subject")) {
            select.unwrap(PGStatement.class).setPrepareThreshold(0);
            select.setString(1, group.role());
            select.setString(2, group.json());
            select.execute();
            select.getMoreResults();
            var shown = new BitSet();
            try (ResultSet row = select.getResultSet()) {
                while (row.next()) {
                    shown.set(row.getInt(1));
                }
            }
            return shown;
        } finally {
            subject.rollback();
        }
    }

    private Relation relation() throws SQLException {
        try (Statement statement = admin.createStatement();
                ResultSet row = statement.executeQuery("select 'set_subject'::regclass::oid::bigint")) {
            row.next();
            return new Relation(
                    (int) row.getLong(1),
                    new TableName("public", "set_subject"),
                    ReplicaIdentity.FULL,
                    List.of(
                            new Column("id", 23, true),
                            new Column("owner", 2950, true),
                            new Column("org", 2950, true)));
        }
    }

    private List<Row> rows() throws SQLException {
        var rows = new ArrayList<Row>();
        try (Statement statement = admin.createStatement();
                ResultSet row = statement.executeQuery("select id, owner, org from set_subject order by id")) {
            while (row.next()) {
                rows.add(Row.ofTexts(List.of(
                        Optional.of(row.getString(1)),
                        Optional.ofNullable(row.getString(2)),
                        Optional.ofNullable(row.getString(3)))));
            }
        }
        return rows;
    }

    private void run(String sql) throws SQLException {
        try (Statement statement = admin.createStatement()) {
            statement.execute(sql);
        }
    }

    private String user() {
        return quote(USERS.get(random.nextInt(USERS.size())));
    }

    private String organization() {
        return quote(ORGANIZATIONS.get(random.nextInt(ORGANIZATIONS.size())));
    }

    private String role() {
        return quote(ROLES.get(random.nextInt(ROLES.size())));
    }

    private String maybeNull(String value) {
        return random.nextInt(6) == 0 ? "null" : value;
    }

    private String pick(String... options) {
        return options[random.nextInt(options.length)];
    }

    private static String quote(String text) {
        return "'" + text + "'";
    }
}

package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.callcenter.schema.Schema;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.state.CallTransitions;
import dev.switchboard.callcenter.state.WorkState;
import dev.switchboard.server.Switchboard;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** SPEC M: rules that hold for every table of the call centre, also for those to come. */
class SchemaRulesTest {
    private static final Path NEEDED =
            Path.of("..", "callcenter", "src", "main", "resources", "dev", "switchboard", "callcenter", "schema.tsv");
    private static final Path STATES = Path.of("..", "docs", "call-states.md");

    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void M1_everyTableForcesRowLevelSecurity() {
        assertThat(names(
                        "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
                                + " and not (c.relrowsecurity and c.relforcerowsecurity)"))
                .isEmpty();
    }

    @Test
    void M2_F003_33_F003_34_everyPublishedTableHasASelectPolicyAndWholeOldImagesAndEveryOtherASaysWhy() {
        assertThat(
                        names(
                                "select p.tablename from pg_publication_tables p where p.pubname = 'supabase_realtime' and p.schemaname = 'public'"
                                        + " and not exists (select from pg_policy y where y.polrelid = format('public.%I', p.tablename)::regclass and y.polcmd in ('r', '*'))"))
                .as("published without a policy for SELECT")
                .isEmpty();
        assertThat(
                        names(
                                "select p.tablename from pg_publication_tables p join pg_class c on c.oid = format('public.%I', p.tablename)::regclass"
                                        + " where p.pubname = 'supabase_realtime' and p.schemaname = 'public' and c.relreplident <> 'f'"))
                .as("F003-34: published without REPLICA IDENTITY FULL")
                .isEmpty();
        assertThat(names(
                        "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
                                + " and not exists (select from pg_publication_tables p where p.pubname = 'supabase_realtime' and p.schemaname = 'public' and p.tablename = c.relname)"
                                + " and coalesce(obj_description(c.oid), '') !~ '^Not published: .+'"))
                .as("neither published nor commented why not")
                .isEmpty();
        assertThat(
                        names(
                                "select tablename from pg_publication_tables where pubname = 'supabase_realtime' and schemaname = 'public'"))
                .contains(
                        "recordings",
                        "profiles",
                        "user_roles",
                        "audit_logs",
                        "admin_metrics",
                        "calls",
                        "voip_users") // F003-33
                .doesNotContain("provider_events", "api_keys", "telephony_commands", "idempotency_keys");
    }

    @Test
    void M3_everyTenantTableHasItsOrganizationFirstInEveryIndex() {
        assertThat(
                        names(
                                "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
                                        + " and c.relname <> 'organizations' and not exists (select from pg_attribute a where a.attrelid = c.oid"
                                        + "   and a.attname = 'organization_id' and (a.attnotnull or c.relname = 'audit_logs' or col_description(c.oid, a.attnum) ~ '^Null (until|where) '))"))
                .as("without organization_id")
                .isEmpty();
        assertThat(names("select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indrelid"
                        + " join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]"
                        + " where c.relnamespace = 'public'::regnamespace and c.relname <> 'organizations' and a.attname <> 'organization_id'"
                        + " and not (i.indisprimary and a.attname = 'id')"
                        + " and coalesce(obj_description(i.indexrelid), '') !~ '^Not led by organization_id: .+'"))
                .as("indexes that are not led by organization_id, and do not say why")
                .containsExactlyInAnyOrder(
                        "user_roles_by_user", // asked by user, before any organization is known
                        "idx_voip_users_current_call_phone_number"); // F001-02
    }

    @Test
    void F001_02_lookUpByNumberUsesItsIndex() {
        List<String> plan = server.database().inTransaction(handle -> {
            handle.execute("set local enable_seqscan = off");
            return handle.createQuery(
                            "explain select user_id from voip_users where current_call_phone_number = '+14155550001'")
                    .mapTo(String.class)
                    .list();
        });

        assertThat(String.join("\n", plan)).contains("idx_voip_users_current_call_phone_number");
    }

    @Test
    void M4_everyFunctionThatPastRowLevelSecurityLooksHasAFixedSearchPath() {
        assertThat(names("select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
                        + " where n.nspname in ('app', 'public') and p.prosecdef"
                        + " and not exists (select from unnest(p.proconfig) c where c = 'search_path=\"\"')"))
                .isEmpty();
        assertThat(names("select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
                        + " where n.nspname = 'app' and p.prolang <> (select oid from pg_language where lanname = 'c')"
                        + " and has_function_privilege('anon', p.oid, 'execute')"))
                .isEmpty();
    }

    @Test
    void L1_theWaysOfCallsAndAgentsAreTheSameInCodeAndDatabase() {
        Set<String> code = CallTransitions.ways().stream()
                .map(way -> way.from().wire() + " " + way.event().wire() + " "
                        + way.to().wire())
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(new TreeSet<>(
                        names("select from_state || ' ' || event || ' ' || to_state from app.call_transitions")))
                .isEqualTo(code);

        Set<String> agents = new TreeSet<>();
        for (WorkState from : WorkState.values()) {
            from.followers().forEach(to -> agents.add(from.wire() + " " + to.wire()));
        }
        assertThat(new TreeSet<>(names("select from_state || ' ' || to_state from app.agent_transitions")))
                .isEqualTo(agents);
    }

    @Test
    void L2_everyIllegalWayOfACallIsRefusedByTheDatabase() {
        var world = new CallCentreWorld(server.database(), 0);
        Set<String> legal = CallTransitions.ways().stream()
                .map(way -> way.from().wire() + " " + way.to().wire())
                .collect(Collectors.toSet());
        server.database().useHandle(handle -> {
            for (CallState from : CallState.all()) {
                for (CallState to : CallState.all()) {
                    if (from.equals(to)) {
                        continue;
                    }
                    String outcome = handle.createQuery("select app_test.attempt(?, ?, ?)")
                            .bind(0, world.organization())
                            .bind(1, from.wire())
                            .bind(2, to.wire())
                            .mapTo(String.class)
                            .one();
                    assertThat(outcome)
                            .as(from.wire() + " to " + to.wire())
                            .isEqualTo(legal.contains(from.wire() + " " + to.wire()) ? "done" : "23514");
                }
            }
        });
    }

    @BeforeAll
    static void makeAttempt() {
        server.database().useHandle(handle -> {
            handle.execute("create schema app_test");
            handle.execute("""
                    create function app_test.attempt(org uuid, f text, t text) returns text language plpgsql as $$
                    declare
                      c uuid;
                      owned constant text[] := '{claimed,active,held,transferring}';
                      over constant text[] := '{completed,abandoned,missed,busy,failed,no_answer,canceled,voided}';
                    begin
                      insert into public.calls (organization_id, provider_call_sid, direction, from_number, to_number, state, claimed_by, ended_at)
                        values (org, gen_random_uuid()::text, 'inbound', '+1', '+2', f, case when f = any (owned) then gen_random_uuid() end,
                                case when f = any (over) then now() end) returning id into c;
                      update public.calls set state = t, claimed_by = case when t = any (owned) then gen_random_uuid() end,
                             ended_at = case when t = any (over) then now() end where id = c;
                      return 'done';
                    exception when check_violation then
                      return sqlstate;
                    end
                    $$""");
        });
    }

    /** Written anew with {@code -Dwrite-docs=true}. */
    @Test
    void F001_24_theSchemaThatDoctorExpectsIsTheOneThatMigrationsMake() throws IOException, SQLException {
        List<String> lines = server.database()
                .withHandle(handle -> Schema.read(handle.getConnection(), Switchboard.PUBLICATION)
                        .lines());
        if (Boolean.getBoolean("write-docs")) {
            Files.createDirectories(NEEDED.getParent());
            Files.write(NEEDED, lines);
        }

        assertThat(Files.readAllLines(NEEDED)).isEqualTo(lines);
        assertThat(Schema.parse(lines)).isEqualTo(Schema.needed());
    }

    /** Written anew with {@code -Dwrite-docs=true}. */
    @Test
    void L1_docsShowTheWaysOfCallsAndAgents() throws IOException {
        var text = new StringBuilder("""
                # States of calls and agents

                Generated from `CallTransitions` and `WorkState`, which `app.call_transitions` and `app.agent_transitions` say once more in the
                database: triggers hold every writer to them.

                ## Calls

                | from | by | to |
                | --- | --- | --- |
                """);
        CallTransitions.ways().stream()
                .collect(Collectors.groupingBy(
                        way -> List.of(way.from().wire(), way.event().wire()),
                        () -> new java.util.TreeMap<>(
                                (one, other) -> one.toString().compareTo(other.toString())),
                        Collectors.mapping(way -> way.to().wire(), Collectors.toCollection(TreeSet::new))))
                .forEach((key, to) ->
                        text.append("| %s | %s | %s |%n".formatted(key.get(0), key.get(1), String.join(", ", to))));
        text.append("\n## Agents\n\n| from | to |\n| --- | --- |\n");
        for (WorkState from : WorkState.values()) {
            text.append("| %s | %s |%n"
                    .formatted(
                            from.wire(),
                            from.followers().stream().map(WorkState::wire).collect(Collectors.joining(", "))));
        }
        if (Boolean.getBoolean("write-docs")) {
            Files.writeString(STATES, text);
        }

        assertThat(Files.readString(STATES)).isEqualTo(text.toString());
    }

    private static List<String> names(String sql) {
        return server.database()
                .withHandle(
                        handle -> handle.createQuery(sql).mapTo(String.class).list());
    }
}

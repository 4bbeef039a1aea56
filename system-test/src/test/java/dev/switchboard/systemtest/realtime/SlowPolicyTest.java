package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.PostgresRowAccess;
import dev.switchboard.engine.postgres.TablePublisher;
import dev.switchboard.server.Switchboard;
import dev.switchboard.server.command.Main;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** SPEC A13: policies that take long, here for as long as the test holds a lock. */
class SlowPolicyTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final long LOCK = 13;

    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        sql(
                "create function waits() returns boolean language plpgsql as"
                        + " 'begin perform pg_advisory_xact_lock_shared(" + LOCK + "); return true; end'",
                "create role slow_asker login noinherit password 'for-this-test'",
                "grant anon, authenticated to slow_asker",
                "create function decides() returns boolean language plpgsql as 'begin return true; end'");
        table("slow", "waits()");
        table("quick", "decides()");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void sql(String... statements) {
        server.database().useHandle(handle -> List.of(statements).forEach(handle::execute));
    }

    private static void table(String name, String policy) {
        sql(
                "create table " + name + " (id int primary key)",
                "alter table " + name + " enable row level security",
                "create policy one on " + name + " for select using (" + policy + ")",
                "grant select on " + name + " to authenticated");
        new TablePublisher(server.server().database(), Switchboard.PUBLICATION)
                .publish(new TableName("public", name), TablePublisher.Identity.FULL);
    }

    /** Both are asked of PostgreSQL: the one answers, the other waits. */
    @Test
    void A13_aPolicyThatTakesLongHoldsUpItsOwnSubscribersAlone() {
        try (PhoenixClient both = server.connect();
                PhoenixClient quick = server.connect();
                Handle holder = server.database().open()) {
            String waiting = server.userToken(UUID.randomUUID());
            both.joined(
                    "realtime:both",
                    waiting,
                    PhoenixClient.binding("*", "public", "slow", null),
                    PhoenixClient.binding("*", "public", "quick", null));
            quick.joined(
                    "realtime:quick",
                    server.userToken(UUID.randomUUID()),
                    PhoenixClient.binding("*", "public", "quick", null));
            holder.execute("select pg_advisory_lock(" + LOCK + ")");
            sql("insert into slow values (1)", "insert into quick values (10)");
            assertThat(ids(quick.awaitChanges(1))).containsExactly(10);
            for (int id = 11; id < 15; id++) {
                sql("insert into quick values (" + id + ")");
            }
            assertThat(ids(quick.awaitChanges(5))).containsExactly(10, 11, 12, 13, 14);
            sql("insert into slow values (2)");
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(server.figure("switchboard_decisions_aside"))
                            .isEqualTo(2));
            assertThat(both.changes()).isEmpty();
            assertThat(explain(waiting)).contains("It ends at aside: 2 changes of tables whose policies take long");
            assertThat(explain(server.userToken(UUID.randomUUID()))).contains("does not wait for that");

            holder.execute("select pg_advisory_unlock(" + LOCK + ")");

            assertThat(ids(both.awaitChanges(7))).containsExactly(1, 10, 11, 12, 13, 14, 2);
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(server.figure("switchboard_decisions_aside"))
                            .isZero());
        }
    }

    /** A round in which everything that is asked takes too long tells nothing of the catalog: it is asked for itself. */
    @Test
    void A7_A13_whatIsDecidedHereIsCheckedAlsoWhereAllThatIsAskedTakesTooLong() throws Exception {
        table("known", "id > 0");
        try (PostgresRowAccess access = access();
                Handle holder = server.database().open()) {
            assertThat(visible(access, question("authenticated", "known"))).containsExactly(true);
            holder.execute("select pg_advisory_lock(" + LOCK + ")");
            sql("alter policy one on known using (id < 0)");

            List<RowAccess.Answer> answers = access.ask(
                    List.of(question("authenticated", "slow"), question("authenticated", "known")), Set.of());

            assertThat(answers.getFirst().aside()).isTrue();
            assertThat(answers.getLast().aside()).isFalse();
            assertThat(answers.getLast().visible().isEmpty()).isTrue();
        }
    }

    /** Policies are those of a role: each is put aside by itself, and stays there. */
    @Test
    void A13_aTableThatIsSlowForTwoRolesIsPutAsideForBoth() throws Exception {
        sql("grant select on slow to anon");
        try (PostgresRowAccess access = access();
                Handle holder = server.database().open()) {
            holder.execute("select pg_advisory_lock(" + LOCK + ")");
            for (String role : List.of("anon", "authenticated")) {
                assertThat(access.ask(List.of(question(role, "slow")), Set.of())
                                .getFirst()
                                .aside())
                        .isTrue();
            }
            long asked = access.asked();
            for (String role : List.of("anon", "authenticated", "anon")) {
                assertThat(access.ask(List.of(question(role, "slow")), Set.of())
                                .getFirst()
                                .aside())
                        .isTrue();
            }
            assertThat(access.asked()).as("nobody waited again").isEqualTo(asked);

            RowAccess lane = access.aside();
            holder.execute("select pg_advisory_unlock(" + LOCK + ")");
            assertThat(visible(lane, question("anon", "slow"))).containsExactly(true);
            lane.close();
        }
    }

    private static String explain(String token) {
        var out = new ByteArrayOutputStream();
        Main.run(
                List.of(
                        "explain",
                        "quick",
                        "--as",
                        token,
                        "--data-dir",
                        server.directory().toString(),
                        "--url",
                        server.url()),
                out,
                out);
        return out.toString(StandardCharsets.UTF_8);
    }

    private static PostgresRowAccess access() {
        var access =
                new PostgresRowAccess(server.server().database().as("slow_asker", "for-this-test"), (_, _) -> {}, 0);
        access.aside().close();
        return access;
    }

    private static RowAccess.Question question(String role, String table) {
        long oid = server.database()
                .withHandle(handle -> handle.createQuery("select '" + table + "'::regclass::oid::bigint")
                        .mapTo(long.class)
                        .one());
        var relation = new Relation(
                (int) oid, new TableName("public", table), ReplicaIdentity.FULL, List.of(new Column("id", 23, true)));
        return new RowAccess.Question(
                relation,
                new ClaimsGroup(role, "{\"role\":\"" + role + "\"}"),
                List.of(Row.ofTexts(List.of(Optional.of("1")))),
                Optional.empty());
    }

    private static List<Boolean> visible(RowAccess access, RowAccess.Question question)
            throws RowAccessUnavailableException {
        return access.ask(List.of(question), Set.of()).stream()
                .map(answer -> answer.visible().get(0))
                .toList();
    }

    private static List<Integer> ids(List<JsonNode> changes) {
        return changes.stream().map(change -> change.at("/record/id").asInt()).toList();
    }
}

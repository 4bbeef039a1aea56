package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.TablePublisher;
import dev.switchboard.server.Switchboard;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.List;
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
            both.joined(
                    "realtime:both",
                    server.userToken(UUID.randomUUID()),
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

            holder.execute("select pg_advisory_unlock(" + LOCK + ")");

            assertThat(ids(both.awaitChanges(7))).containsExactly(1, 10, 11, 12, 13, 14, 2);
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(server.figure("switchboard_decisions_aside"))
                            .isZero());
        }
    }

    private static List<Integer> ids(List<JsonNode> changes) {
        return changes.stream().map(change -> change.at("/record/id").asInt()).toList();
    }
}

package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.TablePublisher;
import dev.switchboard.server.Switchboard;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Tables, policies, grants and roles that change under living subscriptions. */
class SchemaChangeTest {
    private static TestServer server;
    private static TablePublisher publisher;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        publisher = new TablePublisher(server.server().database(), Switchboard.PUBLICATION);
        table("fence", "id int primary key");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void sql(String... statements) {
        server.database().useHandle(handle -> List.of(statements).forEach(handle::execute));
    }

    private static void table(String name, String columns) {
        sql("create table " + name + " (" + columns + ")");
        publisher.publish(new TableName("public", name), TablePublisher.Identity.FULL);
    }

    private static void awaitFailure(PhoenixClient client, String topic, String code) {
        client.message(message -> message.get(2).asString().equals(topic)
                && message.get(3).asString().equals("system")
                && message.at("/4/message").asString().startsWith(code));
        client.event(topic, "phx_error");
    }

    @Test
    void G1_columnsThatComeGoAndChangeAreSentAsTheyAreAtEachChange() {
        table("g1", "id int primary key, a int");
        try (PhoenixClient client = server.connect()) {
            client.joined("realtime:g1", server.serviceKey(), PhoenixClient.binding("*", "public", "g1", null));

            List<String> steps = List.of(
                    "insert into g1 values (1, 1)",
                    "alter table g1 add column \"größe\" text; insert into g1 values (2, 2, 'x')",
                    "alter table g1 rename column a to b; insert into g1 values (3, 3, 'y')",
                    "alter table g1 alter column b type text; insert into g1 values (4, '4', 'z')",
                    "alter table g1 drop column b; insert into g1 values (5, 'w')");
            for (int i = 0; i < steps.size(); i++) {
                sql(steps.get(i).split("; "));
                client.awaitChanges(i + 1);
            }

            assertThat(client.awaitChanges(5))
                    .extracting(change -> change.get("record").toString())
                    .containsExactly(
                            "{\"id\":1,\"a\":1}",
                            "{\"id\":2,\"a\":2,\"größe\":\"x\"}",
                            "{\"id\":3,\"b\":3,\"größe\":\"y\"}",
                            "{\"id\":4,\"b\":\"4\",\"größe\":\"z\"}",
                            "{\"id\":5,\"größe\":\"w\"}");
        }
    }

    @Test
    void G2_aFilterWhoseColumnIsGoneOrRetypedFailsAndTheNextJoinSaysWhy() {
        table("g2", "id int primary key, a int, b int");
        try (PhoenixClient client = server.connect()) {
            client.joined("realtime:gone", server.serviceKey(), PhoenixClient.binding("*", "public", "g2", "a=eq.7"));
            client.joined(
                    "realtime:retyped", server.serviceKey(), PhoenixClient.binding("*", "public", "g2", "b=gt.9"));
            client.joined(
                    "realtime:selected",
                    server.serviceKey(),
                    PhoenixClient.select(PhoenixClient.binding("*", "public", "g2", null), "a"));

            sql(
                    "alter table g2 rename column a to c",
                    "alter table g2 alter column b type text",
                    "insert into g2 values (1, 7, '10')");

            awaitFailure(client, "realtime:gone", "SchemaChanged");
            awaitFailure(client, "realtime:retyped", "SchemaChanged");
            awaitFailure(client, "realtime:selected", "SchemaChanged");
            await().atMost(Duration.ofSeconds(5)).untilAsserted(() -> {
                JsonNode reply = client.join(
                        "realtime:gone", server.serviceKey(), PhoenixClient.binding("*", "public", "g2", "a=eq.7"));
                assertThat(reply.at("/response/reason").asString())
                        .contains("column \"a\" of public.g2 does not exist; there are id, c, b");
            });
            client.joined(
                    "realtime:retyped", server.serviceKey(), PhoenixClient.binding("*", "public", "g2", "b=lt.9"));
            sql("insert into g2 values (2, 7, '10')");
            assertThat(client.awaitChanges(1).getFirst().at("/record/id").asInt())
                    .isEqualTo(2);
        }
    }

    @Test
    void G3_aTableThatIsDroppedOrUnpublishedFailsItsChannels() {
        table("g3_dropped", "id int primary key");
        table("g3_unpublished", "id int primary key");
        try (PhoenixClient client = server.connect()) {
            var dropped = PhoenixClient.binding("*", "public", "g3_dropped", null);
            var unpublished = PhoenixClient.binding("*", "public", "g3_unpublished", null);
            client.joined("realtime:dropped", server.serviceKey(), dropped);
            client.joined("realtime:unpublished", server.serviceKey(), unpublished);

            sql("drop table g3_dropped", "alter publication supabase_realtime drop table g3_unpublished");

            awaitFailure(client, "realtime:dropped", "SchemaChanged");
            awaitFailure(client, "realtime:unpublished", "SchemaChanged");
            assertThat(client.join("realtime:dropped", server.serviceKey(), dropped)
                            .at("/response/reason")
                            .asString())
                    .contains("table public.g3_dropped does not exist");
            assertThat(client.join("realtime:unpublished", server.serviceKey(), unpublished)
                            .at("/response/reason")
                            .asString())
                    .contains("is not in publication supabase_realtime");

            sql("alter publication supabase_realtime add table g3_unpublished");
            client.joined("realtime:unpublished", server.serviceKey(), unpublished);
            sql("insert into g3_unpublished values (1)");
            client.awaitChanges(1);
        }
    }

    @Test
    void R7_aFilterThatPostgresCannotEvaluateFailsItsChannelAndNoOther() {
        sql("create type temper as enum ('sad', 'happy')");
        table("r7", "id int primary key, t temper, v text");
        try (PhoenixClient client = server.connect()) {
            client.joined(
                    "realtime:renamed", server.serviceKey(), PhoenixClient.binding("*", "public", "r7", "t=eq.sad"));
            client.joined(
                    "realtime:asked", server.serviceKey(), PhoenixClient.binding("*", "public", "r7", "v=imatch.^A"));

            sql("alter type temper rename value 'sad' to 'gloomy'", "insert into r7 values (1, 'gloomy', 'abc')");

            awaitFailure(client, "realtime:renamed", "FilterFailed");
            assertThat(client.awaitChanges(1).getFirst().at("/record/t").asString())
                    .isEqualTo("gloomy");
            assertThat(client.join(
                                    "realtime:renamed",
                                    server.serviceKey(),
                                    PhoenixClient.binding("*", "public", "r7", "t=eq.sad"))
                            .at("/response/reason")
                            .asString())
                    .contains("invalid input value for enum temper: \"sad\"");
        }
    }

    @Test
    void R6_aFilterForPostgresWorksBesideADomainThatRefusesNull() {
        sql("create domain required as text check (value is not null)");
        table("r6", "id int primary key, must required, v text");
        try (PhoenixClient client = server.connect()) {
            client.joined(
                    "realtime:r6", server.serviceKey(), PhoenixClient.binding("*", "public", "r6", "v=imatch.^A"));

            sql("insert into r6 values (1, 'x', 'b'), (2, 'y', 'abc')");

            assertThat(client.awaitChanges(1).getFirst().at("/record/id").asInt())
                    .isEqualTo(2);
        }
    }

    @Test
    void R7_manySlowFiltersFailInsteadOfHoldingOthersUp() {
        table("slow", "id int primary key, v text");
        try (PhoenixClient hostile = server.connect();
                PhoenixClient other = server.connect()) {
            other.joined("realtime:slow", server.serviceKey(), PhoenixClient.binding("*", "public", "slow", null));
            ObjectNode[] bindings = IntStream.range(0, 100)
                    .mapToObj(
                            i -> PhoenixClient.binding("*", "public", "slow", "v=match.((a{1,110}){1,110}b" + i + ")"))
                    .toArray(ObjectNode[]::new);
            JsonNode reply = hostile.join("realtime:hostile", server.userToken(UUID.randomUUID()), bindings);
            assertThat(reply.get("status").asString()).as("%s", reply).isEqualTo("ok");

            sql("insert into slow values (1, 'aaaa')");

            other.awaitChanges(1);
            awaitFailure(hostile, "realtime:hostile", "FilterFailed");
        }
    }

    @Test
    void A7_theStricterPolicyOfTheSameTransactionDecides() {
        table("a7_same", "id int primary key, secret text");
        sql("alter table a7_same enable row level security", "create policy p on a7_same for select using (true)");
        try (PhoenixClient client = server.connect()) {
            client.joined(
                    "realtime:same",
                    server.userToken(UUID.randomUUID()),
                    PhoenixClient.binding("*", "public", "a7_same", null));
            for (int i = 0; i < 40; i++) {
                int id = i;
                server.database().useTransaction(handle -> {
                    handle.execute("alter policy p on a7_same using (false)");
                    handle.execute("insert into a7_same values (?, 'hidden')", id);
                });
                server.database().useTransaction(handle -> {
                    handle.execute("alter policy p on a7_same using (secret = 'shown')");
                    handle.execute("insert into a7_same values (?, 'shown')", 1000 + id);
                });
            }

            client.awaitChanges(1);
            assertThat(client.changes())
                    .extracting(change -> change.at("/record/secret").asString())
                    .containsOnly("shown");
        }
    }

    /** Who is found by a claim hears at once of what a changed policy, function or table shows; nobody hears of more. */
    @Test
    void A7_A10_whoIsFoundByAClaimHearsOfPoliciesThatChange() {
        table("a10", "id int primary key, owner uuid");
        UUID ann = UUID.randomUUID();
        UUID bob = UUID.randomUUID();
        sql(
                "create function me() returns uuid stable language sql return auth.uid()",
                "alter table a10 enable row level security",
                "create policy own on a10 for select using (owner = (select auth.uid()))");
        try (PhoenixClient anns = owner(ann);
                PhoenixClient bobs = owner(bob)) {
            insertOwned(1, ann);
            insertOwned(2, bob);
            passFence(bobs, 1001);
            insertOwned(3, ann); // by now both are found by their claim
            insertOwned(4, bob);
            passFence(bobs, 1002);

            sql("alter policy own on a10 using (true)");
            insertOwned(5, ann);
            passFence(bobs, 1003);
            sql("alter policy own on a10 using (owner = me())");
            insertOwned(6, ann);
            passFence(bobs, 1004);
            insertOwned(7, ann);
            passFence(bobs, 1005);
            sql("create or replace function me() returns uuid stable language sql return '" + ann + "'::uuid");
            insertOwned(8, ann);
            passFence(bobs, 1006);
            sql("revoke select on a10 from authenticated");
            insertOwned(9, ann);
            passFence(bobs, 1007);
            sql("grant select on a10 to authenticated", "alter table a10 disable row level security");
            insertOwned(10, ann);
            passFence(bobs, 1008);
            passFence(anns, 1009);

            assertThat(idsOfOwned(anns)).containsExactly(1, 3, 5, 6, 7, 8, 10);
            assertThat(idsOfOwned(bobs)).containsExactly(2, 4, 5, 8, 10);
        }
    }

    private static PhoenixClient owner(UUID user) {
        PhoenixClient client = server.connect();
        client.joined("realtime:a10", server.userToken(user), PhoenixClient.binding("*", "public", "a10", null));
        client.joined("realtime:fence", server.serviceKey(), PhoenixClient.binding("*", "public", "fence", null));
        return client;
    }

    private static void insertOwned(int id, UUID owner) {
        server.database().useHandle(handle -> handle.execute("insert into a10 values (?, ?)", id, owner));
    }

    private static List<Integer> idsOfOwned(PhoenixClient client) {
        return client.changes().stream()
                .filter(change -> change.path("table").asString().equals("a10"))
                .map(change -> change.at("/record/id").asInt())
                .toList();
    }

    @Test
    void A7_F003_50_policiesGrantsAndRolesCountFromTheNextChangeOn() {
        table("a7", "id int primary key, v text");
        sql(
                "create role staff nologin",
                "alter table a7 enable row level security",
                "create policy p on a7 for select to authenticated using (true)");
        UUID user = UUID.randomUUID();
        try (PhoenixClient client = server.connect()) {
            client.joined("realtime:a7", server.userToken(user), PhoenixClient.binding("*", "public", "a7", null));
            client.joined("realtime:fence", server.serviceKey(), PhoenixClient.binding("*", "public", "fence", null));
            var expected = new ArrayList<Integer>();
            String[][] steps = {
                {"alter policy p on a7 using (false)", "-"},
                {"alter policy p on a7 using (v is null)", "+"},
                {"alter policy p on a7 to staff", "-"},
                {"grant staff to authenticated", "-"},
                {"alter role authenticated inherit", "-"},
                {"revoke staff from authenticated", "-"},
                {"grant staff to authenticated with inherit true", "+"},
                {"create policy no on a7 as restrictive for select using (false)", "-"},
                {"drop policy no on a7", "+"},
                {"revoke select on a7 from authenticated", "-"},
                {"grant select (id) on a7 to authenticated", "+"},
                {"grant select on a7 to authenticated", "+"},
                {"alter table a7 disable row level security", "+"},
                {"alter table a7 enable row level security", "+"},
                {"revoke staff from authenticated", "-"},
                {"alter role authenticated bypassrls", "+"},
                {"alter role authenticated nobypassrls", "-"},
                {"alter policy p on a7 to authenticated", "+"},
                {"revoke usage on schema public from public, authenticated", "-"},
                {"grant usage on schema public to authenticated", "+"},
            };

            for (int i = 0; i < steps.length; i++) {
                sql(steps[i][0], "insert into a7 values (" + i + ")");
                if (steps[i][1].equals("+")) {
                    expected.add(i);
                }
                passFence(
                        client,
                        i); // policies are those of now: the next step must not come before this change is through
            }

            sql("insert into a7 values (1000)");
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> client.changes().stream()
                            .anyMatch(change -> change.at("/record/id").asInt() == 1000));
            expected.add(1000);
            assertThat(client.changes().stream()
                            .filter(change -> change.get("table").asString().equals("a7")))
                    .extracting(change -> change.at("/record/id").asInt())
                    .isEqualTo(expected);
        } finally {
            sql("alter role authenticated noinherit");
        }
    }

    /** Waits until everything that was committed before has been delivered. */
    private static void passFence(PhoenixClient client, int number) {
        sql("insert into fence values (" + number + ")");
        await().atMost(Duration.ofSeconds(20))
                .until(() -> client.changes().stream()
                        .anyMatch(change -> change.get("table").asString().equals("fence")
                                && change.at("/record/id").asInt() == number));
    }

    /** Until a table that is dropped now is noticed, and with it whatever was before. */
    private static void awaitLooks() {
        table("looked_for", "id int primary key");
        try (PhoenixClient client = server.connect()) {
            client.joined(
                    "realtime:looks", server.serviceKey(), PhoenixClient.binding("*", "public", "looked_for", null));
            sql("drop table looked_for");
            awaitFailure(client, "realtime:looks", "SchemaChanged");
        }
    }

    /** Each of these is told of; a new partition without rows, and changes of rows, are not. */
    @Test
    void G4_rowsThatComeOrGoWithAPartitionAreToldOf() {
        sql(
                "create table parts (id int primary key) partition by range (id)",
                "create table parts_low partition of parts for values from (0) to (100)");
        publisher.publish(new TableName("public", "parts"), TablePublisher.Identity.FULL);
        try (PhoenixClient client = server.connect()) {
            ObjectNode binding = PhoenixClient.binding("*", "public", "parts", null);
            client.joined("realtime:first", server.serviceKey(), binding);
            sql(
                    "insert into parts values (1)",
                    "create table parts_empty partition of parts for values from (200) to (300)");
            client.awaitChanges(1);
            awaitLooks();
            assertThat(client.messages().toString()).as("nobody is disturbed").doesNotContain("PartitionChanged");
            List<String> moves = List.of(
                    "truncate parts_low",
                    "create table parts_more (like parts including all); insert into parts_more values (100);"
                            + " alter table parts attach partition parts_more for values from (100) to (200)",
                    "alter table parts detach partition parts_more",
                    "insert into parts values (2); drop table parts_low");
            for (int i = 0; i < moves.size(); i++) {
                String topic = "realtime:move-" + i;
                client.joined(topic, server.serviceKey(), binding);
                sql(moves.get(i).split("; "));
                awaitFailure(client, topic, "PartitionChanged");
            }
            assertThat(client.messages().stream()
                            .filter(message -> message.get(2).asString().equals("realtime:first"))
                            .filter(message -> message.get(3).asString().equals("phx_error")))
                    .as("by the first of these, and not before")
                    .hasSize(1);
            client.joined("realtime:quiet", server.serviceKey(), binding);
            sql("insert into parts values (201)");
            client.awaitChanges(1 + 1 + 1);
        }
    }

    @Test
    void G4_partitionedTablesAppearUnderTheirRootAndObeyItsPolicies() {
        UUID mine = UUID.randomUUID();
        sql(
                "create table \"Anrufe 2026\" (id int, owner uuid, primary key (id)) partition by range (id)",
                "create table g4_low partition of \"Anrufe 2026\" for values from (0) to (100)",
                "create table g4_high partition of \"Anrufe 2026\" for values from (100) to (200)",
                "alter table \"Anrufe 2026\" enable row level security",
                "create policy own on \"Anrufe 2026\" using (owner = auth.uid())");
        publisher.publish(new TableName("public", "Anrufe 2026"), TablePublisher.Identity.FULL);
        try (PhoenixClient client = server.connect()) {
            client.joined(
                    "realtime:g4",
                    server.userToken(mine),
                    PhoenixClient.binding("*", "public", "Anrufe 2026", "id=gte.0"));

            server.database().useHandle(handle -> {
                handle.execute("insert into \"Anrufe 2026\" values (1, ?), (2, ?)", mine, UUID.randomUUID());
                handle.execute("update \"Anrufe 2026\" set id = 101 where id = 1");
                handle.execute("delete from \"Anrufe 2026\"");
            });

            assertThat(client.awaitChanges(4))
                    .extracting(change -> change.get("table").asString() + " "
                            + change.get("type").asString() + " "
                            + change.at("/record/id").asString("")
                            + change.at("/old_record/id").asString(""))
                    .containsExactly(
                            "Anrufe 2026 INSERT 1",
                            "Anrufe 2026 DELETE 1",
                            "Anrufe 2026 INSERT 101",
                            "Anrufe 2026 DELETE 101");
        }
    }

    @Test
    void G5_aTableWithoutAKeyAndGeneratedColumns() {
        table("g5", "a int, doubled int generated always as (a * 2) stored");
        try (PhoenixClient client = server.connect()) {
            client.joined(
                    "realtime:g5", server.serviceKey(), PhoenixClient.binding("*", "public", "g5", "doubled=gt.5"));

            sql("insert into g5 values (1), (3)", "update g5 set a = 4 where a = 3", "delete from g5");

            assertThat(client.awaitChanges(3))
                    .extracting(change -> change.get("type").asString())
                    .containsExactly("INSERT", "UPDATE", "DELETE");
            assertThat(client.changes().get(1).toString())
                    .contains("\"record\":{\"a\":4,\"doubled\":8}", "\"old_record\":{\"a\":3,\"doubled\":6}");
        }
    }
}

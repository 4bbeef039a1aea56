package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What a binding says wrongly makes it no wider, and what changes bring along of the old row. */
class JoinFormTest {
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        server.script("""
                create table keyed (id int primary key, body text);
                create table keyed_policy (id int primary key, body text);
                alter table keyed_policy enable row level security;
                create policy p on keyed_policy for select using (id > 10);
                create table body_policy (id int primary key, body text);
                alter table body_policy enable row level security;
                create policy p on body_policy for select using (body = 'seen');
                create table two_keys (a int, b text, body text, primary key (a, b));
                alter publication supabase_realtime add table keyed, keyed_policy, body_policy, two_keys;
                """);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static ObjectNode binding(String table) {
        return PhoenixClient.binding("*", "public", table, null);
    }

    private static JsonNode json(String text) {
        return PhoenixClient.JSON.readTree(text);
    }

    // KF6

    private static JsonNode oldRecord(String table, String... statements) {
        try (PhoenixClient client = server.connect().joined("realtime:old", server.anonKey(), binding(table))) {
            for (String statement : statements) {
                server.script(statement);
            }
            return client.awaitChanges(statements.length).getLast().get("old_record");
        }
    }

    @Test
    void KF6_theOldKeyIsToldWhenItChanged() {
        assertThat(oldRecord("keyed", "insert into keyed values (1, 'a')", "update keyed set id = 2 where id = 1"))
                .isEqualTo(json("{\"id\":1}"));
        assertThat(oldRecord("keyed", "update keyed set body = 'b' where id = 2"))
                .isEqualTo(json("{\"id\":2}"));
    }

    @Test
    void KF6_aKeyOfTwoColumnsIsToldWhole() {
        assertThat(oldRecord(
                        "two_keys",
                        "insert into two_keys values (1, 'x', 'a')",
                        "update two_keys set b = 'y' where a = 1"))
                .isEqualTo(json("{\"a\":1,\"b\":\"x\"}"));
    }

    @Test
    void KF6_anOldKeyThatThePoliciesHideOrCannotBeDecidedByIsNotTold() {
        assertThat(oldRecord(
                        "keyed_policy",
                        "insert into keyed_policy values (11, 'a')",
                        "update keyed_policy set id = 12 where id = 11"))
                .isEqualTo(json("{\"id\":11}"));
        server.script("insert into keyed_policy values (5, 'a')");
        assertThat(oldRecord("keyed_policy", "update keyed_policy set id = 15 where id = 5"))
                .isEqualTo(json("{}"));
        assertThat(oldRecord(
                        "body_policy",
                        "insert into body_policy values (1, 'seen')",
                        "update body_policy set id = 2 where id = 1"))
                .isEqualTo(json("{}"));
    }

    // KF7

    @Test
    void KF7_anEmptySelectIsTheKeyAlone() {
        try (PhoenixClient client = server.connect()) {
            client.joined("realtime:empty", server.anonKey(), PhoenixClient.select(binding("keyed")));

            server.script("insert into keyed values (100, 'hidden')");

            JsonNode change = client.awaitChanges(1).getFirst();
            assertThat(change.get("record")).isEqualTo(json("{\"id\":100}"));
        }
    }

    @Test
    void KF7_whatIsNoListOfNamesIsRefusedAndSendsNothing() {
        try (PhoenixClient client = server.connect()) {
            for (String select :
                    List.of("\"body\"", "{\"body\":true}", "7", "true", "[1]", "[\"id\", null]", "[[\"id\"]]")) {
                assertRefused(
                        client,
                        "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"keyed\",\"select\":" + select + "}");
            }
        }
    }

    @Test
    void KF7_otherMembersOfTheWrongTypeAreRefusedToo() {
        try (PhoenixClient client = server.connect()) {
            assertRefused(client, "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"keyed\",\"filter\":7}");
            assertRefused(client, "{\"event\":\"*\",\"schema\":\"public\",\"table\":[\"keyed\"]}");
            assertRefused(client, "{\"event\":[\"INSERT\"],\"schema\":\"public\",\"table\":\"keyed\"}");
            assertRefused(client, "{\"event\":\"*\",\"schema\":{},\"table\":\"keyed\"}");
            assertRefused(client, "\"keyed\"");
        }
    }

    @Test
    void KF7_nullIsAbsent() {
        try (PhoenixClient client = server.connect()) {
            ObjectNode binding = (ObjectNode)
                    json("{\"event\":\"*\",\"schema\":\"public\",\"table\":\"keyed\",\"select\":null,\"filter\":null}");
            client.joined("realtime:nulls", server.anonKey(), binding);

            server.script("insert into keyed values (101, 'all')");

            assertThat(client.awaitChanges(1).getFirst().get("record"))
                    .isEqualTo(json("{\"id\":101,\"body\":\"all\"}"));
        }
    }

    private static void assertRefused(PhoenixClient client, String binding) {
        String ref = UUID.randomUUID().toString();
        client.sendText(
                "[\"" + ref + "\",\"" + ref + "\",\"realtime:refused\",\"phx_join\",{\"config\":{\"postgres_changes\":["
                        + binding + "]},\"access_token\":\"" + server.anonKey() + "\"}]");

        JsonNode reply = client.reply(ref);

        assertThat(reply.get("status").asString()).as(binding).isEqualTo("error");
        assertThat(reply.at("/response/reason").asString()).startsWith("MalformedBinding: ");
    }
}

package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Presence: state, diffs, and who is gone. */
class PresenceTest {
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String key(String key) {
        return "{\"presence\":{\"enabled\":true,\"key\":\"" + key + "\"}}";
    }

    private static String track(PhoenixClient client, String join, String topic, String payload) {
        return client.push(
                join, topic, "presence", "{\"type\":\"presence\",\"event\":\"track\",\"payload\":" + payload + "}");
    }

    private static List<JsonNode> diffs(PhoenixClient client) {
        return client.messages().stream()
                .filter(message -> message.get(3).asString().equals("presence_diff"))
                .map(message -> message.get(4))
                .toList();
    }

    private static JsonNode diff(PhoenixClient client, int number) {
        await().atMost(Duration.ofSeconds(10)).until(() -> diffs(client).size() >= number);
        return diffs(client).get(number - 1);
    }

    @Test
    void P1_theStateComesFirstThenWhoComesAndGoes() {
        try (PhoenixClient doug = server.connect();
                PhoenixClient rhonda = server.connect()) {
            String dougs = doug.joinedRoom("realtime:p1", key("doug"));
            assertThat(doug.event("realtime:p1", "presence_state").get(4).toString())
                    .isEqualTo("{}");
            assertThat(doug.event("realtime:p1", "presence_state").get(0).asString())
                    .isEqualTo(dougs);

            String ref = track(doug, dougs, "realtime:p1", "{\"page\":\"board\",\"n\":1.5}");
            assertThat(doug.reply(ref).get("status").asString()).isEqualTo("ok");
            JsonNode joined = diff(doug, 1);
            String phxRef = joined.at("/joins/doug/metas/0/phx_ref").asString();
            assertThat(joined.toString())
                    .isEqualTo("{\"joins\":{\"doug\":{\"metas\":[{\"phx_ref\":\"" + phxRef
                            + "\",\"page\":\"board\",\"n\":1.5}]}},\"leaves\":{}}");

            rhonda.joinedRoom("realtime:p1", key("rhonda"));
            assertThat(rhonda.event("realtime:p1", "presence_state").get(4).toString())
                    .isEqualTo(
                            "{\"doug\":{\"metas\":[{\"phx_ref\":\"" + phxRef + "\",\"page\":\"board\",\"n\":1.5}]}}");

            doug.reply(doug.push(dougs, "realtime:p1", "presence", "{\"type\":\"presence\",\"event\":\"untrack\"}"));
            assertThat(diff(rhonda, 1).at("/leaves/doug/metas/0/phx_ref").asString())
                    .isEqualTo(phxRef);
        }
    }

    @Test
    void P2_anUpdateNamesItsPredecessorAndP3_theSameAgainIsNoNoise() {
        try (PhoenixClient doug = server.connect()) {
            String join = doug.joinedRoom("realtime:p2", key("doug"));
            track(doug, join, "realtime:p2", "{\"page\":\"board\"}");
            String first = diff(doug, 1).at("/joins/doug/metas/0/phx_ref").asString();

            doug.reply(track(doug, join, "realtime:p2", "{\"page\":\"board\"}"));
            track(doug, join, "realtime:p2", "{\"page\":\"history\"}");

            JsonNode update = diff(doug, 2);
            assertThat(update.at("/joins/doug/metas/0/phx_ref_prev").asString()).isEqualTo(first);
            assertThat(update.at("/joins/doug/metas/0/page").asString()).isEqualTo("history");
            assertThat(update.at("/leaves/doug/metas/0/phx_ref").asString()).isEqualTo(first);
            assertThat(diffs(doug)).hasSize(2);
        }
    }

    @Test
    void P4_aSocketThatDiesIsGoneAtOnceAndP5_tabsShareAKey() {
        try (PhoenixClient watcher = server.connect();
                PhoenixClient tab = server.connect()) {
            watcher.joinedRoom("realtime:p4", key("rhonda"));
            PhoenixClient dying = server.connect();
            track(dying, dying.joinedRoom("realtime:p4", key("doug")), "realtime:p4", "{\"tab\":1}");
            track(tab, tab.joinedRoom("realtime:p4", key("doug")), "realtime:p4", "{\"tab\":2}");
            await().until(() -> present(watcher).getOrDefault("doug", List.of()).size() == 2);

            dying.close();

            await().atMost(Duration.ofSeconds(5))
                    .until(() ->
                            present(watcher).getOrDefault("doug", List.of()).size() == 1);
        }
    }

    @Test
    void P5_presenceWithoutAKeyOrEnabledStillWorks() {
        try (PhoenixClient client = server.connect()) {
            String join = client.joinedRoom("realtime:p5", "{}");

            track(client, join, "realtime:p5", "{\"a\":1}");

            await().until(() -> present(client).size() == 1);
        }
    }

    /** P1: such a channel is there for others, and hears of nobody; its end is told as any. */
    @Test
    void P1_whoDoesNotWantToBeToldIsThereAllTheSame() {
        try (PhoenixClient watcher = server.connect();
                PhoenixClient quiet = server.connect()) {
            watcher.joinedRoom("realtime:p1-quiet", key("rhonda"));
            String join = quiet.joinedRoom("realtime:p1-quiet", "{\"presence\":{\"enabled\":false,\"key\":\"doug\"}}");
            assertThat(quiet.reply(track(quiet, join, "realtime:p1-quiet", "{\"a\":1}"))
                            .get("status")
                            .asString())
                    .isEqualTo("ok");
            await().until(() -> present(watcher).containsKey("doug"));

            quiet.reply(quiet.push(join, "realtime:p1-quiet", "phx_leave", "{}"));

            await().until(() -> !present(watcher).containsKey("doug"));
            assertThat(quiet.messages())
                    .noneMatch(message -> message.get(3).asString().startsWith("presence_"));
        }
    }

    /** P9: no part of it is more than waits for a connection; together they are everybody, each once. */
    @Test
    void P9_aLargeRoomIsToldInParts() {
        var members = new ArrayList<PhoenixClient>();
        try (PhoenixClient late = server.connect()) {
            for (int i = 0; i < 12; i++) {
                PhoenixClient member = server.connect();
                members.add(member);
                String join = member.joinedRoom("realtime:p9", key("m" + i));
                member.reply(track(member, join, "realtime:p9", "{\"text\":\"" + "x".repeat(16_000) + "\"}"));
            }

            late.joinedRoom("realtime:p9", key("late"));

            await().until(() -> present(late).size() == 12);
            List<JsonNode> told = late.messages().stream()
                    .filter(message -> message.get(3).asString().startsWith("presence_"))
                    .toList();
            assertThat(told).hasSizeBetween(3, 4);
            assertThat(told.getFirst().get(3).asString()).isEqualTo("presence_state");
            assertThat(told).allMatch(message -> message.toString().length() < 100_000);
            assertThat(present(late).values()).allMatch(refs -> refs.size() == 1);
            assertThat(present(late)).isEqualTo(present(members.getFirst()));
        } finally {
            members.forEach(PhoenixClient::close);
        }
    }

    @Test
    void P6_whatIsNoObjectIsRefused() {
        try (PhoenixClient client = server.connect()) {
            String join = client.joinedRoom("realtime:p6", key("doug"));

            String ref = track(client, join, "realtime:p6", "[1]");
            String unknown = client.push(join, "realtime:p6", "presence", "{\"event\":\"dance\"}");

            assertThat(client.reply(ref).at("/response/reason").asString())
                    .isEqualTo("Presence track payload must be a map");
            assertThat(client.reply(unknown).get("status").asString()).isEqualTo("error");
        }
    }

    @Test
    void P7_everyoneEndsWithTheSamePictureOfACrowd() {
        int crowd = 200;
        var clients = new ArrayList<PhoenixClient>();
        try {
            for (int i = 0; i < crowd; i++) {
                PhoenixClient client = server.connect();
                clients.add(client);
                track(client, client.joinedRoom("realtime:p7", key("user" + i)), "realtime:p7", "{\"i\":" + i + "}");
            }
            for (int i = 0; i < crowd; i += 4) {
                clients.get(i).close();
            }
            for (int i = 1; i < crowd; i += 50) {
                PhoenixClient client = clients.get(i);
                await().atMost(Duration.ofSeconds(20))
                        .until(() -> present(client).size() == crowd - crowd / 4);
            }
        } finally {
            clients.forEach(PhoenixClient::close);
        }
    }

    /** Who is present, as a client works it out: the state, then joins and leaves of each diff by their references. */
    private static Map<String, List<String>> present(PhoenixClient client) {
        var present = new TreeMap<String, List<String>>();
        for (JsonNode message : client.messages()) {
            switch (message.get(3).asString()) {
                case "presence_state" -> join(present, message.get(4));
                case "presence_diff" -> {
                    join(present, message.at("/4/joins"));
                    message.at("/4/leaves").properties().forEach(entry -> {
                        List<String> refs = present.getOrDefault(entry.getKey(), new ArrayList<>());
                        entry.getValue()
                                .get("metas")
                                .forEach(meta -> refs.remove(meta.get("phx_ref").asString()));
                        if (refs.isEmpty()) {
                            present.remove(entry.getKey());
                        }
                    });
                }
                default -> {}
            }
        }
        return present;
    }

    private static void join(Map<String, List<String>> present, JsonNode joins) {
        joins.properties().forEach(entry -> {
            List<String> refs = present.computeIfAbsent(entry.getKey(), _ -> new ArrayList<>());
            entry.getValue().get("metas").forEach(meta -> {
                if (!refs.contains(meta.get("phx_ref").asString())) {
                    refs.add(meta.get("phx_ref").asString());
                }
            });
        });
    }
}

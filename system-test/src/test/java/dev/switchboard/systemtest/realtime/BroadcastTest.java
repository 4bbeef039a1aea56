package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Broadcast over sockets of both wire versions and over HTTP. */
class BroadcastTest {
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static List<JsonNode> broadcasts(PhoenixClient client) {
        return client.messages().stream()
                .filter(message -> message.isArray()
                        ? message.get(3).asString().equals("broadcast")
                        : message.path("event").asString("").equals("broadcast"))
                .map(message -> message.isArray() ? message.get(4) : message.get("payload"))
                .toList();
    }

    private static List<JsonNode> awaitBroadcasts(PhoenixClient client, int count) {
        await().atMost(Duration.ofSeconds(20)).until(() -> broadcasts(client).size() >= count);
        return broadcasts(client);
    }

    /** A client of wire version 1.0.0, joined. */
    private static PhoenixClient versionOne(String topic) {
        PhoenixClient client = PhoenixClient.connect(server.port(), server.anonKey(), "1.0.0");
        client.sendText("{\"topic\":\"" + topic
                + "\",\"event\":\"phx_join\",\"payload\":{\"config\":{}},\"ref\":\"1\",\"join_ref\":\"1\"}");
        client.message(message -> message.path("event").asString("").equals("phx_reply"));
        return client;
    }

    @Test
    void B1_everyoneOfTheRoomGetsEveryMessageInTheSendersOrder() {
        var clients = new ArrayList<PhoenixClient>();
        try (PhoenixClient sender = server.connect();
                PhoenixClient elsewhere = server.connect()) {
            for (int i = 0; i < 8; i++) {
                PhoenixClient client = server.connect();
                clients.add(client);
                client.joinedRoom("realtime:order", "{}");
            }
            elsewhere.joinedRoom("realtime:another", "{}");
            String join = sender.joinedRoom("realtime:order", "{}");

            IntStream.range(0, 500)
                    .forEach(i -> sender.push(
                            join,
                            "realtime:order",
                            "broadcast",
                            "{\"type\":\"broadcast\",\"event\":\"tick\",\"payload\":{\"n\":" + i + "}}"));

            for (PhoenixClient client : clients) {
                assertThat(awaitBroadcasts(client, 500))
                        .extracting(payload -> payload.at("/payload/n").asInt())
                        .isEqualTo(IntStream.range(0, 500).boxed().toList());
            }
            assertThat(broadcasts(sender)).isEmpty();
            assertThat(broadcasts(elsewhere)).isEmpty();
        } finally {
            clients.forEach(PhoenixClient::close);
        }
    }

    @Test
    void B2_selfEchoesAndAckAnswers() {
        try (PhoenixClient sender = server.connect()) {
            String join = sender.joinedRoom("realtime:self", "{\"broadcast\":{\"self\":true,\"ack\":true}}");

            String ref = sender.push(
                    join, "realtime:self", "broadcast", "{\"type\":\"broadcast\",\"event\":\"e\",\"payload\":{}}");

            assertThat(sender.reply(ref).get("status").asString()).isEqualTo("ok");
            assertThat(awaitBroadcasts(sender, 1).getFirst().get("event").asString())
                    .isEqualTo("e");
        }
    }

    @Test
    void B3_jsonOfABinaryFrameReachesBothVersionsAsText() {
        try (PhoenixClient sender = server.connect();
                PhoenixClient two = server.connect();
                PhoenixClient one = versionOne("realtime:k3")) {
            two.joinedRoom("realtime:k3", "{}");
            String join = sender.joinedRoom("realtime:k3", "{}");

            sender.sendBinary(PhoenixClient.kind3(
                    join, "9", "realtime:k3", "grüße", "", true, "{\"a\":[1,2.5]}".getBytes(StandardCharsets.UTF_8)));

            for (PhoenixClient receiver : List.of(two, one)) {
                JsonNode payload = awaitBroadcasts(receiver, 1).getFirst();
                assertThat(payload.toString())
                        .isEqualTo("{\"type\":\"broadcast\",\"event\":\"grüße\",\"payload\":{\"a\":[1,2.5]}}");
            }
        }
    }

    @Test
    void B3_rawBytesReachVersionTwoAsKindFourAndVersionOneNotAtAll() {
        try (PhoenixClient sender = server.connect();
                PhoenixClient two = server.connect();
                PhoenixClient one = versionOne("realtime:raw")) {
            two.joinedRoom("realtime:raw", "{}");
            String join = sender.joinedRoom("realtime:raw", "{}");

            sender.sendBinary(PhoenixClient.kind3(join, "9", "realtime:raw", "ev", "", false, new byte[] {0, -1, 7}));
            sender.push(join, "realtime:raw", "broadcast", "{\"event\":\"after\"}");

            awaitBroadcasts(one, 1);
            assertThat(broadcasts(one))
                    .extracting(payload -> payload.get("event").asString())
                    .containsExactly("after");
            awaitBroadcasts(two, 1);
            assertThat(two.binaries()).hasSize(1);
            byte[] expected = new byte[] {
                4, 12, 2, 0, 0, 'r', 'e', 'a', 'l', 't', 'i', 'm', 'e', ':', 'r', 'a', 'w', 'e', 'v', 0, -1, 7
            };
            assertThat(two.binaries().getFirst()).isEqualTo(expected);
        }
    }

    @Test
    void B5_whatIsNoBroadcastIsRefusedByItsCodeAndReachesNobody() {
        try (PhoenixClient sender = server.connect()) {
            String join = sender.joinedRoom("realtime:bad", "{\"broadcast\":{\"self\":true,\"ack\":true}}");

            sender.sendBinary(PhoenixClient.kind3(
                    join, "51", "realtime:bad", "e", "", true, "{\"a\":".getBytes(StandardCharsets.UTF_8)));
            sender.sendBinary(PhoenixClient.kind3(
                    join,
                    "52",
                    "realtime:bad",
                    "e",
                    "{\"persist\":true}",
                    true,
                    "{}".getBytes(StandardCharsets.UTF_8)));
            String noEvent = sender.push(join, "realtime:bad", "broadcast", "{\"payload\":{}}");

            assertThat(sender.reply("51").at("/response/reason").asString()).startsWith("InvalidPayload: ");
            assertThat(sender.reply("52").at("/response/reason").asString()).startsWith("PersistenceNotAllowed: ");
            assertThat(sender.reply(noEvent).at("/response/reason").asString()).startsWith("InvalidPayload: ");
            assertThat(broadcasts(sender)).isEmpty();
        }
    }

    @Test
    void B5_whatIsNotStrictUtf8NeverReachesOthersAsText() {
        try (PhoenixClient sender = server.connect()) {
            String join = sender.joinedRoom("realtime:utf8", "{\"broadcast\":{\"self\":true}}");
            byte[][] payloads = {
                "{\"a\":1}".getBytes(StandardCharsets.UTF_16LE),
                "{\"a\":1}".getBytes(StandardCharsets.UTF_16BE),
                "\uFEFF{}".getBytes(StandardCharsets.UTF_8),
                {'"', (byte) 0xED, (byte) 0xA0, (byte) 0x80, '"'},
                {'"', (byte) 0xC0, (byte) 0x80, '"'}
            };
            for (int i = 0; i < payloads.length; i++) {
                String ref = "utf8-" + i;
                sender.sendBinary(PhoenixClient.kind3(join, ref, "realtime:utf8", "e", "", true, payloads[i]));
                assertThat(sender.reply(ref).at("/response/reason").asString()).startsWith("InvalidPayload: ");
            }
            assertThat(broadcasts(sender)).isEmpty();
        }
    }

    @Test
    void J7_aJoinOfCountlessBindingsIsRefusedAtOnce() {
        try (PhoenixClient client = server.connect()) {
            client.sendText("[\"1\",\"1\",\"realtime:many\",\"phx_join\",{\"config\":{\"postgres_changes\":["
                    + "{},".repeat(20_000) + "{}]}}]");

            assertThat(client.reply("1").at("/response/reason").asString()).startsWith("JoinTooLarge: ");
        }
    }

    @Test
    void B6_httpSendsSeveralMessagesAllOrNone() {
        try (PhoenixClient receiver = server.connect()) {
            receiver.joinedRoom("realtime:rest", "{}");

            HttpResponse<String> refused =
                    post("/realtime/v1/api/broadcast?apikey=x&vsn=2.0.0", "application/json", """
                    {"messages":[{"topic":"rest","event":"a","payload":{}},{"topic":"rest","payload":[]}]}""");
            HttpResponse<String> taken = post("/api/broadcast", "application/json", """
                    {"messages":[{"topic":"rest","event":"b","payload":{"n":1},"id":"7"},{"topic":"rest","event":"c","payload":{}}]}""");

            assertThat(refused.statusCode()).isEqualTo(422);
            assertThat(refused.body())
                    .isEqualTo(
                            "{\"errors\":{\"messages\":[{},{\"event\":[\"can't be blank\"],\"payload\":[\"must be an object\"]}]}}");
            assertThat(taken.statusCode()).isEqualTo(202);
            assertThat(taken.body()).isEmpty();
            assertThat(awaitBroadcasts(receiver, 2))
                    .extracting(JsonNode::toString)
                    .containsExactly(
                            "{\"type\":\"broadcast\",\"event\":\"b\",\"payload\":{\"n\":1},\"meta\":{\"id\":\"7\"}}",
                            "{\"type\":\"broadcast\",\"event\":\"c\",\"payload\":{}}");
        }
    }

    @Test
    void B7_httpSendsOneMessageJsonOrRawAndTopicsMayHoldSlashes() {
        try (PhoenixClient receiver = server.connect()) {
            receiver.joinedRoom("realtime:a/b c", "{}");
            String path = "/realtime/v1/api/broadcast/a%2Fb%20c/events/x%2By?apikey=k&vsn=2.0.0";

            assertThat(post(path, "application/json", "{\"n\":1}").statusCode()).isEqualTo(202);
            assertThat(post(path, "application/octet-stream", "raw").statusCode())
                    .isEqualTo(202);
            assertThat(post(path, "text/plain", "raw").statusCode()).isEqualTo(415);
            assertThat(post(path, "application/json", "{\"n\":").statusCode()).isEqualTo(422);
            assertThat(post(path + "&private=true", "application/json", "{}").statusCode())
                    .isEqualTo(403);
            assertThat(post("/api/broadcast/a/nothing", "application/json", "{}")
                            .statusCode())
                    .isEqualTo(404);

            assertThat(awaitBroadcasts(receiver, 1).getFirst().toString())
                    .isEqualTo("{\"type\":\"broadcast\",\"event\":\"x+y\",\"payload\":{\"n\":1}}");
            await().until(() -> receiver.binaries().size() == 1);
            assertThat(new String(receiver.binaries().getFirst(), StandardCharsets.UTF_8))
                    .endsWith("realtime:a/b cx+yraw");
        }
    }

    @Test
    void B6_aBrowserAsksBeforeItSendsAndIsAnsweredWithoutAToken() throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(server.url() + "/api/broadcast"))
                .method("OPTIONS", HttpRequest.BodyPublishers.noBody())
                .build();

        HttpResponse<String> answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());

        assertThat(answer.statusCode()).isEqualTo(204);
        assertThat(answer.headers().firstValue("Access-Control-Allow-Methods")).hasValue("POST, OPTIONS");
    }

    @Test
    void B6_httpWithoutAValidTokenIsRefused() throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(server.url() + "/api/broadcast"))
                .header("Authorization", "Bearer nonsense")
                .POST(HttpRequest.BodyPublishers.ofString("{}"))
                .build();

        HttpResponse<String> answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());

        assertThat(answer.statusCode()).isEqualTo(401);
        assertThat(answer.body()).isEqualTo("{\"message\":\"Unauthorized\"}");
    }

    @Test
    void J9_F003_02_overHttpOnlyItsUserAndTheServiceRoleSpeakInAUsersTopic() {
        UUID doug = UUID.randomUUID();
        String topic = "calls_changes_" + doug;
        String one = "/api/broadcast/" + topic + "/events/a";
        String several = "{\"messages\":[{\"topic\":\"" + topic + "\",\"event\":\"b\",\"payload\":{}}]}";
        String stranger = server.userToken(UUID.randomUUID());
        try (PhoenixClient receiver = PhoenixClient.connect(server.port(), server.userToken(doug), "2.0.0")) {
            receiver.joinedRoom("realtime:" + topic, "{}");

            assertThat(post(stranger, one, "application/json", "{}").statusCode())
                    .isEqualTo(403);
            assertThat(post(stranger, "/api/broadcast", "application/json", several)
                            .body())
                    .isEqualTo("{\"errors\":{\"messages\":[{\"topic\":[\"is another user's\"]}]}}");
            assertThat(post(server.serviceKey(), one, "application/json", "{}").statusCode())
                    .isEqualTo(202);
            assertThat(post(server.userToken(doug), "/api/broadcast", "application/json", several)
                            .statusCode())
                    .isEqualTo(202);

            assertThat(awaitBroadcasts(receiver, 2))
                    .extracting(broadcast -> broadcast.path("event").asString(""))
                    .containsExactly("a", "b");
        }
    }

    @Test
    void B8_aFloodThrottlesItsSenderAndReadersGetEverything() {
        int messages = 3_000;
        String filler = "x".repeat(8_000);
        try (PhoenixClient sender = server.connect();
                PhoenixClient reader = server.connect();
                PhoenixClient another = server.connect()) {
            reader.joinedRoom("realtime:flood", "{}");
            another.joinedRoom("realtime:flood", "{}");
            String join = sender.joinedRoom("realtime:flood", "{}");

            IntStream.range(0, messages)
                    .forEach(i -> sender.push(
                            join,
                            "realtime:flood",
                            "broadcast",
                            "{\"event\":\"e\",\"payload\":{\"n\":" + i + ",\"filler\":\"" + filler + "\"}}"));

            assertThat(awaitBroadcasts(reader, messages))
                    .extracting(payload -> payload.at("/payload/n").asInt())
                    .isEqualTo(IntStream.range(0, messages).boxed().toList());
            assertThat(awaitBroadcasts(another, messages)).hasSize(messages);
            assertThat(sender.isOpen()).isTrue();
        }
    }

    @Test
    void B9_aChannelThatLeftGetsNothingMore() {
        try (PhoenixClient sender = server.connect();
                PhoenixClient leaver = server.connect();
                PhoenixClient stayer = server.connect()) {
            String left = leaver.joinedRoom("realtime:leave", "{}");
            stayer.joinedRoom("realtime:leave", "{}");
            String join = sender.joinedRoom("realtime:leave", "{}");
            leaver.reply(leaver.push(left, "realtime:leave", "phx_leave", "{}"));

            sender.push(join, "realtime:leave", "broadcast", "{\"event\":\"e\"}");

            awaitBroadcasts(stayer, 1);
            assertThat(broadcasts(leaver)).isEmpty();
        }
    }

    @Test
    void J7_aTopicThatABinaryFrameCannotNameIsRefused() {
        try (PhoenixClient client = server.connect()) {
            JsonNode reply = client.join("realtime:" + "ü".repeat(130), null);

            assertThat(reply.at("/response/reason").asString()).startsWith("TopicTooLong: ");
        }
    }

    private static HttpResponse<String> post(String path, String type, String body) {
        return post(server.anonKey(), path, type, body);
    }

    private static HttpResponse<String> post(String token, String path, String type, String body) {
        var request = HttpRequest.newBuilder(URI.create(server.url() + path))
                .header("Authorization", "Bearer " + token)
                .header("Content-Type", type)
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        return HTTP.sendAsync(request, HttpResponse.BodyHandlers.ofString()).join();
    }
}

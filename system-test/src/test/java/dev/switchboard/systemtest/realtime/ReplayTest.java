package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What was said before a channel was joined (SPEC Z6, Z7), and broadcasts that are kept (SPEC Z8). */
class ReplayTest {
    private static TestServer server;
    private static final String USER = UUID.randomUUID().toString();

    private final List<PhoenixClient> clients = new ArrayList<>();
    private String name;
    private String topic;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        sql(
                "create policy hear on realtime.messages for select to authenticated using (realtime.topic() not like 'closed%'"
                        + " and event is distinct from 'secret'"
                        + " and case when realtime.topic() like 'boom%' then 1 / (case event when 'boom' then 0 else 1 end) = 1 else true end)",
                "create policy speak on realtime.messages for insert to authenticated with check (realtime.topic() not like 'heard%'"
                        + " and event is distinct from 'forbidden')");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void room() {
        in("room-" + UUID.randomUUID());
    }

    private void in(String room) {
        name = room;
        topic = "realtime:" + name;
    }

    @AfterEach
    void leave() {
        clients.forEach(PhoenixClient::close);
    }

    private static void sql(String... statements) {
        server.database().useHandle(handle -> List.of(statements).forEach(handle::execute));
    }

    private PhoenixClient client() {
        PhoenixClient client = server.connect();
        clients.add(client);
        return client;
    }

    /** @param replay JSON, or null for a join without */
    private JsonNode join(PhoenixClient client, boolean isPrivate, boolean self, String replay) {
        ObjectNode payload = PhoenixClient.JSON.createObjectNode().put("access_token", token());
        ObjectNode config = payload.putObject("config").put("private", isPrivate);
        ObjectNode broadcast = config.putObject("broadcast").put("ack", true).put("self", self);
        if (replay != null) {
            broadcast.set("replay", PhoenixClient.JSON.readTree(replay));
        }
        client.send("1", "1", topic, "phx_join", payload);
        return client.reply("1");
    }

    private static String token() {
        return server.userToken(UUID.fromString(USER));
    }

    private PhoenixClient joined(String replay) {
        PhoenixClient client = client();
        assertThat(join(client, true, false, replay).get("status").asString()).isEqualTo("ok");
        return client;
    }

    private void send(int from, int to) {
        sql("select realtime.send(jsonb_build_object('n', n), 'word', '" + name + "') from generate_series(" + from
                + ", " + to + ") as n");
    }

    private static List<JsonNode> broadcasts(PhoenixClient client) {
        return client.messages().stream()
                .filter(message -> message.get(3).asString().equals("broadcast"))
                .toList();
    }

    private static List<Integer> numbers(PhoenixClient client) {
        return broadcasts(client).stream()
                .map(message -> message.get(4).at("/payload/n").asInt())
                .toList();
    }

    private static List<Integer> numbers(int from, int to) {
        return IntStream.rangeClosed(from, to).boxed().toList();
    }

    /** Waits until a live message has come, so that everything before it has. */
    private List<Integer> numbersUntilNow(PhoenixClient client) {
        send(999, 999);
        await().until(() -> numbers(client).contains(999));
        return numbers(client).stream().filter(n -> n != 999).toList();
    }

    @Test
    void Z6_aJoinIsToldTheLatestMessagesInTheOrderInWhichTheyWereSaid() {
        send(1, 20);
        send(21, 30);

        assertThat(numbersUntilNow(joined("{\"since\":0,\"limit\":3}"))).containsExactly(28, 29, 30);
        in(name);
        PhoenixClient all = joined("{\"since\":0}");
        await().until(() -> numbers(all).size() == 25);
        assertThat(numbers(all)).isEqualTo(concat(numbers(7, 30), List.of(999)));
        assertThat(numbers(joinedAndTold("{\"since\":0,\"limit\":100}", 25))).hasSize(25);
        assertThat(numbers(joinedAndTold("{\"since\":0,\"limit\":0}", 1))).containsExactly(999);
    }

    private PhoenixClient joinedAndTold(String replay, int count) {
        PhoenixClient client = joined(replay);
        await().until(() -> numbers(client).size() >= count);
        return client;
    }

    private static List<Integer> concat(List<Integer> one, List<Integer> other) {
        var all = new ArrayList<>(one);
        all.addAll(other);
        return all;
    }

    @Test
    void Z6_aReplayedMessageIsMarkedAndAddressed() {
        send(1, 1);

        JsonNode message = broadcasts(joinedAndTold("{\"since\":0}", 1)).getFirst();

        assertThat(message.get(0).asString()).isEqualTo("1");
        assertThat(message.get(4).get("event").asString()).isEqualTo("word");
        assertThat(message.at("/4/meta/replayed").asBoolean()).isTrue();
        assertThat(message.at("/4/meta/id").asString())
                .isEqualTo(message.at("/4/payload/id").asString());
    }

    @Test
    void Z6_onlyWhatIsMeantIsReplayed() {
        String another = "room-" + UUID.randomUUID();
        send(1, 2);
        long since = server.database()
                .withHandle(handle -> handle.createQuery(
                                "select ceil(extract(epoch from max(inserted_at)) * 1000) + 1 from realtime.messages")
                        .mapTo(long.class)
                        .one());
        await().until(() -> System.currentTimeMillis() > since);
        PhoenixClient early = joined(null);
        sql(
                "select realtime.send('{\"n\":3}', 'word', '" + another + "')",
                "select realtime.send('{\"n\":4}', 'word', '" + name + "', false)",
                "insert into realtime.messages (topic, extension, private, event, payload, expires_at) values ('" + name
                        + "', 'broadcast', true, 'word', '{\"n\":5}', now() - interval '1 second'), ('" + name
                        + "', 'broadcast', true, 'word', '{\"n\":6}', now() + interval '1 hour'), ('" + name
                        + "', 'presence', true, 'word', '{\"n\":7}', null)",
                "select realtime.send('{\"n\":8}', 'secret', '" + name + "')",
                "select realtime.send('{\"n\":9}', 'word', '" + name + "')");
        await().until(() -> numbers(early).contains(9)); // who joins later is not told of them as they are said

        assertThat(numbersUntilNow(joined("{\"since\":" + since + "}")))
                .as("of the room, private, since then, not expired, readable by policy")
                .containsExactly(6, 9);
        assertThat(numbersUntilNow(joined(null))).isEmpty();
    }

    @Test
    void Z6_whatCannotBeReplayedIsRefusedWithTheOriginalsWords() {
        assertThat(refusal(false, "{\"since\":0}"))
                .isEqualTo("UnableToReplayMessages: Replay is not allowed for public channels");
        for (String malformed :
                List.of("{}", "{\"since\":\"0\"}", "{\"since\":0,\"limit\":\"many\"}", "{\"since\":1.5}", "7")) {
            assertThat(refusal(true, malformed))
                    .as(malformed)
                    .isEqualTo("UnableToReplayMessages: Replay params are not valid");
        }
        in("closed-" + name);
        assertThat(refusal(true, "{\"since\":0}")).startsWith("Unauthorized: ");
    }

    private String refusal(boolean isPrivate, String replay) {
        JsonNode reply = join(client(), isPrivate, false, replay);
        assertThat(reply.get("status").asString()).isEqualTo("error");
        return reply.at("/response/reason").asString();
    }

    @Test
    void Z6_bytesAreReplayedAsBytes() {
        sql("select realtime.send_binary('\\x00ff10', 'raw', '" + name + "')");

        PhoenixClient client = joined("{\"since\":0}");

        await().until(() -> !client.binaries().isEmpty());
        assertThat(new String(client.binaries().getFirst(), StandardCharsets.ISO_8859_1))
                .contains(topic, "raw", "{\"replayed\":true,\"id\":\"")
                .endsWith("\u0000\u00ff\u0010");
    }

    /** Z1, Z6: what is said to nobody is replayed to nobody, and takes nothing else along. */
    @Test
    void Z6_whatCannotBeSaidIsNotReplayed() {
        sql(
                "select realtime.send_binary('\\x00', repeat('e', 300), '" + name + "')",
                "select realtime.send('{\"n\":1}', repeat('e', 300), '" + name + "')");
        send(2, 3);

        assertThat(numbersUntilNow(joined("{\"since\":0}"))).containsExactly(2, 3);
    }

    @Test
    void Z6_whatIsTooLargeTogetherIsCutAndSaidToBe() {
        sql("select realtime.send(jsonb_build_object('n', n, 'text', repeat('x', 100000)), 'word', '" + name
                + "') from generate_series(1, 4) as n");

        PhoenixClient client = joinedAndTold("{\"since\":0}", 2);

        assertThat(numbersUntilNow(client)).containsExactly(3, 4);
        assertThat(client.event(topic, "system").at("/4/message").asString()).startsWith("ReplayIncomplete: ");
    }

    /** Z7: while it is said, by several at once, many join; each hears all from the first that it is told on, each once. */
    @Test
    void Z7_nothingIsMissedOrToldTwiceWhileItIsSaid() {
        var last = new AtomicInteger();
        var done = new AtomicInteger();
        Thread writer = Thread.ofVirtual()
                .start(() -> server.database().useHandle(handle -> {
                    while (done.get() == 0) {
                        handle.execute(
                                "select realtime.send(jsonb_build_object('n', ?), 'word', ?)",
                                last.incrementAndGet(),
                                name);
                    }
                }));
        var heard = new ArrayList<PhoenixClient>();
        for (int i = 0; i < 40; i++) {
            int before = last.get();
            await().until(() -> last.get() > before + 20);
            heard.add(joined("{\"since\":0,\"limit\":" + (1 + i % 25) + "}"));
        }
        done.set(1);
        await().until(() -> !writer.isAlive());

        for (PhoenixClient client : heard) {
            await().until(() -> numbers(client).contains(last.get()));
            List<Integer> all = numbers(client).stream().sorted().toList();
            assertThat(all).isEqualTo(numbers(all.getFirst(), last.get()));
            List<Integer> live = broadcasts(client).stream()
                    .filter(message -> message.at("/4/meta/replayed").isMissingNode())
                    .map(message -> message.at("/4/payload/n").asInt())
                    .toList();
            assertThat(live).isSorted();
            assertThat(live.size()).isLessThan(all.size());
        }
    }

    /**
     * Z7: a commit that waits for a standby is told before any snapshot sees it. Who joins then has it replayed: the past is read when it is
     * there.
     */
    @Test
    void Z7_whatWasToldAndIsNotVisibleYetIsReplayedAllTheSame() throws InterruptedException {
        PhoenixClient hearer = joined(null);
        sql("alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()");
        try {
            await().until(() -> server.database()
                    .withHandle(handle -> handle.createQuery("select current_setting('synchronous_standby_names')")
                            .mapTo(String.class)
                            .one()
                            .equals("nobody")));
            Thread writer = Thread.ofVirtual().start(() -> send(1, 1));
            await().until(() -> numbers(hearer).contains(1));
            int visible = server.database()
                    .withHandle(handle -> handle.createQuery("select count(*) from realtime.messages where topic = ?")
                            .bind(0, name)
                            .mapTo(Integer.class)
                            .one());
            assertThat(visible).isZero();

            PhoenixClient late = joined("{\"since\":0}");
            sql("alter system reset synchronous_standby_names", "select pg_reload_conf()");
            writer.join();

            await().until(() -> numbers(late).contains(1));
            assertThat(numbersUntilNow(late)).containsExactly(1);
        } finally {
            sql("alter system reset synchronous_standby_names", "select pg_reload_conf()");
        }
    }

    /** What cannot be read ends the channel, whose client joins again: silence would look like an empty past. */
    @Test
    void Z7_aReplayThatFailsIsSaid() {
        in("boom-" + name);
        sql("select realtime.send('{\"n\":1}', 'boom', '" + name + "')");

        PhoenixClient client = joined("{\"since\":0}");

        assertThat(client.event(topic, "system").at("/4/message").asString())
                .isEqualTo("UnableToReplayMessages: Realtime was unable to replay messages");
        client.event(topic, "phx_error");
    }

    private static void keep(PhoenixClient client, String ref, String topic, String event, int n, String persist) {
        byte[] payload = ("{\"n\":" + n + "}").getBytes(StandardCharsets.UTF_8);
        client.sendBinary(PhoenixClient.kind3("1", ref, topic, event, "{\"persist\":" + persist + "}", true, payload));
    }

    @Test
    void Z8_aKeptBroadcastIsHeardNowAndReplayedLater() {
        PhoenixClient speaker = joined(null);
        PhoenixClient hearer = joined(null);
        for (int n = 1; n <= 30; n++) {
            keep(speaker, Integer.toString(10 + n), topic, "word", n, n == 29 ? "{\"ttl\":1}" : "true");
        }
        for (int n = 1; n <= 30; n++) {
            assertThat(speaker.reply(Integer.toString(10 + n)).get("status").asString())
                    .isEqualTo("ok");
        }
        speaker.sendBinary(
                PhoenixClient.kind3("1", "50", topic, "raw", "{\"persist\":true}", false, new byte[] {0, -1}));
        speaker.reply("50");

        assertThat(numbersUntilNow(hearer)).isEqualTo(numbers(1, 30));
        assertThat(hearer.binaries()).hasSize(1);
        assertThat(numbersUntilNow(speaker)).as("its own do not come back").containsOnly();
        await().until(() -> server.database()
                .withHandle(handle -> handle.createQuery(
                                "select bool_and(expires_at < now()) from realtime.messages where topic = ? and expires_at is not null")
                        .bind(0, name)
                        .mapTo(boolean.class)
                        .one()));
        PhoenixClient later = joined("{\"since\":0,\"limit\":5}");
        await().until(() -> numbers(later).size() == 4 && later.binaries().size() == 1);
        assertThat(numbers(later)).containsExactly(28, 30, 999, 999);
    }

    @Test
    void Z8_whoWantsItsOwnGetsThemOnce() {
        PhoenixClient client = client();
        join(client, true, true, null);
        keep(client, "2", topic, "word", 1, "true");
        client.reply("2");

        assertThat(numbersUntilNow(client)).containsExactly(1);
    }

    @Test
    void Z8_whatMayNotBeKeptIsAnsweredAndNotSaid() {
        PhoenixClient open = client();
        join(open, false, false, null);
        keep(open, "2", topic, "word", 1, "true");
        assertThat(open.reply("2").at("/response/error").asString()).startsWith("PersistenceNotAllowed: ");
        PhoenixClient client = joined(null);
        PhoenixClient hearer = joined(null);
        for (String malformed : List.of("{}", "7", "{\"ttl\":0}", "{\"ttl\":\"x\"}")) {
            String ref = "m" + malformed.hashCode();
            keep(client, ref, topic, "word", 2, malformed);
            assertThat(client.reply(ref).at("/response/error").asString())
                    .as(malformed)
                    .startsWith("PersistenceInvalid: ");
        }
        client.sendBinary(PhoenixClient.kind3(
                "1",
                "2",
                topic,
                "word",
                "{\"persist\":true}",
                true,
                "{\"n\":2,\"text\":\"\\u0000\"}".getBytes(StandardCharsets.UTF_8)));
        assertThat(client.reply("2").at("/response/error").asString())
                .as("no jsonb can hold it")
                .startsWith("InvalidPayload: ");
        client.sendText(
                "[\"1\",\"5\",\"" + topic
                        + "\",\"broadcast\",{\"type\":\"broadcast\",\"event\":\"forbidden\",\"payload\":{\"n\":2},\"persist\":true}]");
        assertThat(client.reply("5").at("/response/error").asString())
                .as("as text the same")
                .startsWith("UnauthorizedToWrite: ");
        keep(client, "3", topic, "forbidden", 3, "true");
        assertThat(client.reply("3").at("/response/error").asString())
                .as("the row itself is what its policy is asked about")
                .startsWith("UnauthorizedToWrite: ");
        keep(client, "4", topic, "word", 4, "false");
        client.reply("4");

        assertThat(numbersUntilNow(hearer)).containsExactly(4);
        PhoenixClient later = joinedAndTold("{\"since\":0}", 1);
        assertThat(numbersUntilNow(later)).doesNotContain(1, 2, 3, 4);
    }

    @Test
    void Z8_overHttpTheSame() {
        PhoenixClient hearer = joined(null);
        String path = "/realtime/v1/api/broadcast/" + name + "/events/word";
        String[] token = {"Authorization", "Bearer " + token()};
        try (Http http = new Http(server)) {
            assertThat(http.post(path + "?private=true&persist=true", "{\"n\":1}", token)
                            .status())
                    .isEqualTo(202);
            assertThat(http.post(path + "?private=true&persist%5Bttl%5D=3600", "{\"n\":2}", token)
                            .status())
                    .isEqualTo(202);
            assertThat(http.post(path + "?private=true&persist=false", "{\"n\":3}", token)
                            .status())
                    .isEqualTo(202);
            assertThat(http.post(path + "?persist=true", "{\"n\":4}", token).status())
                    .isEqualTo(422);
            Http.Answer batch = http.post(
                    "/realtime/v1/api/broadcast",
                    "{\"messages\":[{\"topic\":\"" + name
                            + "\",\"event\":\"word\",\"payload\":{\"n\":7},\"private\":true,\"persist\":true}]}",
                    token);
            assertThat(batch.status()).isEqualTo(422);
            assertThat(batch.body()).contains("is for single messages");
            assertThat(http.post(path + "?private=true&persist=true", "{\"text\":\"\\u0000\"}", token)
                            .status())
                    .isEqualTo(422);
            assertThat(http.post(path + "?private=true&persist%5Bttl%5D=x", "{\"n\":5}", token)
                            .status())
                    .isEqualTo(422);
            assertThat(http.post(path.replace("word", "forbidden") + "?private=true&persist=true", "{\"n\":6}", token)
                            .status())
                    .isEqualTo(403);
        }
        await().until(() -> new HashSet<>(numbers(hearer)).containsAll(List.of(1, 2, 3)));
        assertThat(numbersUntilNow(hearer)).containsExactlyInAnyOrder(1, 2, 3);
        assertThat(numbersUntilNow(joined("{\"since\":0}"))).containsExactly(1, 2);
    }

    /** Z6: a time zone of who writes, or of the database, moves no message. */
    @Test
    void Z6_aTimeIsTheSameInEveryZone() {
        long before = System.currentTimeMillis();
        sql(
                "begin; set local timezone = 'Pacific/Auckland'; select realtime.send('{\"n\":1}', 'word', '" + name
                        + "'); commit",
                "begin; set local timezone = 'America/Los_Angeles'; select realtime.send('{\"n\":2}', 'word', '" + name
                        + "'); commit");

        assertThat(numbersUntilNow(joined("{\"since\":" + before + "}"))).containsExactly(1, 2);
        PhoenixClient none = joined("{\"since\":" + (System.currentTimeMillis() + 5_000) + "}");
        await().during(Duration.ofMillis(100)).until(() -> numbers(none).isEmpty());
    }
}

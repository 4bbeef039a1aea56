package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Private channels (SPEC Y1 to Y6), and broadcasts from the database (SPEC Z1 to Z4). */
class PrivateChannelsTest {
    private static final String HEARER = "hearer";
    private static final String SPEAKER = "speaker";
    private static TestServer server;

    private String name;
    private String topic;
    private PhoenixClient ann;
    private PhoenixClient bob;
    private UUID annId;
    private UUID bobId;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        sql(
                "create table room_members (room text, member uuid, part text, primary key (room, member))",
                "grant select on room_members to authenticated",
                "create policy hear on realtime.messages for select to authenticated using (exists (select from"
                        + " room_members m where m.member = (select auth.uid()) and m.room = (select realtime.topic())))",
                "create policy speak on realtime.messages for insert to authenticated with check (exists (select from"
                        + " room_members m where m.member = (select auth.uid()) and m.room = (select realtime.topic())"
                        + " and m.part = 'speaker'))");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void connect() {
        name = "room-" + UUID.randomUUID();
        topic = "realtime:" + name;
        annId = UUID.randomUUID();
        bobId = UUID.randomUUID();
        ann = server.connect();
        bob = server.connect();
    }

    @AfterEach
    void leave() {
        ann.close();
        bob.close();
    }

    private static void sql(String... statements) {
        server.database().useHandle(handle -> List.of(statements).forEach(handle::execute));
    }

    private void member(UUID user, String part) {
        sql("insert into room_members values ('" + name + "', '" + user + "', '" + part + "')");
    }

    private static ObjectNode config(boolean isPrivate, boolean ack, boolean presence) {
        ObjectNode config = PhoenixClient.JSON.createObjectNode().put("private", isPrivate);
        config.putObject("broadcast").put("ack", ack).put("self", false);
        config.putObject("presence").put("enabled", presence);
        return config;
    }

    private JsonNode join(PhoenixClient client, UUID user, ObjectNode config) {
        ObjectNode payload = PhoenixClient.JSON.createObjectNode();
        payload.set("config", config);
        if (user != null) {
            payload.put("access_token", server.userToken(user));
        }
        client.send("1", "1", topic, "phx_join", payload);
        return client.reply("1");
    }

    private void joined(PhoenixClient client, UUID user, ObjectNode config) {
        assertThat(join(client, user, config).get("status").asString()).isEqualTo("ok");
    }

    private void say(PhoenixClient client, String ref, String word) {
        client.send("1", ref, topic, "broadcast", (ObjectNode) PhoenixClient.JSON.readTree(
                "{\"type\":\"broadcast\",\"event\":\"word\",\"payload\":{\"word\":\"" + word + "\"}}"));
    }

    private static JsonNode heard(PhoenixClient client, String word) {
        return client.message(message -> message.get(3).asString().equals("broadcast")
                        && message.get(4).at("/payload/word").asString("").equals(word))
                .get(4);
    }

    private static boolean hasHeard(PhoenixClient client, String word) {
        return client.messages().stream()
                .anyMatch(message -> message.get(3).asString().equals("broadcast")
                        && message.get(4).at("/payload/word").asString("").equals(word));
    }

    @Test
    void Y1_whoMayNotHearIsRefusedWithTheOriginalsWords() {
        member(bobId, HEARER);

        JsonNode refused = join(ann, annId, config(true, false, false));

        assertThat(refused.get("status").asString()).isEqualTo("error");
        assertThat(refused.at("/response/reason").asString())
                .isEqualTo("Unauthorized: You do not have permissions to read from this Channel topic: " + name);
        joined(bob, bobId, config(true, false, false));
    }

    @Test
    void Y2_whoMaySpeakIsHeardAndWhoMayNotIsTold() {
        member(annId, SPEAKER);
        member(bobId, HEARER);
        joined(ann, annId, config(true, true, false));
        joined(bob, bobId, config(true, true, false));

        say(ann, "2", "hello");
        assertThat(ann.reply("2").get("status").asString()).isEqualTo("ok");
        heard(bob, "hello");
        say(bob, "2", "me too");
        assertThat(bob.reply("2").at("/response/reason").asString())
                .isEqualTo("UnauthorizedToWrite: You do not have permissions to write to this Channel topic");
        say(ann, "3", "the end");
        heard(bob, "the end");
        assertThat(hasHeard(ann, "me too")).isFalse();
    }

    @Test
    void Y2_aDeniedBroadcastWithoutAcknowledgementIsNoSilence() {
        member(bobId, HEARER);
        joined(bob, bobId, config(true, false, false));

        say(bob, "2", "me too");

        JsonNode said = bob.event(topic, "system").get(4);
        assertThat(said.get("status").asString()).isEqualTo("error");
        assertThat(said.get("message").asString()).startsWith("UnauthorizedToWrite: ");
    }

    @Test
    void Y2_whatIsSaidAtOnceIsHeardInOrder() {
        member(annId, SPEAKER);
        member(bobId, HEARER);
        joined(ann, annId, config(true, false, false));
        joined(bob, bobId, config(true, false, false));

        for (int i = 0; i < 50; i++) {
            say(ann, Integer.toString(10 + i), "w" + i);
        }
        heard(bob, "w49");

        List<String> words = bob.messages().stream()
                .filter(message -> message.get(3).asString().equals("broadcast"))
                .map(message -> message.get(4).at("/payload/word").asString())
                .toList();
        assertThat(words)
                .hasSize(50)
                .isSortedAccordingTo((one, other) ->
                        Integer.compare(Integer.parseInt(one.substring(1)), Integer.parseInt(other.substring(1))));
    }

    @Test
    void Y3_thePublicRoomOfTheNameIsAnother() {
        member(annId, SPEAKER);
        joined(ann, annId, config(true, true, true));
        joined(bob, bobId, config(false, true, true));

        say(ann, "2", "private");
        say(bob, "2", "public");
        bob.reply("2");
        ann.reply("2");
        sql("select realtime.send('{\"word\":\"last\"}', 'word', '" + name + "', true)");
        sql("select realtime.send('{\"word\":\"last\"}', 'word', '" + name + "', false)");
        heard(ann, "last");
        heard(bob, "last");

        assertThat(hasHeard(bob, "private")).isFalse();
        assertThat(hasHeard(ann, "public")).isFalse();
    }

    @Test
    void Y4_whoLosesTheRightIsOutSoon() {
        member(annId, SPEAKER);
        member(bobId, HEARER);
        joined(ann, annId, config(true, true, false));
        joined(bob, bobId, config(true, true, false));
        sql("delete from room_members where member = '" + bobId + "'");

        long start = System.nanoTime();
        JsonNode said = bob.event(topic, "system").get(4);
        assertThat(said.get("message").asString())
                .isEqualTo("You do not have permissions to read from this Channel topic: " + name);
        bob.event(topic, "phx_close");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(12));

        say(ann, "2", "among us");
        ann.reply("2");
        assertThat(hasHeard(bob, "among us")).isFalse();
    }

    /** Where the stream tells of what policies read, nobody asks until it does, and then at once. */
    @Test
    void Y4_whoIsThereIsAskedAboutWhenTheStreamTellsOfIt() {
        sql("alter publication switchboard_dependencies add table room_members");
        try {
            member(annId, SPEAKER);
            member(bobId, HEARER);
            joined(ann, annId, config(true, true, false));
            joined(bob, bobId, config(true, true, true));
            await().atMost(Duration.ofSeconds(30)) // what was not told of is looked at again after a while
                    .until(() -> server.figure("switchboard_rooms_held") >= 2);
            double asked = server.figure("switchboard_rooms_asked_total");
            await().during(Duration.ofSeconds(7)) // longer than what nobody tells of counts
                    .atMost(Duration.ofSeconds(12))
                    .until(() -> server.figure("switchboard_rooms_asked_total") == asked);
            sql("update room_members set part = 'hearer' where member = '" + annId + "'");
            await().until(() -> {
                say(ann, Integer.toString(100 + ann.messages().size()), "not any more");
                return ann.messages().toString().contains("UnauthorizedToWrite");
            });

            sql("delete from room_members where member = '" + bobId + "'");

            assertThat(bob.event(topic, "system").get(4).get("message").asString())
                    .isEqualTo("You do not have permissions to read from this Channel topic: " + name);
            bob.event(topic, "phx_close");
        } finally {
            sql("alter publication switchboard_dependencies drop table room_members");
        }
    }

    @Test
    void Y4_whoLosesTheRightToSpeakIsDeniedSoon() {
        member(annId, SPEAKER);
        joined(ann, annId, config(true, true, false));
        say(ann, "2", "one");
        assertThat(ann.reply("2").get("status").asString()).isEqualTo("ok");
        sql("update room_members set part = 'hearer' where member = '" + annId + "'");

        int[] ref = {10};
        await().atMost(Duration.ofSeconds(20))
                .pollInterval(Duration.ofMillis(200))
                .until(() -> {
                    String next = Integer.toString(ref[0]++);
                    say(ann, next, "again");
                    return ann.reply(next).get("status").asString().equals("error");
                });
    }

    @Test
    void Y4_whoGainsARightHearsSoon() {
        sql("insert into room_members values ('" + name + "', '" + bobId + "', 'hearer')");
        sql("create policy presence_only on realtime.messages as restrictive for select using (realtime.topic() <> '"
                + name + "' or extension = 'presence')");
        try {
            await().until(() -> {
                try (PhoenixClient fresh = server.connect()) {
                    joined(fresh, bobId, config(true, false, true));
                    sql("select realtime.send('{\"word\":\"try\"}', 'word', '" + name + "')");
                    fresh.event(topic, "presence_state");
                    return !hasHeard(fresh, "try");
                }
            });
            joined(bob, bobId, config(true, false, true));
        } finally {
            sql("drop policy presence_only on realtime.messages");
        }
        await().atMost(Duration.ofSeconds(20)).until(() -> {
            sql("select realtime.send('{\"word\":\"now\"}', 'word', '" + name + "')");
            return hasHeard(bob, "now");
        });
    }

    /** The rights of the last token decide, whatever the one between had; presence is not inherited. */
    @Test
    void Y5_tokensThatFollowEachOtherLeaveNothingBehind() {
        UUID carl = UUID.randomUUID();
        member(annId, SPEAKER);
        member(bobId, SPEAKER);
        sql("insert into room_members values ('" + name + "', '" + carl + "', 'hearer')");
        joined(ann, annId, config(true, false, true));
        joined(bob, bobId, config(true, true, true));
        ann.send("1", "2", topic, "presence", (ObjectNode) PhoenixClient.JSON.readTree(
                "{\"type\":\"presence\",\"event\":\"track\",\"payload\":{\"who\":\"ann\"}}"));
        bob.message(message -> message.get(3).asString().equals("presence_diff")
                && message.get(4).get("joins").toString().contains("ann"));

        ann.push("1", topic, "access_token", "{\"access_token\":\"" + server.userToken(bobId) + "\"}");
        ann.push("1", topic, "access_token", "{\"access_token\":\"" + server.userToken(carl) + "\"}");

        bob.message(message -> message.get(3).asString().equals("presence_diff")
                && message.get(4).get("leaves").toString().contains("ann"));
        // what was said in between, that she was gone above all, is a gap that the channel is told of
        await().until(() -> {
            say(bob, Integer.toString(100 + bob.messages().size()), "still");
            return hasHeard(ann, "still")
                    || ann.messages()
                            .toString()
                            .contains("ClaimsChanged: Changes were withheld while the token changed");
        });
    }

    @Test
    void Y2_whatIsTakenBackAtOnceIsNotThere() {
        member(annId, SPEAKER);
        joined(ann, annId, config(true, true, true));
        ann.event(topic, "presence_state");
        ann.send("1", "2", topic, "presence", (ObjectNode) PhoenixClient.JSON.readTree(
                "{\"type\":\"presence\",\"event\":\"track\",\"payload\":{\"who\":\"ann\"}}"));
        ann.send("1", "3", topic, "presence", (ObjectNode)
                PhoenixClient.JSON.readTree("{\"type\":\"presence\",\"event\":\"untrack\"}"));
        ann.reply("2");
        ann.reply("3");

        member(bobId, HEARER);
        joined(bob, bobId, config(true, false, true));
        assertThat(bob.event(topic, "presence_state").get(4).isEmpty()).isTrue();
    }

    @Test
    void Y4_whoMayNotBePresentAnyMoreIsNot() {
        member(annId, SPEAKER);
        member(bobId, HEARER);
        joined(ann, annId, config(true, true, true));
        joined(bob, bobId, config(true, true, true));
        ann.send("1", "2", topic, "presence", (ObjectNode) PhoenixClient.JSON.readTree(
                "{\"type\":\"presence\",\"event\":\"track\",\"payload\":{\"who\":\"ann\"}}"));
        ann.reply("2");
        sql("update room_members set part = 'hearer' where member = '" + annId + "'");

        bob.message(message -> message.get(3).asString().equals("presence_diff")
                && message.get(4).get("leaves").toString().contains("ann"));
    }

    /** A personal topic, private, joined before its user's token is known (SPEC J9, Y5). */
    @Test
    void Y5_aPersonalTopicThatIsPrivateWaitsForItsUser() {
        name = "user_changes_" + annId;
        topic = "realtime:" + name;
        member(annId, HEARER);
        joined(ann, null, config(true, false, false));
        ann.push("1", topic, "access_token", "{\"access_token\":\"" + server.userToken(annId) + "\"}");

        await().until(() -> {
            sql("select realtime.send('{\"word\":\"personal\"}', 'word', '" + name + "')");
            return hasHeard(ann, "personal");
        });
    }

    @Test
    void Y5_anotherUsersTokenIsLookedAtAnew() {
        member(annId, HEARER);
        joined(ann, annId, config(true, false, false));

        ann.push("1", topic, "access_token", "{\"access_token\":\"" + server.userToken(bobId) + "\"}");

        assertThat(ann.event(topic, "system").get(4).get("message").asString())
                .isEqualTo("You do not have permissions to read from this Channel topic: " + name);
        ann.event(topic, "phx_close");
    }

    /** The official client may join before it knows its user's token. */
    @Test
    void Y5_aJoinWithoutATokenWaitsForOne() {
        member(annId, HEARER);
        member(bobId, HEARER);
        joined(ann, null, config(true, false, false));
        try (PhoenixClient hearer = server.connect()) {
            joined(hearer, bobId, config(true, false, false));
            sql("select realtime.send('{\"word\":\"early\"}', 'word', '" + name + "')");
            heard(hearer, "early"); // the stream has brought it
        }
        ann.push("1", topic, "access_token", "{\"access_token\":\"" + server.userToken(annId) + "\"}");

        await().untilAsserted(() -> {
            sql("select realtime.send('{\"word\":\"late\"}', 'word', '" + name + "')");
            assertThat(hasHeard(ann, "late")).isTrue();
        });
        assertThat(hasHeard(ann, "early")).isFalse();

        joined(bob, null, config(true, false, false));
        assertThat(bob.event(topic, "system").get(4).get("message").asString())
                .contains("You do not have permissions to read from this Channel topic: " + name);
        bob.event(topic, "phx_error");
    }

    @Test
    void Y6_broadcastAndPresenceAreAllowedEachByItself() {
        sql("create policy presence_here on realtime.messages as restrictive for select using (realtime.topic() <> '"
                + name + "' or messages.extension = 'presence')");
        try {
            await().untilAsserted(() -> {
                try (PhoenixClient fresh = server.connect()) {
                    UUID user = UUID.randomUUID();
                    sql("insert into room_members values ('" + name + "', '" + user + "', 'speaker')");
                    joined(fresh, user, config(true, true, true));
                    assertThat(fresh.event(topic, "presence_state").get(4).isObject())
                            .isTrue();
                    sql("select realtime.send('{\"word\":\"unheard\"}', 'word', '" + name + "')");
                    fresh.send("1", "2", topic, "presence", (ObjectNode) PhoenixClient.JSON.readTree(
                            "{\"type\":\"presence\",\"event\":\"track\",\"payload\":{\"at\":1}}"));
                    assertThat(fresh.reply("2").get("status").asString()).isEqualTo("ok");
                    fresh.event(topic, "presence_diff");
                    assertThat(hasHeard(fresh, "unheard")).isFalse();
                }
            });
        } finally {
            sql("drop policy presence_here on realtime.messages");
        }
    }

    @Test
    void Y1_policiesReadTheSixSettings() {
        sql(
                "create policy settings on realtime.messages for select to authenticated using ("
                        + "realtime.topic() like 'six-%' and current_setting('role') = 'authenticated'"
                        + " and current_setting('request.jwt.claims')::jsonb ->> 'sub' = current_setting('request.jwt.claim.sub')"
                        + " and current_setting('request.jwt.claim.role') = 'authenticated'"
                        + " and jsonb_typeof(current_setting('request.headers')::jsonb) = 'object' and private and topic = realtime.topic())");
        try {
            name = "six-" + name;
            topic = "realtime:" + name;
            await().untilAsserted(() -> {
                try (PhoenixClient fresh = server.connect()) {
                    joined(fresh, UUID.randomUUID(), config(true, false, false));
                }
            });
        } finally {
            sql("drop policy settings on realtime.messages");
        }
    }

    @Test
    void Y1_aPolicyThatRaisesAllowsNothing() {
        sql(
                "create policy odd on realtime.messages as restrictive for select using (realtime.topic() <> 'odd' or 1 / (length(topic) - 3) > 0)");
        try {
            name = "odd";
            topic = "realtime:odd";
            sql("insert into room_members values ('odd', '" + annId + "', 'hearer')");
            await().untilAsserted(() -> {
                try (PhoenixClient fresh = server.connect()) {
                    assertThat(join(fresh, annId, config(true, false, false))
                                    .at("/response/reason")
                                    .asString())
                            .startsWith("Unauthorized: ");
                }
            });
        } finally {
            sql("drop policy odd on realtime.messages");
        }
    }

    @Test
    void Y1_theServiceRoleMayDoEverythingAndAnonNothing() {
        ObjectNode payload = PhoenixClient.JSON.createObjectNode().put("access_token", server.serviceKey());
        payload.set("config", config(true, true, true));
        ann.send("1", "1", topic, "phx_join", payload);
        assertThat(ann.reply("1").get("status").asString()).isEqualTo("ok");
        say(ann, "2", "hello");
        assertThat(ann.reply("2").get("status").asString()).isEqualTo("ok");

        payload.put("access_token", server.anonKey());
        bob.send("1", "1", topic, "phx_join", payload);
        assertThat(bob.reply("1").at("/response/reason").asString()).startsWith("Unauthorized: ");
    }

    @Test
    void Y2_overHttpPoliciesDecideToo() {
        member(annId, SPEAKER);
        member(bobId, HEARER);
        joined(bob, bobId, config(true, false, false));
        try (Http http = new Http(server)) {
            String single = "/realtime/v1/api/broadcast/" + name + "/events/word?private=true";
            String[] anns = {"Authorization", "Bearer " + server.userToken(annId)};
            String[] bobs = {"Authorization", "Bearer " + server.userToken(bobId)};
            assertThat(http.post(single, "{\"word\":\"one\"}", anns).status()).isEqualTo(202);
            heard(bob, "one");
            Http.Answer denied = http.post(single, "{\"word\":\"no\"}", bobs);
            assertThat(denied.status()).isEqualTo(403);
            assertThat(denied.json().get("message").asString()).isEqualTo("Unauthorized");

            String batch =
                    "{\"messages\":[{\"topic\":\"" + name + "\",\"event\":\"word\",\"payload\":{\"word\":\"two\"},"
                            + "\"private\":true},{\"topic\":\"%s\",\"event\":\"word\",\"payload\":{\"word\":\"three\"},\"private\":true}]}";
            assertThat(http.post("/realtime/v1/api/broadcast", batch.formatted("elsewhere"), anns)
                            .status())
                    .as("all or none")
                    .isEqualTo(403);
            assertThat(http.post("/realtime/v1/api/broadcast", batch.formatted(name), anns)
                            .status())
                    .isEqualTo(202);
            heard(bob, "three");
            assertThat(hasHeard(bob, "no")).isFalse();
            assertThat(bob.messages().stream()
                            .filter(message -> message.get(4)
                                    .at("/payload/word")
                                    .asString("")
                                    .equals("two"))
                            .count())
                    .isEqualTo(1);
        }
    }

    @Test
    void Z1_whatTheDatabaseSendsIsHeardOnCommitWithItsId() {
        member(bobId, HEARER);
        joined(bob, bobId, config(true, false, false));
        server.database().useTransaction(handle -> {
            handle.execute("select realtime.send('{\"word\":\"taken back\"}', 'word', '" + name + "')");
            handle.rollback();
        });
        sql("select realtime.send('{\"word\":\"kept\"}', 'word', '" + name + "')");

        JsonNode message = heard(bob, "kept");
        assertThat(message.get("type").asString()).isEqualTo("broadcast");
        assertThat(message.get("event").asString()).isEqualTo("word");
        assertThat(message.at("/meta/id").asString())
                .isEqualTo(message.at("/payload/id").asString());
        assertThat(UUID.fromString(message.at("/meta/id").asString())).isNotNull();
        assertThat(hasHeard(bob, "taken back")).isFalse();
    }

    @Test
    void Z2_broadcastsAndChangesComeInTheOrderOfCommits() {
        member(bobId, HEARER);
        sql(
                "create table if not exists steps (id serial primary key, n int)",
                "alter publication supabase_realtime add table steps");
        sql("grant select on steps to authenticated");
        ObjectNode config = config(true, false, false);
        config.putArray("postgres_changes").add(PhoenixClient.binding("*", "public", "steps", null));
        joined(bob, bobId, config);
        bob.message(message -> message.get(3).asString().equals("system"));
        for (int i = 0; i < 20; i++) {
            sql(
                    "insert into steps (n) values (" + i + ")",
                    "select realtime.send('{\"word\":\"s" + i + "\"}', 'word', '" + name + "')");
        }
        heard(bob, "s19");

        assertThat(bob.changes())
                .as("all changes came before the last broadcast")
                .hasSize(20);
    }

    @Test
    void Z3_triggersBroadcastChanges() {
        member(bobId, HEARER);
        sql(
                "create table if not exists notes (id int primary key, room text, text text)",
                "create or replace function tell() returns trigger language plpgsql security definer as $$ begin perform"
                        + " realtime.broadcast_changes(coalesce(new.room, old.room), tg_op, tg_op, tg_table_name, tg_table_schema, new, old);"
                        + " return null; end $$",
                "create or replace trigger tell after insert or update or delete on notes for each row execute function tell()");
        joined(bob, bobId, config(true, false, false));
        sql(
                "insert into notes values (1, '" + name + "', 'a')",
                "update notes set text = 'b' where id = 1",
                "delete from notes where id = 1");

        JsonNode deleted = bob.message(
                        message -> message.get(4).path("event").asString("").equals("DELETE"))
                .get(4);
        assertThat(deleted.at("/payload/operation").asString()).isEqualTo("DELETE");
        assertThat(deleted.at("/payload/record").isNull()).isTrue();
        assertThat(deleted.at("/payload/old_record/text").asString()).isEqualTo("b");
        JsonNode updated = bob.message(
                        message -> message.get(4).path("event").asString("").equals("UPDATE"))
                .get(4);
        assertThat(updated.at("/payload/record/text").asString()).isEqualTo("b");
        assertThat(updated.at("/payload/old_record/text").asString()).isEqualTo("a");
        assertThat(updated.at("/payload/table").asString()).isEqualTo("notes");
    }

    @Test
    void Z4_bytesComeAsBytes() {
        member(bobId, HEARER);
        joined(bob, bobId, config(true, false, false));
        sql("select realtime.send_binary('\\x00ff10', 'raw', '" + name + "')");

        await().until(() -> !bob.binaries().isEmpty());
        byte[] frame = bob.binaries().getFirst();
        String text = new String(frame, StandardCharsets.ISO_8859_1);
        assertThat(frame[0]).isEqualTo((byte) 4);
        assertThat(text).contains(topic, "raw", "{\"id\":\"").endsWith("\u0000\u00ff\u0010");
    }

    @Test
    void Z5_daysThatAreOverGoAndTheComingOnesAreThere() {
        sql(
                "create table realtime.messages_2020_01_01 partition of realtime.messages for values from ('2020-01-01') to ('2020-01-02')",
                "insert into realtime.messages (topic, extension, event, payload, inserted_at) values"
                        + " ('old', 'broadcast', 'e', '{}', '2020-01-01 12:00'), ('old', 'broadcast', 'e', '{}', now() - interval '73 hours'),"
                        + " ('old', 'broadcast', 'e', '{}', now() - interval '71 hours')",
                "select switchboard.keep_messages(interval '72 hours')");

        server.database().useHandle(handle -> {
            assertThat(handle.createQuery("select count(*) from realtime.messages where topic = 'old'")
                            .mapTo(int.class)
                            .one())
                    .isEqualTo(1);
            assertThat(handle.createQuery("select to_regclass('realtime.messages_2020_01_01') is null")
                            .mapTo(boolean.class)
                            .one())
                    .isTrue();
            assertThat(handle.createQuery(
                                    "select count(*) from generate_series(current_date - 1, current_date + 3, interval '1 day') as d"
                                            + " where to_regclass('realtime.messages_' || to_char(d, 'YYYY_MM_DD')) is not null")
                            .mapTo(int.class)
                            .one())
                    .isEqualTo(5);
        });
    }
}

package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.ResumingClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** SPEC A14: who listens with {@code leave} is told of rows that leave its sight, and when its rights change. */
class SightTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static final AtomicInteger NOTES = new AtomicInteger();

    private static TestServer server;

    private final UUID one = UUID.randomUUID();
    private final UUID other = UUID.randomUUID();

    @BeforeAll
    static void start() {
        server = TestServer.start();
        server.script("""
                create table sight_member (user_id uuid, team int, primary key (user_id, team));
                create table sight_note (id int primary key);
                create function sight_shows(owner uuid) returns boolean stable language sql as 'select owner = auth.uid()';
                create table sight_case (id int primary key, team int, owner uuid, state text);
                alter table sight_case replica identity full;
                alter table sight_member replica identity full;
                alter table sight_case enable row level security;
                grant select on sight_case, sight_note, sight_member to authenticated;
                alter publication supabase_realtime add table sight_case, sight_note;
                alter publication switchboard_dependencies add table sight_member;
                """);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void policy() {
        try (PhoenixClient anybody = join(other, leaving(null))) { // so that what is changed here is not said later on
            run(
                    "drop policy if exists teams on sight_case",
                    "drop policy if exists more on sight_case",
                    "create policy teams on sight_case for select using"
                            + " (team in (select m.team from sight_member m where m.user_id = auth.uid()) or owner = auth.uid())");
            awaitAnew(anybody);
        }
        run("delete from sight_case");
        run("delete from sight_note");
        run("delete from sight_member");
        run("insert into sight_member values ('" + one + "', 1), ('" + other + "', 1)");
    }

    private static void run(String... statements) {
        server.database()
                .useHandle(handle -> handle.useTransaction(inside -> {
                    for (String statement : statements) {
                        inside.execute(statement);
                    }
                }));
    }

    private static ObjectNode leaving(String filter) {
        return PhoenixClient.binding("*", "public", "sight_case", filter).put("leave", true);
    }

    private static PhoenixClient join(UUID user, ObjectNode binding) {
        return server.connect()
                .joined(
                        "realtime:cases",
                        server.userToken(user),
                        binding,
                        PhoenixClient.binding("INSERT", "public", "sight_note", null));
    }

    /** What came, each as TYPE id, up to a row of another table that is written now; what is owed by then has been said. */
    private static List<String> told(PhoenixClient... clients) {
        for (int i = 0; i < 2; i++) {
            int id = NOTES.incrementAndGet();
            run("insert into sight_note values (" + id + ")");
            for (PhoenixClient client : clients) {
                await().atMost(PATIENCE).until(() -> changes(client).contains("INSERT note " + id));
            }
        }
        return changes(clients[0]).stream()
                .filter(change -> !change.contains("note"))
                .toList();
    }

    private static List<String> changes(PhoenixClient client) {
        return client.changes().stream().map(SightTest::words).toList();
    }

    private static String words(JsonNode change) {
        JsonNode row = change.has("record") ? change.get("record") : change.get("old_record");
        String what = change.get("table").asString().equals("sight_note") ? "note " : "";
        String kind = change.has("left") ? "LEAVE" : change.get("type").asString();
        return kind + " " + what + row.get("id").asInt();
    }

    private static long notices(PhoenixClient client) {
        return client.messages().stream()
                .filter(message -> message.at("/4/message").asString("").equals("Rights changed"))
                .count();
    }

    /** It is told to begin anew. */
    private static void awaitAnew(PhoenixClient client) {
        await().atMost(PATIENCE)
                .until(() -> client.messages().stream()
                        .anyMatch(
                                message -> message.at("/4/message").asString("").startsWith("RightsChanged")));
    }

    private static void awaitNotices(PhoenixClient client, int count) {
        await().atMost(PATIENCE).until(() -> notices(client) >= count);
        told(client);
        assertThat(notices(client)).isEqualTo(count);
    }

    @Test
    void A14_aRowThatIsNotForItsReaderAnyMoreIsSaidToHaveLeft() {
        try (PhoenixClient leaving = join(one, leaving(null));
                PhoenixClient plain = join(one, PhoenixClient.binding("*", "public", "sight_case", null));
                PhoenixClient next = join(other, leaving(null))) {
            run("insert into sight_case values (1, 2, '" + one + "', 'open')");
            run("update sight_case set owner = '" + other + "' where id = 1");
            run("update sight_case set state = 'closed' where id = 1");
            run("delete from sight_case where id = 1");

            assertThat(told(leaving, plain, next)).containsExactly("INSERT 1", "LEAVE 1");
            assertThat(told(plain)).containsExactly("INSERT 1");
            assertThat(told(next)).containsExactly("UPDATE 1", "UPDATE 1", "DELETE 1");
            JsonNode left = leaving.changes().get(1);
            assertThat(left.at("/old_record/owner").asString()).isEqualTo(one.toString());
            assertThat(left.get("type").asString())
                    .as("to a client that knows of nothing else it is gone")
                    .isEqualTo("DELETE");
            assertThat(left.has("record")).isFalse();
            assertThat(notices(leaving)).as("nobody's rights are others").isZero();
        }
    }

    @Test
    void A14_aRowThatIsNotWithinTheFilterAnyMoreHasLeft() {
        try (PhoenixClient open = join(one, leaving("state=eq.open"));
                PhoenixClient large = join(one, leaving("id=gt.5"));
                PhoenixClient named = join(one, leaving("state=like.%pen"))) {
            run("insert into sight_case values (1, 1, null, 'open'), (9, 1, null, 'shut')");
            run("update sight_case set state = 'closed' where id = 1");
            run("update sight_case set state = 'done' where id = 1");
            run("update sight_case set id = 3 where id = 9");

            assertThat(told(open, large, named)).containsExactly("INSERT 1", "LEAVE 1");
            assertThat(told(large)).containsExactly("INSERT 9", "LEAVE 9");
            assertThat(told(named)).containsExactly("INSERT 1", "LEAVE 1");
        }
    }

    /** By the rights of now: what somebody may not see any more is not told of, not even that it has left. */
    @Test
    void A14_whatRightsHideIsNotSaidToHaveLeft() {
        try (PhoenixClient client = join(one, leaving(null))) {
            run("insert into sight_case values (1, 1, null, 'open')");
            assertThat(told(client)).containsExactly("INSERT 1");
            run(
                    "delete from sight_member where user_id = '" + one + "'",
                    "update sight_case set team = 7 where id = 1");

            assertThat(told(client)).containsExactly("INSERT 1");
            assertThat(notices(client)).isEqualTo(1);
        }
    }

    @Test
    void A14_aMembershipThatGoesAndComesIsSaidToItsUserAlone() {
        try (PhoenixClient client = join(one, leaving(null));
                PhoenixClient plain = join(one, PhoenixClient.binding("*", "public", "sight_case", null));
                PhoenixClient another = join(other, leaving(null))) {
            run("insert into sight_case values (1, 1, null, 'open')");
            assertThat(told(client, plain, another)).containsExactly("INSERT 1"); // all are known by now

            run("delete from sight_member where user_id = '" + one + "'");
            awaitNotices(client, 1);
            run("insert into sight_member values ('" + one + "', 1)");
            awaitNotices(client, 2);

            told(plain, another);
            assertThat(notices(another)).isZero();
            assertThat(notices(plain)).isZero();
        }
    }

    /** What the stream does not tell is looked at every second. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "alter policy teams on sight_case using (owner = auth.uid() and state = 'open')",
                "create policy more on sight_case as restrictive for select using (id > 0)",
                "revoke select on sight_case from authenticated; grant select on sight_case to authenticated",
                "alter table sight_case disable row level security; alter table sight_case enable row level security"
            })
    void A14_otherPoliciesAndGrantsAreSaid(String change) {
        try (PhoenixClient client = join(one, leaving(null))) {
            told(client);
            assertThat(notices(client)).isZero();
            run(change.split("; "));
            awaitAnew(client);
        }
    }

    @Test
    void A14_anotherBodyOfAFunctionThatPoliciesCallIsSaid() {
        run("alter policy teams on sight_case using (sight_shows(owner))");
        try (PhoenixClient client = join(one, leaving(null))) {
            told(client);
            run("create or replace function sight_shows(owner uuid) returns boolean stable language sql"
                    + " as 'select owner is not null'");
            awaitAnew(client);
        }
    }

    @Test
    void A14_anotherUsersTokenSeesOtherRows() {
        try (PhoenixClient client = join(one, leaving(null))) {
            told(client);
            client.push(
                    null, "realtime:cases", "access_token", "{\"access_token\":\"" + server.userToken(other) + "\"}");
            awaitNotices(client, 1);
        }
    }

    private ResumingClient resuming() {
        return new ResumingClient("realtime:cases", server.userToken(one), leaving(null));
    }

    @Test
    void A14_H2_whoComesBackIsToldIfItsRightsHaveChangedMeanwhile() {
        run("insert into sight_case values (1, 1, null, 'open')");
        try (ResumingClient client = resuming()) {
            client.join(server::connect);
            run("update sight_case set state = 'a' where id = 1");
            await().atMost(PATIENCE).until(() -> client.heard().size() == 1);
            client.leave();
            run("update sight_case set state = 'b' where id = 1");
            client.join(server::connect);
            for (int i = 3;
                    i <= 4;
                    i++) { // what is owed when the first of them comes has been said when the second does
                int heard = i;
                run("update sight_case set state = 'c' where id = 1");
                await().atMost(PATIENCE).until(() -> client.heard().size() == heard);
            }
            assertThat(notices(client.connection())).as("nothing but a row").isZero();

            client.leave();
            run("delete from sight_member where user_id = '" + one + "'");
            run("update sight_case set state = 'd' where id = 1"); // so that it is known to have passed
            awaitDelivered();
            assertThat(client.join(server::connect).get("resync").asString()).startsWith("RightsChanged");

            client.leave();
            run("alter policy teams on sight_case using (true)");
            await().atMost(PATIENCE).until(() -> {
                boolean anew = client.join(server::connect).has("resync");
                client.leave();
                return anew;
            });
        }
    }

    private static void awaitDelivered() {
        try (PhoenixClient client = join(other(), leaving(null))) {
            told(client);
        }
    }

    private static UUID other() {
        return UUID.randomUUID();
    }

    /** Policies that hang on claims: with others one sees other rows. */
    @Test
    void A14_H2_whoComesBackWithOtherClaimsBeginsAnew() {
        run("alter policy teams on sight_case using (team = (auth.jwt() ->> 'team')::int)");
        JsonNode first;
        try (PhoenixClient client = server.connect()) {
            first = client.join("realtime:cases", claims(1), resumable(null)).at("/response/switchboard");
        }
        String since = first.get("since").asString();
        for (int team = 1; team <= 2; team++) {
            try (PhoenixClient client = server.connect()) {
                JsonNode again = client.join("realtime:cases", claims(team), resumable(since))
                        .at("/response/switchboard");
                assertThat(again.get("resumed").asBoolean()).isEqualTo(team == 1);
                assertThat(again.path("resync").asString("")).startsWith(team == 1 ? "" : "RightsChanged");
            }
        }
    }

    private String claims(int team) {
        return server.token("authenticated", Map.of("sub", one.toString(), "team", team));
    }

    private static ObjectNode resumable(String since) {
        ObjectNode binding = leaving(null);
        ObjectNode wish = binding.putObject("switchboard").put("positions", true);
        if (since != null) {
            wish.put("since", since);
        }
        return binding;
    }

    /** What policies hang on is found out anew. */
    @Test
    void A14_aPolicyThatComesToReadAnotherTableIsFollowed() {
        run("alter policy teams on sight_case using (owner = auth.uid())");
        try (PhoenixClient client = join(one, leaving(null))) {
            told(client);
            run("alter policy teams on sight_case using"
                    + " (team in (select m.team from sight_member m where m.user_id = auth.uid()))");
            awaitAnew(client);
        }
        try (PhoenixClient client = join(one, leaving(null))) {
            told(client);
            run("delete from sight_member where user_id = '" + one + "'");
            awaitNotices(client, 1);
        }
    }

    /** What only PostgreSQL can decide is asked of what the row was, too. */
    @Test
    void A14_aRowThatWasNeverWithinTheFilterHasNotLeft() {
        try (PhoenixClient client = join(one, leaving("state=imatch.^vip"))) {
            run("insert into sight_case values (1, 1, null, 'open'), (2, 1, null, 'VIP1')");
            run(
                    "update sight_case set state = 'shut' where id = 1",
                    "update sight_case set state = 'shut' where id = 2");
            run("update sight_case set state = 'done'");

            assertThat(told(client)).containsExactly("INSERT 2", "LEAVE 2");
        }
    }
}

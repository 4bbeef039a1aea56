package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.channel.Rooms;
import dev.switchboard.systemtest.harness.LiveClient;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** SPEC I: queries that are kept. */
class LiveQueryTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static TestServer server;

    private final UUID one = UUID.randomUUID();
    private final String token = server.userToken(one);

    @BeforeAll
    static void start() {
        server = TestServer.start();
        server.script("""
                create table live_team (id int primary key, name text);
                create table live_member (user_id uuid, team int, primary key (user_id, team));
                create table live_case (id int primary key, team int references live_team, rank int, name text, at date);
                create table live_plain (id int primary key, name text);
                create table live_own (id int primary key);
                alter table live_own enable row level security;
                create policy known on live_own for select using (auth.uid() is not null);
                insert into live_own values (1);
                grant select on live_own to anon, authenticated;
                alter table live_team replica identity full;
                alter table live_member replica identity full;
                alter table live_case replica identity full;
                alter table live_case enable row level security;
                create policy teams on live_case for select using
                  (team in (select m.team from live_member m where m.user_id = auth.uid()));
                grant select on live_team, live_member, live_case, live_plain to authenticated;
                alter publication supabase_realtime add table live_team, live_case, live_plain, live_own;
                alter publication switchboard_dependencies add table live_member;
                """);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void rows() {
        run("delete from live_case", "delete from live_member", "delete from live_team", "delete from live_plain");
        run(
                "insert into live_team values (1, 'north'), (2, 'south')",
                "insert into live_member values ('" + one + "', 1)",
                "insert into live_case values (1, 1, 10, 'a', null), (2, 1, 20, 'b', null), (3, 1, 30, 'c', null), (9, 2, 5, 'x', null)");
    }

    private static void run(String... statements) {
        server.database().useTransaction(handle -> List.of(statements).forEach(handle::execute));
    }

    private LiveClient keep(String table, String query) {
        return new LiveClient(server.connect(), "realtime:kept", token, table, query);
    }

    private static void awaitAll(LiveClient client, String member, String... values) {
        await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(10))
                .untilAsserted(() -> assertThat(client.all(member)).containsExactly(values));
    }

    @Test
    void I1_I2_theReplyIsFollowedByTheAnswerThenByWhatBecomesOfIt() {
        try (LiveClient client = keep("live_case", "select=id,name&order=rank")) {
            awaitAll(client, "name", "a", "b", "c");
            run("insert into live_case values (4, 1, 15, 'd', null)");
            awaitAll(client, "name", "a", "d", "b", "c");
            run("update live_case set name = 'e' where id = 4");
            awaitAll(client, "name", "a", "e", "b", "c");
            run("update live_case set rank = 40 where id = 1");
            awaitAll(client, "name", "e", "b", "c", "a");
            run("delete from live_case where id = 2");
            awaitAll(client, "name", "e", "c", "a");

            assertThat(client.operations()).containsExactly("reset", "insert", "update", "move", "delete");
            assertThat(client.isPolled()).isFalse();
        }
    }

    @Test
    void I6_whoWantsFewTellingsIsToldOfTheLastOfManyChangesAndAtOnceOfWhatComes() {
        ObjectNode query =
                PhoenixClient.JSON.createObjectNode().put("table", "live_case").put("query", "order=id");
        try (var seldom = new LiveClient(
                        server.connect(),
                        "realtime:seldom",
                        token,
                        query.deepCopy().put("max_rate", 0.05));
                var often = new LiveClient(
                        server.connect(),
                        "realtime:often",
                        token,
                        query.deepCopy().put("max_rate", 20.333333333333332));
                LiveClient every = keep("live_case", "order=id")) {
            for (LiveClient client : List.of(seldom, often, every)) {
                awaitAll(client, "name", "a", "b", "c");
            }
            for (int i = 1; i <= 15; i++) {
                run("update live_case set name = 'a" + i + "' where id = 1");
            }
            awaitAll(every, "name", "a15", "b", "c");
            awaitAll(often, "name", "a15", "b", "c");
            assertThat(seldom.operations()).as("within 20 s of its reset").containsExactly("reset");

            run("insert into live_case values (4, 1, 40, 'd', null)");
            awaitAll(seldom, "name", "a15", "b", "c", "d");
            assertThat(seldom.operations()).containsExactly("reset", "update", "insert");
        }
    }

    @ParameterizedTest
    @CsvSource({"0", "-1", "1001", "\"2\"", "1e99", "true"})
    void I6_aRateThatIsNoneIsRefused(String rate) {
        try (PhoenixClient client = server.connect()) {
            ObjectNode config = PhoenixClient.JSON.createObjectNode();
            config.putObject("switchboard")
                    .set("live", PhoenixClient.JSON.readTree("{\"table\":\"live_case\",\"max_rate\":" + rate + "}"));
            client.joinUnder(config, "realtime:rate", token);
            assertThat(client.event("realtime:rate", "phx_reply").toString()).contains("MalformedBinding", "max_rate");
        }
    }

    /** Told what the API key may see, it would take that for its user's answer. */
    @Test
    void I1_J11_whoJoinsWithoutATokenThatPoliciesAskForIsSentBackForIt() {
        try (LiveClient client = new LiveClient(server.connect(), "realtime:soon", null, "live_own", "select=id")) {
            awaitAll(client, "id");
            client.connection()
                    .message(message -> message.at("/4/message").asString("").startsWith("TokenAwaited"));
            client.connection().event("realtime:soon", "phx_error");
        }
        try (LiveClient client = new LiveClient(server.connect(), "realtime:soon", token, "live_own", "select=id")) {
            awaitAll(client, "id", "1");
        }
    }

    @Test
    void I1_J10_whoIsInNoRoomIsToldOfItsAnswerAllTheSame() {
        try (TestServer closed = TestServer.with()
                        .limits(new ChannelLimits(100, 1000, Rooms.SIGNED_IN), 100)
                        .start();
                PhoenixClient anybody = closed.connect()) {
            closed.script("""
                    create table news (id int primary key);
                    grant select on news to anon;
                    alter publication supabase_realtime add table news;
                    insert into news values (1);
                    """);
            LiveClient client = new LiveClient(anybody, "realtime:news", null, "news", "select=id");
            awaitAll(client, "id", "1");
        }
    }

    /** As the official client has to ask for it: a binding that is there for its query alone. */
    @Test
    void I1_aBindingWithoutChangesIsToldOfItsAnswerAlone() {
        try (PhoenixClient client = server.connect()) {
            ObjectNode binding = PhoenixClient.binding("*", "public", "live_case", null);
            ObjectNode own = binding.putObject("switchboard").put("changes", false);
            own.putObject("live").put("table", "live_case").put("query", "select=id&order=id");
            JsonNode reply = client.join("realtime:silent", token, binding);
            client.event("realtime:silent", "live");
            run("update live_case set name = 'again' where id = 2", "delete from live_case where id = 1");
            client.message(message -> message.at("/4/ops/0/op").asString().equals("delete"));

            assertThat(reply.at("/response/switchboard/live").asBoolean()).isTrue();
            assertThat(reply.at("/response/postgres_changes/0/table").asString())
                    .isEqualTo("live_case");
            assertThat(reply.at("/response/postgres_changes/0/id").asInt()).isPositive();
            assertThat(client.changes()).isEmpty();
        }
    }

    /** The window refills itself. */
    @Test
    void I2_aWindowIsTheFirstRowsWhateverComesAndGoes() {
        try (LiveClient client = keep("live_case", "select=id,name&order=rank,id&limit=2&offset=1")) {
            awaitAll(client, "name", "b", "c");
            run("delete from live_case where id = 2");
            awaitAll(client, "name", "c");
            run("insert into live_case values (5, 1, 1, 'n', null), (6, 1, 2, 'm', null)");
            awaitAll(client, "name", "m", "a");
        }
    }

    @Test
    void I3_rightsMoveRows() {
        try (LiveClient client = keep("live_case", "select=id,name&order=rank")) {
            awaitAll(client, "name", "a", "b", "c");
            run("insert into live_member values ('" + one + "', 2)");
            awaitAll(client, "name", "x", "a", "b", "c");
            run("update live_case set team = 2 where id = 1");
            run("delete from live_member where team = 2");
            awaitAll(client, "name", "b", "c");
            run("alter policy teams on live_case using (rank > 25)");
            awaitAll(client, "name", "c");
            run("alter policy teams on live_case using"
                    + " (team in (select m.team from live_member m where m.user_id = auth.uid()))");
            awaitAll(client, "name", "b", "c");
        }
    }

    @Test
    void I3_anotherUsersTokenSeesItsOwnAnswer() {
        UUID other = UUID.randomUUID();
        run("insert into live_member values ('" + other + "', 2)");
        try (LiveClient client = keep("live_case", "select=id,name&order=rank")) {
            awaitAll(client, "name", "a", "b", "c");
            client.connection()
                    .push(
                            null,
                            "realtime:kept",
                            "access_token",
                            "{\"access_token\":\"" + server.userToken(other) + "\"}");
            awaitAll(client, "name", "x");
            run("update live_case set name = 'y' where id = 9", "update live_case set name = 'z' where id = 1");
            awaitAll(client, "name", "y");
        }
    }

    /** The official client joins before it knows its user's token (J8): the API key alone may not see the table. */
    @Test
    void I1_whoSignsInAMomentLaterIsNotRefused() {
        try (LiveClient client = new LiveClient(server.connect(), "realtime:kept", null, "live_case", "order=rank")) {
            client.connection().push(null, "realtime:kept", "access_token", "{\"access_token\":\"" + token + "\"}");
            awaitAll(client, "name", "a", "b", "c");
        }
    }

    /** Nobody has to wait until the data API has heard of it. */
    @Test
    void I1_aTableThatWasMadeJustNowCanBeAsked() {
        for (int i = 0; i < 5; i++) {
            String table = "live_new" + i;
            run(
                    "create table " + table + " (id int primary key, name text)",
                    "insert into " + table + " values (1, 'a')",
                    "grant select on " + table + " to authenticated",
                    "alter publication supabase_realtime add table " + table);
            try (LiveClient client = keep(table, "order=id")) {
                awaitAll(client, "name", "a");
            }
        }
    }

    @Test
    void I1_whatIsEmbeddedIsFollowedToo() {
        try (LiveClient client = keep("live_case", "select=id,team:live_team(name)&id=eq.1")) {
            await().atMost(PATIENCE).until(client::isShown);
            run("update live_team set name = 'east' where id = 1");
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(
                                    client.rows().getFirst().at("/team/name").asString())
                            .isEqualTo("east"));
        }
    }

    /** Equal queries of one reader are read together, and of another apart. */
    @Test
    void I4_equalQueriesOfOneReaderAreReadOnce() {
        try (LiveClient first = keep("live_case", "order=rank");
                LiveClient second = keep("live_case", "order=rank")) {
            awaitAll(first, "name", "a", "b", "c");
            awaitAll(second, "name", "a", "b", "c");
            assertThat(server.figure("switchboard_live_queries")).isEqualTo(1);
            try (LiveClient third = new LiveClient(
                    server.connect(),
                    "realtime:kept",
                    server.userToken(UUID.randomUUID()),
                    "live_case",
                    "order=rank")) {
                await().atMost(PATIENCE).until(third::isShown);
                assertThat(third.rows()).isEmpty();
                assertThat(server.figure("switchboard_live_queries")).isEqualTo(2);
            }
        }
        await().atMost(PATIENCE)
                .untilAsserted(() ->
                        assertThat(server.figure("switchboard_live_queries")).isZero());
        assertThat(server.figure("switchboard_live_bytes")).isZero();
    }

    /** Without the whole old row it is not told when one leaves: it is read every now and then. */
    @Test
    void I3_whatNobodyCanTellIsReadAgainEveryFewSeconds() {
        run("insert into live_plain values (1, 'a')");
        try (LiveClient client = keep("live_plain", "order=id")) {
            awaitAll(client, "name", "a");
            assertThat(client.isPolled()).isTrue();
            run("update live_plain set name = 'b'");
            awaitAll(client, "name", "b");
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    live_nothing | order=id          | there is no table public.live_nothing
                    live_case    | order=nothing     | column live_case.nothing does not exist
                    live_case    | at=gt.today       | changes with the clock
                    live_case    | rank=bad          | failed to parse
                    live_member  | order=team        | not in publication
                    """)
    void I1_whatCannotBeKeptIsRefusedWithTheReason(String table, String query, String reason) {
        try (LiveClient client = keep(table, query)) {
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(client.connection().messages())
                            .anySatisfy(message -> assertThat(
                                            message.at("/4/message").asString(""))
                                    .startsWith("LiveQueryRefused")
                                    .contains(reason)));
            client.connection().event("realtime:kept", "phx_close");
        }
    }

    @Test
    void I5_moreThanMayBeKeptIsRefused() {
        run("insert into live_plain select i, 'n' from generate_series(1, 1001) i");
        try (LiveClient client = keep("live_plain", "select=id");
                LiveClient some = keep("live_plain", "select=id&limit=1000")) {
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(client.connection().messages())
                            .anySatisfy(message -> assertThat(
                                            message.at("/4/message").asString(""))
                                    .contains("1001 rows; there may be 1000")));
            await().atMost(PATIENCE).until(() -> some.rows().size() == 1_000);
        }
    }

    /** Rows without a key of that name are told apart by what they hold; so are those of one key. */
    @Test
    void I2_rowsAreToldApartByTheirKey() {
        run("insert into live_plain values (1, 'a'), (2, 'a'), (3, 'b')");
        ObjectNode byName = PhoenixClient.JSON
                .createObjectNode()
                .put("table", "live_plain")
                .put("query", "select=name&order=name,id");
        byName.putArray("key").add("name");
        try (LiveClient client = new LiveClient(server.connect(), "realtime:kept", token, byName)) {
            awaitAll(client, "name", "a", "a", "b");
            run("update live_plain set name = 'c' where id = 1");
            awaitAll(client, "name", "a", "b", "c");
        }
    }
}

package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.data.DataSettings;
import dev.switchboard.systemtest.harness.LiveClient;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * SPEC I3, by random policies, memberships, filters, orders, windows, aggregates and embedded tables: at every quiet moment a channel's list
 * is what the data API answers its reader.
 */
class LiveQueryDifferentialTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final List<UUID> USERS =
            IntStream.range(0, 3).mapToObj(_ -> UUID.randomUUID()).toList();

    private static final List<String> POLICIES = List.of(
            "true",
            "owner = auth.uid()",
            "team in (select m.team from kept_member m where m.user_id = auth.uid())",
            "owner = auth.uid() or team in (select m.team from kept_member m where m.user_id = auth.uid() and m.role <> 'guest')",
            "not exists (select from kept_member m where m.user_id = auth.uid() and m.role = 'guest' and m.team = kept_row.team)",
            "(select count(*) from kept_member m where m.team = kept_row.team) > 1",
            "rank > 3 and owner is not null");

    private static final List<String> CONDITIONS = List.of(
            "state=eq.open1",
            "state=like.open*",
            "state=in.(open0,hidden)",
            "rank=gte.4",
            "or=(rank.lt.3,team.eq.1)",
            "owner=not.is.null",
            "team=eq.1");

    private static final List<String> SELECTS =
            List.of("*", "id,state", "id,rank,team", "id,state,of:kept_team(name)", "id,of:kept_team!inner(name)");

    private static final List<String> ORDERS =
            List.of("id", "rank,id", "state.desc,id", "rank.desc.nullslast,id.desc", "team,rank,id");

    private static final List<String> AGGREGATES = List.of(
            "select=state,count(),rank.sum()&order=state",
            "select=team,rank.min(),rank.max(),rank.avg()&order=team",
            "select=count()");

    private static TestServer server;

    private final Random random = new Random(seed());

    private static long seed() {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("LiveQueryDifferentialTest: -Dseed=" + seed);
        return seed;
    }

    @BeforeAll
    static void start() {
        server = TestServer.with()
                .data(DataSettings.defaults().with(new DataSettings.Offers(true, false, false)))
                .start();
        server.script("""
                create table kept_team (id int primary key, name text);
                create table kept_member (user_id uuid, team int, role text, primary key (user_id, team));
                create table kept_row (id int primary key, team int references kept_team, owner uuid, state text, rank int);
                alter table kept_team replica identity full;
                alter table kept_member replica identity full;
                alter table kept_row replica identity full;
                alter table kept_row enable row level security;
                create policy p on kept_row for select using (true);
                insert into kept_team values (0, 'north'), (1, 'south'), (2, 'east');
                grant select on kept_row, kept_team, kept_member to authenticated;
                alter publication supabase_realtime add table kept_row, kept_team;
                alter publication switchboard_dependencies add table kept_member;
                """);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** One query of one user. */
    private static final class Kept implements AutoCloseable {
        private final String query;
        private final String token;
        private final LiveClient client;

        Kept(UUID user, String query, String... key) {
            this.query = query;
            token = server.userToken(user);
            ObjectNode live = PhoenixClient.JSON
                    .createObjectNode()
                    .put("table", "kept_row")
                    .put("query", query);
            var names = live.putArray("key");
            List.of(key).forEach(names::add);
            client = new LiveClient(server.connect(), "realtime:kept", token, live);
        }

        /** What the data API answers. */
        List<JsonNode> answer() {
            var request = HttpRequest.newBuilder(URI.create(server.url() + "/rest/v1/kept_row?" + query))
                    .header("Authorization", "Bearer " + token)
                    .build();
            HttpResponse<String> response = HTTP.sendAsync(request, HttpResponse.BodyHandlers.ofString())
                    .join();
            assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
            var rows = new ArrayList<JsonNode>();
            PhoenixClient.JSON.readTree(response.body()).forEach(rows::add);
            return rows;
        }

        @Override
        public void close() {
            client.close();
        }
    }

    private static final HttpClient HTTP = HttpClient.newHttpClient();

    @Test
    void I3_theListIsWhatTheDataApiAnswers() {
        run(POLICIES.size(), 8);
    }

    @Test
    @Tag("long")
    void I3_theListIsWhatTheDataApiAnswersInManyWorkloads() {
        run(2_000, 10);
    }

    private void run(int workloads, int steps) {
        for (int workload = 0; workload < workloads; workload++) {
            reset(POLICIES.get(workload % POLICIES.size()));
            List<Kept> all = queries();
            all.forEach(kept -> await().atMost(PATIENCE).until(kept.client::isShown));
            for (int step = 0; step < steps; step++) {
                for (int i = 0; i <= random.nextInt(6); i++) {
                    execute(random.nextInt(8) == 0 ? List.of(policy()) : mixed());
                }
                all.forEach(LiveQueryDifferentialTest::compare);
            }
            all.forEach(Kept::close);
        }
    }

    private static void compare(Kept kept) {
        await().atMost(PATIENCE)
                .pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(10))
                .untilAsserted(
                        () -> assertThat(kept.client.rows()).as(kept.query).isEqualTo(kept.answer()));
    }

    private List<Kept> queries() {
        var all = new ArrayList<Kept>();
        for (int i = 0; i < 6; i++) {
            var query = new StringBuilder("select=" + any(SELECTS) + "&order=" + any(ORDERS));
            for (int j = random.nextInt(3); j > 0; j--) {
                query.append('&').append(any(CONDITIONS));
            }
            if (random.nextBoolean()) {
                query.append("&limit=")
                        .append(1 + random.nextInt(5))
                        .append("&offset=")
                        .append(random.nextInt(3));
            }
            all.add(new Kept(any(USERS), query.toString(), "id"));
        }
        all.add(new Kept(any(USERS), any(AGGREGATES), "state", "team"));
        return all;
    }

    private <T> T any(List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }

    private void reset(String policy) {
        execute(List.of(
                "delete from kept_row",
                "delete from kept_member",
                "alter policy p on kept_row using (" + policy + ")"));
        for (int i = 0; i < 6; i++) {
            execute(List.of(membership()));
        }
        for (int i = 0; i < 12; i++) {
            execute(List.of(row()));
        }
    }

    private void execute(List<String> statements) {
        server.database().useTransaction(handle -> statements.forEach(handle::execute));
    }

    private String policy() {
        return "alter policy p on kept_row using (" + any(POLICIES) + ")";
    }

    private List<String> mixed() {
        var statements = new ArrayList<String>();
        for (int i = 0; i <= random.nextInt(3); i++) {
            statements.add(
                    switch (random.nextInt(6)) {
                        case 0 -> membership();
                        case 1 ->
                            "update kept_team set name = 'n" + random.nextInt(100) + "' where id = "
                                    + random.nextInt(3);
                        default -> row();
                    });
        }
        return statements;
    }

    private String row() {
        int id = random.nextInt(15);
        String team = random.nextInt(6) == 0 ? "null" : Integer.toString(random.nextInt(3));
        String owner = random.nextInt(3) == 0 ? "null" : "'" + any(USERS) + "'";
        String state = random.nextInt(4) == 0 ? "hidden" : "open" + random.nextInt(3);
        String rank = random.nextInt(6) == 0 ? "null" : Integer.toString(random.nextInt(8));
        return switch (random.nextInt(6)) {
            case 0 -> "delete from kept_row where id = " + id;
            case 1 -> "update kept_row set team = " + team + " where id = " + id;
            case 2 -> "update kept_row set rank = " + rank + " where id = " + id;
            default ->
                "insert into kept_row values (" + id + ", " + team + ", " + owner + ", '" + state + "', " + rank
                        + ") on conflict (id) do update set team = excluded.team, owner = excluded.owner,"
                        + " state = excluded.state, rank = excluded.rank";
        };
    }

    private String membership() {
        String user = any(USERS).toString();
        int team = random.nextInt(3);
        String role = random.nextBoolean() ? "agent" : "guest";
        return switch (random.nextInt(5)) {
            case 0, 1 -> "delete from kept_member where user_id = '" + user + "' and team = " + team;
            case 2 -> "update kept_member set role = '" + role + "' where user_id = '" + user + "'";
            default ->
                "insert into kept_member values ('" + user + "', " + team + ", '" + role + "') on conflict do nothing";
        };
    }
}

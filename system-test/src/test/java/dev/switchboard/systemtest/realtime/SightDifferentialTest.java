package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/**
 * SPEC A14, by random rows, memberships and policies: who keeps the rows of a table by what it is told, and reads them again when it is told that
 * its rights have changed, has at every quiet moment what PostgreSQL shows it.
 */
class SightDifferentialTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final List<UUID> USERS =
            IntStream.range(0, 4).mapToObj(_ -> UUID.randomUUID()).toList();

    private static final List<String> POLICIES = List.of(
            "owner = auth.uid()",
            "team in (select m.team from rand_member m where m.user_id = auth.uid())",
            "owner = auth.uid() or team in (select m.team from rand_member m where m.user_id = auth.uid() and m.role <> 'guest')",
            "exists (select from rand_member m join rand_right r on r.role = m.role"
                    + " where m.user_id = auth.uid() and m.team = rand_row.team and r.may = 'read')",
            "not exists (select from rand_member m where m.user_id = auth.uid() and m.role = 'guest' and m.team = rand_row.team)",
            "(select count(*) from rand_member m where m.team = rand_row.team) > 1",
            "state <> 'hidden' and team = any ((select rand_teams())::int[])");

    private static TestServer server;

    private final Random random = new Random(seed());
    private final Map<UUID, Reader> readers = new TreeMap<>();
    private int markers;
    private int noticed;
    private int quiet;

    private static long seed() {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("SightDifferentialTest: -Dseed=" + seed);
        return seed;
    }

    @BeforeAll
    static void start() {
        server = TestServer.start();
        server.script("""
                create table rand_member (user_id uuid, team int, role text, primary key (user_id, team));
                create table rand_right (role text, may text, primary key (role, may));
                create table rand_row (id int primary key, team int, owner uuid, state text);
                create table rand_marker (id int primary key);

                alter table rand_row replica identity full;
                alter table rand_member replica identity full;
                alter table rand_row enable row level security;
                create policy p on rand_row for select using (true);
                grant select on rand_row, rand_marker, rand_member, rand_right to authenticated;
                alter publication supabase_realtime add table rand_row, rand_marker;
                alter publication switchboard_dependencies add table rand_member, rand_right;
                """);
        server.database()
                .useHandle(
                        handle -> handle.execute(
                                "create function rand_teams() returns int[] stable security definer language sql begin atomic"
                                        + " select coalesce(array_agg(team), '{}') from rand_member where user_id = auth.uid(); end"));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** One who keeps the rows. */
    private static final class Reader implements AutoCloseable {
        private final UUID user;
        private final PhoenixClient client;
        private final Map<Integer, String> rows = new TreeMap<>();
        private int taken;
        private long notices;

        Reader(UUID user) {
            this.user = user;
            client = server.connect()
                    .joined(
                            "realtime:rows",
                            server.userToken(user),
                            PhoenixClient.binding("*", "public", "rand_row", null)
                                    .put("leave", true),
                            PhoenixClient.binding("INSERT", "public", "rand_marker", null));
            read();
        }

        @Override
        public void close() {
            client.close();
        }

        private void read() {
            rows.clear();
            rows.putAll(seen());
        }

        /** What PostgreSQL shows it. */
        Map<Integer, String> seen() {
            return server.database().inTransaction(handle -> {
                handle.execute("set local role authenticated");
                handle.execute(
                        "select set_config('request.jwt.claims', ?, true)",
                        "{\"sub\":\"" + user + "\",\"role\":\"authenticated\"}");
                var rows = new TreeMap<Integer, String>();
                handle.createQuery("select id, concat_ws(' ', team, owner, state) as words from rand_row")
                        .map((row, _) -> rows.put(row.getInt("id"), row.getString("words")))
                        .list();
                return rows;
            });
        }

        boolean hasHeard(int marker) {
            return client.changes(taken).stream()
                    .anyMatch(change ->
                            isMarker(change) && change.at("/record/id").asInt() == marker);
        }

        private static boolean isMarker(JsonNode change) {
            return change.get("table").asString().equals("rand_marker");
        }

        boolean mustBeginAnew() {
            return client.messages().stream()
                    .anyMatch(message -> message.at("/4/message").asString("").startsWith("RightsChanged"));
        }

        /** @return whether its rights have changed */
        boolean take() {
            for (JsonNode change : client.changes(taken)) {
                taken++;
                if (isMarker(change)) {
                    continue;
                }
                if (change.get("type").asString().equals("DELETE")) {
                    rows.remove(change.at("/old_record/id").asInt());
                } else {
                    JsonNode row = change.get("record");
                    String owner = row.get("owner").asString("");
                    rows.put(
                            row.get("id").asInt(),
                            row.get("team").asInt()
                                    + (owner.isEmpty() ? " " : " " + owner + " ")
                                    + row.get("state").asString());
                }
            }
            long before = notices;
            notices = client.messages().stream()
                    .filter(message -> message.at("/4/message").asString("").equals("Rights changed"))
                    .count();
            if (notices > before) {
                read();
            }
            return notices > before;
        }
    }

    @Test
    void A14_whoIsToldKeepsWhatPostgresShows() {
        run(POLICIES.size(), 12);
    }

    @Test
    @Tag("long")
    void A14_whoIsToldKeepsWhatPostgresShowsThroughManyWorkloads() {
        run(400, 25);
    }

    private void run(int workloads, int steps) {
        for (int workload = 0; workload < workloads; workload++) {
            String policy = POLICIES.get(workload % POLICIES.size());
            reset(policy);
            USERS.forEach(user -> readers.put(user, new Reader(user)));
            for (int step = 0; step < steps; step++) {
                boolean rowsAlone = random.nextInt(3) > 0;
                for (int i = 0; i <= random.nextInt(5); i++) {
                    execute(rowsAlone ? List.of(row()) : mixed());
                }
                compare(policy + ", step " + step, rowsAlone);
            }
            readers.values().forEach(Reader::close);
            readers.clear();
        }
        assertThat(noticed).as("of %d quiet moments", quiet).isBetween(1, quiet / 2);
    }

    private void reset(String policy) {
        execute(List.of(
                "delete from rand_row",
                "delete from rand_member",
                "delete from rand_right",
                "insert into rand_right values ('agent', 'read')"));
        for (int i = 0; i < 6; i++) {
            execute(List.of(membership()));
        }
        for (int i = 0; i < 10; i++) {
            execute(List.of(row()));
        }
        // the catalog is looked at every second: what comes of it now is not of this workload
        try (Reader before = new Reader(USERS.getFirst())) {
            awaitQuiet(List.of(before));
            before.take();
            execute(List.of("alter policy p on rand_row using (" + policy + ")"));
            await().atMost(PATIENCE).until(before::mustBeginAnew);
        }
    }

    private void execute(List<String> statements) {
        server.database().useTransaction(handle -> statements.forEach(handle::execute));
    }

    private List<String> mixed() {
        var statements = new ArrayList<String>();
        for (int i = 0; i <= random.nextInt(3); i++) {
            statements.add(random.nextInt(2) == 0 ? row() : membership());
        }
        return statements;
    }

    private String row() {
        int id = random.nextInt(15);
        int team = random.nextInt(3);
        String owner = random.nextInt(3) == 0 ? "null" : "'" + user() + "'";
        String state = random.nextInt(4) == 0 ? "hidden" : "open" + random.nextInt(3);
        return switch (random.nextInt(5)) {
            case 0 -> "delete from rand_row where id = " + id;
            case 1 -> "update rand_row set team = " + team + " where id = " + id;
            case 2 -> "update rand_row set owner = " + owner + " where id = " + id;
            default ->
                "insert into rand_row values (" + id + ", " + team + ", " + owner + ", '" + state
                        + "') on conflict (id) do update"
                        + " set team = excluded.team, owner = excluded.owner, state = excluded.state";
        };
    }

    private String membership() {
        String key = "user_id = '" + user() + "' and team = " + random.nextInt(3);
        String role = random.nextBoolean() ? "agent" : "guest";
        return switch (random.nextInt(6)) {
            case 0, 1 -> "delete from rand_member where " + key;
            case 2 -> "update rand_member set role = '" + role + "' where " + key;
            case 3 ->
                random.nextBoolean()
                        ? "delete from rand_right where role = '" + role + "'"
                        : "insert into rand_right values ('" + role + "', 'read') on conflict do nothing";
            default ->
                "insert into rand_member values ('" + user() + "', " + random.nextInt(3) + ", '" + role
                        + "') on conflict do nothing";
        };
    }

    private UUID user() {
        return USERS.get(random.nextInt(USERS.size()));
    }

    /** Until everything has been told; what is owed when the first row comes has been said when the second does. */
    private void awaitQuiet(Collection<Reader> all) {
        for (int i = 0; i < 2; i++) {
            int marker = ++markers;
            execute(List.of("insert into rand_marker values (" + marker + ")"));
            all.forEach(reader -> await().atMost(PATIENCE)
                    .pollDelay(Duration.ZERO)
                    .pollInterval(Duration.ofMillis(5))
                    .until(() -> reader.hasHeard(marker)));
        }
    }

    private void compare(String what, boolean rowsAlone) {
        awaitQuiet(readers.values());
        for (Reader reader : readers.values()) {
            boolean told = reader.take();
            quiet++;
            noticed += told ? 1 : 0;
            assertThat(told && rowsAlone)
                    .as("%s: nobody's rights were touched", what)
                    .isFalse();
            assertThat(reader.rows).as("%s of %s", what, reader.user).isEqualTo(reader.seen());
        }
    }
}

package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** SPEC E4: who asks for it is told of an UPDATE by its key and what it changed, and loses nothing by that. */
class DeltaTest {
    private static final String LONG = "'" + "long and the same ".repeat(20) + "'";
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        sql(
                "create table wide (id int, part text, owner uuid, state text, score numeric, tags text[], note text,"
                        + " version int not null default 1, big text default " + LONG + ", primary key (id, part))",
                "create function next_version() returns trigger language plpgsql as"
                        + " 'begin new.version := old.version + 1; return new; end'",
                "create trigger versions before update on wide for each row execute function next_version()",
                "create table wide_member (member uuid, part text, primary key (member, part))",
                "grant select on wide_member to authenticated",
                "alter table wide replica identity full",
                "alter table wide enable row level security",
                "create policy own on wide for select to authenticated using (owner = auth.uid() or part in (select m.part"
                        + " from wide_member m where m.member = auth.uid()))",
                "create table thin (id int primary key, state text, note text default " + LONG + ")",
                "create table keyless (id int, state text, note text default " + LONG + ")",
                "alter table keyless replica identity full",
                "grant select on wide, thin, keyless to authenticated",
                "alter publication supabase_realtime add table wide, thin, keyless");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void sql(String... statements) {
        server.database().useHandle(handle -> List.of(statements).forEach(handle::execute));
    }

    private static ObjectNode delta(ObjectNode binding) {
        return binding.put("delta", true);
    }

    private static ObjectNode all(String table, String filter) {
        return PhoenixClient.binding("*", "public", table, filter);
    }

    private static boolean isDelta(JsonNode change) {
        return change.path("delta").asBoolean(false);
    }

    /** Whoever keeps the rows has the same rows by what was changed as by whole ones, and was sent less. */
    @Test
    void E4_rowsThatAreKeptByWhatWasChangedAreTheRows() {
        UUID user = UUID.randomUUID();
        String token = server.userToken(user);
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("DeltaTest: -Dseed=" + seed);
        var random = new Random(seed);
        for (String filter : new String[] {null, "state=in.(b,c)"}) {
            sql("delete from wide", "delete from wide_member");
            try (PhoenixClient whole = server.connect();
                    PhoenixClient some = server.connect()) {
                whole.joined("realtime:whole", token, all("wide", filter));
                some.joined("realtime:some", token, delta(all("wide", filter)));
                sql(Stream.generate(() -> change(random, user)).limit(400).toArray(String[]::new));
                sql("insert into wide (id, part, owner, state) values (99, 'last', '" + user + "', 'b')");
                List<JsonNode> wholes = until(whole);
                List<JsonNode> somes = until(some);
                assertThat(somes).hasSameSizeAs(wholes);
                assertThat(somes).filteredOn(DeltaTest::isDelta).hasSizeGreaterThan(10);
                assertThat(wholes).noneMatch(DeltaTest::isDelta);
                assertThat(wrong(wholes, somes)).isEmpty();
            }
        }
    }

    private static String change(Random random, UUID user) {
        String where = " where id = " + random.nextInt(6);
        return switch (random.nextInt(12)) {
            case 0, 1, 2 ->
                // of versions that no former row of the key had: one that went out of sight may be gone unheard
                "insert into wide (id, part, owner, state, score, version) values (" + random.nextInt(6) + ", 'p', '"
                        + (random.nextInt(4) == 0 ? UUID.randomUUID() : user) + "', '" + "abc".charAt(random.nextInt(3))
                        + "', " + random.nextInt(100) + ", " + random.nextInt(1_000_000_000)
                        + ") on conflict do nothing";
            case 3 -> "delete from wide" + where;
            case 4 -> "update wide set owner = '" + (random.nextBoolean() ? user : UUID.randomUUID()) + "'" + where;
            case 5 -> "update wide set state = '" + "abc".charAt(random.nextInt(3)) + "'" + where;
            case 6 -> "update wide set score = null, tags = array['a', null]" + where;
            case 7 -> "update wide set note = null, score = 1.50" + where;
            case 10 -> "insert into wide_member values ('" + user + "', 'p') on conflict do nothing";
            case 11 -> "delete from wide_member";
            case 8 -> "update wide set big = " + LONG + " || '" + random.nextInt() + "', state = state" + where;
            default ->
                "update wide set id = id + 10, tags = null" + where
                        + " and not exists (select from wide other where other.id = wide.id + 10)";
        };
    }

    private static List<JsonNode> until(PhoenixClient client) {
        org.awaitility.Awaitility.await()
                .until(() -> client.changes().stream()
                        .anyMatch(
                                change -> change.at("/record/part").asString("").equals("last")));
        return client.changes();
    }

    /**
     * Rows by key, as one client has them, beside what the other is told. One that it has not, or has otherwise than it is said to have
     * been, since a membership came and went, it reads again.
     */
    private static List<String> wrong(List<JsonNode> wholes, List<JsonNode> somes) {
        var wrong = new ArrayList<String>();
        Map<String, ObjectNode> kept = new HashMap<>();
        for (int i = 0; i < wholes.size(); i++) {
            JsonNode whole = wholes.get(i);
            JsonNode some = somes.get(i);
            if (whole.get("type").asString().equals("DELETE")) {
                kept.remove(key(whole.get("old_record")));
                continue;
            }
            var row = (ObjectNode) some.get("record").deepCopy();
            if (isDelta(some)) {
                ObjectNode held = kept.get(key(row));
                boolean completes = held != null
                        && some.get("old_record").properties().stream()
                                .allMatch(value -> value.getValue().equals(held.get(value.getKey())));
                if (completes) {
                    ObjectNode merged = held.deepCopy();
                    row.properties().forEach(value -> merged.set(value.getKey(), value.getValue()));
                    row = merged;
                } else {
                    row = (ObjectNode) whole.get("record").deepCopy();
                }
                if (2 * some.toString().length() > whole.toString().length() + 100) {
                    wrong.add("saves too little: " + some + " of " + whole);
                }
                if (!names(some.get("old_record")).equals(names(some.get("record")))) {
                    wrong.add("of other columns before: " + some);
                }
            }
            if (!row.equals(whole.get("record"))) {
                wrong.add(some + " makes " + row + " and not " + whole);
            }
            kept.put(key(row), row);
        }
        return wrong;
    }

    private static String names(JsonNode row) {
        return new TreeSet<>(row.propertyNames()).toString();
    }

    private static String key(JsonNode row) {
        return row.get("id") + " " + row.get("part");
    }

    /** What one may not have had comes whole. */
    @Test
    void E4_aRowThatComesIntoSightOrIntoTheFilterIsWhole() {
        UUID user = UUID.randomUUID();
        sql(
                "delete from wide",
                "insert into wide (id, part, owner, state) values (1, 'p', '" + UUID.randomUUID() + "', 'a')");
        try (PhoenixClient some = server.connect()) {
            some.joined("realtime:x", server.userToken(user), delta(all("wide", "state=eq.b")));

            sql("update wide set owner = '" + user + "', state = 'b'"); // into sight
            sql("update wide set score = 1");
            sql("update wide set state = 'a'"); // out of the filter
            sql("update wide set score = 2");
            sql("update wide set state = 'b'"); // into the filter
            sql("update wide set score = 3");

            List<JsonNode> changes = some.awaitChanges(4);
            assertThat(changes.stream().map(DeltaTest::isDelta)).containsExactly(false, true, false, true);
            assertThat(changes.get(0).at("/record/big").asString()).startsWith("long");
            assertThat(changes.get(1).get("record").toString())
                    .isEqualTo("{\"id\":1,\"part\":\"p\",\"score\":1,\"version\":3}");
            assertThat(changes.get(1).get("old_record").toString())
                    .isEqualTo("{\"id\":1,\"part\":\"p\",\"score\":null,\"version\":2}");
            assertThat(changes.get(1).get("columns").size()).isEqualTo(4);
            assertThat(changes.get(2).at("/record/big").asString()).startsWith("long");
        }
    }

    @Test
    void E4_whatSavesLessThanHalfOrHasNoOldRowOrNoKeyIsWhole() {
        String token = server.userToken(UUID.randomUUID());
        try (PhoenixClient client = server.connect()) {
            client.joined(
                    "realtime:x",
                    token,
                    delta(all("thin", null)),
                    delta(all("keyless", null)),
                    delta(PhoenixClient.select(all("keyless", null), "state")));
            sql("insert into thin values (1, 'a')", "update thin set state = 'b'");
            assertThat(client.awaitChanges(2))
                    .as("without REPLICA IDENTITY FULL")
                    .noneMatch(DeltaTest::isDelta);
            sql(
                    "alter table thin replica identity full",
                    "update thin set state = 'c'",
                    "update thin set note = note || 'x'");
            List<JsonNode> changes = client.awaitChanges(4);
            assertThat(isDelta(changes.get(2))).isTrue();
            assertThat(isDelta(changes.get(3)))
                    .as("what changed is nearly all of it")
                    .isFalse();
            sql("insert into keyless values (1, 'a')", "update keyless set state = 'b'");
            assertThat(client.awaitChanges(8)).filteredOn(DeltaTest::isDelta).hasSize(1);
        }
    }

    /** A binding for updates alone does not have the rows. */
    @Test
    void E4_whoAsksForUpdatesAloneHasThemWhole() {
        sql("insert into thin values (70, 'a')", "alter table thin replica identity full");
        try (PhoenixClient client = server.connect()) {
            ObjectNode updates = delta(PhoenixClient.binding("UPDATE", "public", "thin", "id=eq.70"));
            JsonNode reply = client.join("realtime:x", server.userToken(UUID.randomUUID()), updates);
            assertThat(reply.at("/response/postgres_changes/0/delta").asBoolean())
                    .as("echoed")
                    .isTrue();
            sql("update thin set state = 'b' where id = 70");
            assertThat(isDelta(client.awaitChanges(1).getFirst())).isFalse();
        }
    }

    /** A row that is completed by what somebody has must have the columns that it had: who joins again has them. */
    @Test
    void E4_whoCompletesRowsIsToldThatTheTableIsAltered() {
        UUID user = UUID.randomUUID();
        sql(
                "create table altered (id int primary key, state text, note text default " + LONG + ")",
                "alter table altered replica identity full",
                "grant select on altered to authenticated",
                "alter publication supabase_realtime add table altered",
                "insert into altered values (1, 'a')");
        for (String statement : List.of(
                "alter table altered add column more int default 5",
                "alter table altered alter column state type jsonb using to_jsonb(state)",
                "revoke select on altered from authenticated; grant select (id, state) on altered to authenticated")) {
            try (PhoenixClient client = server.connect();
                    PhoenixClient whole = server.connect()) {
                client.joined("realtime:x", server.userToken(user), delta(all("altered", null)));
                whole.joined("realtime:y", server.userToken(user), all("altered", null));
                sql("update altered set note = note || 'x', state = state");
                client.awaitChanges(1);
                sql(statement, "update altered set note = note || 'x'");

                client.message(message -> message.get(3).asString().equals("system")
                        && message.get(4).get("message").asString("").startsWith("SchemaChanged"));
                client.event("realtime:x", "phx_error");
                assertThat(client.changes()).as(statement).hasSize(1);
                whole.awaitChanges(2);
            }
        }
    }

    /** Columns that somebody decides by come with every delta. */
    @Test
    void E4_whatIsNamedComesAlways() {
        UUID user = UUID.randomUUID();
        sql("delete from wide", "insert into wide (id, part, owner, state) values (1, 'p', '" + user + "', 'a')");
        try (PhoenixClient client = server.connect()) {
            ObjectNode binding = all("wide", null);
            binding.putArray("delta").add("state").add("no such column");
            JsonNode reply = client.join("realtime:x", server.userToken(user), binding);
            assertThat(reply.at("/response/postgres_changes/0/delta").toString())
                    .isEqualTo("[\"state\",\"no such column\"]");

            sql("update wide set score = 7");

            assertThat(client.awaitChanges(1).getFirst().get("record").toString())
                    .isEqualTo("{\"id\":1,\"part\":\"p\",\"state\":\"a\",\"score\":7,\"version\":2}");
        }
    }

    /** Who selects columns is told of those alone. */
    @Test
    void E4_whatIsNotSelectedDoesNotCome() {
        UUID user = UUID.randomUUID();
        sql("delete from wide", "insert into wide (id, part, owner, state) values (1, 'p', '" + user + "', 'a')");
        try (PhoenixClient client = server.connect()) {
            client.joined(
                    "realtime:x",
                    server.userToken(user),
                    delta(PhoenixClient.select(all("wide", null), "state", "big")));

            sql("update wide set state = 'b', score = 7");

            JsonNode change = client.awaitChanges(1).getFirst();
            assertThat(isDelta(change)).isTrue();
            assertThat(change.get("record").toString()).isEqualTo("{\"id\":1,\"part\":\"p\",\"state\":\"b\"}");
        }
    }
}

package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.data.DataSettings;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Who may read and write what: every table, every role, own and other organization and not signed in, asked in SQL, of the
 * data API and by the stream, which must agree. docs/access.md is what comes out, written anew with {@code -Dwrite-docs=true}.
 */
class AccessTest {
    private static final Path DOCUMENT = Path.of("..", "docs", "access.md");
    private static final List<String> ROLES = List.of("owner", "admin", "supervisor", "agent", "viewer", "auditor");
    private static final Set<String> WRITTEN_ONCE = Set.of("call_events", "audit_logs");
    private static final List<String> VERBS = List.of("insert", "update", "delete");

    /** Somebody who asks: a role in the organization, or a stranger, or nobody. */
    private record Identity(String name, Optional<UUID> user, String token) {}

    /** A table with its rows of an organization, by id. */
    private record Table(String name, boolean published, List<String> columns, Optional<String> updatable) {}

    private record Row(String id, String json) {}

    /** What of a table's rows somebody reaches. */
    private enum Reach {
        NONE("–"),
        OWN("own"),
        ALL("all");

        private final String shown;

        Reach(String shown) {
            this.shown = shown;
        }

        static Reach of(int reached, int all) {
            return reached == 0 ? NONE : reached == all ? ALL : OWN;
        }
    }

    @Test
    void
            F000_10_F001_05_F001_07_F002_28_F002_29_F002_30_F003_09_rolesReachTheSameRowsBySqlByDataApiAndByStreamAndStrangersNone()
                    throws Exception {
        var data = DataSettings.defaults().with(new DataSettings.Offers(false, false, true));
        try (TestServer server = TestServer.with().data(data).start();
                var pool = server.pool(2);
                Http http = new Http(server)) {
            Jdbi jdbi = Jdbi.create(pool);
            try (var connection = pool.getConnection();
                    var statement = connection.createStatement()) {
                statement.execute(fixture());
            }
            UUID ours = server.organization("ours");
            UUID theirs = server.organization("theirs");
            var identities = new ArrayList<Identity>();
            for (String role : ROLES) {
                identities.add(member(server, ours, role));
            }
            Identity stranger = member(server, theirs, "owner");
            List<UUID> people = identities.stream()
                    .map(identity -> identity.user().orElseThrow())
                    .toList();
            fill(jdbi, ours, people);
            fill(jdbi, theirs, List.of(stranger.user().orElseThrow()));
            identities.add(new Identity("other organization", stranger.user(), stranger.token()));
            identities.add(new Identity("not signed in", Optional.empty(), server.anonKey()));

            List<Table> tables = jdbi.withHandle(AccessTest::tables);
            Map<String, List<Row>> rows = new TreeMap<>();
            Map<String, List<Row>> foreign = new TreeMap<>();
            jdbi.useHandle(handle -> tables.forEach(table -> {
                rows.put(table.name(), rows(handle, table, ours));
                foreign.put(table.name(), rows(handle, table, theirs));
            }));
            assertThat(rows.values())
                    .as("every table has a row")
                    .allSatisfy(list -> assertThat(list).isNotEmpty());

            Map<String, Map<String, Reach>> reading = new LinkedHashMap<>();
            Map<String, Map<String, Map<String, Reach>>> writing = new LinkedHashMap<>();
            Map<String, Map<String, Set<String>>> seen = new LinkedHashMap<>();
            for (Identity identity : identities) {
                boolean outside =
                        identity.name().startsWith("other") || identity.user().isEmpty();
                for (Table table : tables) {
                    String where = identity.name() + " at " + table.name();
                    Set<String> bySql = jdbi.inTransaction(handle -> visible(handle, identity, table));
                    Set<String> byApi = visible(http, identity, table);
                    assertThat(byApi).as("data API against SQL, " + where).isEqualTo(bySql);
                    Set<String> own = ids(rows.get(table.name()));
                    Set<String> others = ids(foreign.get(table.name()));
                    assertThat(bySql)
                            .as("nothing of the other organization, " + where)
                            .doesNotContainAnyElementsOf(outside ? own : others);
                    if (identity.user().isEmpty()) {
                        assertThat(bySql).as(where).isEmpty();
                    }
                    seen.computeIfAbsent(identity.name(), _ -> new TreeMap<>()).put(table.name(), bySql);
                    reading.computeIfAbsent(table.name(), _ -> new LinkedHashMap<>())
                            .put(
                                    identity.name(),
                                    Reach.of(
                                            (int) own.stream()
                                                    .filter(bySql::contains)
                                                    .count(),
                                            own.size()));
                    for (String verb : VERBS) {
                        int reached = 0;
                        for (Row row : rows.get(table.name())) {
                            boolean may = jdbi.inTransaction(handle -> may(handle, identity, table, row, verb));
                            assertThat(may(http, identity, table, row, verb))
                                    .as("data API against SQL, " + verb + " as " + where)
                                    .isEqualTo(may);
                            reached += may ? 1 : 0;
                        }
                        if (!outside) {
                            for (Row row : foreign.get(table.name())) {
                                boolean may = jdbi.inTransaction(handle -> may(handle, identity, table, row, verb));
                                assertThat(may)
                                        .as(verb + " in the other organization as " + where)
                                        .isFalse();
                            }
                        }
                        assertThat(reached)
                                .as(verb + " as " + where)
                                .isLessThanOrEqualTo(outside ? 0 : Integer.MAX_VALUE);
                        writing.computeIfAbsent(table.name(), _ -> new LinkedHashMap<>())
                                .computeIfAbsent(identity.name(), _ -> new LinkedHashMap<>())
                                .put(
                                        verb,
                                        Reach.of(reached, rows.get(table.name()).size()));
                    }
                    if (!outside) {
                        boolean moved = jdbi.inTransaction(handle -> moves(handle, identity, table, ours, theirs));
                        assertThat(moved)
                                .as("rows moved into the other organization as " + where)
                                .isFalse();
                    }
                }
            }
            stream(server, jdbi, identities, tables, seen, ours, theirs);
            document(tables, reading, writing);
        }
    }

    private static String fixture() {
        try (var in = Objects.requireNonNull(AccessTest.class.getResourceAsStream("/access-fixture.sql"))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException failed) {
            throw new java.io.UncheckedIOException(failed);
        }
    }

    private static Identity member(TestServer server, UUID organization, String role) {
        UUID user = UUID.randomUUID();
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into user_roles (organization_id, user_id, role) values (?, ?, ?)",
                        organization,
                        user,
                        role));
        return new Identity(role, Optional.of(user), server.userToken(user));
    }

    private static void fill(Jdbi jdbi, UUID organization, List<UUID> people) {
        jdbi.useHandle(handle -> handle.createQuery("select 1 from app_test.fill(?, ?)")
                .bind(0, organization)
                .bindArray(1, UUID.class, people)
                .mapTo(Integer.class)
                .one());
    }

    private static List<Table> tables(Handle handle) {
        return handle.createQuery(
                        "select c.relname, exists (select from pg_publication_tables p where p.pubname = 'supabase_realtime'"
                                + " and p.schemaname = 'public' and p.tablename = c.relname) as published,"
                                + " array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
                                + "   and a.attgenerated = '' order by a.attnum) as columns,"
                                + " (select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''"
                                + "   and a.attname not in ('id', 'organization_id') and has_column_privilege('authenticated', c.oid, a.attnum, 'UPDATE') order by a.attnum limit 1) as updatable"
                                + " from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'idempotency_keys' order by 1")
                .map((row, _) -> new Table(
                        row.getString(1),
                        row.getBoolean(2),
                        List.of((String[]) row.getArray(3).getArray()),
                        Optional.ofNullable(row.getString(4))))
                .list();
    }

    private static List<Row> rows(Handle handle, Table table, UUID organization) {
        String column = table.name().equals("organizations") ? "id" : "organization_id";
        return handle.createQuery("select t.id::text, to_jsonb(t)::text from public." + table.name() + " t where t."
                        + column + " = ? order by 1")
                .bind(0, organization)
                .map((row, _) -> new Row(row.getString(1), row.getString(2)))
                .list();
    }

    private static Set<String> ids(List<Row> rows) {
        Set<String> ids = new TreeSet<>();
        rows.forEach(row -> ids.add(row.id()));
        return ids;
    }

    private static void become(Handle handle, Identity identity) {
        String claims = identity.user()
                .map(user -> "{\"role\":\"authenticated\",\"sub\":\"" + user + "\"}")
                .orElse("{\"role\":\"anon\"}");
        handle.createQuery("select set_config('role', ?, true) || set_config('request.jwt.claims', ?, true)")
                .bind(0, identity.user().isPresent() ? "authenticated" : "anon")
                .bind(1, claims)
                .mapTo(String.class)
                .one();
    }

    private static Set<String> visible(Handle handle, Identity identity, Table table) {
        become(handle, identity);
        boolean granted = handle.createQuery("select has_any_column_privilege('public." + table.name() + "', 'SELECT')")
                .mapTo(Boolean.class)
                .one();
        return granted
                ? new TreeSet<>(handle.createQuery("select id::text from public." + table.name())
                        .mapTo(String.class)
                        .list())
                : Set.of();
    }

    private static Set<String> visible(Http http, Identity identity, Table table) {
        Http.Answer answer =
                http.get("/rest/v1/" + table.name() + "?select=id", "Authorization", "Bearer " + identity.token());
        if (answer.status() != 200) {
            assertThat(answer.code()).as(answer.body()).isEqualTo("42501");
            return Set.of();
        }
        Set<String> ids = new TreeSet<>();
        answer.json().forEach(row -> ids.add(row.path("id").asString()));
        return ids;
    }

    /** Refused, or not found, is no; refused for another reason than rights is yes: another row it would take. */
    private static boolean may(Handle handle, Identity identity, Table table, Row row, String verb) {
        String name = "public." + table.name();
        String statement = switch (verb) {
            case "insert" ->
                "insert into " + name + " (" + String.join(", ", quoted(table)) + ") select "
                        + String.join(", ", quoted(table)) + " from jsonb_populate_record(null::" + name + ", $json$"
                        + copy(row)
                        + "$json$::jsonb)";
            case "update" ->
                table.updatable()
                        .map(column -> "update " + name + " set \"" + column + "\" = \"" + column + "\" where id = '"
                                + row.id() + "'")
                        .orElse("select 1 where false");
            default -> "delete from " + name + " where id = '" + row.id() + "'";
        };
        become(handle, identity);
        String outcome = handle.createQuery("select app_test.attempt(?)")
                .bind(0, statement)
                .mapTo(String.class)
                .one();
        return !outcome.equals("42501") && !outcome.equals("0");
    }

    private static List<String> quoted(Table table) {
        return table.columns().stream().map(column -> "\"" + column + "\"").toList();
    }

    private static String copy(Row row) {
        return row.json().replace("\"id\": \"" + row.id() + "\"", "\"id\": \"" + UUID.randomUUID() + "\"");
    }

    private static boolean may(Http http, Identity identity, Table table, Row row, String verb) {
        String path = "/rest/v1/" + table.name();
        String[] headers = {
            "Authorization",
            "Bearer " + identity.token(),
            "Prefer",
            "tx=rollback,count=exact,return=minimal",
            "Content-Type",
            "application/json"
        };
        JsonNode json = tools.jackson.databind.json.JsonMapper.shared().readTree(copy(row));
        if (verb.equals("update") && table.updatable().isEmpty()) {
            return false;
        }
        Http.Answer answer = switch (verb) {
            case "insert" ->
                http.post(path + "?columns=" + String.join(",", table.columns()), json.toString(), headers);
            case "update" ->
                http.send(
                        "PATCH",
                        path + "?id=eq." + row.id(),
                        "{\"" + table.updatable().get() + "\":"
                                + json.path(table.updatable().get()) + "}",
                        headers);
            default -> http.send("DELETE", path + "?id=eq." + row.id(), null, headers);
        };
        if (answer.status() >= 400) {
            return !answer.code().equals("42501");
        }
        return verb.equals("insert") || !answer.header("Content-Range").endsWith("/0");
    }

    /** Whether any row can be carried over to the other organization. */
    private static boolean moves(Handle handle, Identity identity, Table table, UUID ours, UUID theirs) {
        if (table.name().equals("organizations")) {
            return false;
        }
        become(handle, identity);
        String outcome = handle.createQuery("select app_test.attempt(?)")
                .bind(
                        0,
                        "update public." + table.name() + " set organization_id = '" + theirs
                                + "' where organization_id = '" + ours + "'")
                .mapTo(String.class)
                .one();
        return !outcome.equals("42501") && !outcome.equals("0");
    }

    // The stream

    private static void stream(
            TestServer server,
            Jdbi jdbi,
            List<Identity> identities,
            List<Table> tables,
            Map<String, Map<String, Set<String>>> seen,
            UUID ours,
            UUID theirs) {
        List<String> published =
                tables.stream().filter(Table::published).map(Table::name).toList();
        ObjectNode[] bindings = published.stream()
                .map(table -> PhoenixClient.binding("*", "public", table, null))
                .toArray(ObjectNode[]::new);
        Map<String, PhoenixClient> clients = new LinkedHashMap<>();
        try {
            for (Identity identity : identities) {
                PhoenixClient client = server.connect();
                clients.put(identity.name(), client);
                JsonNode reply = client.join("realtime:everything", identity.token(), bindings);
                assertThat(reply.path("status").asString())
                        .as("F002-30: join of " + identity.name())
                        .isEqualTo(identity.user().isPresent() ? "ok" : "error");
            }
            UUID last = UUID.randomUUID();
            jdbi.useHandle(handle -> {
                for (String table : published) {
                    touch(handle, table, ours, theirs);
                }
                for (UUID organization : List.of(ours, theirs)) {
                    handle.execute(
                            "insert into teams (id, organization_id, name) values (?, ?, 'last')",
                            organization.equals(ours) ? last : UUID.randomUUID(),
                            organization);
                }
            });
            for (Identity identity : identities) {
                PhoenixClient client = clients.get(identity.name());
                if (identity.user().isPresent()) {
                    await().atMost(Duration.ofSeconds(30))
                            .until(() -> client.changes().stream()
                                    .anyMatch(change -> change.at("/record/name")
                                            .asString("")
                                            .equals("last")));
                }
                for (String table : published) {
                    Set<String> streamed = new TreeSet<>();
                    client.changes().stream()
                            .filter(change -> change.path("table").asString().equals(table))
                            .filter(change ->
                                    change.path("type").asString().equals("UPDATE") || WRITTEN_ONCE.contains(table))
                            .forEach(change ->
                                    streamed.add(change.at("/record/id").asString()));
                    Set<String> expected =
                            new TreeSet<>(seen.get(identity.name()).get(table));
                    if (WRITTEN_ONCE.contains(table)) {
                        assertThat(streamed.isEmpty())
                                .as(identity.name() + " at " + table)
                                .isEqualTo(expected.isEmpty());
                    } else {
                        assertThat(streamed)
                                .as("stream against SQL, " + identity.name() + " at " + table)
                                .isEqualTo(expected);
                    }
                }
            }
        } finally {
            clients.values().forEach(PhoenixClient::close);
        }
    }

    /** A change of every row that changes nothing; of what is written once, another row of it. */
    private static void touch(Handle handle, String table, UUID ours, UUID theirs) {
        String column = table.equals("organizations") ? "id" : "organization_id";
        if (table.equals("call_events")) {
            handle.execute("update calls set company_name = 'x' where organization_id in (?, ?)", ours, theirs);
        } else if (table.equals("audit_logs")) {
            for (UUID organization : List.of(ours, theirs)) {
                handle.execute(
                        "insert into audit_logs (organization_id, action, success) values (?, 'touched', true)",
                        organization);
            }
        } else {
            handle.execute("update public." + table + " set id = id where " + column + " in (?, ?)", ours, theirs);
        }
    }

    private static void document(
            List<Table> tables,
            Map<String, Map<String, Reach>> reading,
            Map<String, Map<String, Map<String, Reach>>> writing)
            throws IOException {
        var text = new StringBuilder("""
                # Who may read and write what

                Generated by `AccessTest`, which asks PostgreSQL, the data API and the stream for every table, role and row, and finds the three
                agreed. **all**: every row of the organization; **own**: some of them, theirs or about them (of `user_roles` an admin reaches
                those that are no owner's); **–**: none. Of another
                organization nobody reaches anything, and who is not signed in reaches nothing at all. Writing here is writing through the data
                API; calls, agents and what belongs to them change through [commands](call-states.md) alone.

                """);
        text.append("## Reading\n\n| table | ")
                .append(String.join(" | ", ROLES))
                .append(" | in the stream |\n|")
                .append(" --- |".repeat(8))
                .append('\n');
        for (Table table : tables) {
            text.append("| `").append(table.name()).append("` |");
            ROLES.forEach(role -> text.append(' ')
                    .append(reading.get(table.name()).get(role).shown)
                    .append(" |"));
            text.append(table.published() ? " yes |\n" : " no |\n");
        }
        text.append("\n## Writing\n\nInsert / update / delete; tables that nobody writes are left out.\n\n| table | ")
                .append(String.join(" | ", ROLES))
                .append(" |\n|")
                .append(" --- |".repeat(7))
                .append('\n');
        for (Table table : tables) {
            var cells = new ArrayList<String>();
            Set<String> different = new HashSet<>();
            for (String role : ROLES) {
                Map<String, Reach> verbs = writing.get(table.name()).get(role);
                String cell = String.join(
                        " / ", VERBS.stream().map(verb -> verbs.get(verb).shown).toList());
                cells.add(cell.equals("– / – / –") ? "–" : cell);
                different.add(cells.getLast());
            }
            if (!different.equals(Set.of("–"))) {
                text.append("| `")
                        .append(table.name())
                        .append("` | ")
                        .append(String.join(" | ", cells))
                        .append(" |\n");
            }
        }
        if (Boolean.getBoolean("write-docs")) {
            Files.writeString(DOCUMENT, text);
        }

        assertThat(Files.readString(DOCUMENT)).isEqualTo(text.toString());
    }
}

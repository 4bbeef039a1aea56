package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.engine.postgres.Database;
import dev.switchboard.server.command.Main;
import dev.switchboard.systemtest.harness.ForeignPostgres;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** PostgreSQL of one's own, under a user who is no superuser, as a managed service gives it. */
class OtherDatabasesTest {
    private static final String PASSWORD = "p@ss:w/rd";

    private record Outcome(int code, String out, String err) {}

    private static Outcome command(String... arguments) {
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        int code = Main.run(List.of(arguments), out, err);
        return new Outcome(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    private static Jdbi jdbi(Database database) {
        return Jdbi.create(database.url(), database.user(), database.password());
    }

    @ParameterizedTest
    @ValueSource(ints = {14, 15, 16, 17})
    void O1_aManagedDatabaseIsCheckedPreparedAndServed(int version) {
        try (ForeignPostgres postgres = new ForeignPostgres(version)) {
            Database admin = postgres.as("postgres", "secret", "postgres");
            Database app = postgres.as("app", PASSWORD, "shop");
            String url = "postgresql://app:p%40ss%3Aw%2Frd@127.0.0.1:" + postgres.port() + "/shop";
            jdbi(admin).useHandle(handle -> {
                handle.execute("create role app login createrole password '" + PASSWORD + "'");
                handle.execute("create database shop owner app");
            });

            Outcome dry = command("prepare", "--database-url", url, "--dry-run");
            assertThat(dry.code()).isZero();
            assertThat(dry.out())
                    .contains(
                            "NEEDED: wal_level is replica, and has to be logical",
                            "alter system set wal_level = 'logical';",
                            "NEEDED: user app may not replicate",
                            "alter role \"app\" replication;",
                            "NEEDED: role anon of tokens does not exist",
                            "NEEDED: publication supabase_realtime does not exist");
            assertThatThrownBy(() -> TestServer.startOn(app))
                    .hasMessageStartingWith("The database is not ready:")
                    .hasMessageContaining("wal_level is replica")
                    .hasMessageContaining("switchboard prepare");

            Outcome first = command("prepare", "--database-url", url);
            assertThat(first.code()).isEqualTo(1);
            assertThat(first.out())
                    .contains("FAILED: ERROR: ", "Still needed:\n", "user app may not replicate")
                    .doesNotContain("Still needed:\n  role anon");
            jdbi(admin).useHandle(handle -> {
                handle.execute("alter role app replication");
                handle.execute("alter system set wal_level = 'logical'");
            });
            postgres.restart();
            Outcome second = command("prepare", "--database-url", url);
            assertThat(second.out()).contains("The database is ready");
            assertThat(second.code()).isZero();

            serves(app, url);
        }
    }

    private static void serves(Database app, String url) {
        UUID mine = UUID.randomUUID();
        Jdbi jdbi = jdbi(app);
        jdbi.useHandle(handle -> {
            handle.execute("create table todos (id int primary key, owner uuid, title text)");
            handle.execute("alter table todos enable row level security");
            handle.execute("create policy own on todos for select to authenticated using (owner = auth.uid())");
            handle.execute("grant select on todos to authenticated");
        });
        assertThat(command("publish", "todos", "--database-url", url).out())
                .contains("is in publication supabase_realtime");
        try (TestServer server = TestServer.startOn(app);
                PhoenixClient client = server.connect();
                PhoenixClient other = server.connect()) {
            var todos = PhoenixClient.binding("*", "public", "todos", "title=neq.hidden");
            client.joined("realtime:todos", server.userToken(mine), todos);
            other.joined("realtime:todos", server.userToken(UUID.randomUUID()), todos);

            jdbi.useHandle(handle -> {
                handle.execute(
                        "insert into todos values (1, ?, 'a'), (2, ?, 'b'), (3, ?, 'hidden')",
                        mine,
                        UUID.randomUUID(),
                        mine);
                handle.execute("update todos set title = 'c'  where id = 1");
                handle.execute("delete from todos where id = 1");
            });

            assertThat(client.awaitChanges(3))
                    .extracting(change -> change.get("type").asString())
                    .containsExactly("INSERT", "UPDATE", "DELETE");
            assertThat(other.changes()).isEmpty();
            assertThat(server.server().progress().streamTrouble()).isEmpty();
            hasPrivateRooms(server, jdbi);
            hasAccountsAndData(server, jdbi);
        }
        assertThat(command("prepare", "--database-url", url).out()).doesNotContain("schema realtime");
    }

    /** O1, Y1, Z2: rooms that policies close, and what the database says there. */
    private static void hasPrivateRooms(TestServer server, Jdbi jdbi) {
        jdbi.useHandle(handle -> handle.execute("create policy crew on realtime.messages for select to authenticated"
                + " using (realtime.topic() = 'crew')"));
        try (PhoenixClient client = server.connect()) {
            String token = server.userToken(UUID.randomUUID());
            assertThat(joinPrivate(client, "realtime:crew", token)
                            .path("status")
                            .asString())
                    .isEqualTo("ok");
            jdbi.useHandle(handle -> handle.execute("select realtime.send('{\"n\":1}', 'word', 'crew')"));
            assertThat(client.event("realtime:crew", "broadcast").toString()).contains("\"n\":1");
            assertThat(joinPrivate(client, "realtime:elsewhere", token)
                            .path("status")
                            .asString())
                    .isEqualTo("error");
        }
    }

    private static JsonNode joinPrivate(PhoenixClient client, String topic, String token) {
        String join = "{\"config\":{\"private\":true},\"access_token\":\"" + token + "\"}";
        return client.reply(client.push(topic, topic, "phx_join", join));
    }

    /** A table that is made while the server runs, where nothing tells it of that. */
    private static void hasAccountsAndData(TestServer server, Jdbi jdbi) {
        try (Http http = new Http(server)) {
            Http.Answer session =
                    http.post("/auth/v1/signup", "{\"email\":\"ann@example.com\",\"password\":\"long enough\"}");
            assertThat(session.status()).as(session.body()).isEqualTo(200);
            String token = session.json().path("access_token").asString();
            jdbi.useHandle(handle -> {
                handle.execute("create table later (id int primary key, owner uuid default auth.uid())");
                handle.execute("alter table later enable row level security");
                handle.execute("create policy own on later to authenticated using (owner = auth.uid())");
                handle.execute("grant select, insert on later to authenticated");
            });
            Http.Answer inserted = http.post(
                    "/rest/v1/later",
                    "{\"id\":1}",
                    "Authorization",
                    "Bearer " + token,
                    "Content-Type",
                    "application/json",
                    "Prefer",
                    "return=representation");
            assertThat(inserted.status()).as(inserted.body()).isEqualTo(201);
            assertThat(inserted.json().get(0).path("owner"))
                    .isEqualTo(session.json().path("user").path("id"));
            assertThat(http.get("/rest/v1/later", "apikey", server.anonKey()).status())
                    .isEqualTo(401);
        }
    }
}

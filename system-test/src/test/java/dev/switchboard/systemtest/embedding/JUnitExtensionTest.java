package dev.switchboard.systemtest.embedding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.data.DataSettings;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.listener.RowChange;
import dev.switchboard.junit.RecordedChanges;
import dev.switchboard.junit.SwitchboardExtension;
import dev.switchboard.junit.TestDatabase;
import dev.switchboard.server.Switchboard;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What others test with (docs/embedding.md): a database of the class's own, a server on it, and changes that are awaited. */
@Timeout(120)
class JUnitExtensionTest {
    @RegisterExtension
    static final SwitchboardExtension SWITCHBOARD =
            SwitchboardExtension.server(server -> server.dataApi(DataSettings.defaults()));

    @BeforeAll
    static void makeTable(TestDatabase database) {
        database.execute("""
                create table orders (id int primary key, owner uuid);
                alter table orders enable row level security;
                create policy own on orders for select using (owner = auth.uid());
                grant select on orders to authenticated;
                alter publication supabase_realtime add table orders""");
    }

    @Test
    void aServerRunsOnTheDatabase(TestDatabase database, Switchboard server) {
        UUID ann = UUID.randomUUID();
        String token = server.tokens()
                .issue(
                        "authenticated",
                        Map.of("sub", ann.toString()),
                        java.time.Instant.now(),
                        java.time.Duration.ofMinutes(5));
        try (PhoenixClient client = PhoenixClient.connect(server.port(), token, "2.0.0")
                .joined("realtime:x", token, PhoenixClient.binding("*", "public", "orders", null))) {
            database.execute("insert into orders values (1, gen_random_uuid()), (2, '" + ann + "')");

            assertThat(client.awaitChanges(1).toString()).contains("\"id\":2");
        }
        var rows = new Http("http://127.0.0.1:" + server.port())
                .get("/rest/v1/orders", "Authorization", "Bearer " + token);
        assertThat(rows.json().toString()).contains("\"id\":2").doesNotContain("\"id\":1");
    }

    @Test
    void changesAreAwaited(TestDatabase database) {
        database.execute("create table log (line text)");
        try (RecordedChanges changes = database.record(new TableName("public", "log"))) {
            database.execute("insert into log values ('one'), ('two')");

            assertThat(changes.await(2))
                    .extracting(RowChange::row)
                    .containsExactly("{\"line\":\"one\"}", "{\"line\":\"two\"}");
        }
        assertThat(database.texts("select slot_name from pg_replication_slots where database = current_database()"))
                .allMatch(slot -> slot.startsWith("junit_"));
    }

    @Test
    void theUserOwnsTheDatabaseAndIsNoSuperuser(TestDatabase database) {
        assertThatThrownBy(() -> database.execute("select * from nothing")).hasMessageContaining("nothing");
        assertThat(database.texts("select current_user || ' ' || usesuper from pg_user where usename = current_user"))
                .containsExactly("app false");
    }

    /** A class within has the database of the class around it, which is still there when the inner one has ended. */
    @Nested
    class Within {
        @Test
        void hasTheDatabaseAroundIt(TestDatabase database) {
            assertThat(database.texts("select count(*) from orders")).hasSize(1);
        }
    }
}

package dev.switchboard.systemtest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.TablePublisher;
import dev.switchboard.server.Switchboard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class PublishTest {
    private static TestServer server;
    private static TablePublisher publisher;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        publisher = new TablePublisher(server.server().database(), Switchboard.PUBLICATION);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void F001_06_F001_31_aPublishedTablesChangesFlowAndItsOldValuesToo() {
        server.database().useHandle(handle -> handle.execute("create table \"Odd name\" (id int primary key, v text)"));

        assertThat(publisher.publish(new TableName("public", "Odd name"), TablePublisher.Identity.FULL))
                .anyMatch(said -> said.contains("REPLICA IDENTITY FULL is set"))
                .anyMatch(said -> said.contains("is in publication supabase_realtime"))
                .anyMatch(said -> said.startsWith("WARNING: row level security is off"));

        try (PhoenixClient client = server.connect()) {
            client.joined("realtime:odd", server.serviceKey(), PhoenixClient.binding("*", "public", "Odd name", null));
            server.database().useHandle(handle -> {
                handle.execute("insert into \"Odd name\" values (1, 'a')");
                handle.execute("update \"Odd name\" set v = 'b'");
            });
            assertThat(client.awaitChanges(2).get(1).at("/old_record/v").asString())
                    .isEqualTo("a");
        }
        assertThat(publisher.publish(new TableName("public", "Odd name"), TablePublisher.Identity.FULL))
                .anyMatch(said -> said.contains("already"));
    }

    @Test
    void F001_31_F002_37_F003_44_theChecklistOfTheDocumentationWorks() throws IOException {
        String page = Files.readString(Path.of("..", "docs", "new-live-table.md"));
        var script = Pattern.compile("```sql\n(.*?)```", Pattern.DOTALL).matcher(page);
        assertThat(script.find()).isTrue();
        server.database()
                .useHandle(handle -> handle.createScript(script.group(1)).executeAsSeparateStatements());
        assertThat(publisher.publish(new TableName("public", "tickets"), TablePublisher.Identity.FULL))
                .noneMatch(said -> said.contains("WARNING"));

        UUID organization = server.organization("tickets");
        UUID member = server.member(organization);
        UUID outsider = server.member(server.organization("no-tickets"));
        try (PhoenixClient client = server.connect();
                PhoenixClient other = server.connect()) {
            var tickets = PhoenixClient.binding("*", "public", "tickets", null);
            client.joined("realtime:tickets", server.userToken(member), tickets);
            other.joined("realtime:tickets", server.userToken(outsider), tickets);
            server.database().useHandle(handle -> {
                handle.execute("insert into tickets (organization_id, title) values (?, 'printer')", organization);
                handle.execute("delete from tickets");
            });

            assertThat(client.awaitChanges(2))
                    .extracting(change -> change.get("type").asString())
                    .containsExactly("INSERT", "DELETE");
            assertThat(other.messages())
                    .noneMatch(message -> message.get(3).asString().equals("postgres_changes"));
        }
    }

    @Test
    void aTableWithoutAKeyIsNotPublishedWithoutFull() {
        server.database().useHandle(handle -> handle.execute("create table keyless (v text)"));

        assertThatThrownBy(() -> publisher.publish(new TableName("public", "keyless"), TablePublisher.Identity.KEEP))
                .hasMessageContaining("has no primary key")
                .hasMessageContaining("leave out --keep-identity");
        assertThatThrownBy(() -> publisher.publish(new TableName("public", "nowhere"), TablePublisher.Identity.FULL))
                .hasMessage("table public.nowhere does not exist");
    }

    @Test
    void A2_aDeleteIsNotShownWhereItsImageLacksWhatThePolicyReads() {
        server.database().useHandle(handle -> {
            handle.execute("create table keyed (id int primary key, owner uuid)");
            handle.execute("alter table keyed enable row level security");
            handle.execute("create policy own on keyed using (owner = auth.uid())");
        });
        publisher.publish(new TableName("public", "keyed"), TablePublisher.Identity.KEEP);
        var user = UUID.randomUUID();
        try (PhoenixClient client = server.connect()) {
            client.joined(
                    "realtime:keyed", server.userToken(user), PhoenixClient.binding("*", "public", "keyed", null));

            server.database().useHandle(handle -> {
                handle.execute("insert into keyed values (1, ?), (2, ?)", user, user);
                handle.execute("delete from keyed where id = 1");
                handle.execute("update keyed set id = 3 where id = 2");
            });

            var changes = client.awaitChanges(3);
            assertThat(changes)
                    .extracting(change -> change.get("type").asString())
                    .containsExactly("INSERT", "INSERT", "UPDATE");
            assertThat(changes.get(2).get("old_record").size())
                    .as("the former key is not the new row's")
                    .isZero();
        }
    }
}

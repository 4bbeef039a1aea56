package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.ReplicaIdentities;
import dev.switchboard.engine.postgres.TablePublisher;
import dev.switchboard.server.Switchboard;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
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

    /** Members of papers are found by what the stream tells of another table, which nobody hears of. */
    @Test
    void A11_F001_06_whatPoliciesReadIsHeardOfAndToldToNobody() {
        server.script("""
                create table paper_members (paper int, member uuid, primary key (paper, member));
                create table papers (id int primary key, v text);
                grant select on papers, paper_members to authenticated, service_role;
                alter table papers enable row level security;
                create policy of_members on papers for select to authenticated
                  using (id in (select m.paper from paper_members m where m.member = (select auth.uid())));""");
        UUID member = UUID.randomUUID();
        server.database().useHandle(handle -> handle.execute("insert into paper_members values (1, ?)", member));

        assertThat(publisher.publish(new TableName("public", "papers"), TablePublisher.Identity.FULL))
                .anyMatch(said ->
                        said.startsWith("Table public.paper_members, which its policies read, is in publication"));

        try (PhoenixClient own = server.connect();
                PhoenixClient everything = server.connect()) {
            own.joined("realtime:own", server.userToken(member), PhoenixClient.binding("*", "public", "papers", null));
            everything.joined("realtime:all", server.serviceKey(), PhoenixClient.binding("*", "*", null, null));
            server.database().useHandle(handle -> handle.execute("insert into papers values (1, 'a'), (2, 'hidden')"));
            own.awaitChanges(1);
            double asked = server.figure("switchboard_decisions_asked_total");
            double here = server.figure("switchboard_decisions_here_total");
            // step by step: policies may see the data of later than the change
            server.database().useHandle(handle -> handle.execute("update papers set v = 'b'"));
            own.awaitChanges(2);
            server.database().useHandle(handle -> {
                handle.execute("delete from paper_members");
                handle.execute("update papers set v = 'hidden'");
            });
            everything.awaitChanges(6);
            server.database().useHandle(handle -> {
                handle.useTransaction(transaction -> {
                    transaction.execute("update papers set v = 'c' where id = 2");
                    transaction.execute("insert into paper_members values (2, ?)", member);
                });
                handle.execute("update papers set v = 'd'");
            });

            assertThat(own.awaitChanges(4))
                    .extracting(change -> change.at("/record/id").asInt()
                            + change.at("/record/v").asString())
                    .containsExactly("1a", "1b", "2c", "2d");
            assertThat(everything.awaitChanges(9))
                    .extracting(change -> change.get("table").asString())
                    .containsOnly("papers");
            assertThat(server.figure("switchboard_decisions_here_total")).isGreaterThan(here);
            // one in ten is checked in tests, and the service role's are none
            assertThat(server.figure("switchboard_decisions_asked_total") - asked)
                    .isLessThan(server.figure("switchboard_decisions_here_total") - here);
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

    private static final TablePublisher.Identity FULL = TablePublisher.Identity.FULL;

    private static List<String> publish(String table) {
        return publisher.publish(new TableName("public", table), FULL);
    }

    private static void script(String sql) {
        server.script(sql);
    }

    @Test
    void KF3_aVirtualColumnDoesNotBreakWrites() {
        script("create table kf3 (id int primary key, a int, b int generated always as (a * 2))");

        assertThat(publish("kf3"))
                .anyMatch(said ->
                        said.startsWith("REPLICA IDENTITY DEFAULT is set, not FULL: column \"b\" is generated"));

        try (PhoenixClient client = server.connect()) {
            client.joined("realtime:kf3", server.serviceKey(), PhoenixClient.binding("*", "public", "kf3", null));
            script("insert into kf3 (id, a) values (1, 2); update kf3 set a = 3; delete from kf3");
            assertThat(client.awaitChanges(3))
                    .extracting(change -> change.get("type").asString())
                    .containsExactly("INSERT", "UPDATE", "DELETE");
        }
        assertThat(publish("kf3")).anyMatch(said -> said.contains("already"));
        script("insert into kf3 (id, a) values (1, 2); update kf3 set a = 3");
    }

    @Test
    void KF3_withoutAPrimaryKeyAUniqueOneDoesAndWithoutAnyItIsNotPublished() {
        script("create table kf3_unique (id int not null unique, a int, b int generated always as (a * 2))");
        assertThat(publish("kf3_unique")).anyMatch(said -> said.startsWith("REPLICA IDENTITY by a unique key is set"));
        script("insert into kf3_unique (id, a) values (1, 2); update kf3_unique set a = 3; delete from kf3_unique");

        script("create table kf3_keyless (id int, a int, b int generated always as (a * 2))");
        assertThatThrownBy(() -> publish("kf3_keyless")).hasMessageContaining("Give it a primary key");
        script("insert into kf3_keyless (id, a) values (1, 2); update kf3_keyless set a = 3");
    }

    @Test
    void KF3_storedColumnsThatThePublicationCarriesAreFullAndThoseThatItDoesNotAreNot() {
        script("create table kf3_stored (id int primary key, a int, b int generated always as (a * 2) stored)");
        assertThat(publish("kf3_stored")).anyMatch(said -> said.startsWith("REPLICA IDENTITY FULL is set"));
        script("insert into kf3_stored (id, a) values (1, 2); update kf3_stored set a = 3");

        script("create publication kf3_none with (publish_generated_columns = none);"
                + "create table kf3_uncarried (id int primary key, a int, b int generated always as (a * 2) stored)");
        assertThat(new TablePublisher(server.server().database(), "kf3_none")
                        .publish(new TableName("public", "kf3_uncarried"), FULL))
                .anyMatch(said -> said.startsWith("REPLICA IDENTITY DEFAULT is set"));
        script("insert into kf3_uncarried (id, a) values (1, 2); update kf3_uncarried set a = 3");
    }

    @Test
    void KF3_aColumnThatCameLaterIsFoundWithTheStatementThatMendsIt() throws SQLException {
        script("create table kf3_later (id int primary key, a int)");
        publish("kf3_later");
        script(
                "alter table kf3_later add b int generated always as (a * 2); insert into kf3_later (id, a) values (1, 2)");
        assertThatThrownBy(() -> script("update kf3_later set a = 3"))
                .hasStackTraceContaining("Replica identity must not contain unpublished generated columns");

        List<ReplicaIdentities.Broken> broken = broken();
        assertThat(broken).extracting(one -> one.table().table()).containsExactly("kf3_later");
        assertThat(broken.getFirst().what()).contains("42P10", "\"b\"");
        script(broken.getFirst().mend().orElseThrow());

        script("update kf3_later set a = 3");
        assertThat(broken()).isEmpty();
    }

    private static List<ReplicaIdentities.Broken> broken() throws SQLException {
        Database database = server.server().database();
        try (var connection = DriverManager.getConnection(database.url(), database.user(), database.password())) {
            return ReplicaIdentities.broken(connection, Switchboard.PUBLICATION);
        }
    }
}

package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import dev.switchboard.systemtest.harness.WebhookReceiver;
import dev.switchboard.webhooks.Secret;
import dev.switchboard.webhooks.WebhookAdministration;
import dev.switchboard.webhooks.WebhookAdministration.Made;
import dev.switchboard.webhooks.WebhookAdministration.NotPossibleException;
import dev.switchboard.webhooks.WebhookSettings;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** SPEC WH: outgoing webhooks, from the commit to the receiver. */
class WebhooksTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final WebhookSettings HERE =
            new WebhookSettings(true, List.of(Duration.ofMillis(50), Duration.ofMillis(50)), Duration.ofSeconds(2));

    private static TestServer server;

    private final UUID ann = UUID.randomUUID();
    private final UUID ben = UUID.randomUUID();
    private WebhookReceiver receiver;

    @BeforeAll
    static void start() {
        server = TestServer.with().webhooks(HERE).start();
        server.script("""
                create table hook_note (id int primary key, owner uuid, n int, secret text);
                alter table hook_note replica identity full;
                alter table hook_note enable row level security;
                create policy own on hook_note for select to authenticated using (owner = auth.uid());
                revoke select on hook_note from authenticated;
                grant select (id, owner, n) on hook_note to authenticated;
                grant select on hook_note to service_role;
                create table hook_gone (id int primary key, n int);
                create table hook_plain (id int primary key, n int);
                grant select on hook_gone, hook_plain to service_role, authenticated;
                alter publication supabase_realtime add table hook_note, hook_gone, hook_plain;
                """);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void empty() {
        server.script("delete from webhooks.endpoints; delete from hook_note; delete from hook_plain");
        receiver = new WebhookReceiver();
    }

    @AfterEach
    void close() {
        receiver.close();
    }

    @Test
    void F004_24_aSignedMessagePerChangeThatSaysWhatASubscriberIsTold() throws Exception {
        Made made = add(ann, "hook_note");
        try (PhoenixClient client = server.connect()
                .joined(
                        "realtime:notes",
                        server.userToken(ann),
                        PhoenixClient.binding("*", "public", "hook_note", null))) {

            server.script("insert into hook_note values (1, '%s', 1, 'x')".formatted(ann));
            server.script("update hook_note set n = 2 where id = 1");
            server.script("delete from hook_note where id = 1");

            List<WebhookReceiver.Message> messages = receiver.await(3);
            assertThat(messages)
                    .extracting(WebhookReceiver.Message::type)
                    .containsExactly("public.hook_note.insert", "public.hook_note.update", "public.hook_note.delete");
            assertThat(messages).allMatch(message -> message.isSignedWith(made.secret()));
            List<JsonNode> told = client.awaitChanges(3);
            for (int i = 0; i < 3; i++) {
                var data = (ObjectNode) messages.get(i).json().path("data").deepCopy();
                data.remove("position");
                assertThat(data).isEqualTo(told.get(i));
                assertThat(messages.get(i).body()).doesNotContain("secret");
            }
        }
    }

    @Test
    void WH1_ofOthersRowsNothingIsTold() throws Exception {
        add(ann, "hook_note");

        server.script("insert into hook_note values (1, '%s', 1), (2, '%s', 1)".formatted(ben, ann));
        server.script("update hook_note set n = 2");
        server.script("update hook_note set owner = '%s' where id = 2".formatted(ben));
        server.script("update hook_note set owner = '%s', n = 5 where id = 1".formatted(ann));

        List<WebhookReceiver.Message> messages = receiver.await(3);
        assertThat(messages)
                .extracting(message -> message.row().path("id").asInt() + ":"
                        + message.row().path("n").asInt())
                .containsExactlyInAnyOrder("2:1", "2:2", "1:5");
        assertThat(messages)
                .filteredOn(message -> message.row().path("id").asInt() == 1)
                .allMatch(message ->
                        message.json().path("data").path("old_record").isEmpty());
        assertThat(messages).noneMatch(message -> message.body().contains(ben.toString()));
    }

    @Test
    void WH1_eventAndFilterChoose() throws Exception {
        administration()
                .add(new WebhookAdministration.Wish(
                        receiver.url(),
                        List.of(new Binding(
                                "UPDATE",
                                Optional.of("public"),
                                Optional.of("hook_note"),
                                Optional.of("n=gte.10"),
                                Optional.empty())),
                        "service_role",
                        "{\"role\":\"service_role\"}",
                        "row",
                        Optional.empty(),
                        Optional.empty()));

        server.script("insert into hook_note values (1, null, 20), (2, null, 1)");
        server.script("update hook_note set n = n + 1");
        server.script("update hook_note set n = 30 where id = 2");

        assertThat(receiver.await(2))
                .extracting(message -> message.row().path("n").asInt())
                .containsExactlyInAnyOrder(21, 30);
    }

    @Test
    void WH2_whatWasCommittedBeforeIsNotToldAndWhatIsCommittedAfterIsFromTheFirstMoment() throws Exception {
        server.script("insert into hook_note values (1, '%s', 1)".formatted(ann));

        add(ann, "hook_note");
        server.script("insert into hook_note values (2, '%s', 1)".formatted(ann)); // before the server has looked

        assertThat(receiver.await(1))
                .extracting(message -> message.row().path("id").asInt())
                .containsExactly(2);
    }

    @Test
    void WH4_aRowsMessagesStayInOrderWhereOneIsNotTakenAndOthersGoOn() throws Exception {
        var open = new AtomicBoolean();
        receiver.answering(message -> message.row().path("id").asInt() == 1 && !open.get() ? 503 : 200);
        add(ann, "hook_note");

        server.script("insert into hook_note values (1, '%s', 1), (2, '%s', 1)".formatted(ann, ann));
        for (int n = 2; n <= 5; n++) {
            server.script("update hook_note set n = " + n);
        }

        assertThat(receiver.await(5))
                .extracting(message -> message.row().path("id").asInt())
                .containsOnly(2);
        assertThat(receiver.all())
                .filteredOn(message -> message.row().path("id").asInt() == 1)
                .as("each until it is given up, and only then the next")
                .extracting(message -> message.row().path("n").asInt())
                .startsWith(1)
                .isSorted();
        open.set(true);
    }

    @Test
    void WH4_allInOrderWhereThatIsWanted() throws Exception {
        administration()
                .add(new WebhookAdministration.Wish(
                        receiver.url(),
                        List.of(binding("hook_note"), binding("hook_plain")),
                        "service_role",
                        "{\"role\":\"service_role\"}",
                        "all",
                        Optional.empty(),
                        Optional.empty()));

        for (int i = 1; i <= 20; i++) {
            server.script("insert into hook_note values (%d, null, %d)".formatted(i, 2 * i));
            server.script("insert into hook_plain values (%d, %d)".formatted(i, 2 * i + 1));
        }

        assertThat(receiver.await(40))
                .extracting(message -> message.row().path("n").asInt())
                .isSorted()
                .doesNotHaveDuplicates();
    }

    @Test
    void WH5_itIsTriedAgainUnderTheSameIdGivenUpAndReplayed() throws Exception {
        var open = new AtomicBoolean();
        receiver.answering(_ -> open.get() ? 200 : 500);
        Made made = add(ann, "hook_note");

        server.script("insert into hook_note values (1, '%s', 1)".formatted(ann));

        await().atMost(PATIENCE).until(() -> administration().failed(10).size() == 1);
        assertThat(receiver.all())
                .as("the first attempt and the retries of the settings")
                .hasSize(1 + HERE.retries().size());
        assertThat(receiver.all().stream().map(WebhookReceiver.Message::id).collect(Collectors.toSet()))
                .hasSize(1);
        WebhookAdministration.Failed failed = administration().failed(10).getFirst();
        assertThat(failed.error()).isEqualTo("answered with 500");
        assertThat(failed.attempts()).isEqualTo(3);
        assertThat(administration().list().getFirst().failed()).isEqualTo(1);

        open.set(true);
        assertThat(administration().replay(made.id(), Optional.empty(), Instant.now()))
                .isEqualTo(1);
        assertThat(receiver.await(1).getFirst().id()).isEqualTo("msg_" + failed.id());
        await().atMost(PATIENCE).until(() -> administration().list().getFirst().delivered() == 1);
        assertThat(administration().replay(made.id(), Optional.empty(), Instant.now()))
                .as("what was taken is not sent again unless it is asked for")
                .isZero();
        assertThat(administration().replay(made.id(), Optional.of(Instant.now().minusSeconds(60)), Instant.now()))
                .isEqualTo(1);
        receiver.await(2);
    }

    @Test
    void WH5_behindWhatWasGivenUpTheNextComes() throws Exception {
        receiver.answering(message -> message.row().path("n").asInt() == 1 ? 400 : 200);
        add(ann, "hook_note");

        server.script("insert into hook_note values (1, '%s', 1)".formatted(ann));
        server.script("update hook_note set n = 2");

        assertThat(receiver.await(1).getFirst().row().path("n").asInt()).isEqualTo(2);
        assertThat(administration().failed(10)).hasSize(1);
    }

    @Test
    void WH5_aReceiverThatIsGoneIsTurnedOffAndToldOfTheGapWhenItIsBack() throws Exception {
        receiver.answering(_ -> 410);
        Made made = add(ann, "hook_note");
        server.script("insert into hook_note values (1, '%s', 1)".formatted(ann));
        await().atMost(PATIENCE).until(() -> !administration().list().getFirst().enabled());
        assertThat(administration().list().getFirst().trouble()).contains("its receiver answered 410 Gone");
        server.script("insert into hook_note values (2, '%s', 1)".formatted(ann));

        receiver.answering(_ -> 200);
        administration().enable(made.id(), Instant.now());
        server.script("insert into hook_note values (3, '%s', 1)".formatted(ann));

        List<WebhookReceiver.Message> messages = receiver.await(2);
        assertThat(messages).extracting(WebhookReceiver.Message::type).contains("switchboard.gap");
        assertThat(messages)
                .extracting(message -> message.row().path("id").asInt())
                .containsExactlyInAnyOrder(0, 3);
        assertThat(administration().failed(10))
                .as("what waited can be replayed")
                .hasSize(1);
    }

    @Test
    void WH3_afterARotationBothSecretsSign() throws Exception {
        Made made = add(ann, "hook_note");
        String fresh = administration().rotate(made.id(), Instant.now());
        await().atMost(PATIENCE).untilAsserted(() -> {
            server.script(
                    "insert into hook_note select coalesce(max(id), 0) + 1, '%s', 1 from hook_note".formatted(ann));
            assertThat(receiver.taken()).isNotEmpty();
            WebhookReceiver.Message last = receiver.taken().getLast();
            assertThat(last.isSignedWith(fresh) && last.isSignedWith(made.secret()))
                    .isTrue();
        });

        administration().rotate(made.id(), Instant.now().minus(WebhookAdministration.BOTH_SECRETS));
        await().atMost(PATIENCE).untilAsserted(() -> {
            server.script("insert into hook_note select max(id) + 1, '%s', 1 from hook_note".formatted(ann));
            assertThat(receiver.taken().getLast().signatures()).hasSize(1);
        });
        assertThat(receiver.taken().getLast().isSignedWith(administration().secret(made.id())))
                .isTrue();
    }

    @Test
    void WH6_redirectsAreNotFollowed() throws Exception {
        receiver.answering(_ -> 307);
        add(ann, "hook_note");

        server.script("insert into hook_note values (1, '%s', 1)".formatted(ann));

        await().atMost(PATIENCE).until(() -> administration().failed(10).size() == 1);
        assertThat(administration().failed(10).getFirst().error())
                .isEqualTo("answered by a redirect (307), which is not followed");
        assertThat(receiver.all()).hasSize(1 + HERE.retries().size());
    }

    @Test
    void WH6_privateAddressesAreRefusedUnlessTheyAreAllowed() throws Exception {
        try (TestServer strict = TestServer.with()
                .webhooks(new WebhookSettings(false, List.of(Duration.ofMillis(50)), Duration.ofSeconds(2)))
                .start()) {
            strict.script("create table hook_strict (id int primary key); grant select on hook_strict to service_role;"
                    + " alter publication supabase_realtime add table hook_strict");
            var administration = new WebhookAdministration(
                    strict.server().database(),
                    new Secret(strict.server().secrets().webhooks()));
            for (String url : List.of(receiver.url(), receiver.url().replace("http:", "https:"))) {
                administration.add(new WebhookAdministration.Wish(
                        url,
                        List.of(binding("hook_strict")),
                        "service_role",
                        "{\"role\":\"service_role\"}",
                        "row",
                        Optional.empty(),
                        Optional.empty()));
            }

            strict.script("insert into hook_strict values (1)");

            await().atMost(PATIENCE).until(() -> administration.failed(10).size() == 2);
            assertThat(administration.failed(10))
                    .extracting(WebhookAdministration.Failed::error)
                    .anyMatch(error -> error.contains("is no https"))
                    .anyMatch(error -> error.contains("127.0.0.1, which is no public address"));
            assertThat(receiver.all()).isEmpty();
        }
    }

    @Test
    void WH7_aGapIsToldWhereChangesMayBeMissing() throws Exception {
        administration()
                .add(new WebhookAdministration.Wish(
                        receiver.url(),
                        List.of(binding("hook_gone")),
                        "service_role",
                        "{\"role\":\"service_role\"}",
                        "all",
                        Optional.empty(),
                        Optional.empty()));
        server.script("insert into hook_gone values (1, 1)");
        receiver.await(1);

        server.script("truncate hook_gone");
        assertThat(gaps(1)).last().isEqualTo("the table was emptied by TRUNCATE");

        server.script("alter publication supabase_realtime drop table hook_gone");
        assertThat(gaps(2)).last().asString().startsWith("a table was dropped, renamed, unpublished");
        await().atMost(PATIENCE)
                .until(() -> administration().list().getFirst().trouble().isPresent());
        assertThat(administration().list().getFirst().trouble().get()).contains("hook_gone");

        server.script("insert into hook_gone values (2, 2)");
        server.script("alter publication supabase_realtime add table hook_gone");
        assertThat(gaps(3)).last().isEqualTo("some changes could not be told for a while");
        server.script("insert into hook_gone values (3, 3)");
        List<WebhookReceiver.Message> messages = receiver.await(5);
        assertThat(messages.getLast().row().path("id").asInt()).isEqualTo(3);
        assertThat(administration().list().getFirst().trouble()).isEmpty();
    }

    @Test
    void WH7_aSlotThatWasDroppedIsAGapAndItGoesOn() throws Exception {
        add(ann, "hook_note");
        server.script("insert into hook_note values (1, '%s', 1)".formatted(ann));
        receiver.await(1);

        await().atMost(PATIENCE).ignoreExceptions().untilAsserted(() -> {
            server.script("select pg_terminate_backend(active_pid) from pg_replication_slots"
                    + " where slot_name = 'switchboard_webhooks' and active");
            server.script("select pg_drop_replication_slot('switchboard_webhooks')");
        });

        assertThat(gaps(1)).last().asString().contains("slot").contains("begins now");
        server.script("insert into hook_note values (2, '%s', 1)".formatted(ann));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(receiver.taken())
                        .anyMatch(message -> message.row().path("id").asInt() == 2));
    }

    @Test
    void WH5_adminsSeeTheEndpointsAndMessagesOfTheirOrganizationAndNobodyElseDoes() throws Exception {
        var world = new CallCentreWorld(server.database(), 1);
        UUID admin = world.member("admin", "Ada");
        UUID stranger = new CallCentreWorld(server.database(), 0).member("admin", "Stranger");
        administration()
                .add(new WebhookAdministration.Wish(
                        receiver.url(),
                        List.of(binding("hook_plain")),
                        "service_role",
                        "{\"role\":\"service_role\"}",
                        "row",
                        Optional.empty(),
                        Optional.of(world.organization())));
        server.script("insert into hook_plain values (1, 1)");
        receiver.await(1);

        for (String view : List.of("webhook_endpoints", "webhook_deliveries")) {
            assertThat(rows(admin, view)).as(view).isEqualTo(1);
            assertThat(rows(stranger, view)).as(view).isZero();
            assertThat(rows(world.agents().getFirst(), view)).as(view).isZero();
        }
    }

    private static int rows(UUID user, String view) {
        return server.database().inTransaction(handle -> {
            handle.execute("select set_config('request.jwt.claims', ?, true)", "{\"sub\":\"%s\"}".formatted(user));
            handle.execute("set local role authenticated");
            return handle.createQuery("select count(*) from public." + view)
                    .mapTo(Integer.class)
                    .one();
        });
    }

    @Test
    void WH1_endpointsThatCannotBeAreRefusedWithTheRemedy() {
        assertThatThrownBy(() -> administration()
                        .add(new WebhookAdministration.Wish(
                                "ftp://example.com",
                                List.of(),
                                "anon",
                                "{}",
                                "row",
                                Optional.empty(),
                                Optional.empty())))
                .isInstanceOf(NotPossibleException.class)
                .hasMessageContaining("https://example.com/hook");
        assertThatThrownBy(() -> administration().remove(UUID.randomUUID()))
                .isInstanceOf(NotPossibleException.class)
                .hasMessageContaining("switchboard webhooks list");
    }

    private List<String> gaps(int count) {
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(reasons()).as("gaps told").hasSize(count));
        return reasons();
    }

    private List<String> reasons() {
        Set<String> seen = ConcurrentHashMap.newKeySet();
        return receiver.taken().stream()
                .filter(message -> message.type().equals("switchboard.gap"))
                .filter(message -> seen.add(message.id()))
                .map(message -> message.json().path("data").path("reason").asString())
                .toList();
    }

    private Made add(UUID user, String table) throws NotPossibleException {
        return administration()
                .add(new WebhookAdministration.Wish(
                        receiver.url(),
                        List.of(binding(table)),
                        "authenticated",
                        "{\"role\":\"authenticated\",\"sub\":\"%s\"}".formatted(user),
                        "row",
                        Optional.empty(),
                        Optional.empty()));
    }

    private static Binding binding(String table) {
        return new Binding("*", Optional.of("public"), Optional.of(table), Optional.empty(), Optional.empty());
    }

    private static WebhookAdministration administration() {
        return new WebhookAdministration(
                server.server().database(), new Secret(server.server().secrets().webhooks()));
    }
}

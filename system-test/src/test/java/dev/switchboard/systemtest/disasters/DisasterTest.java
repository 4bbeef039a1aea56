package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.Calls;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** What breaks below and beside the engine, one disaster each. */
class DisasterTest {
    private TestServer server;
    private UUID organization;
    private PhoenixClient client;

    @BeforeEach
    void start() {
        server = TestServer.start();
        organization = server.organization("disaster");
        client = watch();
    }

    @AfterEach
    void stop() {
        client.close();
        server.close();
    }

    private PhoenixClient watch() {
        return server.connect()
                .joined(
                        "realtime:calls",
                        server.userToken(server.member(organization)),
                        PhoenixClient.binding("*", "public", "calls", null));
    }

    private static List<String> ids(PhoenixClient of) {
        return of.changes().stream()
                .map(change -> change.at("/record/id").asString())
                .toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"fast", "immediate"})
    void D2_nothingIsLostOrDoubledWhenPostgresRestarts(String mode) {
        var written = new ArrayList<String>();
        for (int i = 0; i < 50; i++) {
            written.add(server.call(organization).toString());
        }

        server.server().postgres().orElseThrow().restart(mode);
        for (int i = 0; i < 50; i++) {
            written.add(server.call(organization).toString());
        }

        client.awaitChanges(100, Duration.ofSeconds(30));
        assertThat(ids(client)).containsExactlyElementsOf(written);
        assertThat(client.isOpen()).isTrue();
    }

    @Test
    void D3_aLostSlotIsReplacedAndEverySubscriberToldToRefetch() {
        // dropped in the moment between the end of one stream and the start of the next
        await().pollInterval(Duration.ofMillis(1)).ignoreExceptions().until(() -> {
            server.database()
                    .useHandle(
                            handle -> handle.execute(
                                    "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'switchboard'"));
            server.database().useHandle(handle -> handle.execute("select pg_drop_replication_slot('switchboard')"));
            return true;
        });

        assertThat(client.message(message -> message.toString().contains("ReplicationSlotLost"))
                        .get(3)
                        .asString())
                .isEqualTo("system");
        client.event("realtime:calls", "phx_error");
        client.joined(
                "realtime:calls",
                server.userToken(server.member(organization)),
                PhoenixClient.binding("*", "public", "calls", null));
        String after = server.call(organization).toString();
        client.awaitChanges(1);
        assertThat(ids(client)).containsExactly(after);
    }

    @Test
    void D4_aTransactionOf100MegabytesArrivesWholeAndInOrderWithBoundedMemory() {
        int rows = 1_000;
        server.database()
                .useHandle(handle -> handle.createUpdate(
                                "insert into calls (organization_id, provider_call_sid, direction, from_number, to_number, state,"
                                        + " transcription) select :organization, 'big-' || i, 'inbound', i::text, '2', 'ringing',"
                                        + " repeat(md5(i::text), 100 * 1024 / 32) from generate_series(1, " + rows
                                        + ") i")
                        .bind("organization", organization)
                        .execute());

        client.awaitChanges(rows, Duration.ofSeconds(90));

        assertThat(client.changeTexts()).hasSize(rows);
        var numbers = client.changeTexts().stream()
                .map(text -> PhoenixClient.JSON
                        .readTree(text)
                        .at("/4/data/record/from_number")
                        .asString())
                .toList();
        assertThat(numbers)
                .containsExactlyElementsOf(java.util.stream.IntStream.rangeClosed(1, rows)
                        .mapToObj(Integer::toString)
                        .toList());
        assertThat(client.isOpen()).isTrue();
    }

    @Test
    void D5_truncateTellsItsSubscribersToRefetch() {
        String call = server.call(organization).toString();
        client.awaitChanges(1);

        server.database().useHandle(handle -> handle.execute("truncate calls cascade"));

        client.message(message -> message.toString().contains("TableTruncated"));
        client.event("realtime:calls", "phx_error");
        assertThat(ids(client)).containsExactly(call);
    }

    @Test
    void D7_anUnchangedToastValueArrivesWithAnUpdateOfAnotherColumn() {
        UUID call = server.call(organization);
        // random, so that it does not compress away and is stored out of line
        server.database()
                .useHandle(handle -> handle.execute(
                        "update calls set transcription = (select string_agg(md5(random()::text), '') from generate_series(1, 500))"
                                + " where id = ?",
                        call));
        server.database().useHandle(handle -> Calls.advance(handle, call, "active"));

        List<JsonNode> changes = client.awaitChanges(3);

        String long1 = changes.get(1).at("/record/transcription").asString();
        assertThat(long1).hasSize(16_000);
        assertThat(changes.get(2).at("/record/transcription").asString()).isEqualTo(long1);
        assertThat(changes.get(2).at("/record/state").asString()).isEqualTo("active");
    }

    @Test
    void D8_columnsAddedInMidTransactionArriveWithTheNextChange() {
        server.database().useTransaction(handle -> {
            Calls.insert(handle, UUID.randomUUID(), organization);
            handle.execute("alter table calls add column added text default 'new'");
            Calls.insert(handle, UUID.randomUUID(), organization);
            handle.execute("alter table calls rename column added to renamed");
            Calls.insert(handle, UUID.randomUUID(), organization);
        });

        List<JsonNode> changes = client.awaitChanges(3);

        assertThat(changes.get(0).get("record").has("added")).isFalse();
        assertThat(changes.get(2).at("/record/renamed").asString()).isEqualTo("new");
        assertThat(changes).hasSize(3);
    }

    @Test
    void A3_anUpdateCarriesNoOldValuesThatTheUserMayNotSee() {
        UUID other = server.organization("elsewhere");
        UUID call = server.call(other);

        server.database()
                .useHandle(handle ->
                        handle.execute("update calls set organization_id = ? where id = ?", organization, call));

        JsonNode change = client.awaitChanges(1).getFirst();
        assertThat(change.get("type").asString()).isEqualTo("UPDATE");
        assertThat(change.at("/record/organization_id").asString()).isEqualTo(organization.toString());
        assertThat(change.get("old_record").size()).isZero();
    }

    @Test
    void A4_aRevokedMembershipEndsDeliveryFromTheNextCommitOn() {
        UUID user = server.member(organization);
        PhoenixClient leaver = server.connect()
                .joined("realtime:calls", server.userToken(user), PhoenixClient.binding("*", "public", "calls", null));
        String seen = server.call(organization).toString();
        leaver.awaitChanges(1);

        server.database().useHandle(handle -> handle.execute("delete from user_roles where user_id = ?", user));
        server.call(organization);

        client.awaitChanges(2);
        UUID probe = UUID.randomUUID();
        server.database().useHandle(handle -> {
            handle.execute(
                    "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                    organization,
                    user);
            Calls.insert(handle, probe, organization);
        });
        leaver.awaitChanges(2);
        assertThat(ids(leaver)).containsExactly(seen, probe.toString());
        leaver.close();
    }
}

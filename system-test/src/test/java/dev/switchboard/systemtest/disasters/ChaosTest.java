package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.Calls;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Many writers at once while PostgreSQL's backends that serve us are killed at random moments: every connection that
 * stays open gets each change that it may see exactly once, in the same order as its colleagues, and no other.
 */
class ChaosTest {
    private static final int WRITERS = 16;
    private static final int CHANGES = 10_000;
    private static final int ORGANIZATIONS = 3;
    private static final int CLIENTS_EACH = 4;
    private static final int KILLS = 20;
    private static final int NEWCOMERS = 20;

    private final List<UUID> organizations = new ArrayList<>();
    /** By organization, what was committed: "type id version". */
    private final Map<UUID, ConcurrentLinkedQueue<String>> committed = new HashMap<>();

    /** By organization, the order in which its first member got the changes. */
    private final Map<UUID, List<String>> order = new HashMap<>();

    private final List<PhoenixClient> subscribers = new ArrayList<>();
    private final AtomicInteger written = new AtomicInteger();
    private final AtomicInteger killsDone = new AtomicInteger();

    /** A user without an organization who becomes a member in the transaction that also writes a call. */
    private record Newcomer(UUID user, UUID organization, UUID call, PhoenixClient client) {}

    @Test
    void D1_eachAuthorizedChangeArrivesExactlyOnceWhileBackendsAreKilled() throws Exception {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("ChaosTest: -Dseed=" + seed);
        var random = new Random(seed);
        try (TestServer server = TestServer.start()) {
            Map<UUID, List<PhoenixClient>> members = connectMembers(server);
            List<Newcomer> newcomers = connectNewcomers(server, random);
            PhoenixClient outsider = subscribe(server, UUID.randomUUID());

            runWriters(server.database(), newcomers, random);
            int kills = killsDone.get();
            writeSentinels(server.database());
            heartbeat();

            members.forEach((organization, clients) -> {
                List<String> expected = List.copyOf(committed.get(organization));
                clients.forEach(client -> awaitSentinel(client, organization));
                order.put(organization, seen(clients.getFirst()));
                for (PhoenixClient client : clients) {
                    assertThat(client.isOpen()).isTrue();
                    List<String> got = seen(client);
                    assertThat(got).doesNotHaveDuplicates();
                    assertThat(got).containsExactlyInAnyOrderElementsOf(expected);
                    assertThat(got).as("the same order as a colleague").isEqualTo(seen(clients.getFirst()));
                }
            });
            newcomers.forEach(this::checkNewcomer);
            assertThat(outsider.changes()).isEmpty();
            assertThat(kills).isEqualTo(KILLS);
            assertThat(server.server().progress().streamBreaks()).isPositive();
            System.out.printf(
                    "ChaosTest: %d changes by %d writers, %d kills (%d breaks of the stream, %d retries of authorization),"
                            + " %d members, %d newcomers%n",
                    written.get(),
                    WRITERS,
                    kills,
                    server.server().progress().streamBreaks(),
                    server.server().progress().accessRetries(),
                    ORGANIZATIONS * CLIENTS_EACH,
                    NEWCOMERS);
        }
    }

    private Map<UUID, List<PhoenixClient>> connectMembers(TestServer server) {
        var members = new HashMap<UUID, List<PhoenixClient>>();
        for (int i = 0; i < ORGANIZATIONS; i++) {
            UUID organization = server.organization("chaos-" + i);
            organizations.add(organization);
            committed.put(organization, new ConcurrentLinkedQueue<>());
            var clients = new ArrayList<PhoenixClient>();
            for (int c = 0; c < CLIENTS_EACH; c++) {
                clients.add(subscribe(server, server.member(organization)));
            }
            members.put(organization, clients);
        }
        return members;
    }

    private List<Newcomer> connectNewcomers(TestServer server, Random random) {
        var newcomers = new ArrayList<Newcomer>();
        for (int i = 0; i < NEWCOMERS; i++) {
            UUID user = UUID.randomUUID();
            newcomers.add(new Newcomer(
                    user,
                    organizations.get(random.nextInt(ORGANIZATIONS)),
                    UUID.randomUUID(),
                    subscribe(server, user)));
        }
        return newcomers;
    }

    /** To the key and what tells changes apart, since the frames of all clients are kept in this process. */
    private PhoenixClient subscribe(TestServer server, UUID user) {
        ObjectNode binding =
                PhoenixClient.select(PhoenixClient.binding("*", "public", "calls", null), "organization_id", "version");
        PhoenixClient client = server.connect().joined("realtime:calls", server.userToken(user), binding);
        subscribers.add(client);
        return client;
    }

    /** As every client does: a connection that says nothing for a minute is closed. */
    private void heartbeat() {
        subscribers.stream().filter(PhoenixClient::isOpen).forEach(PhoenixClient::heartbeat);
    }

    private void runWriters(Jdbi database, List<Newcomer> newcomers, Random random) throws Exception {
        var waiting = new ConcurrentLinkedQueue<>(newcomers);
        var done = new CountDownLatch(WRITERS);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int w = 0; w < WRITERS; w++) {
                var writer = new Random(random.nextLong());
                threads.submit(() -> {
                    try {
                        database.useHandle(handle -> write(handle, writer, waiting));
                    } finally {
                        done.countDown();
                    }
                });
            }
            Random killer = new Random(random.nextLong());
            // spread over the writing: the next kill comes when the next share of the changes is written
            for (int kill = 1; kill <= KILLS; kill++) {
                int share = CHANGES / (KILLS + 1) * kill + killer.nextInt(CHANGES / (KILLS + 1) / 2);
                await().atMost(Duration.ofMinutes(3))
                        .pollInterval(Duration.ofMillis(1))
                        .until(() -> written.get() >= share);
                kill(database, killer.nextInt(3) == 0 ? "switchboard-rows" : "switchboard-wal");
                assertThat(done.getCount()).as("kills happen during the writes").isPositive();
                killsDone.incrementAndGet();
                heartbeat();
            }
            assertThat(done.await(3, TimeUnit.MINUTES)).isTrue();
        }
    }

    private static void kill(Jdbi database, String application) {
        database.useHandle(handle -> handle.createQuery(
                        "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = ?")
                .bind(0, application)
                .mapTo(Integer.class)
                .one());
    }

    private void write(Handle handle, Random random, ConcurrentLinkedQueue<Newcomer> waiting) {
        var mine = new ArrayList<UUID>();
        var versions = new HashMap<UUID, Integer>();
        var owners = new HashMap<UUID, UUID>();
        while (written.get() < CHANGES) {
            Newcomer newcomer = random.nextInt(60) == 0 || written.get() > CHANGES * 9 / 10 ? waiting.poll() : null;
            if (newcomer != null) {
                join(handle, newcomer);
            } else if (mine.size() < 5 || random.nextInt(3) == 0) {
                UUID id = UUID.randomUUID();
                UUID organization = organizations.get(random.nextInt(ORGANIZATIONS));
                Calls.insert(handle, id, organization);
                commit(organization, "INSERT " + id + " 1");
                mine.add(id);
                versions.put(id, 1);
                owners.put(id, organization);
            } else {
                UUID id = mine.get(random.nextInt(mine.size()));
                UUID organization = owners.get(id);
                if (random.nextInt(4) == 0) {
                    Calls.delete(handle, id);
                    commit(organization, "DELETE " + id + " " + versions.get(id));
                    mine.remove(id);
                } else {
                    if (random.nextBoolean()) {
                        Calls.advance(handle, id, "active");
                    } else {
                        Calls.rename(handle, id, "Company " + random.nextInt());
                    }
                    commit(organization, "UPDATE " + id + " " + versions.merge(id, 1, Integer::sum));
                }
            }
        }
    }

    private void join(Handle handle, Newcomer newcomer) {
        handle.useTransaction(transaction -> {
            transaction.execute(
                    "insert into user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                    newcomer.organization(),
                    newcomer.user());
            Calls.insert(transaction, newcomer.call(), newcomer.organization());
        });
        commit(newcomer.organization(), "INSERT " + newcomer.call() + " 1");
    }

    private void commit(UUID organization, String change) {
        committed.get(organization).add(change);
        written.incrementAndGet();
    }

    private void writeSentinels(Jdbi database) {
        for (UUID organization : organizations) {
            UUID id = sentinel(organization);
            database.useHandle(handle -> Calls.insert(handle, id, organization));
            committed.get(organization).add("INSERT " + id + " 1");
        }
    }

    private static UUID sentinel(UUID organization) {
        return new UUID(organization.getMostSignificantBits(), 42);
    }

    private static void awaitSentinel(PhoenixClient client, UUID organization) {
        String last = sentinel(organization).toString();
        await().atMost(Duration.ofMinutes(1))
                .until(() -> client.changeTexts().stream().anyMatch(text -> text.contains(last)));
        assertThat(client.isOpen()).as("the connection stayed open").isTrue();
    }

    private void checkNewcomer(Newcomer newcomer) {
        awaitSentinel(newcomer.client(), newcomer.organization());
        List<String> got = seen(newcomer.client());
        String first = "INSERT " + newcomer.call() + " 1";
        assertThat(newcomer.client().isOpen()).isTrue();
        assertThat(got).doesNotHaveDuplicates().contains(first);
        assertThat(committed.get(newcomer.organization())).containsAll(got);
        List<String> colleague = order.get(newcomer.organization());
        Set<String> owed = new HashSet<>(colleague.subList(colleague.indexOf(first), colleague.size()));
        assertThat(got).as("everything from its own first call on").containsAll(owed);
    }

    private static List<String> seen(PhoenixClient client) {
        return client.changes().stream().map(ChaosTest::words).toList();
    }

    private static String words(JsonNode change) {
        JsonNode row = change.has("record") ? change.get("record") : change.get("old_record");
        return change.get("type").asString() + " " + row.get("id").asString() + " "
                + row.get("version").asInt();
    }
}

package dev.switchboard.systemtest.embedding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.data.DataSettings;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.Preparation;
import dev.switchboard.http.HttpSettings;
import dev.switchboard.server.Switchboard;
import dev.switchboard.systemtest.harness.ForeignPostgres;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server as part of an application (docs/embedding.md): the parts that are asked for, and nothing that stays behind. */
@Timeout(180)
class EmbeddingTest {
    private static final String SECRET = "a secret of the application's own, of 32 bytes and more";

    @TempDir
    private Path directory;

    private static PhoenixClient subscribed(Switchboard server, String table) {
        String token = server.tokens().issue("service_role", Map.of(), Instant.now(), Duration.ofMinutes(5));
        return PhoenixClient.connect(server.port(), token, "2.0.0")
                .joined("realtime:x", token, PhoenixClient.binding("*", "public", table, null));
    }

    private static Jdbi jdbi(Database database) {
        return Jdbi.create(database.url(), database.user(), database.password());
    }

    private static final String ORDERS = """
            create table public.orders (id int primary key, state text);
            alter table public.orders enable row level security;
            alter publication supabase_realtime add table public.orders""";

    @Test
    void partsThatAreLeftOutLeaveNoTableAndNoRoute() throws Exception {
        try (Switchboard server =
                Switchboard.embedded(directory).jwtSecret(SECRET).start()) {
            Jdbi jdbi = jdbi(server.database());
            jdbi.useHandle(handle -> handle.createScript(ORDERS).executeAsSeparateStatements());

            List<String> tables = jdbi.withHandle(
                    handle -> handle.createQuery("""
                            select schemaname || '.' || tablename from pg_tables
                             where schemaname not in ('pg_catalog', 'information_schema', 'switchboard', 'realtime')""").mapTo(String.class).list());
            assertThat(tables).containsExactly("public.orders");
            var http = new Http("http://127.0.0.1:" + server.port());
            for (String path : List.of("/auth/v1/settings", "/rest/v1/", "/api/calls")) {
                assertThat(http.get(path).status()).as(path).isEqualTo(404);
            }
            try (PhoenixClient client = subscribed(server, "orders")) {
                jdbi.useHandle(handle -> handle.execute("insert into orders values (1, 'new')"));
                assertThat(client.awaitChanges(1).toString()).contains("\"state\":\"new\"");
            }
        }
    }

    @Test
    void eachPartBringsItsOwnTables() {
        try (Switchboard server = Switchboard.embedded(directory)
                .accounts(AccountSettings.defaults())
                .dataApi(DataSettings.defaults())
                .start()) {
            Jdbi jdbi = jdbi(server.database());

            boolean organizations = jdbi.withHandle(
                    handle -> handle.createQuery("select to_regclass('public.organizations') is not null")
                            .mapTo(Boolean.class)
                            .one());
            boolean users = jdbi.withHandle(handle -> handle.createQuery("select to_regclass('auth.users') is not null")
                    .mapTo(Boolean.class)
                    .one());
            assertThat(users).isTrue();
            assertThat(organizations).isFalse();
        }
        // and a part that is added later brings them then
        try (Switchboard server = Switchboard.embedded(directory)
                .accounts(AccountSettings.defaults())
                .callCentre()
                .start()) {
            assertThat(server.callCentre()).isPresent();
        }
    }

    @Test
    void theCallCentreWithoutAccountsIsRefused() {
        assertThatThrownBy(() -> Switchboard.embedded(directory).callCentre().start())
                .isInstanceOf(InvalidSettingException.class)
                .hasMessageContaining("accounts");
        assertThatThrownBy(
                        () -> Switchboard.embedded(directory).jwtSecret("short").start())
                .isInstanceOf(InvalidSettingException.class)
                .hasMessageContaining("32 bytes");
        assertThatThrownBy(() -> Switchboard.embedded(directory).slot("My Slot").start())
                .isInstanceOf(InvalidSettingException.class)
                .hasMessageContaining("My Slot");
    }

    /** Beside a PostgreSQL that is there, as a user who is no superuser: two servers of one cluster, and nothing left of them. */
    @Test
    void twoOfOneClusterInOneProcessAndNothingIsLeft() {
        try (var postgres = new ForeignPostgres(17)) {
            Jdbi superuser = jdbi(postgres.as("postgres", "secret", "postgres"));
            superuser.useHandle(handle -> handle.createScript("""
                    alter system set wal_level = 'logical';
                    create role app login createrole replication password 'app';
                    create database one owner app;
                    create database two owner app""").executeAsSeparateStatements());
            postgres.restart();
            Set<String> before = threads();
            for (int round = 0; round < 2; round++) {
                try (Switchboard one = start(postgres.as("app", "app", "one"), "one");
                        Switchboard two = start(postgres.as("app", "app", "two"), "two")) {
                    try (PhoenixClient first = subscribed(one, "orders");
                            PhoenixClient second = subscribed(two, "orders")) {
                        int id = round;
                        jdbi(one.database())
                                .useHandle(handle -> handle.execute("insert into orders values (?, 'one')", id));
                        jdbi(two.database())
                                .useHandle(handle -> handle.execute("insert into orders values (?, 'two')", id));
                        assertThat(first.awaitChanges(1).toString()).contains("\"state\":\"one\"");
                        assertThat(second.awaitChanges(1).toString()).contains("\"state\":\"two\"");
                    }
                }
            }

            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(threads()).isSubsetOf(before));
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(connections(superuser)).isEmpty());
        }
    }

    /** A port that is taken: what was started is stopped again, and the next start finds everything free. */
    @Test
    void aStartThatFailsLeavesNothingBehind() throws Exception {
        Set<String> before = threads();
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            HttpSettings free = HttpSettings.defaults();
            var http = new HttpSettings(
                    free.host(),
                    taken.getLocalPort(),
                    free.tls(),
                    free.publicUrl(),
                    free.corsOrigins(),
                    free.corsHeaders(),
                    free.limits());
            assertThatThrownBy(() -> Switchboard.embedded(directory).http(http).start())
                    .isInstanceOf(InvalidSettingException.class)
                    .hasMessageContaining("cannot listen on 127.0.0.1:" + taken.getLocalPort());
        }

        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(threads()).isSubsetOf(before));
        try (Switchboard server = Switchboard.embedded(directory).start()) {
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(server.health().values()).allMatch(Optional::isEmpty));
        }
    }

    private static List<String> connections(Jdbi superuser) {
        return superuser.withHandle(handle -> handle.createQuery(
                        "select application_name from pg_stat_activity where application_name like 'switchboard%'")
                .mapTo(String.class)
                .list());
    }

    private Switchboard start(Database database, String name) {
        var preparation = new Preparation(database, Switchboard.PUBLICATION, name);
        preparation.lacks().forEach(preparation::mend);
        jdbi(database).useHandle(handle -> handle.createScript("""
                create table if not exists public.orders (id int primary key, state text);
                alter table public.orders enable row level security;
                drop policy if exists everybody on public.orders;
                create policy everybody on public.orders for select using (true);
                grant select on public.orders to service_role""").executeAsSeparateStatements());
        jdbi(database).useHandle(handle -> {
            if (handle.createQuery("select not exists (select from pg_publication_tables where tablename = 'orders')")
                    .mapTo(Boolean.class)
                    .one()) {
                handle.execute("alter publication supabase_realtime add table public.orders");
            }
        });
        return Switchboard.with(database)
                .directory(directory.resolve(name))
                .slot(name)
                .start();
    }

    /** Those of ours, and of the libraries that a server starts. */
    private static Set<String> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name ->
                        name.matches("(?i)(switchboard|vert\\.x|vertx|Hikari|catalog|types|accounts|data|calls|wal).*"))
                .collect(Collectors.toSet());
    }
}

package dev.switchboard.examples.orders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.client.Changes;
import dev.switchboard.client.Event;
import dev.switchboard.client.SwitchboardClient;
import dev.switchboard.junit.SwitchboardExtension;
import dev.switchboard.junit.TestDatabase;
import dev.switchboard.spring.SwitchboardServer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;

/** The example as its README says, under the versions that Spring Boot manages. */
@Timeout(300)
@ExtendWith(SwitchboardExtension.class)
class OrdersTest {
    @TempDir
    private Path directory;

    private final HttpClient http = HttpClient.newHttpClient();

    private List<String> arguments(TestDatabase database) {
        var arguments = new ArrayList<>(TestOrdersApplication.of(database));
        arguments.addAll(List.of(
                "--server.port=0",
                "--switchboard.server.port=0",
                "--switchboard.server.directory=" + directory,
                "--logging.level.root=warn"));
        return arguments;
    }

    private ConfigurableApplicationContext start(TestDatabase database) {
        return SpringApplication.run(OrdersApplication.class, arguments(database).toArray(String[]::new));
    }

    private String ask(ConfigurableApplicationContext context, String method, String path) throws Exception {
        String port = context.getEnvironment().getProperty("local.server.port");
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .method(method, HttpRequest.BodyPublishers.noBody());
        HttpResponse<String> response = http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        assertThat(response.statusCode()).as(path + ": " + response.body()).isEqualTo(200);
        return response.body();
    }

    @Test
    void anOrderIsShownLiveToItsCustomerAndDeliveredWhenItIsPaid(TestDatabase database) throws Exception {
        UUID ann = UUID.randomUUID();
        UUID bob = UUID.randomUUID();
        try (ConfigurableApplicationContext context = start(database)) {
            assertThat(ask(context, "GET", "/")).contains("<title>Orders</title>");
            String token = ask(context, "GET", "/connection?customer=" + ann).replaceAll(".*\"token\":\"([^\"]+)\".*", "$1");
            var seen = new CopyOnWriteArrayList<String>();
            var live = new CompletableFuture<Void>();
            String url = context.getBean(SwitchboardServer.class).url();
            try (var client = SwitchboardClient.builder(URI.create(url), token).token(() -> token).build()) {
                client.channel("orders").changes(Changes.of("public", "orders")).subscribe(event -> {
                    switch (event) {
                        case Event.Subscribed _ -> live.complete(null);
                        case Event.Change change -> seen.add(change.toString());
                        default -> {}
                    }
                });
                live.get();
                ask(context, "POST", "/orders?customer=" + bob + "&item=tea");
                ask(context, "POST", "/orders?customer=" + ann + "&item=coffee");
                await().untilAsserted(() -> assertThat(seen).hasSize(1));
            }
            assertThat(seen.getFirst()).contains("coffee");

            String id = database.texts("select id from orders where item = 'coffee'").getFirst();
            ask(context, "POST", "/orders/" + id + "/pay");
            await().untilAsserted(() -> assertThat(database.texts("select order_id from deliveries")).containsExactly(id));
            assertThat(ask(context, "GET", "/actuator/health")).contains("\"status\":\"UP\"", "listener deliveries");
            assertThat(ask(context, "GET", "/actuator/metrics/switchboard.changes.in")).contains("changes.in");
        }
        database.execute("truncate orders, deliveries");
    }

    /** The context comes and goes: nothing of it stays. */
    @Test
    void twoRestartsLeaveNoThreadConnectionOrActiveSlot(TestDatabase database) throws Exception {
        start(database).close();
        Set<String> before = threads();
        for (int round = 0; round < 2; round++) {
            try (ConfigurableApplicationContext context = start(database)) {
                ask(context, "GET", "/actuator/health");
            }
        }

        await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> assertThat(threads()).isSubsetOf(before));
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(database.texts("select application_name from pg_stat_activity where datname ="
                                + " current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"))
                        .isEmpty());
        assertThat(database.texts("select slot_name from pg_replication_slots where database = current_database() and active"))
                .isEmpty();
        assertThat(database.texts("select count(*) from pg_replication_slots where database = current_database()"))
                .containsExactly("2");
    }

    private static Set<String> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(Thread::isAlive)
                .map(Thread::getName)
                .filter(name -> !name.matches("(junit|HttpClient|ForkJoin|Common-Cleaner|Attach|surefire|awaitility).*"))
                .collect(Collectors.toSet());
    }

    /** 10,000 payments while the application is killed three times: each is delivered, none out of order. */
    @Test
    void tenThousandChangesSurviveKillsOfTheApplication(TestDatabase database) throws Exception {
        Process application = fork(database);
        await().atMost(Duration.ofSeconds(60))
                .untilAsserted(() -> assertThat(database.texts(
                                "select slot_name from pg_replication_slots where slot_name like '%deliveries' and active"))
                        .hasSize(1));
        database.execute("insert into orders (customer, item) select gen_random_uuid(), 'item ' || i from generate_series(1, 100) i");
        List<String> ids = database.texts("select id from orders order by id");
        for (int kill = 0; kill < 4; kill++) {
            int from = kill * 25;
            for (int version = 0; version < 100; version++) {
                int step = version;
                String updates = IntStream.range(from, from + 25)
                        .mapToObj(i -> "update orders set state = 'paid', item = '" + step + "' where id = " + ids.get(i))
                        .collect(Collectors.joining("; "));
                database.execute(updates);
            }
            if (kill < 3) {
                application.destroyForcibly().waitFor();
                application = fork(database);
            }
        }
        try {
            await().atMost(Duration.ofSeconds(120))
                    .untilAsserted(() -> assertThat(database.texts("select count(*) from deliveries")).containsExactly("10000"));
        } finally {
            application.destroy();
            application.waitFor();
        }

        // per order a hundred deliveries, noted in the order of their positions
        assertThat(database.texts("select distinct count(*) from deliveries group by order_id")).containsExactly("100");
        assertThat(database.texts("""
                        select order_id from (
                          select order_id, noted_at < lag(noted_at) over (
                            partition by order_id
                            order by split_part(position, '#', 1)::pg_lsn, split_part(position, '#', 2)::int) as early
                          from deliveries) d where early"""))
                .isEmpty();
        assertThat(database.texts("select count(*) from pg_tables where tablename = 'switchboard_dead_letters'"))
                .containsExactly("0");
        database.execute("truncate orders, deliveries");
    }

    private Process fork(TestDatabase database) throws Exception {
        var command = new ArrayList<>(List.of(
                ProcessHandle.current().info().command().orElseThrow(),
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                OrdersApplication.class.getName()));
        command.addAll(arguments(database));
        return new ProcessBuilder(command).inheritIO().start();
    }
}

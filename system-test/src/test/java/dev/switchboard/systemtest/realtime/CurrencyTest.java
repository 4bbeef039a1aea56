package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What a heartbeat's answer says of how current the server is. */
class CurrencyTest {
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** Milliseconds that a new heartbeat's answer says; -1: it says nothing. */
    private static long behind(PhoenixClient client) {
        JsonNode behind = client.reply(client.push(null, "phoenix", "heartbeat", "{\"behind\":true}"))
                .at("/response/behind_ms");
        return behind.isMissingNode() ? -1 : behind.asLong();
    }

    @Test
    void W7_F000_06_aQuietServerStaysCurrentAndAPausedReaderDoesNot() throws IOException, InterruptedException {
        try (PhoenixClient client = server.connect()) {
            await().atMost(Duration.ofSeconds(10)).until(() -> behind(client) >= 0);
            await().during(Duration.ofSeconds(5))
                    .atMost(Duration.ofSeconds(20))
                    .pollInterval(Duration.ofMillis(500))
                    .until(() -> behind(client) < 5_000);
            int walSender = server.database()
                    .withHandle(handle -> handle.createQuery("select pid from pg_stat_replication limit 1")
                            .mapTo(Integer.class)
                            .one());

            signal("STOP", walSender);
            server.database().useHandle(handle -> handle.execute("create table of_no_interest (id int)"));
            await().atMost(Duration.ofSeconds(20))
                    .pollInterval(Duration.ofMillis(500))
                    .until(() -> behind(client) > 6_000);
            signal("CONT", walSender);
            await().atMost(Duration.ofSeconds(20))
                    .pollInterval(Duration.ofMillis(500))
                    .until(() -> behind(client) < 5_000);

            assertThat(behind(client)).isBetween(0L, 7_000L);
        }
    }

    private static void signal(String name, int pid) throws IOException, InterruptedException {
        int code = new ProcessBuilder("kill", "-" + name, Integer.toString(pid))
                .start()
                .waitFor();
        assertThat(code).isZero();
    }
}

package dev.switchboard.systemtest.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.TestServer;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import kotlin.Unit;
import okhttp3.OkHttpClient;
import org.junit.jupiter.api.Test;
import org.phoenixframework.Channel;
import org.phoenixframework.Defaults;
import org.phoenixframework.Socket;

/** JavaPhoenixClient, unmodified, on wire version 2.0.0. */
class JavaPhoenixClientTest {
    @Test
    void F000_12_B1_changesAndBroadcastsReachJavaPhoenixClient() throws InterruptedException {
        try (TestServer server = TestServer.start()) {
            UUID organization = server.organization("java-phoenix");
            String token = server.userToken(server.member(organization));
            Socket socket = socket(server);
            BlockingQueue<String> events = new LinkedBlockingQueue<>();
            socket.connect();
            Channel channel = socket.channel(
                    "realtime:calls",
                    Map.of(
                            "access_token",
                            token,
                            "config",
                            Map.of(
                                    "broadcast",
                                    Map.of("self", true),
                                    "postgres_changes",
                                    List.of(Map.of("event", "INSERT", "schema", "public", "table", "calls")))));
            channel.on("postgres_changes", message -> {
                events.add("change " + message.getPayload().get("data"));
                return Unit.INSTANCE;
            });
            channel.on("broadcast", message -> {
                events.add("broadcast " + message.getPayload().get("payload"));
                return Unit.INSTANCE;
            });
            channel.join(10_000).receive("ok", _ -> {
                events.add("joined");
                return Unit.INSTANCE;
            });
            assertThat(events.poll(20, TimeUnit.SECONDS)).isEqualTo("joined");

            UUID call = server.call(organization);
            assertThat(events.poll(20, TimeUnit.SECONDS)).contains("change", call.toString());

            channel.push("broadcast", Map.of("type", "broadcast", "event", "ring", "payload", Map.of("n", 1)), 10_000);
            assertThat(events.poll(20, TimeUnit.SECONDS)).startsWith("broadcast {n=1");

            channel.leave(10_000);
            socket.disconnect(1000, null, null);
        }
    }

    private static Socket socket(TestServer server) {
        return new Socket(
                "ws://127.0.0.1:" + server.port() + "/socket/websocket",
                Map.of("apikey", server.anonKey()),
                "2.0.0",
                Defaults.INSTANCE.getEncode(),
                Defaults.INSTANCE.getDecode(),
                new OkHttpClient());
    }

    @Test
    void Y1_Z6_aPrivateRoomItsPastAndWhatTheDatabaseSays() throws InterruptedException {
        try (TestServer server = TestServer.start()) {
            server.script(
                    "create policy hear on realtime.messages for select to authenticated using (realtime.topic() = 'crew')");
            say(server, 1);
            String token = server.userToken(UUID.randomUUID());
            Socket socket = socket(server);
            BlockingQueue<String> events = new LinkedBlockingQueue<>();
            socket.connect();
            Map<String, Object> config =
                    Map.of("private", true, "broadcast", Map.of("replay", Map.of("since", 0, "limit", 5), "ack", true));
            Channel channel = socket.channel("realtime:crew", Map.of("access_token", token, "config", config));
            channel.on("broadcast", message -> {
                events.add("broadcast " + message.getPayload().get("payload")
                        + message.getPayload().get("meta"));
                return Unit.INSTANCE;
            });
            channel.join(10_000).receive("ok", _ -> {
                events.add("joined");
                return Unit.INSTANCE;
            });
            assertThat(events.poll(20, TimeUnit.SECONDS)).isEqualTo("joined");
            assertThat(events.poll(20, TimeUnit.SECONDS)).contains("n=1", "replayed=true");

            say(server, 2);
            assertThat(events.poll(20, TimeUnit.SECONDS)).contains("n=2").doesNotContain("replayed");
            channel.push("broadcast", Map.of("type", "broadcast", "event", "ring", "payload", Map.of()), 10_000)
                    .receive("error", refused -> {
                        events.add("refused " + refused.getPayload());
                        return Unit.INSTANCE;
                    });
            assertThat(events.poll(20, TimeUnit.SECONDS)).contains("refused", "UnauthorizedToWrite");
            socket.channel("realtime:elsewhere", Map.of("access_token", token, "config", config))
                    .join(10_000)
                    .receive("error", refused -> {
                        events.add("refused " + refused.getPayload());
                        return Unit.INSTANCE;
                    });
            assertThat(events.poll(20, TimeUnit.SECONDS)).contains("refused", "Unauthorized");
            socket.disconnect(1000, null, null);
        }
    }

    private static void say(TestServer server, int number) {
        server.script("select realtime.send('{\"n\":" + number + "}', 'word', 'crew')");
    }
}

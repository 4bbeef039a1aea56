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
            var socket = new Socket(
                    "ws://127.0.0.1:" + server.port() + "/socket/websocket",
                    Map.of("apikey", server.anonKey()),
                    "2.0.0",
                    Defaults.INSTANCE.getEncode(),
                    Defaults.INSTANCE.getDecode(),
                    new OkHttpClient());
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
}

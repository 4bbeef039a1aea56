package dev.switchboard.systemtest.disasters;

import static dev.switchboard.systemtest.harness.RawWebSocket.BINARY;
import static dev.switchboard.systemtest.harness.RawWebSocket.CLOSE;
import static dev.switchboard.systemtest.harness.RawWebSocket.CONTINUATION;
import static dev.switchboard.systemtest.harness.RawWebSocket.FIN;
import static dev.switchboard.systemtest.harness.RawWebSocket.TEXT;
import static dev.switchboard.systemtest.harness.RawWebSocket.frame;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.gateway.GatewayCounters;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.RawWebSocket;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/**
 * Malformed and hostile frames on the socket, beside well-behaved neighbours: no crash, nothing left of the hostile
 * connections, and the neighbours get all that is theirs, in order.
 */
class FuzzTest {
    private static final int PER_CONNECTION = 250;
    private static final long LEAK_BYTES = 32L << 20;

    private static final List<String> EVENTS = List.of(
            "phx_join", "phx_leave", "broadcast", "presence", "access_token", "heartbeat", "phx_close", "x", "");

    private static final List<String> PAYLOADS = List.of(
            "{}",
            "null",
            "[]",
            "7",
            "\"text\"",
            "{\"config\":null}",
            "{\"config\":{\"presence\":{\"enabled\":\"TRUE\",\"key\":7},\"broadcast\":[],\"postgres_changes\":{}}}",
            "{\"config\":{\"presence\":{\"enabled\":true,\"key\":\"k\"},\"broadcast\":{\"self\":true,\"ack\":true}}}",
            "{\"config\":{\"private\":true}}",
            "{\"type\":\"broadcast\",\"event\":\"e\",\"payload\":{\"a\":[1,2,{\"b\":null}]}}",
            "{\"event\":{}}",
            "{\"type\":\"presence\",\"event\":\"track\",\"payload\":{\"a\":1}}",
            "{\"type\":\"presence\",\"event\":\"track\",\"payload\":[]}",
            "{\"type\":\"presence\",\"event\":\"untrack\"}",
            "{\"access_token\":\"eyJhbGciOiJub25lIn0.e30.\"}",
            "{\"access_token\":\"a.b.c\"}",
            "{\"access_token\":7}");

    private static final List<String> BINDINGS = List.of(
            "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\",\"filter\":\"state=match.(a+)+$\"}",
            "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\",\"filter\":\"state=eq.'; drop table calls; --\"}",
            "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\",\"filter\":\"id=in.(1,2\"}",
            "{\"event\":\"*\",\"schema\":\"pg_catalog\",\"table\":\"pg_authid\"}",
            "{\"event\":7,\"schema\":[],\"table\":{}}",
            "{\"schema\":\"*\"}",
            "{}");

    @Test
    void X1_fiftyThousandHostileFramesChangeNothingForOthers() {
        fuzz(50_000);
    }

    @Test
    @Tag("long")
    void X1_aMillionHostileFramesChangeNothingForOthers() {
        fuzz(1_000_000);
    }

    private static void fuzz(int frames) {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("FuzzTest: -Dseed=" + seed);
        try (TestServer server = TestServer.start()) {
            UUID organization = server.organization("fuzz");
            try (PhoenixClient speaker = server.connect();
                    PhoenixClient listener = server.connect()) {
                listener.joined(
                        "realtime:calls",
                        server.userToken(server.member(organization)),
                        PhoenixClient.binding("*", "public", "calls", null));
                listener.joinedRoom("realtime:room", "{\"presence\":{\"enabled\":true,\"key\":\"listener\"}}");
                String join = speaker.joinedRoom("realtime:room", "{}");
                var random = new Random(seed);
                var neighbours = new Neighbours(server, speaker, listener, join, organization);
                long warm = 0;
                int sent = 0;
                int connections = 0;
                while (sent < frames) {
                    sent += attack(server, random);
                    connections++;
                    neighbours.live();
                    if (warm == 0 && sent > frames / 10) {
                        warm = liveHeap();
                    }
                }
                neighbours.assertUnaffected();
                await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
                    assertThat(server.server()
                                    .gateway()
                                    .counters()
                                    .connections()
                                    .get())
                            .isEqualTo(2);
                    assertThat(server.server().gateway().channelCount()).isEqualTo(3);
                    assertThat(server.server().engine().roomCount()).isEqualTo(2);
                    assertThat(server.server().progress().subscriptions()).isEqualTo(1);
                });
                GatewayCounters counters = server.server().gateway().counters();
                long leaked = liveHeap() - warm;
                System.out.printf(
                        "FuzzTest: %d frames on %d connections, %d messages taken, %d of them malformed;"
                                + " live heap grew by %d KB after the first tenth%n",
                        sent,
                        connections,
                        counters.messagesIn().sum(),
                        counters.malformed().sum(),
                        leaked / 1024);
                assertThat(leaked).isLessThan(LEAK_BYTES);
                assertThat(counters.messagesIn().sum())
                        .as("most of it was looked at")
                        .isGreaterThan(frames / 2);
            }
        }
    }

    /** Without what the test itself keeps of its neighbours, which is little. */
    private static long liveHeap() {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    /** What goes on beside the attack: a broadcast and a change now and then. */
    private static final class Neighbours {
        private final TestServer server;
        private final PhoenixClient speaker;
        private final PhoenixClient listener;
        private final String join;
        private final UUID organization;
        private int said;
        private int changed;

        Neighbours(TestServer server, PhoenixClient speaker, PhoenixClient listener, String join, UUID organization) {
            this.server = server;
            this.speaker = speaker;
            this.listener = listener;
            this.join = join;
            this.organization = organization;
        }

        void live() {
            speaker.push(join, "realtime:room", "broadcast", "{\"event\":\"n\",\"payload\":{\"n\":" + said++ + "}}");
            if (said % 10 == 0) {
                listener.push(null, "phoenix", "heartbeat", "{}");
                server.call(organization);
                changed++;
            }
        }

        void assertUnaffected() {
            assertThat(listener.awaitChanges(changed)).hasSize(changed);
            await().atMost(Duration.ofSeconds(20)).until(() -> heard().size() >= said);
            assertThat(heard()).isEqualTo(IntStream.range(0, said).boxed().toList());
            assertThat(speaker.isOpen() && listener.isOpen()).isTrue();
            String ref = listener.push(null, "phoenix", "heartbeat", "{}");
            assertThat(listener.reply(ref).get("status").asString()).isEqualTo("ok");
        }

        private List<Integer> heard() {
            return listener.messages().stream()
                    .filter(message -> message.get(2).asString().equals("realtime:room")
                            && message.get(3).asString().equals("broadcast"))
                    .map((JsonNode message) -> message.at("/4/payload/n").asInt())
                    .toList();
        }
    }

    /** One hostile connection: many messages, at its end a breach of RFC 6455 or no end at all. Returns the frames. */
    private static int attack(TestServer server, Random random) {
        int frames = 1 + random.nextInt(2 * PER_CONNECTION);
        RawWebSocket socket = RawWebSocket.connect(server);
        Thread reader = Thread.ofVirtual().start(socket::drain);
        try (socket) {
            for (int i = 1; i < frames; i++) {
                socket.send(hostile(random));
            }
            if (random.nextInt(10) > 0) {
                socket.send(breach(random), frame(FIN | CLOSE, new byte[0]));
                reader.join(Duration.ofSeconds(10));
            }
        } catch (UncheckedIOException endedByServer) {
            // as it may, at any time
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
        return frames;
    }

    private static byte[] breach(Random random) {
        return switch (random.nextInt(5)) {
            case 0 -> noise(random, 1 + random.nextInt(64));
            case 1 -> frame(FIN | TEXT, noise(random, random.nextInt(200)));
            case 2 -> frame(FIN | TEXT, new byte[0], 1L << (17 + random.nextInt(40)), true);
            case 3 -> frame(random.nextInt(256), noise(random, random.nextInt(130)), 10, random.nextBoolean());
            default -> frame(random.nextBoolean() ? TEXT : CONTINUATION, noise(random, random.nextInt(20)));
        };
    }

    private static byte[] hostile(Random random) {
        int kind = random.nextInt(100);
        if (kind < 6) {
            return text(deep(random));
        }
        if (kind < 16) {
            byte[] valid = message(random).getBytes(StandardCharsets.UTF_8);
            return frame(FIN | TEXT, Arrays.copyOf(valid, random.nextInt(valid.length + 1)));
        }
        if (kind < 26) {
            return text(mutated(random, message(random)));
        }
        if (kind < 31) {
            return text(join(random));
        }
        if (kind < 50) {
            return frame(FIN | BINARY, binary(random));
        }
        if (kind < 51) {
            return text("[" + "\"x\",".repeat(5_000) + "1]");
        }
        if (kind < 52) {
            return text("[null,\"1\",\"realtime:" + "t".repeat(random.nextInt(400)) + "\",\"phx_join\",{}]");
        }
        return text(message(random));
    }

    private static byte[] text(String text) {
        return RawWebSocket.text(text);
    }

    private static byte[] noise(Random random, int length) {
        byte[] noise = new byte[length];
        random.nextBytes(noise);
        return noise;
    }

    private static String message(Random random) {
        return "[" + reference(random) + "," + reference(random) + ",\"" + topic(random) + "\",\"" + one(random, EVENTS)
                + "\"," + one(random, PAYLOADS) + "]";
    }

    private static String reference(Random random) {
        return one(random, List.of("null", "\"1\"", "\"2\"", "\"99\"", "1", "{}", "[1]", "true"));
    }

    private static String topic(Random random) {
        return one(
                random,
                List.of(
                        "realtime:hostile" + random.nextInt(5),
                        "realtime:",
                        "phoenix",
                        "x",
                        "",
                        "realtime:\\u0000",
                        "realtime:\\ud800"));
    }

    private static String join(Random random) {
        return "[\"1\",\"1\",\"" + topic(random) + "\",\"phx_join\",{\"config\":{\"postgres_changes\":["
                + one(random, BINDINGS) + "," + one(random, BINDINGS) + "]}}]";
    }

    private static String deep(Random random) {
        int depth = 1 + random.nextInt(2_000);
        return "[null,\"1\",\"realtime:hostile0\",\"broadcast\"," + "{\"a\":[".repeat(depth)
                + (random.nextBoolean() ? "]}".repeat(depth) + "]" : "");
    }

    private static String mutated(Random random, String valid) {
        var text = new StringBuilder(valid);
        for (int i = 0; i <= random.nextInt(4) && !text.isEmpty(); i++) {
            int at = random.nextInt(text.length());
            switch (random.nextInt(3)) {
                case 0 -> text.deleteCharAt(at);
                case 1 -> text.insert(at, one(random, List.of("\"", "\\", "{", "]", ",", "\u0001", "😀", "1e999")));
                default -> text.setCharAt(at, (char) (32 + random.nextInt(95)));
            }
        }
        return text.toString();
    }

    /** Kinds 0 to 255 with lengths that lie more often than not. */
    private static byte[] binary(Random random) {
        byte[] valid = PhoenixClient.kind3(
                "1",
                "2",
                "realtime:hostile" + random.nextInt(5),
                "e",
                random.nextBoolean() ? "" : "{\"persist\":1}",
                random.nextBoolean(),
                one(random, PAYLOADS).getBytes(StandardCharsets.UTF_8));
        switch (random.nextInt(4)) {
            case 0 -> valid[0] = (byte) random.nextInt(256);
            case 1 -> valid[1 + random.nextInt(5)] = (byte) random.nextInt(256);
            case 2 -> {
                return Arrays.copyOf(valid, random.nextInt(valid.length + 1));
            }
            default -> {}
        }
        return valid;
    }

    private static <T> T one(Random random, List<T> values) {
        return values.get(random.nextInt(values.size()));
    }
}

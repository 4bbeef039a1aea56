package dev.switchboard.engine.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.model.WireVersion;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ClientCodecTest {
    private static final String JOIN = """
            ["6","6","realtime:calls","phx_join",{"config":{"broadcast":{"ack":false,"self":false},"presence":{"key":"",\
            "enabled":"TRUE"},"postgres_changes":[{"event":"*","schema":"public","table":"calls","filter":null,\
            "select":["id"],"extra":1}],"private":false,"postgres_changes_options":{"wait":true}},\
            "access_token":"a.b.c","version":"x"}]""";
    private static final List<String> FRAMES_V2 = List.of(
            JOIN,
            "[null,\"10\",\"phoenix\",\"heartbeat\",{}]",
            "[\"6\",\"7\",\"realtime:calls\",\"access_token\",{\"access_token\":\"a.b.c\"}]",
            "[\"6\",\"8\",\"realtime:calls\",\"phx_leave\",{}]");
    private static final List<String> FRAMES_V1 = List.of(
            "{\"topic\":\"realtime:x\",\"event\":\"phx_join\",\"payload\":{},\"ref\":\"1\",\"join_ref\":\"1\"}",
            "{\"topic\":\"phoenix\",\"event\":\"heartbeat\",\"payload\":{},\"ref\":2}");

    private static Optional<ClientMessage> decode(WireVersion version, String text) {
        return ClientCodec.decode(version, text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void J1_aJoinIsReadWithItsBindingsAndOptions() {
        var join = (ClientMessage.Join) decode(WireVersion.V2, JOIN).orElseThrow();

        assertThat(join.topic()).isEqualTo("realtime:calls");
        assertThat(join.joinRef()).contains("6");
        assertThat(join.token()).contains("a.b.c");
        assertThat(join.options().presence()).isEqualTo(ClientMessage.Presence.TOLD);
        assertThat(join.options().waits()).isTrue();
        assertThat(join.options().privateChannel()).isFalse();
        assertThat(join.bindings())
                .containsExactly(new Binding(
                        "*",
                        Optional.of("public"),
                        Optional.of("calls"),
                        Optional.empty(),
                        Optional.of(List.of("id"))));
    }

    @Test
    void W5_versionOneIsAnObjectWithFourMembers() {
        assertThat(decode(WireVersion.V1, FRAMES_V1.get(0))).get().isInstanceOf(ClientMessage.Join.class);
        assertThat(decode(WireVersion.V1, FRAMES_V1.get(1)))
                .contains(new ClientMessage.Heartbeat("phoenix", Optional.of("2"), Optional.empty()));
        assertThat(decode(WireVersion.V1, "{\"topic\":\"a\",\"event\":\"b\",\"payload\":{}}"))
                .isEmpty();
        assertThat(decode(WireVersion.V1, JOIN)).isEmpty();
        assertThat(decode(WireVersion.V2, FRAMES_V1.get(0))).isEmpty();
    }

    @Test
    void W6_everyTruncationOfEveryFrameIsNoMessage() {
        FRAMES_V2.forEach(frame -> everyTruncationIsEmpty(WireVersion.V2, frame));
        FRAMES_V1.forEach(frame -> everyTruncationIsEmpty(WireVersion.V1, frame));
    }

    private static void everyTruncationIsEmpty(WireVersion version, String frame) {
        byte[] bytes = frame.getBytes(StandardCharsets.UTF_8);
        for (int length = 0; length < bytes.length; length++) {
            assertThat(ClientCodec.decode(version, Arrays.copyOf(bytes, length)))
                    .as("%s cut to %s bytes", frame, length)
                    .isEmpty();
        }
    }

    @Test
    void W6_damagedFramesNeverThrow() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = FRAMES_V2.get(random.nextInt(FRAMES_V2.size())).getBytes(StandardCharsets.UTF_8);
            for (int damage = random.nextInt(4); damage >= 0; damage--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
            byte[] damaged = bytes;

            assertThat(ClientCodec.decode(WireVersion.V2, damaged))
                    .as("seed %s", seed)
                    .isNotNull();
        }
    }

    @Test
    void W6_nestingBeyondTheBoundIsNoMessage() {
        String deep = "[".repeat(100_000) + "]".repeat(100_000);

        assertThat(decode(WireVersion.V2, "[\"1\",\"1\",\"realtime:x\",\"e\"," + deep + "]"))
                .isEmpty();
    }

    @Test
    void J2_theReplyEchoesBindingsInOrderWithIds() {
        var join = (ClientMessage.Join) decode(WireVersion.V2, JOIN).orElseThrow();

        Frame reply = new ServerMessage.Joined(join.joinRef(), join.ref(), join.topic(), join.bindings(), List.of(5))
                .encode(WireVersion.V2);

        assertThat(reply)
                .hasToString(
                        "[\"6\",\"6\",\"realtime:calls\",\"phx_reply\",{\"status\":\"ok\",\"response\":{\"postgres_changes\":"
                                + "[{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\",\"select\":[\"id\"],\"id\":5}]}}]");
    }

    @Test
    void J2_equalBindingsHaveEqualIdsAndTheyArePositive() {
        var one = new Binding("*", Optional.of("public"), Optional.of("t"), Optional.empty(), Optional.empty());
        var same = new Binding("*", Optional.of("public"), Optional.of("t"), Optional.empty(), Optional.empty());

        assertThat(one.id()).isEqualTo(same.id()).isPositive();
    }

    @Test
    void W4_versionOneMessagesCarryNoJoinReference() {
        Frame frame = new ServerMessage.Closed(Optional.of("3"), "realtime:x").encode(WireVersion.V1);

        assertThat(frame)
                .hasToString("{\"topic\":\"realtime:x\",\"event\":\"phx_close\",\"payload\":{},\"ref\":\"3\"}");
    }
}

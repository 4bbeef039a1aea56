package dev.switchboard.engine.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.model.WireVersion;
import java.io.ByteArrayOutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BinaryFramesTest {
    private static byte[] kind3(Charset charset, int encoding, String payload, String... parts) {
        var frame = new ByteArrayOutputStream();
        frame.write(3);
        List<byte[]> bytes =
                Arrays.stream(parts).map(part -> part.getBytes(charset)).toList();
        bytes.forEach(part -> frame.write(part.length));
        frame.write(encoding);
        bytes.forEach(frame::writeBytes);
        frame.writeBytes(payload.getBytes(StandardCharsets.UTF_8));
        return frame.toByteArray();
    }

    private static Optional<ClientMessage> decode(byte[] frame) {
        return ClientCodec.decodeBinary(WireVersion.V2, frame);
    }

    @Test
    void B3_aBroadcastOfJsonIsReadWithItsReferences() {
        ClientMessage message = decode(kind3(StandardCharsets.UTF_8, 1, "{\"a\":1}", "1", "2", "realtime:x", "ev", ""))
                .orElseThrow();

        assertThat(message).isInstanceOf(ClientMessage.Broadcast.class);
        assertThat(message.joinRef()).contains("1");
        assertThat(message.ref()).contains("2");
        assertThat(message.topic()).isEqualTo("realtime:x");
        var content = (BroadcastContent.Text) ((ClientMessage.Broadcast) message).content();
        assertThat(new String(content.payload(), StandardCharsets.UTF_8))
                .isEqualTo("{\"type\":\"broadcast\",\"event\":\"ev\",\"payload\":{\"a\":1}}");
    }

    @Test
    void B3_olderClientsWriteLatin1() {
        ClientMessage message = decode(kind3(StandardCharsets.ISO_8859_1, 0, "raw", "", "", "realtime:größe", "ü", ""))
                .orElseThrow();

        assertThat(message.topic()).isEqualTo("realtime:größe");
        assertThat(message.joinRef()).isEmpty();
        assertThat(((BroadcastContent.Binary) ((ClientMessage.Broadcast) message).content()).event())
                .isEqualTo("ü");
    }

    @Test
    void B4_lengthsThatDoNotFitMakeItNoMessage() {
        byte[] frame = kind3(StandardCharsets.UTF_8, 1, "{}", "1", "2", "realtime:x", "ev", "");
        int header = 7 + 1 + 1 + 10 + 2;

        for (int length = 0; length < header; length++) {
            assertThat(decode(Arrays.copyOf(frame, length)))
                    .as("%d bytes", length)
                    .isEmpty();
        }
        byte[] lying = frame.clone();
        lying[3] = (byte) 255;
        assertThat(decode(lying)).isEmpty();
        assertThat(ClientCodec.decodeBinary(WireVersion.V1, frame)).isEmpty();
    }

    @Test
    void B5_jsonThatIsNoneIsRefused() {
        assertThat(decode(kind3(StandardCharsets.UTF_8, 1, "{", "1", "2", "realtime:x", "ev", "")))
                .get()
                .isInstanceOf(ClientMessage.Invalid.class);
    }

    @Test
    void Z8_persistIsTrueOrHasSeconds() {
        assertThat(persistence("")).isEmpty();
        assertThat(persistence("{\"other\":1}")).isEmpty();
        assertThat(persistence("{\"persist\":false}")).isEmpty();
        assertThat(persistence("{\"persist\":true}").orElseThrow().ttl()).isEmpty();
        assertThat(persistence("{\"persist\":{\"ttl\":60}}").orElseThrow().ttl())
                .contains(Duration.ofSeconds(60));
        for (String malformed :
                List.of("1", "\"true\"", "{}", "{\"ttl\":0}", "{\"ttl\":-1}", "{\"ttl\":1.5}", "{\"ttl\":99999999}")) {
            assertThat(decode(kind3(
                            StandardCharsets.UTF_8,
                            1,
                            "{}",
                            "1",
                            "2",
                            "realtime:x",
                            "ev",
                            "{\"persist\":" + malformed + "}")))
                    .as(malformed)
                    .get()
                    .isInstanceOf(ClientMessage.Invalid.class);
        }
    }

    private static Optional<ClientMessage.Persistence> persistence(String metadata) {
        return decode(kind3(StandardCharsets.UTF_8, 1, "{}", "1", "2", "realtime:x", "ev", metadata))
                .map(ClientMessage.Broadcast.class::cast)
                .orElseThrow()
                .persistence();
    }

    @Test
    void X1_noBytesBreakIt() {
        var random = new Random(7);
        for (int i = 0; i < 50_000; i++) {
            byte[] noise = new byte[random.nextInt(40)];
            random.nextBytes(noise);
            if (noise.length > 0 && random.nextBoolean()) {
                noise[0] = (byte) random.nextInt(5);
            }
            decode(noise);
        }
    }
}

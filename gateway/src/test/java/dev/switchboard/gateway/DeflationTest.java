package dev.switchboard.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.engine.protocol.Frame;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** RFC 7692; the section stands in the test's name. SPEC W11. */
class DeflationTest {
    private static final String ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    private final Deflation deflation = new Deflation();

    @ParameterizedTest
    @ValueSource(
            strings = {
                "permessage-deflate",
                "Permessage-Deflate ; client_max_window_bits",
                "permessage-deflate; client_max_window_bits=\"12\"; server_no_context_takeover",
                "permessage-deflate; client_no_context_takeover",
                "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits",
                "permessage-deflate; server_max_window_bits=10, permessage-deflate"
            })
    void W11_7_1_anOfferWithParametersThatAreKnownIsAccepted(String offer) {
        assertThat(Deflation.accept(List.of(offer))).contains(ANSWER);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "x-webkit-deflate-frame",
                "permessage-deflate; server_max_window_bits=10", // zlib's window here has one size
                "permessage-deflate; server_max_window_bits",
                "permessage-deflate; client_max_window_bits=7",
                "permessage-deflate; client_max_window_bits=16",
                "permessage-deflate; client_no_context_takeover=1",
                "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
                "permessage-deflate; unknown",
                "permessage-deflate;"
            })
    void W11_7_1_anyOtherIsDeclined(String offer) {
        assertThat(Deflation.accept(List.of(offer))).isEmpty();
    }

    @Test
    void W11_7_1_2_1_theWindowThatThereIsMayBeAskedFor() {
        assertThat(Deflation.accept(List.of("foo", "permessage-deflate; server_max_window_bits=15")))
                .contains(ANSWER + "; server_max_window_bits=15");
    }

    /** The examples of section 7.2.3: one block, two, without compression, the last block marked as such. */
    @ParameterizedTest
    @ValueSource(
            strings = {"f248cdc9c90700", "f24805000000ffffcac9c90700", "000500faff48656c6c6f00", "f348cdc9c9070000"})
    void W11_7_2_3_theExamplesOfTheStandardAreUnderstood(String hex) {
        byte[] message = deflation.inflate(HexFormat.of().parseHex(hex), 100);

        assertThat(new String(message, StandardCharsets.US_ASCII)).isEqualTo("Hello");
    }

    @Test
    void W11_7_2_1_whatIsCompressedIsAsBefore() {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("DeflationTest: -Dseed=" + seed);
        var random = new Random(seed);
        for (int i = 0; i < 300; i++) {
            byte[] message = new byte[1_024 + random.nextInt(60_000)];
            int letters = 1 + random.nextInt(200);
            for (int at = 0; at < message.length; at++) {
                message[at] = (byte) random.nextInt(letters);
            }
            Frame frame = Frame.binary(message);
            Optional<byte[]> deflated = deflation.deflate(frame, 1);
            if (deflated.isPresent()) {
                assertThat(deflated.get()).hasSizeLessThan(message.length);
                assertThat(deflation.inflate(deflated.get(), message.length)).isEqualTo(message);
                assertThat(deflation.deflate(frame, 2).orElseThrow())
                        .as("made once")
                        .isSameAs(deflated.get());
            } else {
                assertThat(letters).as("all but noise shrinks").isGreaterThan(100);
            }
        }
    }

    @Test
    void W11_whatIsSmallOrDoesNotShrinkIsSentAsItIs() {
        assertThat(deflation.deflate(text(255), 1_000)).isEmpty();
        assertThat(deflation.deflate(text(256), 2)).isPresent();
        assertThat(deflation.deflate(text(1_023), 1)).isEmpty();
        assertThat(deflation.deflate(text(1_024), 1)).isPresent();
        byte[] noise = new byte[2_000];
        new Random(1).nextBytes(noise);
        assertThat(deflation.deflate(Frame.binary(noise), 5)).isEmpty();
    }

    @Test
    void W11_aMessageThatWouldBeTooLargeIsNotUnpacked() {
        byte[] bomb = deflation.deflate(text(1 << 20), 1).orElseThrow();

        assertThat(bomb.length).isLessThan(10_000);
        assertThatThrownBy(() -> deflation.inflate(bomb, 100_000)).isInstanceOf(TooLongFrameException.class);
        assertThat(deflation.inflate(HexFormat.of().parseHex("f248cdc9c90700"), 5))
                .hasSize(5);
        assertThatThrownBy(() -> deflation.inflate(HexFormat.of().parseHex("f248cdc9c90700"), 4))
                .isInstanceOf(TooLongFrameException.class);
    }

    @Test
    void W11_whatIsNotCompressedAsAgreedIsRefused() {
        assertThatThrownBy(() -> deflation.inflate(new byte[] {(byte) 0xFF, 1, 2, 3}, 100))
                .isInstanceOf(CorruptedWebSocketFrameException.class);
        assertThat(deflation.inflate(HexFormat.of().parseHex("f248cdc9c90700"), 100))
                .as("and the next is understood")
                .hasSize(5);
    }

    private static Frame text(int length) {
        return Frame.text("x".repeat(length).getBytes(StandardCharsets.US_ASCII));
    }
}

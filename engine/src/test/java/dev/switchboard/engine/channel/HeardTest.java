package dev.switchboard.engine.channel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.Frame;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class HeardTest {
    private final Heard heard = new Heard();

    private static Frame frame(String text) {
        return Frame.text(text.getBytes(StandardCharsets.UTF_8));
    }

    private boolean admits(String id) {
        return heard.admits(id, frame(id));
    }

    private Optional<List<String>> told(String... past) {
        return heard.told(Stream.of(past).map(HeardTest::past).toList(), HeardTest::replayed)
                .map(frames -> frames.stream().map(Frame::toString).toList());
    }

    private static Optional<Frame> replayed(BroadcastContent content) {
        return content.id().map(id -> frame("past " + id));
    }

    private static BroadcastContent past(String id) {
        return new BroadcastContent.Text(new byte[0], Optional.of(id));
    }

    @Test
    void Z7_whatIsSaidWhileThePastIsAskedForComesAfterItAndOnce() {
        assertThat(admits("a")).as("who asks for no past waits for nothing").isTrue();
        assertThat(heard.begin()).isTrue();
        assertThat(admits("b")).isFalse();
        assertThat(admits("b")).as("asked again, since somebody needed time").isFalse();
        assertThat(admits("c")).isFalse();

        assertThat(told("a", "c", "d")).contains(List.of("past a", "b", "past c", "past d"));
        assertThat(admits("d")).as("the stream is behind the past").isFalse();
        assertThat(admits("e")).isTrue();
        assertThat(heard.begin()).as("asked for once").isFalse();
    }

    @Test
    void Z7_asManyWaitAsThereIsRoomForAndNoMore() {
        assertThat(heard.begin()).isTrue();
        for (int i = 0; i < 1_000; i++) {
            admits("m" + i);
        }
        assertThat(told().orElseThrow()).hasSize(1_000);
        var other = new Heard();
        assertThat(other.begin()).isTrue();
        for (int i = 0; i < 1_001; i++) {
            other.admits("m" + i, frame("m"));
        }
        assertThat(other.admits("later", frame("later"))).isFalse();
        assertThat(other.told(List.of(), HeardTest::replayed)).isEmpty();
        var large = new Heard();
        assertThat(large.begin()).isTrue();
        large.admits("l", frame("x".repeat(256 * 1024 + 1)));
        assertThat(large.told(List.of(), HeardTest::replayed)).isEmpty();
    }

    @Test
    void Z8_anOwnMessageDoesNotComeBackAndIsForgottenThen() {
        heard.expectsOwn("own");
        assertThat(admits("own")).isFalse();
        assertThat(admits("own")).as("asked again, since somebody needed time").isFalse();
        for (int i = 0; i < 1_000; i++) {
            heard.expectsOwn("o" + i);
        }
        assertThat(admits("o999")).isFalse();
        assertThat(admits("own")).as("forgotten, as the oldest of too many").isTrue();
        heard.doesNotExpect("o998");
        assertThat(admits("o998")).isTrue();
        assertThat(told("o997", "other")).as("nor is it replayed").contains(List.of("past other"));
    }
}

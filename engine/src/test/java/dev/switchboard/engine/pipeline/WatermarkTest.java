package dev.switchboard.engine.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.model.Lsn;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class WatermarkTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

    private final Watermark watermark = new Watermark();

    private static Instant at(int second) {
        return START.plusSeconds(second);
    }

    private static Lsn lsn(long value) {
        return new Lsn(value);
    }

    private Optional<Long> behind(int second, long delivered) {
        return watermark.behind(at(second), lsn(delivered)).map(Duration::toSeconds);
    }

    @Test
    void W7_nothingIsKnownBeforeSomebodyAsks() {
        assertThat(behind(5, 100)).isEmpty();
    }

    @Test
    void W7_aQuestionIsProvenOnceItsPlaceIsDelivered() {
        watermark.asked(at(0), lsn(100), lsn(40));

        assertThat(behind(3, 99)).contains(3L);
        assertThat(behind(4, 100)).contains(4L);
        watermark.asked(at(6), lsn(100), lsn(100));
        assertThat(behind(7, 100)).contains(1L);
    }

    @Test
    void W7_anOpenQuestionIsNotReplacedSoThatAStandstillCannotLookCurrent() {
        watermark.asked(at(0), lsn(100), lsn(100));
        for (int second = 3; second <= 30; second += 3) {
            watermark.asked(at(second), lsn(200 + second), lsn(100));
        }

        assertThat(behind(30, 100)).contains(30L);
        assertThat(behind(30, 203)).contains(27L);
        watermark.asked(at(33), lsn(300), lsn(300));
        assertThat(behind(34, 300)).contains(1L);
    }

    /** Z9: that somebody asked proves nothing. */
    @Test
    void Z9_whatWasNeverDeliveredIsNotProven() {
        watermark.asked(at(0), lsn(100), lsn(40));

        assertThat(watermark.provenBehind(at(1), lsn(99))).isEmpty();
        assertThat(watermark.provenBehind(at(2), lsn(100))).contains(Duration.ofSeconds(2));
    }

    @Test
    void W7_aClockThatWentBackIsNoFuture() {
        watermark.asked(at(10), lsn(1), lsn(1));

        assertThat(behind(5, 1)).contains(0L);
    }
}

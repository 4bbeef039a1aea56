package dev.switchboard.engine.channel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.channel.RoomPolicies.Known;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** SPEC Y4: when a question about a private room is asked again. */
class InquiryTest {
    private static final Instant START = Instant.EPOCH.plusSeconds(1_000);
    private static final Known HOLDS = new Known.Holds(new RoomPolicies.Answer.Rights(true, true), START);

    private final Inquiry inquiry = new Inquiry();

    private boolean isDue(Known known, long millis) {
        return inquiry.isDue(known, START.plusMillis(millis));
    }

    @Test
    void Y4_anAnswerOfWhichNobodyCanTellCountsForFiveSeconds() {
        inquiry.answered(START);

        for (Known known : List.of(new Known.Nothing(), new Known.Stale())) {
            assertThat(isDue(known, 5_000)).isFalse();
            assertThat(isDue(known, 5_001)).isTrue();
        }
    }

    @Test
    void Y4_oneThatHoldsIsNotAskedForAndOneThatIsOverAtOnce() {
        inquiry.answered(START);

        assertThat(isDue(HOLDS, 3_600_000)).isFalse();
        assertThat(isDue(new Known.Over(), 1)).isTrue();
        assertThat(isDue(new Known.Later(), 15_000)).isFalse();
        assertThat(isDue(new Known.Later(), 15_001)).isTrue();
    }

    /** Whoever shares the question may have asked it since, with an answer that does not hold. */
    @Test
    void Y4_oneThatHeldAndIsNotThereAnyMoreIsOver() {
        inquiry.answered(START);
        inquiry.holds(START.plusMillis(10));
        assertThat(isDue(new Known.Nothing(), 11)).isTrue();
        assertThat(isDue(new Known.Stale(), 11)).isFalse();

        inquiry.answered(START.plusMillis(20));
        assertThat(isDue(new Known.Nothing(), 21)).isFalse();
    }

    @Test
    void Y4_howLongAnAnswerHoldsIsNotCountedFromWhenThatWasFound() {
        inquiry.answered(START);
        inquiry.holds(START.minusSeconds(3)); // the stream was current then
        assertThat(isDue(new Known.Stale(), 5_000)).isFalse();
        inquiry.holds(START.plusSeconds(2));
        assertThat(isDue(new Known.Stale(), 7_000)).isFalse();
        assertThat(isDue(new Known.Stale(), 7_001)).isTrue();
        assertThat(inquiry.isCertainSince(START.plusSeconds(2))).isFalse();
        assertThat(inquiry.isCertainSince(START.plusSeconds(1))).isTrue();
    }

    @Test
    void Y4_whatWasAskedInVainIsAskedAgainAfterAWhile() {
        inquiry.answered(START);
        inquiry.asking();
        assertThat(inquiry.isAsking()).isTrue();

        inquiry.askedInVain(START.plusSeconds(10));

        assertThat(inquiry.isAsking()).isFalse();
        assertThat(isDue(new Known.Over(), 14_999)).isFalse();
        assertThat(isDue(new Known.Over(), 15_000)).isTrue();
        assertThat(inquiry.isCertainSince(START))
                .as("it is as certain as it was")
                .isFalse();
    }
}

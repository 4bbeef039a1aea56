package dev.switchboard.engine.deliver;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class OutboxTest {
    private static final int LIMIT = 1_000;
    private final Outbox outbox = new Outbox(new OutboxLimit(LIMIT, OverflowRule.DISCONNECT), 0);

    private Outbox.Verdict offer(long pending, int bytes, long now) {
        Outbox.Verdict verdict = outbox.offer(pending, bytes, now);
        if (verdict == Outbox.Verdict.QUEUE) {
            outbox.queued(bytes);
        }
        return verdict;
    }

    @Test
    void D6_anEmptyOutboxTakesAFrameOfAnySize() {
        assertThat(offer(0, 10 * LIMIT, 0)).isEqualTo(Outbox.Verdict.QUEUE);
    }

    @Test
    void D6_DISCONNECT_oneThatReadsNothingOverflowsAtOnceWhenTheLimitIsReached() {
        long now = 0;
        int pending = 0;
        while (pending + 100 <= LIMIT) {
            assertThat(offer(pending, 100, now)).isEqualTo(Outbox.Verdict.QUEUE);
            pending += 100;
            now += Outbox.STALLED.toNanos();
        }

        assertThat(offer(pending, 100, now)).isEqualTo(Outbox.Verdict.OVERFLOW);
    }

    @Test
    void D6_whoHadNothingToReadForLongIsWaitedForAtFirst() {
        long later = 10 * Outbox.STALLED.toNanos();
        outbox.begins(later);
        outbox.queued(LIMIT);

        assertThat(offer(LIMIT, 100, later + 1)).isEqualTo(Outbox.Verdict.WAIT);
        assertThat(offer(LIMIT, 100, later + Outbox.STALLED.toNanos() + 1)).isEqualTo(Outbox.Verdict.OVERFLOW);
    }

    @Test
    void D6_aBurstWaitsForOneThatKeepsReading() {
        offer(0, LIMIT, 0);

        assertThat(offer(LIMIT, 100, 1_000_000)).isEqualTo(Outbox.Verdict.WAIT);
        assertThat(offer(LIMIT - 200, 100, 2_000_000)).isEqualTo(Outbox.Verdict.QUEUE);
    }

    @Test
    void D6_nobodyWaitsForOneConnectionForEver() {
        offer(0, LIMIT, 0);
        Outbox.Verdict verdict = Outbox.Verdict.WAIT;
        long now = 0;
        for (int pending = LIMIT; verdict == Outbox.Verdict.WAIT; pending--) {
            now += Outbox.STALLED.toNanos() / 2;
            verdict = offer(pending, 500, now);
        }

        assertThat(verdict).isEqualTo(Outbox.Verdict.OVERFLOW);
        assertThat(now).isGreaterThan(Outbox.LONGEST_WAIT.toNanos());
    }

    @Test
    void D6_whatTheConnectionItselfIsToldHasTwiceTheRoom() {
        assertThat(outbox.offerNow(LIMIT, 500)).isEqualTo(Outbox.Verdict.QUEUE);
        assertThat(outbox.offerNow(2 * LIMIT, 1)).isEqualTo(Outbox.Verdict.OVERFLOW);
    }
}

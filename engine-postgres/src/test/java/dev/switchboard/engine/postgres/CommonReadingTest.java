package dev.switchboard.engine.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class CommonReadingTest {
    private final AtomicInteger state = new AtomicInteger();
    private final AtomicInteger readings = new AtomicInteger();
    private final CommonReading<Integer> reading = new CommonReading<>();

    private int take() throws SQLException {
        return reading.take(() -> {
            readings.incrementAndGet();
            return state.get();
        });
    }

    @Test
    void KF30_aReadingIsNeverOlderThanTheQuestion() throws Exception {
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var asking = new ArrayList<Future<?>>();
            for (int i = 0; i < 50; i++) {
                asking.add(threads.submit(() -> {
                    for (int j = 0; j < 200; j++) {
                        int before = state.incrementAndGet();
                        assertThat(take()).isGreaterThanOrEqualTo(before);
                    }
                    return null;
                }));
            }
            for (Future<?> one : asking) {
                one.get();
            }
        }
    }

    @Test
    void KF30_whoAsksWhileOneIsUnderWaySharesTheNext() throws Exception {
        var begun = new CountDownLatch(1);
        var may = new CountDownLatch(1);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Integer> first = threads.submit(() -> reading.take(() -> {
                begun.countDown();
                await(may);
                return -1;
            }));
            begun.await();
            var others = new ArrayList<FutureTask<Integer>>();
            var waiting = new ArrayList<Thread>();
            for (int i = 0; i < 20; i++) {
                var other = new FutureTask<>(this::take);
                others.add(other);
                waiting.add(Thread.ofPlatform().start(other));
            }
            long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
            while (waiting.stream().anyMatch(thread -> thread.getState() != Thread.State.WAITING)) {
                assertThat(System.nanoTime()).isLessThan(deadline);
                Thread.onSpinWait();
            }
            state.set(7);
            may.countDown();

            assertThat(first.get()).isEqualTo(-1);
            for (Future<Integer> other : others) {
                assertThat(other.get()).isEqualTo(7);
            }
            assertThat(readings.get()).isEqualTo(1);
        }
    }

    @Test
    void KF30_oneThatFailsIsTheAskersAlone() throws SQLException {
        assertThatThrownBy(() -> reading.take(() -> {
                    throw new SQLException("gone");
                }))
                .isInstanceOf(SQLException.class);
        assertThat(take()).isZero();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }
}

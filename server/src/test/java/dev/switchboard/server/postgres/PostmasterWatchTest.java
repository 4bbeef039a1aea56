package dev.switchboard.server.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PostmasterWatchTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final long ROOM = 1L << 30;

    @TempDir
    private Path directory;

    /** A PostgreSQL that fails to start so many times, and then runs. */
    private static final class Failing implements PostmasterWatch.Postmaster {
        final AtomicInteger looks = new AtomicInteger();
        final AtomicInteger starts = new AtomicInteger();
        final AtomicLong free = new AtomicLong(ROOM);
        private final int failures;
        private volatile boolean running;

        Failing(int failures) {
            this.failures = failures;
        }

        @Override
        public boolean isRunning() {
            looks.incrementAndGet();
            return running;
        }

        @Override
        public void revive() throws IOException {
            if (starts.incrementAndGet() <= failures) {
                throw new IOException("it does not start");
            }
            running = true;
        }

        @Override
        public long freeBytes() {
            return free.get();
        }
    }

    private PostmasterWatch watch(Failing postmaster) {
        var watch = new PostmasterWatch(postmaster, directory.resolve("postgres.log"));
        watch.start();
        return watch;
    }

    @Test
    void KF2_oneThatStartsAtTheThirdTryRunsAndNothingIsGivenUp() {
        var postmaster = new Failing(2);
        try (PostmasterWatch watch = watch(postmaster)) {
            await().atMost(PATIENCE)
                    .until(() -> postmaster.starts.get() == 3 && watch.trouble().isEmpty());

            assertThat(watch.givenUp()).isEmpty();
        }
    }

    @Test
    void KF2_afterSixInARowItIsGivenUpWithTheLogNamed() {
        var postmaster = new Failing(Integer.MAX_VALUE);
        try (PostmasterWatch watch = watch(postmaster)) {
            await().atMost(PATIENCE).until(() -> watch.givenUp().isPresent());

            assertThat(postmaster.starts).hasValue(PostmasterWatch.MOST_FAILURES);
            assertThat(watch.givenUp().orElseThrow()).contains("6 times in a row", "postgres.log");
        }
    }

    @Test
    void KF44_aFullDiskIsWaitedForAndIsNoFailure() {
        var postmaster = new Failing(0);
        postmaster.free.set(1_000_000);
        try (PostmasterWatch watch = watch(postmaster)) {
            await().atMost(PATIENCE).until(() -> postmaster.looks.get() > PostmasterWatch.MOST_FAILURES + 1);
            assertThat(postmaster.starts).hasValue(0);
            assertThat(watch.trouble().orElseThrow()).contains("disk is full");
            assertThat(watch.givenUp()).isEmpty();

            postmaster.free.set(ROOM);

            await().atMost(PATIENCE)
                    .until(() -> postmaster.starts.get() == 1 && watch.trouble().isEmpty());
        }
    }
}

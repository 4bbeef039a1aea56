package dev.switchboard.callcenter.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.http.Metrics;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ServerFiguresTest {
    private final Metrics metrics = new Metrics(Optional.empty());
    private final AtomicLong failed = new AtomicLong();
    private double lag;
    private Instant now = Instant.EPOCH;

    private ServerFigures figures() throws IOException {
        metrics.counter("data.failed", "", failed::get);
        metrics.gauge("lag.seconds", "", () -> lag);
        return new ServerFigures(Optional.of(Files.getFileStore(Path.of("."))), metrics, () -> now);
    }

    @Test
    void F003_21_errorsAreThoseOfTheLastTenSecondsWithEnoughRequests() throws IOException {
        var requests = metrics.timer("data.requests", "", Duration.ofMillis(1));
        ServerFigures figures = figures();
        for (int i = 0; i < 100; i++) {
            requests.record(Duration.ofMillis(1));
        }
        failed.set(5);
        assertThat(figures.figure("server_errors_pct")).contains(new BigDecimal("5.0"));
        assertThat(figures.isStrained()).isTrue();

        failed.set(90);
        now = now.plusSeconds(9);
        assertThat(figures.figure("server_errors_pct"))
                .as("the same for ten seconds")
                .contains(new BigDecimal("5.0"));
        now = now.plusSeconds(1);
        assertThat(figures.figure("server_errors_pct")).as("of no requests").isEmpty();
        assertThat(figures.isStrained()).isFalse();
        for (int i = 0; i < 20; i++) {
            requests.record(Duration.ofMillis(1));
        }
        failed.set(91);
        now = now.plusSeconds(10);
        assertThat(figures.figure("server_errors_pct")).contains(new BigDecimal("5.0"));
    }

    @Test
    void F003_21_storageAndLagAreWhatTheyAre() throws IOException {
        ServerFigures figures = figures();
        lag = 7.25;

        assertThat(figures.figure("server_lag_s")).contains(new BigDecimal("7.3"));
        assertThat(figures.isStrained()).isTrue();
        assertThat(figures.figure("server_storage_pct"))
                .hasValueSatisfying(used -> assertThat(used.doubleValue()).isBetween(0.0, 100.0));
        assertThat(figures.figure("anything")).isEmpty();
        assertThat(new ServerFigures(Optional.empty(), metrics, () -> now).figure("server_storage_pct"))
                .isEmpty();
    }
}

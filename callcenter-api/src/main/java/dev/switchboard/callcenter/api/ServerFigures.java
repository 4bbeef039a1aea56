package dev.switchboard.callcenter.api;

import dev.switchboard.callcenter.alert.Measured;
import dev.switchboard.http.Metrics;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;

/** How full the disk of the database is, how many requests failed of the last ones, how far screens are behind. Asked by one thread. */
final class ServerFigures implements Measured {
    private static final Duration INTERVAL = Duration.ofSeconds(10);
    private static final List<String> PARTS = List.of("data", "accounts", "api");
    /** Of fewer requests nothing is said. */
    private static final double FEWEST = 20;

    private static final double MUCH_STORAGE = 80;
    private static final double MANY_ERRORS = 1;
    private static final double MUCH_LAG = 1;

    private final Optional<FileStore> disk;
    private final Metrics metrics;
    private final InstantSource clock;
    private Instant counted = Instant.MIN;
    private double requests;
    private double failed;
    private Optional<Double> errors = Optional.empty();

    ServerFigures(Optional<FileStore> disk, Metrics metrics, InstantSource clock) {
        this.disk = disk;
        this.metrics = metrics;
        this.clock = clock;
    }

    /** Of a database on this machine; of another's no disk is seen. */
    static ServerFigures of(Jdbi jdbi, Metrics metrics, InstantSource clock) {
        String directory = jdbi.withHandle(handle ->
                handle.createQuery("show data_directory").mapTo(String.class).one());
        return new ServerFigures(disk(Path.of(directory)), metrics, clock);
    }

    private static Optional<FileStore> disk(Path directory) {
        try {
            return Optional.of(Files.getFileStore(directory));
        } catch (IOException notHere) {
            return Optional.empty();
        }
    }

    @Override
    public Optional<BigDecimal> figure(String metric) {
        return measure(metric).map(value -> BigDecimal.valueOf(value).setScale(1, RoundingMode.HALF_UP));
    }

    private Optional<Double> measure(String metric) {
        return switch (metric) {
            case "server_storage_pct" -> storage();
            case "server_errors_pct" -> errors();
            case "server_lag_s" -> metrics.value("lag.seconds");
            default -> Optional.empty();
        };
    }

    private Optional<Double> storage() {
        try {
            return disk.isEmpty()
                    ? Optional.empty()
                    : Optional.of(100.0
                            - 100.0 * disk.get().getUsableSpace() / disk.get().getTotalSpace());
        } catch (IOException gone) {
            return Optional.empty();
        }
    }

    /** Of the last ten seconds with enough requests. */
    private Optional<Double> errors() {
        Instant now = clock.instant();
        if (counted.plus(INTERVAL).isAfter(now)) {
            return errors;
        }
        double all = total("requests");
        double lost = total("failed");
        errors = all - requests < FEWEST ? Optional.empty() : Optional.of(100.0 * (lost - failed) / (all - requests));
        requests = all;
        failed = lost;
        counted = now;
        return errors;
    }

    private double total(String what) {
        return PARTS.stream()
                .mapToDouble(part -> metrics.value(part + "." + what).orElse(0.0))
                .sum();
    }

    @Override
    public boolean isStrained() {
        return storage().filter(used -> used >= MUCH_STORAGE).isPresent()
                || errors().filter(share -> share >= MANY_ERRORS).isPresent()
                || metrics.value("lag.seconds").filter(lag -> lag >= MUCH_LAG).isPresent();
    }
}

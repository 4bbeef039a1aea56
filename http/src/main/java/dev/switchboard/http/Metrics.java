package dev.switchboard.http;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;

/** What the parts measure, each under its names: in Prometheus' text format, and in an application's own registry. Thread-safe. */
public final class Metrics implements AutoCloseable {
    private static final String PREFIX = "switchboard.";

    private final PrometheusMeterRegistry prometheus = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Optional<MeterRegistry> applications;
    private final CompositeMeterRegistry registry = new CompositeMeterRegistry();
    /** What counters ask: the registry itself holds them weakly, and a counter whose source is gone stands still. */
    private final List<Supplier<Number>> counted = new CopyOnWriteArrayList<>();

    /** @param applications registry that everything is measured in too; it stays open, and what was measured leaves it with this */
    public Metrics(Optional<MeterRegistry> applications) {
        this.applications = applications;
        registry.add(prometheus);
        applications.ifPresent(registry::add);
    }

    /** What is so now. */
    public void gauge(String name, String description, Supplier<Number> value) {
        Gauge.builder(PREFIX + name, value).description(description).register(registry);
    }

    /** What only grows. */
    public void counter(String name, String description, Supplier<Number> value) {
        counted.add(value);
        FunctionCounter.builder(PREFIX + name, value, supplier -> supplier.get().doubleValue())
                .description(description)
                .register(registry);
    }

    /** Durations, counted by these bounds. */
    public Timer timer(String name, String description, Duration... bounds) {
        return Timer.builder(PREFIX + name)
                .description(description)
                .serviceLevelObjectives(bounds)
                .register(registry);
    }

    /** What is measured under a name now: a gauge's value, a counter's total, how many durations a timer has; empty where nothing is. */
    public Optional<Double> value(String name) {
        return switch (prometheus.find(PREFIX + name).meter()) {
            case Gauge gauge -> Optional.of(gauge.value());
            case FunctionCounter counter -> Optional.of(counter.count());
            case Timer timer -> Optional.of((double) timer.count());
            case null, default -> Optional.empty();
        };
    }

    /** Everything, as Prometheus reads it. */
    public String scrape() {
        return prometheus.scrape();
    }

    @Override
    public void close() {
        applications.ifPresent(other -> {
            registry.remove(other);
            registry.getMeters().forEach(meter -> other.remove(meter.getId()));
        });
        registry.close();
        prometheus.close();
    }
}

package dev.switchboard.http;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;

/** What the parts measure, each under its names, in Prometheus' text format. Thread-safe. */
public final class Metrics {
    private static final String PREFIX = "switchboard.";

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    /** What counters ask: the registry itself holds them weakly, and a counter whose source is gone stands still. */
    private final List<Supplier<Number>> counted = new CopyOnWriteArrayList<>();

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

    /** Everything, as Prometheus reads it. */
    public String scrape() {
        return registry.scrape();
    }
}

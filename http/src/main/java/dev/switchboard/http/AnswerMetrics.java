package dev.switchboard.http;

import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;

/**
 * How a part answers: {@code <part>.requests}, a histogram; {@code <part>.refused}, answers of 400 to 499; {@code <part>.failed},
 * of 500 and more. Thread-safe.
 */
public final class AnswerMetrics {
    private final Timer requests;
    private final LongAdder refused = new LongAdder();
    private final LongAdder failed = new LongAdder();

    /** @param part {@code data}, {@code accounts}, {@code api} */
    public AnswerMetrics(Metrics metrics, String part) {
        requests = metrics.timer(
                part + ".requests",
                "Time from a request, read whole, to its answer",
                Duration.ofMillis(1),
                Duration.ofMillis(5),
                Duration.ofMillis(25),
                Duration.ofMillis(100),
                Duration.ofMillis(500),
                Duration.ofSeconds(2),
                Duration.ofSeconds(10));
        metrics.counter(part + ".refused", "Answers with a status of 400 to 499", refused::sum);
        metrics.counter(part + ".failed", "Answers with a status of 500 and more", failed::sum);
    }

    /** Takes one answer's time and status. */
    public Response measure(Supplier<Response> answering) {
        long start = System.nanoTime();
        Response answer = answering.get();
        requests.record(System.nanoTime() - start, TimeUnit.NANOSECONDS);
        if (answer.status() >= 500) {
            failed.increment();
        } else if (answer.status() >= 400) {
            refused.increment();
        }
        return answer;
    }
}

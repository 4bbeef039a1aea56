package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.model.Lsn;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * The moment up to which everything that was committed is known to have been delivered. PostgreSQL is asked now and then
 * where its log ends; once that place has been delivered, everything from before the question has. A question that is still
 * open is not replaced by a later one, so that a stream that stands still cannot look current. Guarded by {@code this}.
 */
final class Watermark {
    private Optional<Question> open = Optional.empty();
    private Optional<Instant> proven = Optional.empty();
    private Optional<Instant> first = Optional.empty();

    private record Question(Instant asked, Lsn end) {}

    synchronized void asked(Instant at, Lsn end, Lsn delivered) {
        if (first.isEmpty()) {
            first = Optional.of(at);
        }
        answer(delivered);
        if (open.isEmpty()) {
            open = Optional.of(new Question(at, end));
            answer(delivered);
        }
    }

    synchronized Optional<Duration> behind(Instant now, Lsn delivered) {
        answer(delivered);
        return proven.or(() -> first)
                .map(at -> Duration.between(at, now))
                .map(age -> age.isNegative() ? Duration.ZERO : age);
    }

    /** The same, but empty until it was found out at least once. */
    synchronized Optional<Duration> provenBehind(Instant now, Lsn delivered) {
        answer(delivered);
        return proven.map(at -> Duration.between(at, now));
    }

    private void answer(Lsn delivered) {
        if (open.isPresent() && !open.get().end().isAfter(delivered)) {
            proven = Optional.of(open.get().asked());
            open = Optional.empty();
        }
    }
}

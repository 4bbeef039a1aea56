package dev.switchboard.simulation;

import dev.switchboard.callcenter.CallCentre;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jdbi.v3.core.Jdbi;

/**
 * A run in virtual time: the call centre's own commands, rules, router and database, as fast as they go. Nobody else may do
 * what is due in that database meanwhile. Owned by one thread.
 */
public final class Simulation {
    /** What a connection is told first: a run that a crash cuts short is begun anew, and waits for no disk. */
    public static final String CONNECTION_SETTINGS = CallCentre.CONNECTION_SETTINGS + "; SET synchronous_commit = off";

    private final VirtualTime time;
    private final People people;
    private final VirtualRouter router;
    private final List<Waited> waited = new ArrayList<>();
    private final Instant begin;

    /**
     * How it stands, for who waits for its end.
     *
     * @param passed of its time
     * @param gaveUp customers who hung up before anybody took the call
     * @param missed customers whom the call centre let wait in vain
     */
    public record Progress(
            Duration passed, int arrived, int answered, int gaveUp, int missed, int waiting, int talking) {
        static Progress of(Duration passed, People.Counts counts) {
            return new Progress(
                    passed,
                    counts.arrived(),
                    counts.answered(),
                    counts.gaveUp(),
                    counts.missed(),
                    counts.waiting(),
                    counts.talking());
        }
    }

    /**
     * @param connections as a user whom row level security does not bind
     * @param begin       the first moment of its time
     */
    public Simulation(DataSource connections, Centre centre, Behaviour behaviour, Instant begin, long seed) {
        this.time = new VirtualTime(begin);
        this.begin = time.now();
        var calls = new CallCentre(connections, time, () -> {});
        var phones = new CommandedPhones(calls, centre.organization().getMostSignificantBits());
        this.router = new VirtualRouter(Jdbi.create(connections), calls, time, centre, phones);
        this.people = new People(behaviour, centre, People.CALLERS, time, phones, waited::add, seed);
    }

    /**
     * Customers call for so long, and the last of them are waited for.
     *
     * @param told after each thing that happened
     */
    public void run(Duration duration, Consumer<Progress> told) {
        people.call(duration);
        while (time.next()) {
            router.settle(people);
            told.accept(progress());
        }
    }

    public Progress progress() {
        return Progress.of(Duration.between(begin, time.now()), people.counts());
    }

    /** The present of its time. */
    public Instant now() {
        return time.now();
    }

    /** Every time that somebody waited, as they themselves saw it; for comparison with the books. */
    public List<Waited> waited() {
        return List.copyOf(waited);
    }

    /** A customer's time in a queue. */
    public record Waited(Instant from, Instant to, boolean answered) {}
}

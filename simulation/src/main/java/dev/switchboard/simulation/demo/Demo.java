package dev.switchboard.simulation.demo;

import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Ingest;
import dev.switchboard.simulation.Preset;
import dev.switchboard.simulation.SharedSimulation;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import org.jdbi.v3.core.Jdbi;

/** Calls that come and go at the two organizations of the demo, and what goes on beside them. Closed once. */
public final class Demo implements AutoCloseable {
    private final Deque<AutoCloseable> running;

    private Demo(Deque<AutoCloseable> running) {
        this.running = running;
    }

    /**
     * Begins, or goes on with what there is.
     *
     * @param jdbi of a database in which the demo's data is
     * @param seed the same seed rolls the same dice
     */
    public static Demo start(Jdbi jdbi, CallCentre calls, Ingest ingest, Preset preset, long seed) {
        List<String> callers =
                DemoData.CUSTOMERS.stream().map(DemoData.Customer::number).toList();
        var running = new ArrayDeque<AutoCloseable>();
        for (DemoData.Organization organization : DemoData.ORGANIZATIONS) {
            running.push(SharedSimulation.start(
                    jdbi,
                    calls,
                    organization.centre(),
                    callers,
                    preset.behaviour(organization.robots().size(), OptionalInt.empty()),
                    seed + organization.place()));
        }
        running.push(DemoWork.start(jdbi, ingest, new Random(seed)));
        return new Demo(running);
    }

    @Override
    public void close() {
        for (AutoCloseable part : running) {
            try {
                part.close();
            } catch (Exception failed) {
                throw new IllegalStateException("the demo does not end", failed);
            }
        }
    }
}

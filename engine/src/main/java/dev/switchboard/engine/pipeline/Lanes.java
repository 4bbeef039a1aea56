package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.Candidate;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * Threads that decide changes of tables whose policies take long, each table's in order on one of {@link #MOST}, and put what came of
 * it into the inbox. A lane begins when it is needed first. Fed by the pipeline thread.
 */
final class Lanes implements AutoCloseable {
    static final int MOST = 4;
    private static final String THREAD = "switchboard-lane-";

    private final RowAccess access;
    /** The first lane's; made at once, so that what takes long is put aside. */
    private final RowAccess first;

    private final Inbox inbox;
    private final Router.Retries retries;
    private final List<Lane> lanes = new ArrayList<>();
    private final Map<Integer, Assigned> byTable = new HashMap<>();
    private List<String> publications = List.of();

    /** A table of which something is under way. */
    private static final class Assigned {
        private final Lane lane;
        private int changes;

        private Assigned(Lane lane) {
            this.lane = lane;
        }
    }

    /** @param access makes others that a lane can wait for */
    Lanes(RowAccess access, Inbox inbox, Router.Retries retries) {
        this.access = access;
        first = access.aside();
        this.inbox = inbox;
        this.retries = retries;
    }

    /** Decided later; the answer is {@link Inbox.Item.Decided}. */
    void add(Candidate candidate) {
        Assigned assigned =
                byTable.computeIfAbsent(candidate.change().relation().oid(), _ -> new Assigned(shortest()));
        assigned.changes++;
        assigned.lane.changes++;
        assigned.lane.add(candidate);
    }

    /** These have come back. A table of which nothing is under way is on no lane any more. */
    void decided(List<Candidate> candidates) {
        for (Candidate candidate : candidates) {
            left(candidate.change().relation().oid(), 1);
        }
    }

    /** What waits of a table is not wanted any more. */
    void forget(int oid) {
        Assigned assigned = byTable.get(oid);
        if (assigned != null) {
            left(oid, assigned.lane.forget(oid));
        }
    }

    private void left(int oid, int changes) {
        Assigned assigned = byTable.get(oid);
        if (assigned != null) {
            assigned.changes -= changes;
            assigned.lane.changes -= changes;
            if (assigned.changes <= 0) {
                byTable.remove(oid);
            }
        }
    }

    /** One on which nothing is under way, a new one, or else the one with the least. */
    private Lane shortest() {
        Optional<Lane> least = lanes.stream().min((one, other) -> Integer.compare(one.changes, other.changes));
        if (lanes.size() == MOST || least.filter(lane -> lane.changes == 0).isPresent()) {
            return least.orElseThrow();
        }
        var lane = new Lane(lanes.isEmpty() ? first : access.aside());
        lane.carried(publications);
        lane.thread =
                Thread.ofPlatform().name(THREAD + (lanes.size() + 1)).daemon().start(lane);
        lanes.add(lane);
        return lane;
    }

    /** See {@link RowAccess#carried}. */
    void carried(List<String> carried) {
        publications = List.copyOf(carried);
        lanes.forEach(lane -> lane.carried(publications));
    }

    /** What waits is not wanted any more. */
    void forget() {
        List.copyOf(byTable.keySet()).forEach(this::forget);
        lanes.forEach(Lane::drop);
    }

    /** Ends the threads. */
    @Override
    public void close() {
        lanes.forEach(Lane::close);
    }

    /** Guarded by {@code lock}. */
    private final class Lane implements Runnable {
        private final RowAccess rows;
        private final Authorizer authorizer;
        private final ReentrantLock lock = new ReentrantLock();
        private final Condition filled = lock.newCondition();
        private final ArrayDeque<Candidate> waiting = new ArrayDeque<>();
        private Optional<List<String>> carried = Optional.empty();
        private long forgotten;
        private long forgottenAtTake;
        /** Under way, those being decided too; owned by the pipeline thread. */
        private int changes;

        private boolean closed;
        private Thread thread = Thread.currentThread();

        Lane(RowAccess rows) {
            this.rows = rows;
            authorizer = new Authorizer(rows);
        }

        void add(Candidate candidate) {
            locked(() -> {
                waiting.add(candidate);
                filled.signal();
                return waiting;
            });
        }

        void carried(List<String> publications) {
            locked(() -> carried = Optional.of(publications));
        }

        /** How many changes of the table did wait. */
        int forget(int oid) {
            return locked(() -> {
                int before = waiting.size();
                waiting.removeIf(candidate -> candidate.change().relation().oid() == oid);
                return before - waiting.size();
            });
        }

        /** What is being decided is not wanted either. */
        void drop() {
            locked(() -> forgotten++);
        }

        void close() {
            locked(() -> closed = true);
            thread.interrupt(); // what PostgreSQL is asked has its own end
        }

        private Optional<List<String>> takeCarried() {
            return locked(() -> {
                Optional<List<String>> taken = carried;
                carried = Optional.empty();
                return taken;
            });
        }

        private <T> T locked(Supplier<T> body) {
            lock.lock();
            try {
                return body.get();
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void run() {
            try {
                while (true) {
                    List<Candidate> next = take();
                    Optional<Decision> decision = decide(next);
                    if (locked(() -> closed)) {
                        return;
                    }
                    inbox.put(new Inbox.Item.Decided(next, decision));
                }
            } catch (InterruptedException closing) {
                Thread.currentThread().interrupt();
            } finally {
                rows.close();
            }
        }

        private List<Candidate> take() throws InterruptedException {
            lock.lockInterruptibly();
            try {
                while (waiting.isEmpty()) {
                    filled.await();
                }
                forgottenAtTake = forgotten;
                var taken = new ArrayList<Candidate>();
                int oid = waiting.getFirst().change().relation().oid();
                // one table's at a time, so that a quick one does not wait for more of a slow one than came before it
                while (!waiting.isEmpty()
                        && taken.size() < Inbox.ROUND_CHANGES
                        && waiting.getFirst().change().relation().oid() == oid) {
                    taken.add(waiting.remove());
                }
                return taken;
            } finally {
                lock.unlock();
            }
        }

        /** Empty where it cannot be said, for as long as that is worth waiting for. */
        private Optional<Decision> decide(List<Candidate> candidates) throws InterruptedException {
            var backoff = new Backoff(Duration.ofMillis(10), Duration.ofSeconds(1));
            Optional<Instant> deadline = Optional.empty();
            while (locked(() -> !closed && forgotten == forgottenAtTake)) {
                try {
                    takeCarried().ifPresent(authorizer::carried);
                    return Optional.of(authorizer.decide(candidates));
                } catch (RowAccessUnavailableException unavailable) {
                    retries.trouble().report("rows cannot be authorised now; trying again", unavailable);
                    Instant giveUp = deadline.orElse(retries.time().instant().plus(retries.patience()));
                    deadline = Optional.of(giveUp);
                    if (retries.time().instant().isAfter(giveUp)) {
                        return Optional.empty();
                    }
                    retries.time().pause(backoff.next(retries.time().random()));
                } catch (RuntimeException | Error fault) {
                    retries.trouble().report("changes could not be decided; their subscribers refetch", fault);
                    return Optional.empty();
                }
            }
            return Optional.empty();
        }
    }
}

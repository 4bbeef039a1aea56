package dev.switchboard.simulation;

import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.simulation.Phones.Ring;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Customers who call, wait, talk or give up, and agents who take calls: all that the call centre does not do itself. Two dice,
 * so that the same customers call whatever the agents do. Owned by the thread of its agenda.
 */
final class People {
    /** Who call where nobody else is named. */
    static final List<String> CALLERS = IntStream.range(0, 10_000)
            .mapToObj(one -> "+1%03d555%04d".formatted(201 + one / 1_000 * 7, one % 1_000))
            .toList();

    /** Nobody thanks and hangs up sooner who talks to somebody of flesh and blood. */
    private static final double SHORTEST_TALK = 30;

    private final Behaviour behaviour;
    private final Agenda agenda;
    private final Centre centre;
    private final SplittableRandom customers;
    private final SplittableRandom agents;
    private final Set<String> onTheLine = new HashSet<>();
    private final Map<String, Customer> waiting = new HashMap<>();
    private final Map<UUID, String> busy = new HashMap<>();
    private final Map<String, Customer> others = new HashMap<>();
    private final List<String> callers;
    private final Phones phones;
    private final Consumer<Simulation.Waited> waited;
    private int arrived;
    private int answered;
    private int gaveUp;
    private int missed;

    /**
     * What a customer knows.
     *
     * @param queue of the call, by its place
     * @param since when they began to wait
     * @param talk  how long they want to talk
     */
    private record Customer(String number, int queue, Instant since, double talk) {}

    /**
     * How it stands.
     *
     * @param missed  customers whom the call centre let wait in vain
     * @param talking agents who talk
     */
    record Counts(int arrived, int answered, int gaveUp, int missed, int waiting, int talking) {}

    /**
     * A call as it stands in the books.
     *
     * @param customer what their end is called
     * @param queue    by its place
     * @param waits    whether they wait in the queue, or it rings
     * @param talksTo  who has them
     */
    record Seen(String customer, String number, int queue, UUID call, boolean waits, Optional<UUID> talksTo) {}

    /**
     * @param callers who call; each has one call at a time
     * @param waited  hears of every time that somebody waited, and does no more
     */
    People(
            Behaviour behaviour,
            Centre centre,
            List<String> callers,
            Agenda agenda,
            Phones phones,
            Consumer<Simulation.Waited> waited,
            long seed) {
        this.behaviour = behaviour;
        this.centre = centre;
        this.agenda = agenda;
        this.callers = List.copyOf(callers);
        this.phones = phones;
        this.waited = waited;
        var dice = new SplittableRandom(seed);
        this.customers = dice.split();
        this.agents = dice.split();
    }

    /** Customers call from now on for so long; when the last have gone is up to them. */
    void call(Duration duration) {
        next(agenda.now(), Duration.ZERO, duration);
    }

    private void next(Instant begin, Duration last, Duration duration) {
        Duration next = behaviour.after(last, customers);
        if (next.compareTo(duration) < 0) {
            // drawn now, so that they are the same customers whatever else happens
            double talk = behaviour.talk().next(customers);
            double patience = behaviour.patience().next(customers);
            boolean again = customers.nextDouble() < behaviour.redialled();
            double pause = Behaviour.REDIAL.next(customers);
            int queue = customers.nextInt(centre.numbers().size());
            int who = customers.nextInt((callers.size() + 1) / 2);
            agenda.at(begin.plus(next), () -> {
                next(begin, next, duration); // first: whatever happens to this one, others call
                free(who)
                        .ifPresent(number -> arrive(
                                number,
                                queue,
                                talk,
                                patience,
                                again ? Optional.of(Behaviour.seconds(pause)) : Optional.empty()));
            });
        }
    }

    /** This customer, or whoever of those after them has no call; nobody where all have one. */
    private Optional<String> free(int who) {
        for (int i = 0; i < callers.size(); i++) {
            String number = callers.get((who + i) % callers.size());
            if (!onTheLine.contains(number)) {
                return Optional.of(number);
            }
        }
        return Optional.empty();
    }

    private void arrive(String number, int queue, double talk, double patience, Optional<Duration> again) {
        String customer = phones.call(number, centre.numbers().get(queue));
        arrived++;
        onTheLine.add(number);
        waiting.put(customer, new Customer(number, queue, agenda.now(), talk));
        agenda.in(Behaviour.seconds(patience), () -> {
            if (waiting.containsKey(customer)) {
                giveUp(customer);
                again.ifPresent(pause -> agenda.in(pause, () -> {
                    if (!onTheLine.contains(number)) {
                        arrive(number, queue, talk, patience, Optional.empty());
                    }
                }));
            }
        });
    }

    private void giveUp(String customer) {
        if (!phones.isOnTheLine(customer)) {
            cut(customer);
            return;
        }
        gaveUp++;
        left(customer, false);
        phones.hangUp(customer);
    }

    /** Their call is over; if nobody has talked to them yet, the call centre ended it. */
    void cut(String customer) {
        if (waiting.containsKey(customer)) {
            missed++;
            left(customer, false);
        }
    }

    /** Looks who of those who wait is not on the line any more. */
    void cutTheGone() {
        List.copyOf(waiting.keySet()).stream()
                .filter(customer -> !phones.isOnTheLine(customer))
                .forEach(this::cut);
    }

    private Customer left(String customer, boolean isAnswered) {
        Customer gone = Objects.requireNonNull(waiting.remove(customer));
        waited.accept(new Simulation.Waited(gone.since(), agenda.now(), isAnswered));
        if (!isAnswered) {
            onTheLine.remove(gone.number());
        }
        return gone;
    }

    /** It rings at an agent. */
    void rings(Ring ring) {
        if (agents.nextDouble() >= behaviour.missed()) {
            agenda.in(Behaviour.seconds(behaviour.pickUp().next(agents)), () -> pickUp(ring));
        }
    }

    private void pickUp(Ring ring) {
        if (busy.containsKey(ring.agent()) || !waiting.containsKey(ring.customer()) || !phones.answer(ring)) {
            return;
        }
        answered++;
        talk(ring, left(ring.customer(), true));
    }

    private void talk(Ring ring, Customer customer) {
        busy.put(ring.agent(), ring.customer());
        double held = agents.nextDouble() < behaviour.held() ? customer.talk() * Behaviour.HOLD_LASTS : 0;
        boolean handsOn = agents.nextDouble() < behaviour.transferred();
        if (held > 0) {
            agenda.in(Behaviour.seconds(customer.talk() / 2), () -> hold(ring, held));
        }
        agenda.in(Behaviour.seconds(customer.talk() + held), () -> end(ring, customer, handsOn));
    }

    private void hold(Ring ring, double seconds) {
        if (phones.command(ring.agent(), ring.call(), new CallCommand.Hold())) {
            agenda.in(
                    Behaviour.seconds(seconds),
                    () -> phones.command(ring.agent(), ring.call(), new CallCommand.Unhold()));
        }
    }

    private void end(Ring ring, Customer customer, boolean handsOn) {
        if (!busy.remove(ring.agent(), ring.customer())) {
            return; // somebody else has taken it over, or ended it
        }
        int other = (customer.queue() + 1) % centre.queues().size();
        if (handsOn
                && phones.command(
                        ring.agent(),
                        ring.call(),
                        new CallCommand.TransferToQueue(centre.queues().get(other)))) {
            waitAgain(ring.customer(), customer.number(), other);
        } else {
            onTheLine.remove(customer.number());
            if (agents.nextBoolean()
                    || !phones.command(ring.agent(), ring.call(), new CallCommand.End(Optional.empty()))) {
                hangUp(ring.customer());
            }
        }
        wrapUp(ring);
    }

    /** For the second agent, with patience anew. */
    private void waitAgain(String customer, String number, int queue) {
        waiting.put(
                customer,
                new Customer(number, queue, agenda.now(), behaviour.talk().next(agents)));
        Instant since = agenda.now();
        agenda.in(Behaviour.seconds(behaviour.patience().next(agents)), () -> {
            if (Optional.ofNullable(waiting.get(customer))
                    .filter(one -> one.since().equals(since))
                    .isPresent()) {
                giveUp(customer);
            }
        });
    }

    private void wrapUp(Ring ring) {
        double seconds = behaviour.wrapUp().next(agents);
        if (seconds > 0) {
            agenda.in(
                    Behaviour.seconds(seconds),
                    () -> phones.command(ring.agent(), ring.call(), new CallCommand.WrapUp(Optional.empty())));
        }
    }

    Counts counts() {
        return new Counts(arrived, answered, gaveUp, missed, waiting.size(), busy.size());
    }

    private void hangUp(String customer) {
        if (phones.isOnTheLine(customer)) {
            phones.hangUp(customer);
        }
    }

    // Beside people of flesh and blood, who do what they want

    /** They call for so long, and so many more within the first seconds: a day that has begun. */
    void call(Duration duration, int atOnce, Duration within) {
        for (int i = 0; i < atOnce; i++) {
            agenda.in(
                    Behaviour.seconds(within.toMillis() / 1e3 * customers.nextDouble()),
                    () -> free(customers.nextInt(callers.size()))
                            .ifPresent(number -> arrive(
                                    number,
                                    customers.nextInt(centre.numbers().size()),
                                    behaviour.talk().next(customers),
                                    behaviour.patience().next(customers),
                                    Optional.empty())));
        }
        call(duration);
    }

    /** How a call stands in which others may have a hand, or which was there before; once more, it changes nothing. */
    void see(Seen call) {
        onTheLine.add(call.number());
        Optional<UUID> agent = call.talksTo();
        if (agent.isPresent() && centre.agents().contains(agent.get())) {
            if (!call.customer().equals(busy.get(agent.get()))) {
                Customer customer = taken(call);
                talk(new Ring(agent.get(), call.call(), call.customer(), Optional.empty()), customer);
            }
        } else if (agent.isPresent()) {
            if (!others.containsKey(call.customer())) {
                Customer customer = taken(call);
                others.put(call.customer(), customer);
                agenda.in(
                        Behaviour.seconds(Math.max(SHORTEST_TALK, customer.talk())),
                        () -> thank(call.customer(), customer));
            }
        } else if (call.waits() && !waiting.containsKey(call.customer())) {
            forget(call.customer());
            waitAgain(call.customer(), call.number(), call.queue());
        }
    }

    private Customer taken(Seen call) {
        forget(call.customer());
        if (waiting.containsKey(call.customer())) {
            answered++;
            return left(call.customer(), true);
        }
        return new Customer(
                call.number(), call.queue(), agenda.now(), behaviour.talk().next(agents));
    }

    private void forget(String customer) {
        busy.values().remove(customer);
        others.remove(customer);
    }

    private void thank(String customer, Customer talked) {
        if (others.remove(customer, talked)) {
            onTheLine.remove(talked.number());
            hangUp(customer);
        }
    }

    /** Somebody has ended their call. */
    void ended(String customer, String number) {
        cut(customer);
        forget(customer);
        onTheLine.remove(number);
    }

    /** Whether this agent, who is made up, talks to nobody. */
    boolean isFree(UUID agent) {
        return !busy.containsKey(agent);
    }

    /** Somebody whom an agent can call. */
    Optional<String> anybody() {
        return free(agents.nextInt(callers.size()));
    }
}

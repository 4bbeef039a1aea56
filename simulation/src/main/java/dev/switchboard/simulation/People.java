package dev.switchboard.simulation;

import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.simulation.Phones.Ring;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;

/**
 * Customers who call, wait, talk or give up, and agents who take calls: all that the call centre does not do itself. Two dice,
 * so that the same customers call whatever the agents do. Owned by the thread of its agenda.
 */
final class People {
    /** Who call; each has one call at a time. */
    private static final int CUSTOMERS = 5_000;

    private final Behaviour behaviour;
    private final Agenda agenda;
    private final Centre centre;
    private final SplittableRandom customers;
    private final SplittableRandom agents;
    private final Set<String> onTheLine = new HashSet<>();
    private final Map<String, Customer> waiting = new HashMap<>();
    private final Map<UUID, String> busy = new HashMap<>();
    private final List<Simulation.Waited> stays = new ArrayList<>();
    private final Phones phones;
    private int arrived;
    private int answered;
    private int gaveUp;
    private int missed;

    /**
     * What a customer who is not talked to knows.
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

    People(Behaviour behaviour, Centre centre, Agenda agenda, Phones phones, long seed) {
        this.behaviour = behaviour;
        this.centre = centre;
        this.agenda = agenda;
        this.phones = phones;
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
            int who = customers.nextInt(CUSTOMERS);
            agenda.at(begin.plus(next), () -> {
                next(begin, next, duration); // first: whatever happens to this one, others call
                arrive(
                        free(who),
                        queue,
                        talk,
                        patience,
                        again ? Optional.of(Behaviour.seconds(pause)) : Optional.empty());
            });
        }
    }

    /** This customer, or whoever of those after them has no call. */
    private String free(int who) {
        for (int i = 0; ; i++) {
            int one = (who + i) % (2 * CUSTOMERS);
            String number = "+1%03d555%04d".formatted(201 + one / 1_000 * 7, one % 1_000);
            if (!onTheLine.contains(number)) {
                return number;
            }
        }
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
        stays.add(new Simulation.Waited(gone.since(), agenda.now(), isAnswered));
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
        Customer customer = left(ring.customer(), true);
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
        busy.remove(ring.agent());
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
                phones.hangUp(ring.customer());
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

    /** Every time that somebody waited, and does no more. */
    List<Simulation.Waited> stays() {
        return List.copyOf(stays);
    }
}

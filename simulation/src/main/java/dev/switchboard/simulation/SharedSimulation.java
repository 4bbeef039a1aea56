package dev.switchboard.simulation;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.ProviderEvents;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.state.ProviderStatus;
import dev.switchboard.callcenter.telephony.Line;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.function.Consumer;
import org.jdbi.v3.core.Jdbi;

/**
 * Made-up customers and agents beside people of flesh and blood: by commands, in real time, in a running server. The agents of
 * the centre are played; whoever else answers its queues is a colleague like them, and left to themselves. What goes on is read
 * from the database, so that a restart goes on with it. Closed once.
 */
public final class SharedSimulation implements AutoCloseable {
    private static final Duration LOOK = Duration.ofMillis(250);
    /** Share of the agents who talk soon after it begins. */
    private static final double TALKING_AT_ONCE = 0.6;

    private static final Duration AT_ONCE = Duration.ofSeconds(15);
    private static final Duration FOR_EVER = Duration.ofDays(36_500);

    /** What happens to one agent besides calls, so many seconds apart on average. */
    private static final double BREAKS = 2_400;

    private static final double LOST_DEVICES = 7_200;
    private static final double OUTBOUND = 1_200;
    private static final double PARKED = 3_000;
    private static final double ASKED_COLLEAGUES = 2_400;

    private static final Distribution BREAK = Distribution.uniform(60, 400);
    private static final Distribution LOST = Distribution.uniform(20, 60);
    private static final Distribution PARKING = Distribution.uniform(20, 60);
    private static final Distribution SHORTLY = Distribution.uniform(2, 7);
    private static final Duration PARK_TIMEOUT = Duration.ofMinutes(2);
    private static final List<String> REASONS = List.of("lunch", "training", "break");

    private static final String LIVE =
            "select c.id, coalesce(c.provider_call_sid, c.id::text) as customer, c.state, c.claimed_by, c.queue_id,"
                    + " case c.direction when 'outbound' then c.to_number else c.from_number end as number,"
                    + " c.provider_event_at is null and c.started_at < now() - interval '2 s' as is_silent"
                    + " from public.calls c where c.organization_id = ? and c.ended_at is null order by c.started_at, c.id";
    private static final String RINGS = "select a.agent_id, a.call_id from public.active_calls a"
            + " where a.organization_id = ? and a.status = 'ringing' order by a.offered_at, a.id";
    private static final String AWAY =
            "select v.user_id from public.voip_users v where v.organization_id = ? and (v.chosen_state <> 'available' or not v.reachable)";

    private final Jdbi jdbi;
    private final CallCentre calls;
    private final ProviderEvents events;
    private final Centre centre;
    private final FasterTime time = new FasterTime(Instant.now(), 1);
    private final CommandedPhones phones;
    private final People people;
    private final SplittableRandom dice;
    private Map<String, String> lastLive = Map.of();
    private Set<Rung> lastRings = Set.of();

    private record LiveCall(
            UUID id,
            String customer,
            String number,
            String state,
            Optional<UUID> owner,
            Optional<UUID> queue,
            boolean isSilent) {
        boolean isTalkedTo() {
            return state.equals("active") || state.equals("held");
        }

        boolean waits() {
            return state.equals("queued") || state.equals("ringing");
        }
    }

    private record Rung(UUID agent, UUID call) {}

    private SharedSimulation(
            Jdbi jdbi, CallCentre calls, Centre centre, List<String> callers, Behaviour behaviour, long seed) {
        this.jdbi = jdbi;
        this.calls = calls;
        this.events = new ProviderEvents(calls);
        this.centre = centre;
        this.phones = new CommandedPhones(calls, Instant.now().toEpochMilli());
        this.people = new People(behaviour, centre, callers, time, phones, _ -> {}, seed);
        this.dice = new SplittableRandom(seed);
    }

    /**
     * Begins one.
     *
     * @param centre  whose agents are played, all of them
     * @param callers telephone numbers of those who call
     */
    public static SharedSimulation start(
            Jdbi jdbi, CallCentre calls, Centre centre, List<String> callers, Behaviour behaviour, long seed) {
        var simulation = new SharedSimulation(jdbi, calls, centre, callers, behaviour, seed);
        simulation.time.at(simulation.time.now(), simulation::begin);
        return simulation;
    }

    private void begin() {
        look();
        int atOnce = (int) Math.round(centre.agents().size() * TALKING_AT_ONCE) - lastLive.size();
        people.call(FOR_EVER, Math.max(0, atOnce), AT_ONCE);
        jdbi
                .withHandle(handle -> handle.createQuery(AWAY)
                        .bind(0, centre.organization())
                        .mapTo(UUID.class)
                        .list())
                .stream()
                .filter(centre.agents()::contains)
                .forEach(agent -> in(BREAK, () -> comeBack(agent)));
        often(BREAKS, this::takeABreak);
        often(LOST_DEVICES, this::loseDevice);
        often(
                OUTBOUND,
                agent -> people.anybody()
                        .ifPresent(number -> calls.dial(
                                as(agent), centre.organization(), agent, Optional.empty(), number, Optional.empty())));
        often(PARKED, _ -> any(this::park));
        often(ASKED_COLLEAGUES, colleague -> any(call -> handOver(call, colleague)));
    }

    /** From time to time, for one of the agents who talk to nobody. */
    private void often(double seconds, Consumer<UUID> work) {
        Distribution gap =
                Distribution.exponential(seconds / Math.max(1, centre.agents().size()));
        in(gap, () -> {
            often(seconds, work); // first: whatever becomes of this one, others follow
            List<UUID> free = centre.agents().stream().filter(people::isFree).toList();
            if (!free.isEmpty()) {
                work.accept(one(free));
            }
        });
    }

    private void in(Distribution wait, Runnable work) {
        time.in(Behaviour.seconds(wait.next(dice)), work);
    }

    private <T> T one(List<T> of) {
        return of.get(dice.nextInt(of.size()));
    }

    /** What has happened since the last time, whoever did it. */
    private void look() {
        time.in(LOOK, this::look); // first: what cannot be seen now can be later
        List<LiveCall> live = live();
        var numbers = new HashMap<String, String>();
        live.forEach(call -> numbers.put(call.customer(), call.number()));
        lastLive.forEach((customer, number) -> {
            if (!numbers.containsKey(customer)) {
                phones.disconnected(customer);
                people.ended(customer, number);
            }
        });
        lastLive = numbers;
        for (LiveCall call : live) {
            if (call.isSilent()) {
                tellOfCustomer(call);
            }
            phones.connected(call.customer(), call.id());
            people.see(new People.Seen(
                    call.customer(),
                    call.number(),
                    call.queue()
                            .map(centre.queues()::indexOf)
                            .filter(at -> at >= 0)
                            .orElse(0),
                    call.id(),
                    call.waits(),
                    call.owner().filter(_ -> call.isTalkedTo())));
        }
        hear(live);
    }

    private List<LiveCall> live() {
        return jdbi.withHandle(handle -> handle.createQuery(LIVE)
                .bind(0, centre.organization())
                .map((row, _) -> new LiveCall(
                        row.getObject("id", UUID.class),
                        row.getString("customer"),
                        row.getString("number"),
                        row.getString("state"),
                        Optional.ofNullable(row.getObject("claimed_by", UUID.class)),
                        Optional.ofNullable(row.getObject("queue_id", UUID.class)),
                        row.getBoolean("is_silent")))
                .list());
    }

    /** What a provider says of every call: that its customer is on the line. */
    private void tellOfCustomer(LiveCall call) {
        events.accept(
                call.id(),
                new ProviderEvents.Event(
                        "customer",
                        Line.Role.CUSTOMER,
                        Optional.empty(),
                        ProviderStatus.IN_PROGRESS,
                        0,
                        Optional.empty()));
    }

    private void hear(List<LiveCall> live) {
        Set<Rung> rings = new HashSet<>(jdbi.withHandle(handle -> handle.createQuery(RINGS)
                .bind(0, centre.organization())
                .map((row, _) -> new Rung(row.getObject("agent_id", UUID.class), row.getObject("call_id", UUID.class)))
                .list()));
        for (LiveCall call : live) {
            rings.stream()
                    .filter(rung -> rung.call().equals(call.id()) && !lastRings.contains(rung))
                    .filter(rung -> centre.agents().contains(rung.agent()))
                    .forEach(rung -> rings(call, rung.agent()));
        }
        lastRings = rings;
    }

    private void rings(LiveCall call, UUID agent) {
        if (call.waits()) {
            people.rings(new Phones.Ring(agent, call.id(), call.customer(), Optional.empty()));
        } else {
            in(SHORTLY, () -> phones.command(agent, call.id(), new CallCommand.Claim(agent))); // a colleague asks
        }
    }

    private void any(Consumer<LiveCall> work) {
        List<LiveCall> talks = live().stream()
                .filter(call -> call.state().equals("active"))
                .filter(call -> call.owner().filter(centre.agents()::contains).isPresent())
                .toList();
        if (!talks.isEmpty()) {
            work.accept(one(talks));
        }
    }

    private void park(LiveCall call) {
        UUID agent = call.owner().orElseThrow();
        var park = new CallCommand.Park(Optional.empty(), Optional.of("asks for a colleague"), PARK_TIMEOUT);
        if (phones.command(agent, call.id(), park)) {
            in(PARKING, () -> {
                if (phones.command(agent, call.id(), new CallCommand.Unpark(agent))) {
                    phones.command(agent, call.id(), new CallCommand.Start(agent, Optional.empty()));
                }
            });
        }
    }

    private void handOver(LiveCall call, UUID colleague) {
        UUID agent = call.owner().orElseThrow();
        boolean asksFirst = dice.nextBoolean();
        var kind = asksFirst ? CallCommand.TransferKind.ATTENDED : CallCommand.TransferKind.BLIND;
        if (phones.command(agent, call.id(), new CallCommand.Transfer(kind, colleague, false)) && asksFirst) {
            in(
                    Distribution.uniform(12, 25),
                    () -> phones.command(agent, call.id(), new CallCommand.CompleteTransfer()));
        }
    }

    private void takeABreak(UUID agent) {
        if (command(agent, new AgentCommand.Choose(AgentCommand.Choice.PAUSED, Optional.of(one(REASONS))))) {
            in(BREAK, () -> comeBack(agent));
        }
    }

    private void loseDevice(UUID agent) {
        if (command(agent, new AgentCommand.Reach(false))) {
            in(LOST, () -> command(agent, new AgentCommand.Reach(true)));
        }
    }

    private void comeBack(UUID agent) {
        command(agent, new AgentCommand.Choose(AgentCommand.Choice.AVAILABLE, Optional.empty()));
        command(agent, new AgentCommand.Reach(true));
    }

    private boolean command(UUID agent, AgentCommand command) {
        return !(calls.execute(as(agent), centre.organization(), agent, command) instanceof Answer.Refused);
    }

    private static Actor as(UUID agent) {
        return new Actor.User(agent, Set.of());
    }

    @Override
    public void close() {
        time.close();
    }
}

package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.CallCentreException;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.FaultyDataSource;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** SPEC L: random commands, with broken connections in between, leave the database as the model says. */
class CallModelTest {
    private static final int AGENTS = 6;
    private static final int FAULT_EVERY = 150;
    private static final int MOST_LIVE = 8;
    /** Far from the time of the server's own deadlines. */
    private static final Instant EPOCH = Instant.parse("2100-01-01T00:00:00Z");

    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** The same dice each time, so that a build says something of its change; {@code --long} and {@code -Dseed} roll others. */
    @Test
    void L_fiveThousandRandomCommandsWithFaultsLeaveWhatTheModelSays() {
        run(5_000, Long.getLong("seed", 7158044229920071241L));
    }

    @Test
    @Tag("long")
    void L_hundredThousandRandomCommandsWithFaults() {
        run(100_000, Long.getLong("seed", new Random().nextLong()));
    }

    @Test
    void L9_aCustomerWhomNobodyReachedAfterTheSlotWaitsAnewInTheQueue() {
        try (HikariDataSource pool = server.pool(2)) {
            var now = new AtomicReference<>(EPOCH);
            var world = new CallCentreWorld(Jdbi.create(pool), 1);
            var centre = new CallCentre(pool, now::get, () -> {});
            UUID agent = world.agent(0);
            Actor own = CallCentreWorld.as(agent);
            UUID call = world.incoming(centre);
            world.one("update queues set max_wait_s = 60 where id = ? returning id::text", world.queue());
            for (CallCommand command : List.of(
                    new CallCommand.Enqueue(world.queue()),
                    new CallCommand.Offer(List.of(agent)),
                    new CallCommand.Claim(agent),
                    new CallCommand.Start(agent, Optional.empty()),
                    new CallCommand.Park(Optional.empty(), Optional.empty(), Duration.ofMinutes(10)))) {
                boolean platform = command instanceof CallCommand.Enqueue || command instanceof CallCommand.Offer;
                Actor by = platform ? new Actor.Server() : own;
                assertThat(centre.execute(by, call, command)).isInstanceOf(Answer.Done.class);
            }
            now.set(EPOCH.plusSeconds(120)); // longer than its queue's time
            centre.execute(own, call, new CallCommand.Unpark(agent));
            now.set(EPOCH.plusSeconds(131)); // the lease is over, and there is nobody else
            centre.execute(new Actor.Server(), call, new CallCommand.TimeOut());

            assertThat(world.state(call)).isEqualTo("queued");
            assertThat(world.one(
                            "select extract(epoch from due_at - ?)::int::text from calls where id = ?",
                            java.time.OffsetDateTime.ofInstant(now.get(), java.time.ZoneOffset.UTC),
                            call))
                    .isEqualTo("60");
        }
    }

    private static void run(int commands, long seed) {
        System.out.println("CallModelTest: seed " + seed);
        try (HikariDataSource pool = server.pool(3)) {
            var run = new Run(pool, new Random(seed));
            while (run.accepted + run.refused < commands) {
                run.step();
            }
            run.checkBooks();
            System.out.println("CallModelTest: " + (run.accepted + run.refused) + " commands, " + run.accepted
                    + " accepted, " + run.refused + " refused, " + run.faults + " faults, " + run.model.calls.size()
                    + " calls");
            assertThat(run.faults).isGreaterThan(commands / 1_000);
            assertThat(run.accepted).isGreaterThan(commands / 4);
        }
    }

    private static final class Run {
        private final CallModel model = new CallModel();
        private final Jdbi jdbi;
        private final CallCentreWorld world;
        private final UUID supervisor;
        private final List<UUID> queues = new ArrayList<>();
        private final List<UUID> calls = new ArrayList<>();
        private final Random random;
        private final CallCentre centre;
        private final CallCentre faultless;
        private final AtomicInteger injected = new AtomicInteger();
        private String last = "";
        int accepted;
        int refused;
        int faults;

        Run(HikariDataSource pool, Random random) {
            this.random = random;
            this.jdbi = Jdbi.create(pool);
            this.world = new CallCentreWorld(jdbi, AGENTS);
            this.supervisor = world.member("supervisor", "Boss");
            this.centre = new CallCentre(
                    FaultyDataSource.wrap(pool, random, FAULT_EVERY, injected),
                    () -> EPOCH.plusSeconds(model.now),
                    () -> {});
            this.faultless = new CallCentre(pool, () -> EPOCH.plusSeconds(model.now), () -> {});
            for (int i = 0; i < AGENTS; i++) {
                model.agents.add(new CallModel.Agent());
            }
            queue(0, new CallModel.Queue(15, 0, 60));
            queue(1, new CallModel.Queue(10, 20, 40));
        }

        private void queue(int index, CallModel.Queue queue) {
            UUID id = UUID.randomUUID();
            server.database()
                    .useHandle(handle -> handle.execute(
                            "insert into queues (id, organization_id, name, ring_s, wrap_up_s, max_wait_s, missed_limit) values (?, ?, ?, ?, ?, ?, 0)",
                            id,
                            world.organization(),
                            "q" + index,
                            queue.ring(),
                            queue.wrapUp(),
                            queue.maxWait()));
            queues.add(id);
            model.queues.put(index, queue);
        }

        void step() {
            long live = model.calls.stream().filter(CallModel.Call::live).count();
            int dice = random.nextInt(100);
            if (dice < 8) {
                model.now += 1 + random.nextInt(12);
                timePasses();
            } else if (live == 0 || (dice < 20 && live < MOST_LIVE)) {
                if (random.nextInt(5) == 0) {
                    dial();
                } else {
                    calls.add(world.incoming(faultless));
                    model.incoming();
                    last = "incoming";
                }
            } else if (dice < 32) {
                agentCommand();
            } else {
                callCommand();
            }
            forgetOldCalls();
            compare();
        }

        private void dial() {
            int agent = agent();
            Answer answer = faultless.dial(
                    as(agent), world.organization(), user(agent), Optional.empty(), "+14155550009", Optional.empty());
            boolean done = model.dial(agent);
            last = "dial by " + agent;
            check(answer, done);
            if (done) {
                calls.add(UUID.fromString(world.one(
                        "select id from calls where organization_id = ? and direction = 'outbound'"
                                + " order by created_at desc limit 1",
                        world.organization())));
            }
        }

        private void timePasses() {
            last = "time passes";
            for (int i = 0; i < calls.size(); i++) {
                if (model.calls.get(i).live()) {
                    int index = i;
                    execute(i, new Actor.Server(), new CallCommand.TimeOut(), () -> {
                        model.timeOut(model.calls.get(index));
                        return true;
                    });
                }
            }
            for (int agent = 0; agent < AGENTS; agent++) {
                int index = agent;
                executeAgent(agent, new Actor.Server(), new AgentCommand.WrapUpOver(), () -> {
                    model.wrapUpOver(index);
                    return true;
                });
            }
        }

        private void agentCommand() {
            int agent = agent();
            Actor actor = random.nextInt(4) == 0 ? CallCentreWorld.as(supervisor) : as(agent);
            if (random.nextInt(3) == 0) {
                boolean reachable = random.nextInt(4) > 0;
                executeAgent(agent, actor, new AgentCommand.Reach(reachable), () -> {
                    model.reach(agent, reachable);
                    return true;
                });
                return;
            }
            AgentCommand.Choice choice = random.nextInt(3) > 0
                    ? AgentCommand.Choice.AVAILABLE
                    : random.nextBoolean() ? AgentCommand.Choice.PAUSED : AgentCommand.Choice.OFFLINE;
            executeAgent(
                    agent,
                    actor,
                    new AgentCommand.Choose(choice, Optional.of("lunch")),
                    () -> model.choose(agent, choice.name().toLowerCase(java.util.Locale.ROOT)));
        }

        private void callCommand() {
            int index = chooseCall();
            CallModel.Call call = model.calls.get(index);
            int agent = likely(call);
            boolean boss = random.nextInt(6) == 0;
            Actor actor = boss ? CallCentreWorld.as(supervisor) : as(agent);
            boolean mine = boss || (call.owner == agent && call.owned());
            Actor own = as(agent);
            Actor platform = new Actor.Server();
            int queue = random.nextInt(2);
            int other = agent();
            switch (random.nextInt(24)) {
                case 0 ->
                    execute(
                            index,
                            platform,
                            new CallCommand.Enqueue(queues.get(queue)),
                            () -> model.enqueue(call, queue));
                case 1, 2 -> {
                    List<Integer> named = random.nextInt(3) == 0 ? List.of() : List.of(agent(), agent(), agent());
                    execute(
                            index,
                            platform,
                            new CallCommand.Offer(named.stream().map(this::user).toList()),
                            () -> model.offer(call, named));
                }
                case 3 -> execute(index, own, new CallCommand.Decline(user(agent)), () -> model.decline(call, agent));
                case 4, 5, 6 -> execute(index, own, new CallCommand.Claim(user(agent)), () -> model.claim(call, agent));
                case 7, 8, 9 ->
                    execute(
                            index,
                            own,
                            new CallCommand.Start(user(agent), Optional.empty()),
                            () -> model.start(call, agent));
                case 10 -> execute(index, actor, new CallCommand.Hold(), () -> model.hold(call, true, mine));
                case 11 -> execute(index, actor, new CallCommand.Unhold(), () -> model.hold(call, false, mine));
                case 12 -> {
                    boolean muted = random.nextBoolean();
                    execute(index, actor, new CallCommand.Mute(muted), () -> model.mute(call, muted, mine));
                }
                case 13, 14 -> {
                    int slot = random.nextBoolean() ? -1 : 1 + random.nextInt(3);
                    int timeout = 5 + random.nextInt(30);
                    var park = new CallCommand.Park(
                            slot < 0 ? Optional.empty() : Optional.of(slot),
                            Optional.empty(),
                            Duration.ofSeconds(timeout));
                    execute(index, actor, park, () -> model.park(call, slot, timeout, mine));
                }
                case 15 -> execute(index, own, new CallCommand.Unpark(user(agent)), () -> model.unpark(call, agent));
                case 16, 17 -> {
                    boolean attended = random.nextBoolean();
                    boolean force = random.nextInt(3) == 0;
                    CallCommand.TransferKind kind =
                            attended ? CallCommand.TransferKind.ATTENDED : CallCommand.TransferKind.BLIND;
                    execute(
                            index,
                            actor,
                            new CallCommand.Transfer(kind, user(other), force),
                            () -> model.transfer(call, other, attended, force, mine));
                }
                case 18 ->
                    execute(index, actor, new CallCommand.CompleteTransfer(), () -> model.completeTransfer(call, mine));
                case 19 -> {
                    if (random.nextBoolean()) {
                        execute(index, actor, new CallCommand.CancelTransfer(), () -> model.cancelTransfer(call, mine));
                    } else {
                        execute(
                                index,
                                actor,
                                new CallCommand.TransferToQueue(queues.get(queue)),
                                () -> model.requeue(call, queue, mine));
                    }
                }
                case 20 -> execute(index, actor, new CallCommand.End(Optional.empty()), () -> model.end(call, mine));
                case 21 ->
                    execute(index, platform, new CallCommand.HangUp(), () -> {
                        model.hangUp(call);
                        return true;
                    });
                case 22 ->
                    execute(
                            index,
                            platform,
                            new CallCommand.LegFailed(user(agent)),
                            () -> model.legFailed(call, agent));
                default -> {
                    if (random.nextBoolean()) {
                        execute(index, platform, new CallCommand.Fail(CallState.Terminal.BUSY), () -> {
                            model.fail(call, "busy");
                            return true;
                        });
                    } else {
                        execute(
                                index,
                                own,
                                new CallCommand.WrapUp(Optional.of("done")),
                                () -> model.wrapUp(call, agent));
                    }
                }
            }
        }

        /** Mostly one that is going on. */
        private int chooseCall() {
            for (int attempt = 0; attempt < 6; attempt++) {
                int index = random.nextInt(calls.size());
                if (model.calls.get(index).live()) {
                    return index;
                }
            }
            return random.nextInt(calls.size());
        }

        /** Mostly somebody whom the call concerns. */
        private int likely(CallModel.Call call) {
            if (random.nextInt(4) > 0) {
                if (call.owned() && random.nextBoolean()) {
                    return call.owner;
                }
                if (!call.rows.isEmpty()) {
                    return List.copyOf(call.rows.keySet()).get(random.nextInt(call.rows.size()));
                }
            }
            return agent();
        }

        private int agent() {
            return random.nextInt(AGENTS);
        }

        private UUID user(int agent) {
            return world.agent(agent);
        }

        private Actor as(int agent) {
            return CallCentreWorld.as(user(agent));
        }

        private void execute(int index, Actor actor, CallCommand command, BooleanSupplier inModel) {
            last = command + " of call " + index + " (" + model.calls.get(index).state + ") by " + actor;
            UUID id = calls.get(index);
            perform(
                    () -> centre.execute(actor, id, command),
                    "select version::text from calls where id = ?",
                    id,
                    inModel);
        }

        private void executeAgent(int agent, Actor actor, AgentCommand command, BooleanSupplier inModel) {
            last = command + " of agent " + agent + " by " + actor;
            perform(
                    () -> centre.execute(actor, world.organization(), user(agent), command),
                    "select version::text from voip_users where user_id = ?",
                    user(agent),
                    inModel);
        }

        /** Where the connection broke, the version says whether it was before or after the commit. */
        private void perform(Supplier<Answer> command, String version, UUID id, BooleanSupplier inModel) {
            String before = world.one(version, id);
            int sound = injected.get();
            try {
                check(command.get(), inModel.getAsBoolean());
            } catch (CallCentreException broken) {
                last += ", which broke";
                if (!world.one(version, id).equals(before)) {
                    assertThat(inModel.getAsBoolean()).as(last).isTrue();
                }
            }
            if (injected.get() > sound) {
                faults++;
                // what was left unsettled the deadlines find
                for (UUID call : calls) {
                    faultless.execute(new Actor.Server(), call, new CallCommand.Settle());
                }
            }
        }

        private void check(Answer answer, boolean accept) {
            assertThat(answer instanceof Answer.Done)
                    .as("after %s: %s", last, answer)
                    .isEqualTo(accept);
            if (accept) {
                accepted++;
            } else {
                refused++;
            }
        }

        /** Calls that are over stay as they are; only the latest are looked at. */
        private void forgetOldCalls() {
            while (calls.size() > 60
                    && !model.calls.getFirst().live()
                    && model.agents.stream().allMatch(agent -> agent.current != 0)) {
                model.calls.removeFirst();
                calls.removeFirst();
                model.agents.stream().filter(agent -> agent.current > 0).forEach(agent -> agent.current--);
            }
        }

        private void compare() {
            Map<String, String> found = image();
            Map<String, String> wanted = model.image();
            assertThat(found.keySet()).as("after %s", last).isEqualTo(wanted.keySet());
            Map<String, String> differing = new TreeMap<>(found);
            differing.entrySet().removeAll(wanted.entrySet());
            assertThat(differing)
                    .as("after %s, where the model has %s", last, wanted)
                    .isEmpty();
        }

        private Map<String, String> image() {
            Map<UUID, Integer> names = new HashMap<>();
            for (int i = 0; i < AGENTS; i++) {
                names.put(user(i), i);
            }
            var image = new TreeMap<String, String>();
            jdbi.useHandle(handle -> {
                Map<UUID, Map<Integer, String>> rows = new HashMap<>();
                handle.createQuery("select call_id, agent_id, status from active_calls where organization_id = ?")
                        .bind(0, world.organization())
                        .map((row, _) -> rows.computeIfAbsent(row.getObject(1, UUID.class), _ -> new TreeMap<>())
                                .put(names.get(row.getObject(2, UUID.class)), row.getString(3)))
                        .list();
                Map<UUID, String> slots = new HashMap<>();
                handle.createQuery("select call_id, slot from parked_calls where organization_id = ?")
                        .bind(0, world.organization())
                        .map((row, _) -> slots.put(row.getObject(1, UUID.class), row.getString(2)))
                        .list();
                handle.createQuery("select id, state, claimed_by, muted from calls where id = any (?)")
                        .bindArray(0, UUID.class, calls.toArray())
                        .map((row, _) -> {
                            UUID id = row.getObject("id", UUID.class);
                            UUID owner = row.getObject("claimed_by", UUID.class);
                            String state = row.getString("state");
                            boolean owned = List.of("claimed", "active", "held", "transferring")
                                    .contains(state);
                            return image.put(
                                    "call " + calls.indexOf(id),
                                    state + " owner "
                                            + (owned ? names.get(owner) : "-") + " rows "
                                            + rows.getOrDefault(id, Map.of())
                                            + " slot " + slots.getOrDefault(id, "-")
                                            + (row.getBoolean("muted") ? " muted" : ""));
                        })
                        .list();
                handle.createQuery(
                                "select user_id, work_state, current_call_id from voip_users where organization_id = ?")
                        .bind(0, world.organization())
                        .map((row, _) -> {
                            UUID current = row.getObject(3, UUID.class);
                            return image.put(
                                    "agent " + names.get(row.getObject(1, UUID.class)),
                                    row.getString(2) + " current " + (current == null ? "-" : calls.indexOf(current)));
                        })
                        .list();
            });
            return image;
        }

        /** What must hold of the books at any time. */
        void checkBooks() {
            UUID organization = world.organization();
            assertThat(world.list(
                            "select c.id::text from calls c where c.organization_id = ? and c.ended_at is null"
                                    + " and (select count(*) from queue_visits v where v.call_id = c.id and v.exited_at is null)"
                                    + " <> case when c.state in ('queued', 'ringing') then 1 when c.state = 'claimed'"
                                    + " and c.direction = 'inbound' then (select count(*) from queue_visits v where v.call_id = c.id and v.exited_at is null)"
                                    + " else 0 end",
                            organization))
                    .as("open visits of calls that wait")
                    .isEmpty();
            assertThat(world.list(
                            "select v.id::text from queue_visits v join calls c on c.id = v.call_id"
                                    + " where c.organization_id = ? and c.ended_at is not null and v.exited_at is null",
                            organization))
                    .isEmpty();
            assertThat(world.list(
                            "select s.id::text from call_segments s join calls c on c.id = s.call_id"
                                    + " where c.organization_id = ? and c.ended_at is not null and s.to_at is null and s.kind <> 'wrap_up'",
                            organization))
                    .isEmpty();
            assertThat(world.list(
                            "select e.call_id::text from call_events e join calls c on c.id = e.call_id where c.organization_id = ?"
                                    + " group by e.call_id, c.version, c.state having max(e.seq) > c.version"
                                    + " or (array_agg(e.to_state order by e.seq desc))[1] <> c.state"
                                    + " or count(*) <> count(distinct e.seq)",
                            organization))
                    .as("logs that do not end in the call's state")
                    .isEmpty();
            assertThat(world.list(
                            "select e.id::text from calls_enriched e join calls c on c.id = e.id where c.organization_id = ?"
                                    + " and (e.state, e.status, e.version, e.queue_id, e.agent_id, e.ended_at) is distinct from"
                                    + " (c.state, c.status, c.version, c.queue_id, coalesce(c.claimed_by, c.answered_by), c.ended_at)",
                            organization))
                    .isEmpty();
            assertThat(world.list(
                            "select b.id::text from agent_board b join voip_users v on v.id = b.id where v.organization_id = ?"
                                    + " and (b.work_state, b.state_since, b.reachable) is distinct from (v.work_state, v.state_since, v.reachable)",
                            organization))
                    .isEmpty();
            assertThat(world.list(
                            "select v.user_id::text from voip_users v where v.organization_id = ? and (select l.state from agent_state_log l"
                                    + " where l.voip_user_id = v.id and upper_inf(l.during)) is distinct from v.work_state",
                            organization))
                    .isEmpty();
        }
    }
}

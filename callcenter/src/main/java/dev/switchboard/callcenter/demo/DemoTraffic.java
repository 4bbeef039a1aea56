package dev.switchboard.callcenter.demo;

import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.ProviderEvents;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.state.ProviderStatus;
import dev.switchboard.callcenter.telephony.Line;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A day at two organizations, by the same commands as everybody's: calls come in, ring, are taken, held, parked,
 * transferred and ended; agents pause and return; AI agents work on streams, scans and transcripts. What goes on is read
 * from the database, so that a restart goes on with it. One thread of its own; the same seed rolls the same dice.
 */
public final class DemoTraffic implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DemoTraffic.class);
    private static final List<String> WORDS = List.of(
            "Hello, how can I help you?",
            "My order has not arrived yet.",
            "Let me look that up for you.",
            "That would be great, thank you.",
            "It left our warehouse this morning.",
            "Is there anything else I can do?");
    private static final List<String> PAUSES = List.of("lunch", "training", "break");
    private static final List<String> STEPS = List.of("collecting", "filtering", "ranking", "writing");

    private final Jdbi jdbi;
    private final CallCentre calls;
    private final Ingest ingest;
    private final ProviderEvents events;
    private final Duration pause;
    private final Random random;
    private final Thread thread;

    private record LiveCall(
            UUID id,
            String state,
            Optional<UUID> owner,
            Optional<UUID> rings,
            Optional<UUID> transferTo,
            boolean isSilent) {}

    private DemoTraffic(Jdbi jdbi, CallCentre calls, Ingest ingest, Random random, Duration pause) {
        this.jdbi = jdbi;
        this.calls = calls;
        this.ingest = ingest;
        this.events = new ProviderEvents(calls);
        this.pause = pause;
        this.random = random;
        this.thread = Thread.ofVirtual().name("demo-traffic").unstarted(this::run);
    }

    /** @param pause between two steps, on average */
    public static DemoTraffic start(Jdbi jdbi, CallCentre calls, Ingest ingest, Random random, Duration pause) {
        var traffic = new DemoTraffic(jdbi, calls, ingest, random, pause);
        traffic.thread.start();
        return traffic;
    }

    private void run() {
        while (!Thread.currentThread().isInterrupted()) {
            try {
                step(DemoData.ORGANIZATIONS.get(random.nextInt(5) == 0 ? 1 : 0));
                Thread.sleep(Duration.ofMillis(pause.toMillis() / 2 + random.nextLong(pause.toMillis() + 1)));
            } catch (InterruptedException closing) {
                return;
            } catch (RuntimeException failed) {
                if (Thread.currentThread().isInterrupted()) {
                    return;
                }
                LOG.warn("A step of the demo failed; the next is tried: {}", failed.getMessage());
            }
        }
    }

    private void step(DemoData.Organization organization) {
        List<LiveCall> live = live(organization);
        live.stream().filter(LiveCall::isSilent).forEach(this::tellOfCustomer);
        int dice = random.nextInt(20);
        if (live.isEmpty() || (dice < 5 && live.size() < mostLive(organization))) {
            ring(organization);
        } else if (dice < 14) {
            advance(organization, pick(live));
        } else if (dice < 16) {
            agent(organization);
        } else if (dice < 18) {
            work(organization);
        } else {
            afterwards(organization);
        }
    }

    /** So many that most are talked to and a few wait. */
    private static int mostLive(DemoData.Organization organization) {
        return organization.robots().size() * 9 / 10;
    }

    private List<LiveCall> live(DemoData.Organization organization) {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select c.id, c.state, c.claimed_by, c.transfer_to, c.provider_event_at is null as silent,"
                                + " (select a.agent_id from public.active_calls a where a.organization_id = c.organization_id and a.call_id = c.id"
                                + "   and a.status = 'ringing' and a.agent_id <> all (:handsOn) order by a.id limit 1) as rings"
                                + " from public.calls c where c.organization_id = :organization and c.ended_at is null"
                                + " order by c.started_at, c.id")
                .bind("organization", organization.id())
                .bindArray("handsOn", UUID.class, DemoData.HANDS_ON.toArray())
                .map((row, _) -> new LiveCall(
                        row.getObject("id", UUID.class),
                        row.getString("state"),
                        Optional.ofNullable(row.getObject("claimed_by", UUID.class)),
                        Optional.ofNullable(row.getObject("rings", UUID.class)),
                        Optional.ofNullable(row.getObject("transfer_to", UUID.class)),
                        row.getBoolean("silent")))
                .list());
    }

    /** Every other time a call that rings, where there is one: nobody lets a phone ring. */
    private LiveCall pick(List<LiveCall> live) {
        List<LiveCall> ringing = live.stream()
                .filter(call -> call.state().equals("ringing") || call.state().equals("claimed"))
                .toList();
        return one(random.nextBoolean() && !ringing.isEmpty() ? ringing : live);
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

    private void ring(DemoData.Organization organization) {
        DemoData.Customer customer = one(DemoData.CUSTOMERS);
        if (random.nextInt(8) == 0) {
            UUID agent = one(organization.robots()).id();
            calls.dial(as(agent), organization.id(), agent, Optional.empty(), customer.number(), Optional.empty());
        } else {
            calls.incoming(
                    "demo",
                    "CA" + hex(),
                    customer.number(),
                    organization.number(random.nextInt(organization.queues().size())));
        }
    }

    private String hex() {
        return "%016x%016x".formatted(random.nextLong(), random.nextLong());
    }

    private void advance(DemoData.Organization organization, LiveCall call) {
        int dice = random.nextInt(10);
        UUID anybody = one(organization.robots()).id();
        if (call.owner().filter(DemoData.HANDS_ON::contains).isPresent()) {
            if (call.state().equals("active")) {
                say(call); // somebody talks, whoever sits in front of the screen
            }
            return;
        }
        switch (call.state()) {
            case "queued" -> {
                if (dice == 0) {
                    server(call, new CallCommand.HangUp());
                }
            }
            case "ringing" ->
                call.rings().ifPresent(agent -> {
                    if (dice == 0) {
                        server(call, new CallCommand.HangUp());
                    } else if (dice == 1) {
                        calls.execute(as(agent), call.id(), new CallCommand.Decline(agent));
                    } else {
                        calls.execute(as(agent), call.id(), new CallCommand.Claim(agent));
                    }
                });
            case "claimed" ->
                call.owner()
                        .ifPresent(agent ->
                                calls.execute(as(agent), call.id(), new CallCommand.Start(agent, Optional.empty())));
            case "active" -> call.owner().ifPresent(agent -> talk(call, agent, anybody, dice));
            case "held" ->
                call.owner().ifPresent(agent -> calls.execute(as(agent), call.id(), new CallCommand.Unhold()));
            case "parked" -> calls.execute(as(anybody), call.id(), new CallCommand.Unpark(anybody));
            case "transferring" ->
                call.transferTo()
                        .filter(agent -> !DemoData.HANDS_ON.contains(agent))
                        .ifPresent(agent -> {
                            calls.execute(as(agent), call.id(), new CallCommand.Claim(agent));
                            call.owner()
                                    .ifPresent(owner ->
                                            calls.execute(as(owner), call.id(), new CallCommand.CompleteTransfer()));
                        });
            default -> {}
        }
    }

    private void talk(LiveCall call, UUID agent, UUID anybody, int dice) {
        switch (dice) {
            case 0 -> calls.execute(as(agent), call.id(), new CallCommand.Hold());
            case 1 ->
                calls.execute(
                        as(agent),
                        call.id(),
                        new CallCommand.Park(
                                Optional.empty(), Optional.of("asks for a colleague"), Duration.ofSeconds(40)));
            case 2 ->
                calls.execute(
                        as(agent),
                        call.id(),
                        new CallCommand.Transfer(
                                random.nextBoolean()
                                        ? CallCommand.TransferKind.BLIND
                                        : CallCommand.TransferKind.ATTENDED,
                                anybody,
                                false));
            case 3 -> calls.execute(as(agent), call.id(), new CallCommand.End(Optional.empty()));
            case 4 -> server(call, new CallCommand.HangUp());
            default -> say(call);
        }
    }

    /** Somebody says something: a partial piece, and then the whole of it. */
    private void say(LiveCall call) {
        int seq = jdbi.withHandle(
                handle -> handle.createQuery("select count(*) from public.transcript_segments where call_id = ?")
                        .bind(0, call.id())
                        .mapTo(Integer.class)
                        .one());
        String text = WORDS.get(seq % WORDS.size());
        String piece = "{\"track\":\"%s\",\"seq\":%d,\"text\":\"%s\",\"final\":%s,\"start_ms\":%d}";
        String track = seq % 2 == 0 ? "outbound" : "inbound";
        ingest.write(
                Ingest.Kind.SEGMENT,
                call.id(),
                "",
                piece.formatted(track, seq, text.substring(0, text.length() / 2), false, seq * 3_000));
        ingest.write(Ingest.Kind.SEGMENT, call.id(), "", piece.formatted(track, seq, text, true, seq * 3_000));
    }

    private void agent(DemoData.Organization organization) {
        UUID agent = one(organization.robots()).id();
        AgentCommand command = switch (random.nextInt(6)) {
            case 0 -> new AgentCommand.Choose(AgentCommand.Choice.PAUSED, Optional.of(one(PAUSES)));
            case 1 -> new AgentCommand.Choose(AgentCommand.Choice.OFFLINE, Optional.empty());
            case 2 -> new AgentCommand.Reach(random.nextInt(3) > 0);
            default -> new AgentCommand.Choose(AgentCommand.Choice.AVAILABLE, Optional.empty());
        };
        calls.execute(as(agent), organization.id(), agent, command);
        if (command instanceof AgentCommand.Choose(var choice, var _) && choice == AgentCommand.Choice.AVAILABLE) {
            calls.execute(as(agent), organization.id(), agent, new AgentCommand.Reach(true));
        }
    }

    /** AI agents get on with streams and scans, and sometimes find something. */
    private void work(DemoData.Organization organization) {
        UUID owner = organization.people().getFirst().id();
        Optional<UUID> stream =
                any("select id from public.streams where organization_id = ? order by id", organization);
        stream.ifPresent(id -> {
            int completed = jdbi.withHandle(handle -> handle.createQuery(
                            "select (current_progress ->> 'completed')::int from public.streams where id = ?")
                    .bind(0, id)
                    .mapTo(Integer.class)
                    .one());
            int next = (completed + 1) % 41;
            ingest.write(
                    Ingest.Kind.STREAM_PROGRESS,
                    id,
                    "",
                    "{\"completed\":%d,\"total\":40,\"goal_status\":\"%s\"}"
                            .formatted(next, next == 40 ? "achieved" : "active"));
            Optional<UUID> running = any(
                    "select id from public.agent_executions where organization_id = ? and ended_at is null order by id",
                    organization);
            String status = running.isEmpty() ? "running" : random.nextInt(8) == 0 ? "failed" : "succeeded";
            ingest.write(
                    Ingest.Kind.EXECUTION,
                    running.orElseGet(this::id),
                    "",
                    "{\"organization_id\":\"%s\",\"stream_id\":\"%s\",\"agent_id\":\"scout\",\"status\":\"%s\",\"tokens\":%d}"
                            .formatted(organization.id(), id, status, random.nextInt(5_000)));
        });
        scan(organization, owner);
        if (random.nextInt(4) == 0) {
            ingest.write(
                    Ingest.Kind.SIGNAL,
                    id(),
                    "",
                    "{\"organization_id\":\"%s\",\"user_id\":\"%s\",\"business_name\":\"%s\",\"signal_type\":\"hiring\",\"priority\":\"%s\"}"
                            .formatted(
                                    organization.id(),
                                    owner,
                                    one(DemoData.CUSTOMERS).company(),
                                    one(List.of("low", "medium", "high"))));
        }
    }

    private void scan(DemoData.Organization organization, UUID owner) {
        Optional<UUID> running = any(
                "select id from public.acquisition_scans where organization_id = ? and status = 'running' order by id",
                organization);
        int progress = running.map(id -> jdbi.withHandle(handle -> handle.createQuery(
                                "select progress_percentage::int from public.acquisition_scans where id = ?")
                        .bind(0, id)
                        .mapTo(Integer.class)
                        .one()))
                .orElse(0);
        int next = Math.min(100, progress + 5 + random.nextInt(15));
        ingest.write(
                Ingest.Kind.SCAN,
                running.orElseGet(this::id),
                "",
                ("{\"organization_id\":\"%s\",\"owner\":\"%s\",\"status\":\"%s\",\"current_step\":\"%s\",\"progress_percentage\":%d,"
                                + "\"targets_analyzed\":%d,\"targets_identified\":%d}")
                        .formatted(
                                organization.id(),
                                owner,
                                next == 100 ? "completed" : "running",
                                STEPS.get(Math.min(3, next / 25)),
                                next,
                                next * 3,
                                next / 4));
    }

    /** Calls that are over are recorded and looked at. */
    private void afterwards(DemoData.Organization organization) {
        any(
                        "select id from public.calls where organization_id = ? and state = 'completed' and ai_status is null and answered_at is not null"
                                + " order by ended_at desc",
                        organization)
                .ifPresent(call -> {
                    ingest.write(
                            Ingest.Kind.RECORDING,
                            id(),
                            "",
                            "{\"call_id\":\"%s\",\"status\":\"processing\"}".formatted(call));
                    ingest.write(Ingest.Kind.ANALYSIS, call, "", "{\"ai_status\":\"processing\"}");
                });
        any(
                        "select id from public.calls where organization_id = ? and ai_status = 'processing' order by ended_at",
                        organization)
                .ifPresent(call -> {
                    ingest.write(
                            Ingest.Kind.ANALYSIS_STEP,
                            call,
                            "summary",
                            "{\"status\":\"analyzed\",\"result\":{\"text\":\"asked for an order\"}}");
                    ingest.write(
                            Ingest.Kind.ANALYSIS,
                            call,
                            "",
                            "{\"ai_status\":\"analyzed\",\"score\":%d,\"sentiment\":%s,\"insights\":{\"topic\":\"delivery\"}}"
                                    .formatted(20 + random.nextInt(80), (random.nextInt(21) - 10) / 10.0));
                });
        jdbi.useHandle(handle -> handle.createQuery(
                        "select r.id, r.call_id from public.recordings r where r.organization_id = ?"
                                + " and r.status = 'processing' order by r.id limit 1")
                .bind(0, organization.id())
                .map((row, _) -> ingest.write(
                        Ingest.Kind.RECORDING,
                        row.getObject(1, UUID.class),
                        "",
                        "{\"call_id\":\"%s\",\"status\":\"%s\"%s}"
                                .formatted(
                                        row.getObject(2, UUID.class),
                                        random.nextInt(6) == 0 ? "failed" : "ready",
                                        ",\"duration_s\":" + (30 + random.nextInt(300)))))
                .list());
    }

    private Optional<UUID> any(String sql, DemoData.Organization organization) {
        List<UUID> ids = jdbi.withHandle(handle -> handle.createQuery(sql + " limit 5")
                .bind(0, organization.id())
                .mapTo(UUID.class)
                .list());
        return ids.isEmpty() ? Optional.empty() : Optional.of(one(ids));
    }

    private UUID id() {
        return new UUID(random.nextLong(), random.nextLong());
    }

    private void server(LiveCall call, CallCommand command) {
        calls.execute(new Actor.Server(), call.id(), command);
    }

    private static Actor as(UUID agent) {
        return new Actor.User(agent, Set.of());
    }

    private <T> T one(List<T> of) {
        return of.get(random.nextInt(of.size()));
    }

    @Override
    public void close() {
        thread.interrupt();
        try {
            thread.join(Duration.ofSeconds(1));
        } catch (InterruptedException stillClosing) {
            Thread.currentThread().interrupt();
        }
    }
}

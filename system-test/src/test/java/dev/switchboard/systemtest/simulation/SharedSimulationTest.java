package dev.switchboard.systemtest.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.simulation.Behaviour;
import dev.switchboard.simulation.Centre;
import dev.switchboard.simulation.Distribution;
import dev.switchboard.simulation.SharedSimulation;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Made-up people beside one of flesh and blood. SPEC L34. */
class SharedSimulationTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Behaviour BRISK = new Behaviour(
            _ -> 1_800,
            1_800,
            Distribution.uniform(2, 4),
            Distribution.always(60),
            Distribution.uniform(0.5, 1),
            Distribution.always(0.2),
            0,
            0,
            0,
            0);
    private static final List<String> CALLERS = IntStream.range(0, 40)
            .mapToObj(one -> "+141555501%02d".formatted(one))
            .toList();

    private static TestServer server;
    private static Jdbi jdbi;
    private static CallCentre calls;
    private static int seed;

    private Centre everybody;
    private Centre played;
    private UUID human;
    private SharedSimulation simulation;

    @BeforeAll
    static void startServer() {
        server = TestServer.start();
        jdbi = server.database();
        calls = server.server().callCentre().orElseThrow();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void begin() {
        everybody = Centre.insert(
                jdbi,
                new SplittableRandom(++seed),
                Instant.now(),
                "Shared " + seed,
                7,
                List.of("Support", "Billing"),
                new Centre.Rules("longest_idle", 1, 60));
        human = everybody.agents().getLast();
        played = new Centre(
                everybody.organization(),
                everybody.queues(),
                everybody.numbers(),
                everybody.agents().subList(0, 6));
        simulation = start();
    }

    private SharedSimulation start() {
        return SharedSimulation.start(jdbi, calls, played, CALLERS, BRISK, seed);
    }

    @AfterEach
    void end() {
        simulation.close();
    }

    @Test
    void L34_aHumanIsOfferedCallsAsTheOthersAreAndHandsThemToAndFro() {
        UUID call = take();

        execute(call, new CallCommand.Hold());
        execute(call, new CallCommand.Unhold());
        UUID colleague = played.agents().getFirst();
        eventually(() -> execute(call, new CallCommand.Transfer(CallCommand.TransferKind.BLIND, colleague, false)));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(text("select answered_by::text from calls where id = ?", call))
                        .isEqualTo(colleague.toString()));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(text("select state from calls where id = ?", call))
                        .as("who has it now ends it as their own")
                        .isEqualTo("completed"));

        UUID another = take();
        execute(another, new CallCommand.TransferToQueue(played.queues().getLast()));
        execute(human, new AgentCommand.Choose(AgentCommand.Choice.OFFLINE, Optional.empty()));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(text("select state from calls where id = ?", another))
                        .as("the customer waits again, and is served")
                        .isEqualTo("completed"));
        assertThat(text(
                        "select string_agg(distinct from_number, ' ') from calls c where organization_id = ?"
                                + " and exists (select from calls o where o.organization_id = c.organization_id and o.id <> c.id"
                                + "  and o.from_number = c.from_number and o.started_at < coalesce(c.ended_at, now()) and c.started_at < coalesce(o.ended_at, now()))",
                        played.organization()))
                .as("who have two calls at a time")
                .isNull();
    }

    /** Another who answers first is no wonder: they are offered the next. */
    private UUID take() {
        execute(human, new AgentCommand.Choose(AgentCommand.Choice.AVAILABLE, Optional.empty()));
        return await().atMost(PATIENCE)
                .until(
                        () -> Optional.ofNullable(text(
                                        "select call_id::text from active_calls where agent_id = ? and status = 'ringing'",
                                        human))
                                .map(UUID::fromString)
                                .filter(call -> execute(call, new CallCommand.Start(human, Optional.empty()))),
                        Optional::isPresent)
                .orElseThrow();
    }

    @Test
    void L34_aRestartGoesOnWithTheCallsThereAre() {
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(live()).as("calls").hasSizeGreaterThan(2));
        simulation.close();
        List<String> left = live();
        assertThat(left).isNotEmpty();

        simulation = start();

        await().atMost(PATIENCE).untilAsserted(() -> assertThat(live()).doesNotContainAnyElementsOf(left));
    }

    private List<String> live() {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select id::text from calls where organization_id = ? and ended_at is null")
                .bind(0, played.organization())
                .mapTo(String.class)
                .list());
    }

    private boolean execute(UUID call, CallCommand command) {
        return !(calls.execute(new Actor.User(human, Set.of()), call, command) instanceof Answer.Refused);
    }

    private void execute(UUID agent, AgentCommand command) {
        assertThat(calls.execute(new Actor.User(agent, Set.of()), played.organization(), agent, command))
                .isNotInstanceOf(Answer.Refused.class);
    }

    private static void eventually(Callable<Boolean> done) {
        await().atMost(PATIENCE).until(done);
    }

    private static String text(String sql, UUID parameter) {
        return jdbi.withHandle(handle -> handle.createQuery(sql)
                .bind(0, parameter)
                .mapTo(String.class)
                .findFirst()
                .orElse(null));
    }
}

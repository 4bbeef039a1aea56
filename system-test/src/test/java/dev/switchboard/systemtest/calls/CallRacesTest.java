package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** SPEC L: commands at the same time. */
class CallRacesTest {
    private static final int CLAIMERS = 100;

    private static TestServer server;
    private static HikariDataSource pool;
    private static Jdbi jdbi;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        pool = server.pool(4);
        jdbi = Jdbi.create(pool);
    }

    @AfterAll
    static void stop() {
        pool.close();
        server.close();
    }

    @Test
    void F001_13_hundredClaimsAtOnceHaveOneWinnerAndNinetyNineHearOfThem() throws Exception {
        claim(50);
    }

    @Test
    @Tag("long")
    void F001_13_hundredClaimsAThousandTimes() throws Exception {
        claim(1_000);
    }

    private static void claim(int rounds) throws Exception {
        CallCentre calls = server.server().callCentre().orElseThrow();
        var world = new CallCentreWorld(jdbi, CLAIMERS);
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int round = 0; round < rounds; round++) {
                UUID call = world.ringing(calls, world.agents().toArray(UUID[]::new));
                assertThat(world.one("select count(*) from active_calls where call_id = ?", call))
                        .isEqualTo("100");

                List<Answer> answers = together(
                        threads,
                        world.agents().stream()
                                .<Callable<Answer>>map(agent -> () ->
                                        calls.execute(CallCentreWorld.as(agent), call, new CallCommand.Claim(agent)))
                                .toList());

                UUID owner = UUID.fromString(world.one("select claimed_by from calls where id = ?", call));
                assertThat(answers.stream().filter(Answer.Done.class::isInstance))
                        .hasSize(1);
                assertThat(answers.get(world.agents().indexOf(owner))).isInstanceOf(Answer.Done.class);
                String name = world.one("select display_name from profiles where id = ?", owner);
                assertThat(answers.stream()
                                .filter(Answer.Refused.class::isInstance)
                                .map(Answer.Refused.class::cast))
                        .hasSize(CLAIMERS - 1)
                        .allSatisfy(refused -> {
                            assertThat(refused.refusal()).isEqualTo(Refusal.ALREADY_CLAIMED);
                            assertThat(refused.holder()).contains(new Answer.Holder(owner, name));
                        });
                assertThat(world.one("select count(*) from active_calls where call_id = ?", call))
                        .isEqualTo("0");
                assertThat(world.workState(owner)).isEqualTo("on_call");
                assertThat(calls.execute(CallCentreWorld.as(owner), call, new CallCommand.Claim(owner)))
                        .isInstanceOf(Answer.Done.class);
                calls.execute(CallCentreWorld.server(), call, new CallCommand.HangUp());
            }
        }
    }

    @Test
    void L5_claimAgainstHangUpEndsInEitherOrderAndNeverInBoth() throws Exception {
        CallCentre calls = server.server().callCentre().orElseThrow();
        var world = new CallCentreWorld(jdbi, 1);
        UUID agent = world.agent(0);
        int claimedFirst = 0;
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int round = 0; round < 200; round++) {
                UUID call = world.ringing(calls, agent);
                List<Callable<Answer>> both = new ArrayList<>(List.of(
                        () -> calls.execute(CallCentreWorld.as(agent), call, new CallCommand.Claim(agent)),
                        () -> calls.execute(CallCentreWorld.server(), call, new CallCommand.HangUp())));
                if (round % 2 == 1) {
                    both = both.reversed();
                }

                List<Answer> answers = together(threads, both);

                Answer claim = answers.get(round % 2 == 1 ? 1 : 0);
                assertThat(world.state(call)).isEqualTo("abandoned");
                if (claim instanceof Answer.Refused refused) {
                    assertThat(refused.refusal()).isEqualTo(Refusal.CALL_OVER);
                    assertThat(world.one("select claimed_by from calls where id = ?", call))
                            .isEmpty();
                } else {
                    claimedFirst++;
                }
                assertThat(world.workState(agent)).isEqualTo("available");
                assertThat(world.one("select count(*) from active_calls where call_id = ?", call))
                        .isEqualTo("0");
            }
        }
        assertThat(claimedFirst).isBetween(1, 199);
    }

    @Test
    void F001_09_parkedCallIsTakenByOneOfAllAndParkingAgainstHangUpLeavesNoSlot() throws Exception {
        CallCentre calls = server.server().callCentre().orElseThrow();
        var world = new CallCentreWorld(jdbi, 12);
        var random = new Random(11);
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int round = 0; round < 50; round++) {
                UUID parker = world.agent(random.nextInt(12));
                UUID call = world.ringing(calls, parker);
                calls.execute(CallCentreWorld.as(parker), call, new CallCommand.Start(parker, Optional.empty()));
                var park = new CallCommand.Park(Optional.empty(), Optional.of("wait"), Duration.ofMinutes(3));
                Actor owner = CallCentreWorld.as(parker);
                if (round % 2 == 0) {
                    together(
                            threads,
                            List.of(
                                    () -> calls.execute(owner, call, park),
                                    () -> calls.execute(CallCentreWorld.server(), call, new CallCommand.HangUp())));
                    assertThat(world.state(call)).isEqualTo("completed");
                } else {
                    assertThat(calls.execute(owner, call, park)).isInstanceOf(Answer.Done.class);
                    List<Answer> answers = together(
                            threads,
                            world.agents().stream()
                                    .<Callable<Answer>>map(agent -> () -> calls.execute(
                                            CallCentreWorld.as(agent), call, new CallCommand.Unpark(agent)))
                                    .toList());
                    assertThat(answers.stream().filter(Answer.Done.class::isInstance))
                            .hasSize(1);
                    calls.execute(CallCentreWorld.server(), call, new CallCommand.HangUp());
                }
                assertThat(world.one("select count(*) from parked_calls where call_id = ?", call))
                        .isEqualTo("0");
                assertThat(world.list(
                                "select distinct work_state from voip_users where organization_id = ?",
                                world.organization()))
                        .containsExactly("available");
            }
        }
    }

    private static <T> List<T> together(ExecutorService threads, List<Callable<T>> work)
            throws InterruptedException, ExecutionException {
        var answers = new ArrayList<T>();
        for (Future<T> future : threads.invokeAll(work)) {
            answers.add(future.get());
        }
        return answers;
    }
}

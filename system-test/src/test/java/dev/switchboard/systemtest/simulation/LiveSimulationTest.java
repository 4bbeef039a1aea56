package dev.switchboard.systemtest.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.simulation.Centre;
import dev.switchboard.simulation.FasterTime;
import dev.switchboard.simulation.LiveSimulation;
import dev.switchboard.simulation.Preset;
import dev.switchboard.simulation.Simulation.Progress;
import dev.switchboard.systemtest.harness.TestServer;
import dev.switchboard.telephony.fake.FakeTwilio.CallTruth;
import dev.switchboard.telephony.fake.Noise;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;

/** A made-up quarter of an hour end to end, through a provider whose messages come twice, late and never. SPEC L29. */
class LiveSimulationTest {
    @Test
    void L29_throughTheProviderTheBooksEndAsItSaysAndTheTimeIsTheSimulations() throws InterruptedException {
        long seed = 11;
        var time = new FasterTime(Instant.now(), 20);
        var noise = new Noise(0.05, 0.05, 0.005, Duration.ofMillis(300), seed);
        try (TestServer server = TestServer.with().callCentreTime(time).start()) {
            Jdbi jdbi = server.database();
            Instant begin = time.instant();
            Centre centre = Centre.insert(
                    jdbi,
                    new SplittableRandom(seed),
                    begin,
                    "Live",
                    20,
                    List.of("support", "billing"),
                    new Centre.Rules("longest_idle", 60, 300));
            var beside = new LiveSimulation.Server(
                    server.url(),
                    server.directory(),
                    jdbi,
                    server.server().callCentre().orElseThrow());
            try (var run = new LiveSimulation(
                    beside, centre, Preset.OVERLOAD.behaviour(20, OptionalInt.empty()), noise, time, seed)) {
                run.run(Duration.ofMinutes(5), _ -> {});
                Progress end = run.progress();
                System.out.println(
                        "LiveSimulationTest: " + end + ", " + run.provider().sent() + " messages");
                assertThat(end.arrived()).isGreaterThan(20);
                await("everything is over").atMost(Duration.ofSeconds(90)).until(() -> open(jdbi), "0 0 0 0 0"::equals);

                Map<String, String> booked = booked(jdbi, centre);
                List<CallTruth> truths = run.provider().truths();
                assertThat(truths).hasSize(end.arrived());
                for (CallTruth truth : truths) {
                    assertThat(booked.remove(truth.sid()))
                            .as(truth.toString())
                            .isEqualTo(truth.answeredBy().isPresent() ? "completed" : unanswered(jdbi, truth.sid()));
                }
                assertThat(booked).isEmpty();
                assertThat(passed(jdbi, centre))
                        .as("calls began by the simulation's time, of which five minutes passed in fifteen seconds")
                        .isBetween(Duration.ofMinutes(3), end.passed());
            }
        }
    }

    /** A call that nobody took ended in one of these ways. */
    private static String unanswered(Jdbi jdbi, String sid) {
        String state = jdbi.withHandle(handle -> handle.createQuery(
                        "select state from calls where provider_call_sid = ? and answered_at is null")
                .bind(0, sid)
                .mapTo(String.class)
                .one());
        assertThat(state).isIn("abandoned", "missed");
        return state;
    }

    private static Map<String, String> booked(Jdbi jdbi, Centre centre) {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select provider_call_sid, state from calls where organization_id = ? and direction = 'inbound'")
                .bind(0, centre.organization())
                .reduceRows(new HashMap<>(), (all, row) -> {
                    all.put(row.getColumn("provider_call_sid", String.class), row.getColumn("state", String.class));
                    return all;
                }));
    }

    private static Duration passed(Jdbi jdbi, Centre centre) {
        return Duration.ofSeconds(jdbi.withHandle(handle -> handle.createQuery(
                        "select round(extract(epoch from max(started_at) - min(started_at))) from calls where organization_id = ?")
                .bind(0, centre.organization())
                .mapTo(Long.class)
                .one()));
    }

    private static String open(Jdbi jdbi) {
        return jdbi.withHandle(
                handle -> handle.createQuery("""
                        select concat_ws(' ', (select count(*) from calls where ended_at is null), (select count(*) from active_calls),
                          (select count(*) from call_segments where to_at is null and kind <> 'wrap_up'),
                          (select count(*) from queue_visits where exited_at is null),
                          (select count(*) from voip_users where work_state not in ('available', 'wrap_up', 'paused')))""").mapTo(String.class).one());
    }
}

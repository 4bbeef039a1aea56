package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Deadlines;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** To whom a call goes, and when, by a clock of the test's. SPEC L31, L32, L33. */
class RoutingTest {
    private static TestServer server;
    private static HikariDataSource connections;
    private static Jdbi jdbi;

    private final AtomicReference<Instant> clock =
            new AtomicReference<>(Instant.now().plus(Duration.ofDays(1)));
    private CallCentre calls;
    private Deadlines deadlines;

    /** Without the server's own threads: what is due is done here. */
    @BeforeAll
    static void start() {
        server = TestServer.with().withoutCallCentre().start();
        connections = server.pool(4);
        jdbi = Jdbi.create(connections);
    }

    @AfterAll
    static void stop() {
        connections.close();
        server.close();
    }

    @BeforeEach
    void open() {
        calls = new CallCentre(connections, clock::get, () -> {});
        deadlines = new Deadlines(calls, Map::of);
    }

    private void pass(Duration time) {
        clock.set(clock.get().plus(time));
        deadlines.sweep();
    }

    /** It is then; there is room for what happens on that day. */
    private void at(Instant moment) {
        clock.set(moment);
        deadlines.sweep();
    }

    /** All agents answer in the queue, of which the number is. */
    private static CallCentreWorld world(int agents, String strategy) {
        var world = new CallCentreWorld(jdbi, agents);
        jdbi.useHandle(handle -> {
            handle.execute(
                    "update queues set strategy = ?, ring_s = 10, missed_limit = 0, wrap_up_s = 30 where id = ?",
                    strategy,
                    world.queue());
            handle.execute("update phone_numbers set queue_id = ? where e164 = ?", world.queue(), world.number());
            for (UUID agent : world.agents()) {
                handle.execute(
                        "insert into queue_members (organization_id, queue_id, user_id) values (?, ?, ?)",
                        world.organization(),
                        world.queue(),
                        agent);
            }
        });
        return world;
    }

    private static void knows(UUID agent, String... skills) {
        jdbi.useHandle(
                handle -> handle.execute("update queue_members set skills = ? where user_id = ?", skills, agent));
    }

    private static String ringsAt(CallCentreWorld world, UUID call) {
        return String.join(
                " ",
                world.list(
                        "select p.display_name from active_calls a join profiles p on p.id = a.agent_id where a.call_id = ? order by 1",
                        call));
    }

    @Test
    void L31_theWaitThatIsToldIsOfThoseWhoNeedTheSameAgents() {
        CallCentreWorld world = world(3, "longest_idle");
        for (UUID agent : world.agents()) { // all talk
            UUID call = world.ringing(calls, agent);
            assertThat(calls.execute(CallCentreWorld.as(agent), call, new CallCommand.Start(agent, Optional.empty())))
                    .isInstanceOf(Answer.Done.class);
        }
        knows(world.agent(1), "portuguese");
        UUID any = later(world);
        UUID french = later(world);
        UUID first = later(world);
        UUID second = later(world);
        jdbi.useHandle(handle -> {
            handle.execute("update calls set skill = 'french' where id = ?", french);
            handle.execute("update calls set skill = 'portuguese' where id in (?, ?)", first, second);
        });

        assertThat(told(world, any)).isEqualTo("1 60"); // 180 s without any experience, by three
        assertThat(told(world, french)).as("nobody knows it: all three").isEqualTo("2 120");
        assertThat(told(world, second)).as("three of the four, by one").isEqualTo("4 540");
        jdbi.useHandle(handle -> handle.execute("update queues set skill_wait_s = 0 where id = ?", world.queue()));
        assertThat(told(world, second)).as("by whoever is there").isEqualTo("4 180");
    }

    private UUID later(CallCentreWorld world) {
        clock.set(clock.get().plusMillis(1));
        return world.incoming(calls);
    }

    private String told(CallCentreWorld world, UUID call) {
        return world.one(
                "select place || ' ' || wait_s from app.place_in_queue(?, ?::timestamptz)",
                call,
                clock.get().toString());
    }

    @Test
    void L31_aCallGoesToWhoKnowsWhatItNeedsAndToTheOthersWhenItHasWaitedLongEnough() {
        CallCentreWorld world = world(3, "ring_all");
        knows(world.agent(1), "portuguese", "billing");
        jdbi.useHandle(handle -> {
            handle.execute("update phone_numbers set skill = 'portuguese' where e164 = ?", world.number());
            handle.execute("update queues set skill_wait_s = 30 where id = ?", world.queue());
        });
        UUID call = world.incoming(calls);

        pass(Duration.ofMillis(250));
        assertThat(ringsAt(world, call)).isEqualTo("Agent 1");
        calls.execute(CallCentreWorld.as(world.agent(1)), call, new CallCommand.Decline(world.agent(1)));
        clock.set(clock.get().plusMillis(29_749)); // 29.999 s since it came
        deadlines.sweep();
        assertThat(ringsAt(world, call))
                .as("whoever declined is asked again, nobody else")
                .isEqualTo("Agent 1");
        calls.execute(CallCentreWorld.as(world.agent(1)), call, new CallCommand.Decline(world.agent(1)));
        pass(Duration.ofMillis(1));
        assertThat(ringsAt(world, call)).as("30 s").isEqualTo("Agent 0 Agent 2");
    }

    @Test
    void L31_withoutATimeACallWaitsForWhoKnowsAndIsNotForgotten() {
        CallCentreWorld world = world(2, "longest_idle");
        jdbi.useHandle(handle ->
                handle.execute("update phone_numbers set skill = 'portuguese' where e164 = ?", world.number()));
        knows(world.agent(1), "portuguese");
        done(choose(world, world.agent(1), world.agent(1), AgentCommand.Choice.OFFLINE));
        UUID call = world.incoming(calls);

        pass(Duration.ofMinutes(5));
        assertThat(world.state(call)).isEqualTo("queued");
        assertThat(refusal(calls.next(
                        CallCentreWorld.as(world.agent(0)), world.organization(), world.agent(0), world.queue())))
                .as("not by asking for the next one either")
                .isEqualTo(Refusal.NOT_FOUND);
        done(choose(world, world.agent(1), world.agent(1), AgentCommand.Choice.AVAILABLE));
        pass(Duration.ofMillis(250));
        assertThat(ringsAt(world, call)).isEqualTo("Agent 1");
        assertThat(world.one("select skill from calls where id = ?", call)).isEqualTo("portuguese");
    }

    @Test
    void L31_whereNobodyOfTheQueueCanHaveItAnybodyIsGoodEnough() {
        CallCentreWorld world = world(1, "longest_idle");
        jdbi.useHandle(handle ->
                handle.execute("update phone_numbers set skill = 'portuguese' where e164 = ?", world.number()));
        UUID call = world.incoming(calls);

        pass(Duration.ofMillis(250));
        assertThat(ringsAt(world, call)).isEqualTo("Agent 0");
    }

    @Test
    void L31_whoKnowsGoesBeforeWhoIsIdleLonger() {
        CallCentreWorld world = world(2, "longest_idle");
        knows(world.agent(1), "portuguese");
        jdbi.useHandle(handle -> {
            handle.execute("update phone_numbers set skill = 'portuguese' where e164 = ?", world.number());
            handle.execute("update queues set skill_wait_s = 0 where id = ?", world.queue());
        });
        UUID first = world.incoming(calls);
        pass(Duration.ofMillis(250));
        assertThat(ringsAt(world, first)).isEqualTo("Agent 1");
        UUID second = world.incoming(calls);
        pass(Duration.ofMillis(250));
        assertThat(ringsAt(world, second)).isEqualTo("Agent 0");
    }

    /** Ten at a time, as one Dial of a provider takes them; who let it ring is not asked again before 15 s. */
    @Test
    void L31_ringingGoesByWavesOfTen() {
        CallCentreWorld world = world(13, "ring_all");
        UUID call = world.incoming(calls);
        pass(Duration.ofMillis(250));
        assertThat(ringsAt(world, call).split(" Agent ", -1)).hasSize(10);
        pass(Duration.ofMillis(9_999));
        assertThat(world.state(call)).isEqualTo("ringing");
        pass(Duration.ofMillis(1)); // 10 s of ringing
        assertThat(ringsAt(world, call).split(" Agent ", -1)).as("the others").hasSize(3);
    }

    /** SPEC L15: what comes after the last offer that they let pass does not ring at their empty chair. */
    @Test
    void L15_whoLetTooManyOffersPassIsPausedBeforeTheNextCallIsOffered() {
        CallCentreWorld world = world(1, "longest_idle");
        jdbi.useHandle(handle -> handle.execute("update queues set missed_limit = 1 where id = ?", world.queue()));
        UUID first = world.incoming(calls);
        UUID second = world.incoming(calls);
        pass(Duration.ofMillis(250));
        assertThat(ringsAt(world, first)).isEqualTo("Agent 0");

        pass(Duration.ofSeconds(10));

        assertThat(world.workState(world.agent(0))).isEqualTo("paused");
        assertThat(world.one("select count(*) from ring_events where call_id = ? and event_type = 'offered'", second))
                .isEqualTo("0");
    }

    @ParameterizedTest
    @CsvSource({
        "2026-12-07T07:59:59.999, closed", // a Monday in New York
        "2026-12-07T08:00:00, open",
        "2026-12-07T17:59:59.999, open",
        "2026-12-07T18:00:00, closed",
        "2026-12-12T10:00:00, open", // a Saturday
        "2026-12-12T14:00:00, closed",
        "2026-12-13T10:00:00, closed", // a Sunday
        "2026-12-25T10:00:00, closed" // a Friday that is none
    })
    void L32_aQueueTakesCallsInItsHoursOfTheOrganizationsZone(LocalDateTime local, String expected) {
        CallCentreWorld world = world(1, "ring_all");
        hours(world, "2026-12-25");
        at(local.atZone(ZoneId.of("America/New_York")).toInstant());

        UUID call = world.incoming(calls);

        assertThat(world.state(call)).isEqualTo(expected.equals("open") ? "queued" : "missed");
        assertThat(world.one("select coalesce(end_reason, '-') from calls where id = ?", call))
                .isEqualTo(expected.equals("open") ? "-" : "closed");
        assertThat(world.one("select count(*) from queue_visits where call_id = ?", call))
                .as("who is turned away waits in no figure")
                .isEqualTo(expected.equals("open") ? "1" : "0");
    }

    @Test
    void L32_outsideItsHoursAnotherQueueStandsInWhereThatOneIsOpen() {
        CallCentreWorld world = world(1, "ring_all");
        hours(world, "2026-12-25");
        UUID night = UUID.randomUUID();
        jdbi.useHandle(handle -> {
            handle.execute(
                    "insert into queues (id, organization_id, name) values (?, ?, 'night')",
                    night,
                    world.organization());
            handle.execute("update queues set closed_queue_id = ? where id = ?", night, world.queue());
        });
        at(Instant.parse("2026-12-08T03:00:00Z"));

        UUID call = world.incoming(calls);
        assertThat(world.one("select queue_id from calls where id = ?", call)).isEqualTo(night.toString());
        jdbi.useHandle(handle -> handle.execute("update queues set hours = '{\"open\": []}' where id = ?", night));
        assertThat(world.state(world.incoming(calls))).isEqualTo("missed");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[]",
                "{\"opens\": []}",
                "{\"open\": [{\"days\": [0], \"from\": \"08:00\", \"to\": \"18:00\"}]}",
                "{\"open\": [{\"from\": \"8 o'clock\", \"to\": \"18:00\"}]}",
                "{\"open\": [{\"from\": \"08:00\"}]}",
                "{\"open\": [{\"to\": \"08:00\"}]}",
                "{\"closed_on\": [\"25.12.2026\"]}",
                "{\"closed_on\": [\"2026-02-30\"]}",
                "{\"closed_on\": 5}",
                "5",
                "{\"closed_on\": [null]}",
                "{\"open\": [{\"day\": [6], \"from\": \"08:00\", \"to\": \"18:00\"}]}",
                "{\"open\": [{\"days\": [[1]], \"from\": \"08:00\", \"to\": \"18:00\"}]}",
                "{\"open\": [{\"from\": \"now\", \"to\": \"18:00\"}]}"
            })
    void L32_hoursThatSayNoTimesAreRefused(String hours) {
        CallCentreWorld world = world(0, "ring_all");

        assertThatThrownBy(() -> jdbi.useHandle(handle ->
                        handle.execute("update queues set hours = ?::jsonb where id = ?", hours, world.queue())))
                .hasMessageContaining("say no times")
                .hasMessageContaining("such as {\"open\"");
    }

    private static void hours(CallCentreWorld world, String holiday) {
        jdbi.useHandle(handle -> {
            handle.execute("update organizations set timezone = 'America/New_York' where id = ?", world.organization());
            handle.execute(
                    "update queues set hours = jsonb_build_object('open', ?::jsonb, 'closed_on', jsonb_build_array(?::text)) where id = ?",
                    "[{\"days\": [1, 2, 3, 4, 5], \"from\": \"08:00\", \"to\": \"18:00\"}, {\"days\": [6], \"from\": \"09:00\", \"to\": \"14:00\"}]",
                    holiday,
                    world.queue());
        });
    }

    private UUID over(CallCentreWorld world) {
        UUID agent = world.agent(0);
        UUID call = world.incoming(calls);
        pass(Duration.ofSeconds(1));
        done(calls.execute(CallCentreWorld.as(agent), call, new CallCommand.Start(agent, Optional.empty())));
        pass(Duration.ofSeconds(60));
        done(calls.execute(CallCentreWorld.server(), call, new CallCommand.HangUp()));
        assertThat(world.workState(agent)).isEqualTo("wrap_up");
        return call;
    }

    private static void done(Answer answer) {
        assertThat(answer).isInstanceOf(Answer.Done.class);
    }

    private Answer wrapUp(CallCentreWorld world, UUID call, String code) {
        return calls.execute(
                CallCentreWorld.as(world.agent(0)),
                call,
                new CallCommand.WrapUp(code.isEmpty() ? Optional.empty() : Optional.of(code)));
    }

    private static void codes(CallCentreWorld world) {
        jdbi.useHandle(handle -> {
            handle.execute(
                    "insert into wrap_up_codes (organization_id, code, label) values (?, 'sale', 'Sale')",
                    world.organization());
            handle.execute(
                    "insert into wrap_up_codes (organization_id, queue_id, code, label, seconds) values (?, ?, 'complaint', 'Complaint', 120)",
                    world.organization(),
                    world.queue());
        });
    }

    @Test
    void L33_aCodeIsOneOfTheQueuesAndGivesItsTime() {
        CallCentreWorld world = world(1, "ring_all");
        codes(world);
        UUID call = over(world);

        assertThat(wrapUp(world, call, "nonsense"))
                .isEqualTo(Answer.refused(
                        Refusal.INVALID_REQUEST,
                        "code is none of this queue's: nonsense; its codes are complaint, sale"));
        done(wrapUp(world, call, "complaint"));
        assertThat(world.workState(world.agent(0))).isEqualTo("wrap_up");
        pass(Duration.ofMillis(119_999));
        assertThat(world.workState(world.agent(0))).isEqualTo("wrap_up");
        pass(Duration.ofMillis(1));
        assertThat(world.workState(world.agent(0))).isEqualTo("available");
        assertThat(world.one("select wrap_up_code from calls where id = ?", call))
                .isEqualTo("complaint");
        assertThat(world.one(
                        "select extract(epoch from to_at - from_at)::int from call_segments where call_id = ? and kind = 'wrap_up'",
                        call))
                .isEqualTo("120");

        UUID second = over(world);
        done(wrapUp(world, second, "sale"));
        assertThat(world.workState(world.agent(0))).as("a code without a time").isEqualTo("available");
        UUID third = over(world);
        done(wrapUp(world, third, "complaint"));
        done(wrapUp(world, third, "complaint"));
        assertThat(world.workState(world.agent(0)))
                .as("a request that came twice")
                .isEqualTo("wrap_up");
        done(wrapUp(world, third, ""));
        assertThat(world.workState(world.agent(0))).as("done before").isEqualTo("available");

        UUID fourth = world.incoming(calls);
        pass(Duration.ofSeconds(1));
        done(calls.execute(
                CallCentreWorld.as(world.agent(0)), fourth, new CallCommand.Start(world.agent(0), Optional.empty())));
        done(wrapUp(world, fourth, "complaint")); // while they talk
        done(calls.execute(CallCentreWorld.server(), fourth, new CallCommand.HangUp()));
        pass(Duration.ofMillis(119_999));
        assertThat(world.workState(world.agent(0))).isEqualTo("wrap_up");
        pass(Duration.ofMillis(1));
        assertThat(world.workState(world.agent(0))).isEqualTo("available");
    }

    @Test
    void L33_whereACodeIsRequiredTheAgentWrapsUpUntilTheyHaveSaidOne() {
        CallCentreWorld world = world(1, "ring_all");
        codes(world);
        jdbi.useHandle(
                handle -> handle.execute("update queues set wrap_up_required = true where id = ?", world.queue()));
        UUID agent = world.agent(0);
        UUID call = over(world);

        pass(Duration.ofMinutes(5)); // the queue's 30 s are long over
        assertThat(world.workState(agent)).isEqualTo("wrap_up");
        assertThat(refusal(wrapUp(world, call, ""))).isEqualTo(Refusal.CODE_REQUIRED);
        assertThat(refusal(choose(world, agent, agent, AgentCommand.Choice.AVAILABLE)))
                .isEqualTo(Refusal.CODE_REQUIRED);
        done(wrapUp(world, call, "sale"));
        assertThat(world.workState(agent)).isEqualTo("available");

        over(world);
        done(choose(world, agent, agent, AgentCommand.Choice.OFFLINE)); // who goes home
        pass(Duration.ofMinutes(59));
        assertThat(world.workState(agent)).isEqualTo("wrap_up");
        pass(Duration.ofMinutes(1));
        assertThat(world.workState(agent)).as("an hour at most").isEqualTo("offline");
        done(choose(world, agent, agent, AgentCommand.Choice.AVAILABLE));

        over(world);
        done(choose(world, world.member("supervisor", "S"), agent, AgentCommand.Choice.AVAILABLE));
        assertThat(world.workState(agent)).as("a supervisor's word").isEqualTo("available");
    }

    /** SPEC L33: the code is asked of who ends the call, not of who handed it on. */
    @Test
    void L33_whoHandedACallOnIsDoneWithTheirCodeAndOwesNone() {
        CallCentreWorld world = world(2, "longest_idle");
        codes(world);
        jdbi.useHandle(
                handle -> handle.execute("update queues set wrap_up_required = true where id = ?", world.queue()));
        UUID first = world.agent(0);
        UUID second = world.agent(1);
        UUID call = world.incoming(calls);
        pass(Duration.ofSeconds(1));
        done(calls.execute(CallCentreWorld.as(first), call, new CallCommand.Start(first, Optional.empty())));
        done(calls.execute(
                CallCentreWorld.as(first),
                call,
                new CallCommand.Transfer(CallCommand.TransferKind.BLIND, second, false)));
        done(calls.execute(CallCentreWorld.as(second), call, new CallCommand.Claim(second)));
        assertThat(world.workState(first)).isEqualTo("wrap_up");

        done(wrapUp(world, call, "sale"));

        assertThat(world.workState(first)).isEqualTo("available");
        done(calls.execute(CallCentreWorld.server(), call, new CallCommand.HangUp()));
        pass(Duration.ofSeconds(30));
        assertThat(world.workState(second)).as("it was said already").isEqualTo("available");
    }

    private Answer choose(CallCentreWorld world, UUID who, UUID agent, AgentCommand.Choice choice) {
        return calls.execute(
                CallCentreWorld.as(who),
                world.organization(),
                agent,
                new AgentCommand.Choose(choice, Optional.empty()));
    }

    private static Refusal refusal(Answer answer) {
        return ((Answer.Refused) answer).refusal();
    }
}

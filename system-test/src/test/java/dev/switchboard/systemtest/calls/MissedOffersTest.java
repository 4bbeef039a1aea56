package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Who lets offers pass is not there, and a leg whose end overtakes its answer ends the call as it would have in order. */
class MissedOffersTest {
    private static TestServer server;
    private static CallCentre calls;
    private static Http http;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        calls = server.server().callCentre().orElseThrow();
        http = new Http(server);
    }

    @AfterAll
    static void stop() {
        http.close();
        server.close();
    }

    private static CallCentreWorld world(int agents) {
        return new CallCentreWorld(server.database(), agents);
    }

    // KF27

    /** A call of the queue rings at the agent, and its time runs out. */
    private static UUID miss(CallCentreWorld world, UUID agent) {
        UUID call = world.incoming(calls);
        server.database()
                .useHandle(handle -> handle.execute(
                        "update calls set queue_id = (select id from queues where organization_id = calls.organization_id limit 1) where id = ?",
                        call));
        calls.execute(CallCentreWorld.server(), call, new CallCommand.Offer(java.util.List.of(agent)));
        assertThat(world.workState(agent)).isEqualTo("offered");
        server.database()
                .useHandle(handle ->
                        handle.execute("update calls set due_at = now() - interval '1 s' where id = ?", call));
        await().atMost(Duration.ofSeconds(10))
                .until(() -> world.one(
                                "select count(*) from ring_events where call_id = ? and event_type = 'missed' and agent_id = '"
                                        + agent + "'",
                                call)
                        .equals("1"));
        calls.execute(CallCentreWorld.server(), call, new CallCommand.HangUp());
        return call;
    }

    private static String state(UUID agent) {
        return server.database()
                .withHandle(handle -> handle.createQuery(
                                "select concat_ws(' ', work_state, state_reason, missed_offers) from voip_users where user_id = ?")
                        .bind(0, agent)
                        .mapTo(String.class)
                        .one());
    }

    private static void awaitState(UUID agent, String wanted) {
        await().atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(state(agent)).isEqualTo(wanted));
    }

    @Test
    void KF27_whoLetsTwoOffersPassIsPausedAndNotOfferedAThird() {
        CallCentreWorld world = world(1);
        UUID agent = world.agent(0);

        miss(world, agent);
        awaitState(agent, "available 1");
        miss(world, agent);

        awaitState(agent, "paused missed 0");
        UUID third = world.incoming(calls);
        calls.execute(CallCentreWorld.server(), third, new CallCommand.Offer(java.util.List.of(agent)));
        assertThat(state(agent)).isEqualTo("paused missed 0");
        int pauses = server.database()
                .withHandle(handle -> handle.createQuery(
                                "select count(*) from agent_state_log where user_id = ? and state = 'paused' and reason = 'missed'")
                        .bind(0, agent)
                        .mapTo(Integer.class)
                        .one());
        assertThat(pauses).isEqualTo(1);
    }

    @Test
    void KF27_whatAnAgentDoesBeginsTheCountAnew() {
        CallCentreWorld world = world(1);
        UUID agent = world.agent(0);
        miss(world, agent);
        UUID taken = world.ringing(calls, agent);
        calls.execute(CallCentreWorld.as(agent), taken, new CallCommand.Start(agent, Optional.empty()));
        calls.execute(CallCentreWorld.server(), taken, new CallCommand.HangUp());
        awaitState(agent, "available 0");

        miss(world, agent);

        awaitState(agent, "available 1");
        choose(world, agent, AgentCommand.Choice.PAUSED, "lunch");
        choose(world, agent, AgentCommand.Choice.AVAILABLE, null);
        awaitState(agent, "available 0");
    }

    private static void choose(CallCentreWorld world, UUID agent, AgentCommand.Choice choice, String reason) {
        calls.execute(
                CallCentreWorld.as(agent),
                world.organization(),
                agent,
                new AgentCommand.Choose(choice, Optional.ofNullable(reason)));
    }

    @Test
    void KF27_theQueueSaysHowManyAndNoneIsNone() {
        CallCentreWorld world = world(2);
        server.database()
                .useHandle(handle -> handle.execute(
                        "update queues set missed_limit = 3 where organization_id = ?", world.organization()));
        for (int i = 1; i <= 2; i++) {
            miss(world, world.agent(0));
            awaitState(world.agent(0), "available " + i);
        }
        miss(world, world.agent(0));
        awaitState(world.agent(0), "paused missed 0");

        server.database()
                .useHandle(handle -> handle.execute(
                        "update queues set missed_limit = 0 where organization_id = ?", world.organization()));
        for (int i = 1; i <= 4; i++) {
            miss(world, world.agent(1));
            awaitState(world.agent(1), "available " + i);
        }
    }

    @Test
    void KF27_declinedAndTakenByOthersIsNotMissed() {
        CallCentreWorld world = world(2);
        UUID agent = world.agent(0);
        for (int i = 0; i < 3; i++) {
            UUID declined = world.ringing(calls, agent);
            calls.execute(CallCentreWorld.as(agent), declined, new CallCommand.Decline(agent));
            calls.execute(CallCentreWorld.server(), declined, new CallCommand.HangUp());
            UUID taken = world.ringing(calls, agent, world.agent(1));
            calls.execute(
                    CallCentreWorld.as(world.agent(1)), taken, new CallCommand.Start(world.agent(1), Optional.empty()));
            calls.execute(CallCentreWorld.server(), taken, new CallCommand.HangUp());
        }

        awaitState(agent, "available 0");
    }

    private static PhoenixClient console(UUID user) {
        PhoenixClient console = server.connect();
        console.joined("realtime:board", server.userToken(user));
        return console;
    }

    private static void awaitHasConsole(UUID... users) {
        await().until(() -> server.database()
                        .withHandle(handle -> handle.createQuery(
                                        "select count(*) from voip_users where has_console and user_id = any (?)")
                                .bind(0, users)
                                .mapTo(Integer.class)
                                .one())
                == users.length);
    }

    @Test
    void KF27_whoHasLostEverySocketIsUnreachableTenSecondsLaterAndBackWithTheNext() throws Exception {
        CallCentreWorld world = world(5);
        UUID gone = world.agent(0);
        UUID twice = world.agent(1);
        UUID reloads = world.agent(2);
        UUID never = world.agent(3);
        UUID desk = world.agent(4);
        server.database()
                .useHandle(handle -> handle.execute("update voip_users set desk_phone = true where user_id = ?", desk));
        PhoenixClient last = console(gone);
        PhoenixClient one = console(twice);
        PhoenixClient other = console(twice);
        PhoenixClient old = console(reloads);
        PhoenixClient phone = console(desk);
        awaitHasConsole(gone, twice, reloads, desk);
        UUID call = world.ringing(calls, gone, twice);

        Instant closing = Instant.now();
        List.of(last, one, old, phone).forEach(PhoenixClient::close);
        try (PhoenixClient _ = console(reloads)) {
            await().atMost(Duration.ofSeconds(20)).until(() -> state(gone).startsWith("unreachable"));
            assertThat(Duration.between(closing, Instant.now())).isGreaterThan(Duration.ofSeconds(10));
            assertThat(world.list("select agent_id from active_calls where call_id = ?", call))
                    .as("it rings at the other alone")
                    .containsExactly(twice.toString());
            // whoever else was to go would have gone at the same look
            assertThat(state(twice)).startsWith("offered");
            assertThat(List.of(reloads, never, desk))
                    .allMatch(user -> state(user).startsWith("available"));
            assertThat(world.list("select distinct state from agent_state_log where user_id = ? order by 1", reloads))
                    .doesNotContain("unreachable");
            try (PhoenixClient _ = console(gone)) {
                await().atMost(Duration.ofSeconds(5)).until(() -> state(gone).startsWith("available"));
            }
        } finally {
            other.close();
        }
    }

    @Test
    void KF27_whoSaysThatTheirDeviceIsOffStaysUnreachableWithASocketToo() {
        CallCentreWorld world = world(1);
        UUID agent = world.agent(0);
        try (PhoenixClient _ = console(agent)) {
            awaitHasConsole(agent);
            calls.execute(CallCentreWorld.as(agent), world.organization(), agent, new AgentCommand.Reach(false));
            try (PhoenixClient _ = console(agent)) {
                assertThat(state(agent)).startsWith("unreachable");
            }
        }
        assertThat(state(agent)).startsWith("unreachable");
    }

    private static void awaitLost(CallCentreWorld world, UUID agent) {
        await().atMost(Duration.ofSeconds(20))
                .until(() -> world.one("select lost_at is not null from voip_users where user_id = ?", agent)
                        .equals("t"));
    }

    @Test
    void KF27_whatADeviceSaysWhileNoSocketIsThereHoldsWithTheNextSocketToo() {
        CallCentreWorld world = world(5);
        UUID off = world.agent(0);
        UUID on = world.agent(1);
        UUID desk = world.agent(2);
        PhoenixClient one = console(off);
        PhoenixClient other = console(on);
        PhoenixClient third = console(desk);
        awaitHasConsole(off, on, desk);
        List.of(one, other, third).forEach(PhoenixClient::close);
        List.of(off, on, desk).forEach(agent -> awaitLost(world, agent));

        calls.execute(CallCentreWorld.as(off), world.organization(), off, new AgentCommand.Reach(false));
        calls.execute(CallCentreWorld.as(on), world.organization(), on, new AgentCommand.Reach(true));
        server.database()
                .useHandle(handle -> handle.execute("update voip_users set desk_phone = true where user_id = ?", desk));

        awaitState(desk, "available 0");
        try (PhoenixClient _ = console(off)) {
            for (UUID later : List.of(world.agent(3), world.agent(4))) { // two looks: the first one is over then
                try (PhoenixClient _ = console(later)) {
                    awaitHasConsole(later);
                }
            }
            assertThat(state(off)).startsWith("unreachable");
            assertThat(state(on)).as("also after the looks that followed").startsWith("available");
        }
    }

    @Test
    void KF27_whoBecomesAnAgentWhileASocketIsThereIsNotedToo() {
        CallCentreWorld world = world(0);
        UUID user = world.member("agent", "Late");
        try (PhoenixClient _ = console(user)) {
            await().until(() -> server.server().engine().attendance().subjects().contains(user.toString()));
            server.database()
                    .useHandle(handle -> handle.execute(
                            "insert into voip_users (organization_id, user_id, extension, client_identity, work_state, chosen_state, reachable)"
                                    + " values (?, ?, '4711', 'late', 'available', 'available', true)",
                            world.organization(),
                            user));

            await().atMost(Duration.ofSeconds(20))
                    .until(() -> world.one("select has_console from voip_users where user_id = ?", user)
                            .equals("t"));
        }
    }

    @Test
    void KF27_whoTalksWithoutASocketIsUnreachableOnceTheCallIsOver() {
        CallCentreWorld world = world(1);
        UUID agent = world.agent(0);
        PhoenixClient console = console(agent);
        awaitHasConsole(agent);
        UUID call = world.ringing(calls, agent);
        calls.execute(CallCentreWorld.as(agent), call, new CallCommand.Start(agent, Optional.empty()));
        console.close();
        awaitLost(world, agent);
        assertThat(state(agent)).as("the call goes on").startsWith("on_call");

        calls.execute(CallCentreWorld.server(), call, new CallCommand.HangUp());

        awaitState(agent, "unreachable 0");
    }

    // KF26

    private static void event(UUID call, String leg, String role, UUID agent, String status, int sequence) {
        event(call, leg, role, agent, status, sequence, null);
    }

    private static void event(
            UUID call, String leg, String role, UUID agent, String status, int sequence, @Nullable Instant at) {
        Http.Answer answer = http.post(
                "/api/ingest/calls/" + call + "/events",
                "{\"leg\":\"" + leg + "\",\"role\":\"" + role + "\","
                        + (agent == null ? "" : "\"agent_id\":\"" + agent + "\",") + "\"status\":\"" + status
                        + "\",\"sequence\":" + sequence + (at == null ? "" : ",\"at\":\"" + at + "\"") + "}",
                "Authorization",
                "Bearer " + server.serviceKey());
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
    }

    private static String figures(CallCentreWorld world, UUID call) {
        return world.one(
                "select concat_ws(' ', c.state, c.end_reason, c.answered_by, c.answered_at is not null,"
                        + " (select string_agg(v.outcome, ',') from queue_visits v where v.call_id = c.id),"
                        + " (select count(*) from call_segments s where s.call_id = c.id and s.kind = 'talk'),"
                        + " (select count(*) from active_calls a where a.call_id = c.id)) from calls c where c.id = ?",
                call);
    }

    private static UUID claimed(CallCentreWorld world) {
        UUID call = world.ringing(calls, world.agent(0));
        calls.execute(CallCentreWorld.as(world.agent(0)), call, new CallCommand.Claim(world.agent(0)));
        event(call, "L-" + call, "agent", world.agent(0), "ringing", 1);
        return call;
    }

    @Test
    void KF26_anEndThatOvertakesItsAnswerEndsTheCallAsItWouldHaveInOrder() {
        CallCentreWorld world = world(2);
        UUID agent = world.agent(0);
        UUID ordered = claimed(world);
        event(ordered, "L-" + ordered, "agent", agent, "in-progress", 2);
        event(ordered, "L-" + ordered, "agent", agent, "completed", 3);
        event(ordered, "C-" + ordered, "customer", null, "completed", 4);
        String right = figures(world, ordered);
        assertThat(right).startsWith("completed agent_hangup " + agent + " t");
        awaitState(agent, "available 0");

        UUID overtaken = claimed(world);
        event(overtaken, "L-" + overtaken, "agent", agent, "completed", 3);
        event(overtaken, "L-" + overtaken, "agent", agent, "in-progress", 2);
        event(overtaken, "C-" + overtaken, "customer", null, "completed", 4);

        assertThat(figures(world, overtaken)).isEqualTo(right);
        assertThat(state(world.agent(1))).as("nothing rings at a colleague").startsWith("available");
    }

    @Test
    void KF26_alsoWithoutTheAnswerAndWhereNobodyHadClaimed() {
        CallCentreWorld world = world(2);
        UUID agent = world.agent(0);
        UUID silent = claimed(world);
        event(silent, "L-" + silent, "agent", agent, "completed", 3);
        assertThat(figures(world, silent)).startsWith("completed agent_hangup " + agent + " t");
        awaitState(agent, "available 0");

        UUID unclaimed = world.ringing(calls, agent);
        event(unclaimed, "L-" + unclaimed, "agent", agent, "ringing", 1);
        event(unclaimed, "L-" + unclaimed, "agent", agent, "completed", 3);
        event(unclaimed, "L-" + unclaimed, "agent", agent, "in-progress", 2);
        assertThat(figures(world, unclaimed)).startsWith("completed agent_hangup " + agent + " t");
    }

    /** Every order of what the provider says of one call, with its times. */
    @Test
    void KF26_everyOrderOfTheSameMessagesGivesTheSameStateAndFigures() {
        CallCentreWorld world = world(2);
        UUID agent = world.agent(0);
        record Said(String leg, String role, String status, int sequence, int second) {}
        List<Said> said = List.of(
                new Said("L", "agent", "in-progress", 2, 10),
                new Said("L", "agent", "completed", 3, 40),
                new Said("C", "customer", "completed", 4, 42),
                new Said("C", "customer", "in-progress", 1, 0));
        List<List<Said>> orders = new ArrayList<>(orders(said));
        orders.addAll(orders(said.subList(1, 3))); // some providers tell of ends alone
        var seen = new TreeMap<String, List<String>>();
        for (boolean claims : new boolean[] {true, false}) {
            for (List<Said> order : orders) {
                UUID call = claims ? claimed(world) : world.ringing(calls, agent);
                Instant start = Instant.now().truncatedTo(ChronoUnit.SECONDS).minusSeconds(60);
                for (Said one : order) {
                    event(
                            call,
                            one.leg() + call,
                            one.role(),
                            one.role().equals("agent") ? agent : null,
                            one.status(),
                            one.sequence(),
                            start.plusSeconds(one.second()));
                }
                String how = claims + " "
                        + order.stream().map(one -> one.leg() + one.sequence()).toList();
                seen.computeIfAbsent(figures(world, call), _ -> new ArrayList<>())
                        .add(how);
                awaitState(agent, "available 0");
            }
        }

        assertThat(seen).as("figures, and which orders led to them").hasSize(1);
        assertThat(seen.firstKey()).isEqualTo("completed agent_hangup " + agent + " t answered 1 0");
    }

    private static <T> List<List<T>> orders(List<T> all) {
        if (all.isEmpty()) {
            return List.of(List.of());
        }
        var found = new ArrayList<List<T>>();
        for (T first : all) {
            List<T> others = all.stream().filter(other -> !other.equals(first)).toList();
            for (List<T> rest : orders(others)) {
                found.add(Stream.concat(Stream.of(first), rest.stream()).toList());
            }
        }
        return found;
    }

    @Test
    void KF26_whereTheCallersEndIsHeardFirstTheCallWasStillAnswered() {
        CallCentreWorld world = world(2);
        UUID agent = world.agent(0);
        UUID call = claimed(world);
        event(call, "C-" + call, "customer", null, "completed", 4);
        assertThat(figures(world, call)).startsWith("abandoned caller_hangup");

        event(call, "L-" + call, "agent", agent, "completed", 3);

        assertThat(figures(world, call)).isEqualTo("completed caller_hangup " + agent + " t answered 1 0");
        assertThat(state(agent)).as("the agent has gone on").startsWith("available");
        assertThat(world.one("select agent_id || ' ' || state from calls_enriched where id = ?", call))
                .isEqualTo(agent + " completed");
    }

    @Test
    void KF26_whoHadTheCallBeforeDidNotHangUp() {
        CallCentreWorld world = world(1);
        UUID agent = world.agent(0);
        UUID call = claimed(world);
        Instant start = Instant.now().minusSeconds(90);
        event(call, "L-" + call, "agent", agent, "in-progress", 2, start);
        calls.execute(
                CallCentreWorld.as(agent),
                call,
                new CallCommand.Park(Optional.empty(), Optional.empty(), Duration.ofMinutes(1)));
        event(call, "L-" + call, "agent", agent, "completed", 3, start.plusSeconds(30));
        assertThat(world.state(call)).isEqualTo("parked");

        event(call, "C-" + call, "customer", null, "completed", 4, start.plusSeconds(60));
        event(call, "C-" + call, "customer", null, "in-progress", 1, start); // whatever comes later

        assertThat(world.one("select concat_ws(' ', state, end_reason) from calls where id = ?", call))
                .isEqualTo("completed caller_hangup");
    }

    @Test
    void KF26_aLateAnswerCountsForTheOfferOrTheClaimThatItWasMadeFor() {
        CallCentreWorld world = world(2);
        UUID one = world.agent(0);
        UUID other = world.agent(1);
        UUID declined = world.ringing(calls, one, other);
        calls.execute(CallCentreWorld.as(one), declined, new CallCommand.Decline(one));
        event(declined, "C-" + declined, "customer", null, "completed", 4);
        event(declined, "L-" + declined, "agent", one, "in-progress", 2);
        assertThat(figures(world, declined)).startsWith("abandoned caller_hangup f abandoned 0");
        event(declined, "M-" + declined, "agent", other, "in-progress", 2);
        assertThat(figures(world, declined)).startsWith("completed caller_hangup " + other + " t answered 1");

        UUID claimed = world.ringing(calls, one, other);
        calls.execute(CallCentreWorld.as(one), claimed, new CallCommand.Claim(one));
        event(claimed, "C-" + claimed, "customer", null, "completed", 4);
        event(claimed, "M-" + claimed, "agent", other, "completed", 3);
        assertThat(figures(world, claimed)).startsWith("abandoned caller_hangup f abandoned 0");
        event(claimed, "L-" + claimed, "agent", one, "completed", 3);
        assertThat(figures(world, claimed)).startsWith("completed caller_hangup " + one + " t answered 1");
    }

    @Test
    void KF26_theTalkIsAsLongAsTheProvidersTimesSay() {
        CallCentreWorld world = world(1);
        UUID agent = world.agent(0);
        UUID call = world.ringing(calls, agent);
        server.database()
                .useHandle(handle -> handle.execute(
                        "update calls set started_at = started_at - interval '1 hour', queued_at = null,"
                                + " first_ring_at = first_ring_at - interval '1 hour' where id = ?",
                        call));
        Instant now = Instant.now();
        event(call, "C-" + call, "customer", null, "completed", 4, now);

        event(call, "L-" + call, "agent", agent, "in-progress", 2, now.minusSeconds(90));

        assertThat(Integer.parseInt(world.one("select talk_s from calls where id = ?", call)))
                .isBetween(89, 92);
        assertThat(Integer.parseInt(world.one("select wait_s from calls where id = ?", call)))
                .isBetween(3_500, 3_512);
    }

    @Test
    void KF26_whoPicksUpAfterTheCallerHasGoneHasAnsweredNothing() {
        CallCentreWorld world = world(1);
        UUID agent = world.agent(0);
        UUID call = claimed(world);
        Instant gone = Instant.now().minusSeconds(5);
        event(call, "C-" + call, "customer", null, "completed", 4, gone);

        event(call, "L-" + call, "agent", agent, "in-progress", 2, gone.plusSeconds(1));

        assertThat(figures(world, call)).startsWith("abandoned caller_hangup f abandoned 0");
        assertThat(world.list(
                        "select payload ->> 'agents' from telephony_commands where call_id = ? and kind = 'stop_ringing'",
                        call))
                .as("their phone is told to hang up")
                .contains(agent.toString());
    }

    @Test
    void KF26_aLegThatWasNeverAnsweredStillOffersTheCallToTheOthers() {
        CallCentreWorld world = world(2);
        UUID call = claimed(world);

        event(call, "L-" + call, "agent", world.agent(0), "no-answer", 2);

        assertThat(world.state(call)).isNotEqualTo("completed");
    }

    @Test
    void KF26_aCallOutThatIsCompletedWasAnswered() {
        CallCentreWorld world = world(1);
        UUID agent = world.agent(0);
        Http.Answer dialled = http.post(
                "/api/calls", "{\"to\":\"+14155550123\"}", "Authorization", "Bearer " + server.userToken(agent));
        UUID call = UUID.fromString(dialled.json().at("/call/id").asString());
        event(call, "A-" + call, "agent", agent, "in-progress", 1);

        event(call, "C-" + call, "customer", null, "completed", 3);
        event(call, "C-" + call, "customer", null, "in-progress", 2);

        assertThat(figures(world, call)).startsWith("completed caller_hangup " + agent + " t");
    }

    @Test
    void KF45_anOldKeyAnswersNobodyWhoHasLeftTheOrganization() {
        CallCentreWorld world = world(1);
        UUID agent = world.agent(0);
        UUID call = world.ringing(calls, agent);
        String[] headers = {"Authorization", "Bearer " + server.userToken(agent), "Idempotency-Key", "left-" + call};
        Http.Answer first = http.post("/api/calls/" + call + "/start", "{}", headers);
        assertThat(first.status()).isEqualTo(200);
        assertThat(http.post("/api/calls/" + call + "/start", "{}", headers).body())
                .isEqualTo(first.body());

        server.database().useHandle(handle -> handle.execute("delete from user_roles where user_id = ?", agent));

        Http.Answer after = http.post("/api/calls/" + call + "/start", "{}", headers);
        assertThat(after.status()).isBetween(400, 499);
        assertThat(after.body()).doesNotContain("from_number");
    }
}

package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * SPEC L10, F001-20: for each way in which a call leaves a console there are several signals; a console that misses any one
 * of them, or all but one, is right all the same.
 */
class SignalsTest {
    private static TestServer server;
    private static CallCentre calls;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        calls = server.server().callCentre().orElseThrow();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** What tells a console that a call is no longer at it; the signals of SPEC L10. */
    private enum Signal {
        ROW_GONE,
        RING_EVENT,
        CALL_CHANGED,
        AGENT_CHANGED
    }

    /** A console as simple as it can be: the calls that ring at an agent, and the one in hand. */
    private static final class Console {
        private final String agent;
        private final Set<String> cards = new HashSet<>();
        private final Set<String> inHand = new HashSet<>();

        Console(UUID agent) {
            this.agent = agent.toString();
        }

        void take(JsonNode change, Set<Signal> heard) {
            JsonNode row = change.path("record");
            switch (change.path("table").asString()) {
                case "active_calls" -> activeCall(change, row, heard);
                case "ring_events" -> {
                    if (heard.contains(Signal.RING_EVENT)) {
                        ringEvent(row);
                    }
                }
                case "calls" -> {
                    if (heard.contains(Signal.CALL_CHANGED)) {
                        call(row);
                    }
                }
                case "voip_users" -> {
                    if (heard.contains(Signal.AGENT_CHANGED)
                            && row.path("user_id").asString().equals(agent)) {
                        agent(row);
                    }
                }
                default -> throw new IllegalStateException("not subscribed: " + change);
            }
        }

        private void activeCall(JsonNode change, JsonNode row, Set<Signal> heard) {
            if (change.path("type").asString().equals("DELETE")) {
                JsonNode former = change.path("old_record");
                if (heard.contains(Signal.ROW_GONE)
                        && former.path("agent_id").asString().equals(agent)) {
                    cards.remove(former.path("call_id").asString());
                    inHand.remove(former.path("call_id").asString());
                }
            } else if (row.path("agent_id").asString().equals(agent)) {
                String call = row.path("call_id").asString();
                if (row.path("status").asString().equals("ringing")) {
                    cards.add(call);
                } else {
                    cards.remove(call);
                    inHand.add(call);
                }
            }
        }

        /** One for all but who acted, or for its target alone; the end of a call is also for who ended it. */
        private void ringEvent(JsonNode row) {
            String call = row.path("call_id").asString();
            String target = row.path("target_agent_id").asString("");
            boolean mine = target.isEmpty() ? !row.path("agent_id").asString("").equals(agent) : target.equals(agent);
            switch (row.path("event_type").asString()) {
                case "ring_cancel" -> {
                    if (mine) {
                        cards.remove(call);
                    }
                    if (mine && row.path("reason").asString().equals("transferred")) {
                        inHand.remove(call);
                    }
                }
                case "ended", "parked" -> {
                    cards.remove(call);
                    inHand.remove(call);
                }
                default -> {}
            }
        }

        private void call(JsonNode row) {
            String id = row.path("id").asString();
            String state = row.path("state").asString();
            if (!Set.of("ringing", "transferring").contains(state)) {
                cards.remove(id);
            }
            if (!row.path("claimed_by").asString("").equals(agent)
                    || !Set.of("claimed", "active", "held", "transferring").contains(state)) {
                inHand.remove(id);
            }
        }

        private void agent(JsonNode row) {
            if (row.path("current_call_id").isNull()) {
                inHand.clear(); // F001-19
            }
            if (!row.path("work_state").asString().equals("offered")) {
                cards.clear();
            }
        }
    }

    private interface Scene {
        /** Makes the call leave the console. */
        void play(UUID call, UUID agent, UUID colleague);
    }

    private static void done(Answer answer) {
        assertThat(answer).isInstanceOf(Answer.Done.class);
    }

    private static void start(UUID call, UUID agent) {
        done(calls.execute(CallCentreWorld.as(agent), call, new CallCommand.Start(agent, Optional.empty())));
    }

    @Test
    void F001_20_claimedByAnother() {
        play(
                false,
                Set.of(Signal.values()),
                (call, _, colleague) ->
                        done(calls.execute(CallCentreWorld.as(colleague), call, new CallCommand.Claim(colleague))));
    }

    @Test
    void F001_20_callerHangsUpWhileItRings() {
        play(
                false,
                Set.of(Signal.values()),
                (call, _, _) -> done(calls.execute(CallCentreWorld.server(), call, new CallCommand.HangUp())));
    }

    @Test
    void F001_19_F001_20_activeCallEnds() {
        play(
                true,
                Set.of(Signal.values()),
                (call, _, _) -> done(calls.execute(CallCentreWorld.server(), call, new CallCommand.HangUp())));
    }

    @Test
    void F001_20_parked() {
        play(
                true,
                Set.of(Signal.values()),
                (call, agent, _) -> done(calls.execute(
                        CallCentreWorld.as(agent),
                        call,
                        new CallCommand.Park(Optional.empty(), Optional.empty(), Duration.ofMinutes(3)))));
    }

    @Test
    void F001_20_transferred() {
        play(true, Set.of(Signal.values()), (call, agent, colleague) -> {
            done(calls.execute(
                    CallCentreWorld.as(agent),
                    call,
                    new CallCommand.Transfer(CallCommand.TransferKind.BLIND, colleague, false)));
            done(calls.execute(CallCentreWorld.as(colleague), call, new CallCommand.Claim(colleague)));
        });
    }

    /** @param inHand whether the agent has the call when the scene begins; else it rings at them and a colleague */
    private static void play(boolean inHand, Set<Signal> signals, Scene scene) {
        var world = new CallCentreWorld(server.database(), 2);
        UUID agent = world.agent(0);
        UUID colleague = world.agent(1);
        try (PhoenixClient client = server.connect()) {
            String filter = "organization_id=eq." + world.organization();
            ObjectNode[] bindings = List.of("active_calls", "ring_events", "calls", "voip_users").stream()
                    .map(table -> PhoenixClient.binding("*", "public", table, filter))
                    .toArray(ObjectNode[]::new);
            client.joined("realtime:console", server.userToken(agent), bindings);
            UUID call = inHand ? world.ringing(calls, agent) : world.ringing(calls, agent, colleague);
            if (inHand) {
                start(call, agent);
            }
            String mark = mark(world, client, "before");
            int before = client.changes().size();
            scene.play(call, agent, colleague);
            assertThat(mark(world, client, "after")).isNotEqualTo(mark);
            List<JsonNode> all = client.changes();
            List<JsonNode> first = all.subList(0, before);
            List<JsonNode> then = all.subList(before, all.size());

            assertThat(remaining(agent, first, then, signals, inHand))
                    .as("with all signals")
                    .isEmpty();
            assertThat(remaining(agent, first, then, Set.of(), inHand))
                    .as("with none of them")
                    .containsExactly(call.toString());
            for (Signal lost : signals) {
                Set<Signal> others = new HashSet<>(signals);
                others.remove(lost);
                assertThat(remaining(agent, first, then, others, inHand))
                        .as("without " + lost)
                        .isEmpty();
                assertThat(remaining(agent, first, then, Set.of(lost), inHand))
                        .as("with " + lost + " alone")
                        .isEmpty();
            }
        }
    }

    /** A change that comes after all others so far. */
    private static String mark(CallCentreWorld world, PhoenixClient client, String text) {
        String id = UUID.randomUUID().toString();
        server.database()
                .useHandle(handle -> handle.execute(
                        "insert into calls (organization_id, provider_call_sid, direction, from_number, to_number, company_name) values (?, ?, 'inbound', '+1', '+2', ?)",
                        world.organization(),
                        id,
                        text));
        Predicate<JsonNode> marked =
                change -> change.at("/record/provider_call_sid").asString("").equals(id);
        await().atMost(Duration.ofSeconds(20))
                .until(() -> client.changes().stream().anyMatch(marked));
        return id;
    }

    private static Set<String> remaining(
            UUID agent, List<JsonNode> first, List<JsonNode> then, Set<Signal> heard, boolean inHand) {
        var console = new Console(agent);
        first.forEach(change -> console.take(change, Set.of(Signal.values())));
        assertThat(inHand ? console.inHand : console.cards)
                .as("before the scene")
                .hasSize(1);
        then.forEach(change -> console.take(change, heard));
        return inHand ? console.inHand : console.cards;
    }
}

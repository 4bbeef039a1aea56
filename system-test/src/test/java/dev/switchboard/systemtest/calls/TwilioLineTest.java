package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.PhoneLine;
import dev.switchboard.telephony.fake.Noise;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Calls over a line at Twilio, from the customer's phone to the agent's device and back. SPEC L19. */
class TwilioLineTest extends ApiFixture {
    private static final Duration SOON = Duration.ofSeconds(10);

    @Test
    void F001_17_aCallRingsAtEveryAvailableAgentAndTheFirstToAnswerHasIt() {
        CallCentreWorld world = world(3);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String caller = line.callIn();
            UUID call = line.call(caller);
            for (UUID agent : world.agents()) {
                line.rings(agent);
            }
            assertThat(world.list("select agent_id from active_calls where call_id = ? and status = 'ringing'", call))
                    .as("the board shows all ringing")
                    .containsExactlyInAnyOrderElementsOf(
                            world.agents().stream().map(UUID::toString).toList());

            String leg = line.answer(world.agent(1));
            line.awaitState(call, "active");
            line.awaitTalk(caller, leg);
            assertThat(world.one("select claimed_by from calls where id = ?", call))
                    .isEqualTo(world.agent(1).toString());
            await().atMost(SOON).until(() -> line.provider().living().size() == 2);
            for (UUID agent : world.agents()) {
                assertThat(line.rungAt(agent)).as("once").isEqualTo(1);
            }
            assertThat(world.list("select missed_by::text from calls where id = ?", call))
                    .containsExactly("{}");

            line.provider().hangUp(caller);
            line.awaitState(call, "completed");
            line.awaitStatus(leg, "completed");
            await().atMost(SOON).until(() -> world.workState(world.agent(1)).equals("available"));
            assertThat(world.one("select end_reason from calls where id = ?", call))
                    .isEqualTo("caller_hangup");
        }
    }

    @Test
    void L19_holdAndBackKeepTheSameTwoPeopleOnTheCall() {
        CallCentreWorld world = world(1);
        UUID doug = world.agent(0);
        try (var line = new PhoneLine(server, world, Noise.NONE)) {
            String caller = line.callIn();
            UUID call = line.call(caller);
            String leg = line.answer(doug);
            line.awaitState(call, "active");
            for (int i = 0; i < 2; i++) {
                assertThat(post("/calls/" + call + "/hold", "{}", doug).status())
                        .isEqualTo(200);
                await().atMost(SOON).until(() -> line.provider().hears(caller).isEmpty());
                await().atMost(SOON).until(() -> line.untold().isEmpty());
                assertThat(world.state(call)).isEqualTo("held");
                assertThat(line.provider().living()).containsExactlyInAnyOrder(caller, leg);

                assertThat(post("/calls/" + call + "/unhold", "{}", doug).status())
                        .isEqualTo(200);
                line.awaitTalk(caller, leg);
            }
            assertThat(post("/calls/" + call + "/mute", "{\"muted\":true}", doug)
                            .status())
                    .isEqualTo(200);
            await().atMost(SOON).until(() -> line.provider().isMuted(leg));
            assertThat(post("/calls/" + call + "/mute", "{\"muted\":false}", doug)
                            .status())
                    .isEqualTo(200);
            await().atMost(SOON).until(() -> !line.provider().isMuted(leg));
            line.awaitTalk(caller, leg);

            assertThat(post("/calls/" + call + "/end", "{}", doug).status()).isEqualTo(200);
            line.awaitStatus(caller, "completed");
            line.awaitStatus(leg, "completed");
        }
    }
}

package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Who sees calls: members of the organization, but not those who only view it, and nobody else. */
class CallsPolicyTest {
    @Test
    void F000_10_F004_20_membersSeeTheirCallsViewersAndOthersDoNot() {
        try (TestServer server = TestServer.start();
                PhoenixClient agent = server.connect();
                PhoenixClient viewer = server.connect();
                PhoenixClient outsider = server.connect()) {
            UUID ours = server.organization("ours");
            UUID theirs = server.organization("theirs");
            UUID viewing = UUID.randomUUID();
            server.database()
                    .useHandle(handle -> handle.execute(
                            "insert into user_roles (organization_id, user_id, role) values (?, ?, 'viewer'), (?, ?, 'agent')",
                            ours,
                            viewing,
                            theirs,
                            viewing));
            var calls = PhoenixClient.binding("*", "public", "calls", null);
            agent.joined("realtime:calls", server.userToken(server.member(ours)), calls);
            viewer.joined("realtime:calls", server.userToken(viewing), calls);
            outsider.joined("realtime:calls", server.userToken(UUID.randomUUID()), calls);

            JsonNode live = agent.event("realtime:calls", "system").get(4);
            assertThat(live.path("extension").asString()).isEqualTo("postgres_changes");
            assertThat(live.path("status").asString()).isEqualTo("ok");

            UUID call = server.call(ours);
            UUID other = server.call(theirs);

            assertThat(viewer.awaitChanges(1).getFirst().at("/record/id").asString())
                    .isEqualTo(other.toString());
            assertThat(agent.awaitChanges(1).getFirst().at("/record/id").asString())
                    .isEqualTo(call.toString());
            assertThat(viewer.changes()).hasSize(1);
            assertThat(outsider.changes()).isEmpty();
        }
    }
}

package dev.switchboard.systemtest.calls;

import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** A server, and who asks it over {@code /api}; one for each class. */
abstract class ApiFixture {
    static TestServer server;
    static Http http;

    @BeforeAll
    static void start() {
        server = TestServer.start();
        http = new Http(server);
    }

    @AfterAll
    static void stop() {
        http.close();
        server.close();
    }

    static Http.Answer post(String path, String body, UUID user) {
        return http.post("/api" + path, body, "Authorization", "Bearer " + server.userToken(user));
    }

    static Http.Answer get(String path, UUID user) {
        return http.get("/api" + path, "Authorization", "Bearer " + server.userToken(user));
    }

    static Http.Answer service(String method, String path, String body) {
        return http.send(method, "/api" + path, body, "Authorization", "Bearer " + server.serviceKey());
    }

    static CallCentreWorld world(int agents) {
        return new CallCentreWorld(server.database(), agents);
    }

    static UUID ringing(CallCentreWorld world, UUID... agents) {
        return world.ringing(server.server().callCentre().orElseThrow(), agents);
    }

    static String sid(CallCentreWorld world, UUID call) {
        return world.one("select provider_call_sid from calls where id = ?", call);
    }
}

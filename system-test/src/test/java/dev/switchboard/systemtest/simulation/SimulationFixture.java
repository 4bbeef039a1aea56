package dev.switchboard.systemtest.simulation;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.simulation.Behaviour;
import dev.switchboard.simulation.Centre;
import dev.switchboard.simulation.Simulation;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Instant;
import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** A database in which nobody but a simulation does what is due. */
abstract class SimulationFixture {
    static final Instant BEGIN = Instant.parse("2026-06-01T12:00:00Z");

    static TestServer server;
    static HikariDataSource connections;
    static Jdbi jdbi;

    @BeforeAll
    static void start() {
        server = TestServer.with().withoutCallCentre().start();
        connections = server.pool(4, Simulation.CONNECTION_SETTINGS);
        jdbi = Jdbi.create(connections);
    }

    @AfterAll
    static void stop() {
        connections.close();
        server.close();
    }

    static Centre centre(long seed, int agents, int queues, Centre.Rules rules) {
        List<String> names = queues == 1 ? List.of("support") : List.of("support", "billing");
        return Centre.insert(jdbi, new SplittableRandom(seed), BEGIN, "Simulated", agents, names, rules);
    }

    static Simulation simulation(Centre centre, Behaviour behaviour, long seed) {
        return new Simulation(connections, centre, behaviour, BEGIN, seed);
    }

    static UUID supervisor(Centre centre) {
        UUID user = UUID.randomUUID();
        jdbi.useTransaction(handle -> {
            handle.execute(
                    "insert into profiles (id, organization_id, display_name) values (?, ?, 'S')",
                    user,
                    centre.organization());
            handle.execute(
                    "insert into user_roles (organization_id, user_id, role) values (?, ?, 'supervisor')",
                    centre.organization(),
                    user);
        });
        return user;
    }
}

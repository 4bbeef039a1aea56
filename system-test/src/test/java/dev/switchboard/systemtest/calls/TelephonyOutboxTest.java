package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.telephony.FakeTelephonyProvider;
import dev.switchboard.callcenter.telephony.TelephonyOutbox;
import dev.switchboard.callcenter.telephony.TelephonyProvider;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;

/** SPEC L11: what the provider is told survives the process, comes in order, and at least once. */
class TelephonyOutboxTest {
    /** Past the server's own outbox: it looks at what is due now, and these are due in a hundred years. */
    private static final Instant LATER = Instant.parse("2126-01-01T00:00:00Z");

    @Test
    void L11_killedBetweenCommitAndProviderCallTheOutboxFinishesIt() throws Exception {
        try (TestServer server = TestServer.start();
                HikariDataSource pool = server.pool(3)) {
            var world = new CallCentreWorld(Jdbi.create(pool), 1);
            UUID agent = world.agent(0);
            CallCentre centre = server.server().callCentre().orElseThrow();
            UUID call = world.ringing(centre, agent);
            await().atMost(Duration.ofSeconds(10)).until(() -> open(world, call).isEmpty());
            hide(pool);

            Process victim = victim(server, call, agent);
            try (var said =
                    new BufferedReader(new InputStreamReader(victim.getInputStream(), StandardCharsets.UTF_8))) {
                assertThat(said.readLine()).isEqualTo("committed");
                assertThat(said.readLine()).startsWith("calling connect");
                victim.destroyForcibly().waitFor(); // SIGKILL, while the provider is being called
            }
            assertThat(world.state(call)).isEqualTo("claimed");
            List<String> left = open(world, call);
            assertThat(left).containsExactly("connect");
            String id = world.one("select id from telephony_commands where call_id = ? and done_at is null", call);

            var provider = new FakeTelephonyProvider();
            try (var outbox = new TelephonyOutbox(Jdbi.create(pool), provider, () -> LATER.plusSeconds(60))) {
                outbox.start();
                await().atMost(Duration.ofSeconds(10))
                        .until(() -> open(world, call).isEmpty());
            }
            assertThat(provider.told()).hasSize(1);
            assertThat(provider.told().getFirst().id()).as("under its first id").isEqualTo(UUID.fromString(id));
            assertThat(provider.told().getFirst().payload()).contains(agent.toString());
        }
    }

    /** The outbox of the server sends nothing of what is written from now on. */
    private static void hide(HikariDataSource pool) {
        Jdbi.create(pool).useHandle(handle -> {
            handle.execute("create function public.hide_command() returns trigger language plpgsql as"
                    + " $$ begin new.next_at := '2126-01-01 00:00:00Z'; return new; end $$");
            handle.execute(
                    "create trigger hide before insert on telephony_commands for each row execute function public.hide_command()");
        });
    }

    private static List<String> open(CallCentreWorld world, UUID call) {
        return world.list(
                "select kind from telephony_commands where call_id = ? and done_at is null order by id", call);
    }

    private static Process victim(TestServer server, UUID call, UUID agent) throws IOException {
        var database = server.server().database();
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Victim.class.getName(),
                        database.url(),
                        database.user(),
                        database.password(),
                        call.toString(),
                        agent.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    /** A process that claims a call, and hangs while it tells the provider. */
    static final class Victim {
        public static void main(String[] arguments) throws InterruptedException {
            var config = new com.zaxxer.hikari.HikariConfig();
            config.setJdbcUrl(arguments[0]);
            config.setUsername(arguments[1]);
            config.setPassword(arguments[2]);
            config.setMaximumPoolSize(2);
            var pool = new HikariDataSource(config);
            TelephonyProvider hanging = command -> {
                System.out.println("calling " + command.instruction());
                System.out.flush();
                try {
                    new CountDownLatch(1).await();
                } catch (InterruptedException stopped) {
                    Thread.currentThread().interrupt();
                }
            };
            var outbox = new TelephonyOutbox(Jdbi.create(pool), hanging, () -> LATER);
            var centre = new CallCentre(pool, InstantSource.system(), outbox::wake);
            UUID agent = UUID.fromString(arguments[4]);
            centre.execute(CallCentreWorld.as(agent), UUID.fromString(arguments[3]), new CallCommand.Claim(agent));
            System.out.println("committed");
            System.out.flush();
            outbox.start();
            new CountDownLatch(1).await();
        }
    }

    @Test
    void L11_commandsOfACallComeInTheirOrderThoughTheProviderFailsNowAndThen() {
        try (TestServer server = TestServer.start();
                HikariDataSource pool = server.pool(3)) {
            var world = new CallCentreWorld(Jdbi.create(pool), 3);
            hide(pool);
            var random = new Random(5);
            var fake = new FakeTelephonyProvider();
            TelephonyProvider failing = command -> {
                if (random.nextInt(3) == 0) {
                    throw new TelephonyProvider.ProviderException("busy (made so by the test)");
                }
                fake.carryOut(command);
            };
            CallCentre centre = server.server().callCentre().orElseThrow();
            var made = new ArrayList<UUID>();
            for (UUID agent : world.agents()) {
                UUID call = world.ringing(centre, agent);
                for (CallCommand command : List.of(
                        new CallCommand.Start(agent, Optional.empty()),
                        new CallCommand.Hold(),
                        new CallCommand.Unhold(),
                        new CallCommand.HangUp())) {
                    centre.execute(
                            command instanceof CallCommand.HangUp
                                    ? CallCentreWorld.server()
                                    : CallCentreWorld.as(agent),
                            call,
                            command);
                }
                made.add(call);
            }

            Instant[] now = {LATER};
            try (var outbox = new TelephonyOutbox(Jdbi.create(pool), failing, () -> now[0])) {
                for (int round = 0;
                        round < 200
                                && made.stream()
                                        .anyMatch(call -> !open(world, call).isEmpty());
                        round++) {
                    outbox.sendDue();
                    now[0] = now[0].plusSeconds(61);
                }
            }

            for (UUID call : made) {
                assertThat(fake.told().stream()
                                .filter(command -> command.call().equals(call))
                                .map(TelephonyProvider.Command::instruction))
                        .containsExactly("ring", "hold", "unhold", "hang_up");
            }
        }
    }
}

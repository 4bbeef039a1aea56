package dev.switchboard.systemtest.harness;

import static org.awaitility.Awaitility.await;

import dev.switchboard.telephony.fake.FakeTwilio;
import dev.switchboard.telephony.fake.Noise;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jdbi.v3.core.Jdbi;

/** A line of an organization at a provider in this process, with the devices of its agents. */
public final class PhoneLine implements AutoCloseable {
    public static final String TOKEN = "12345";
    public static final String CALLER = "+14155550001";
    private static final Duration SOON = Duration.ofSeconds(10);

    private final CallCentreWorld world;
    private final Jdbi jdbi;
    private final FakeTwilio provider;
    private final Map<String, List<String>> rung = new ConcurrentHashMap<>();

    /** All agents of the world are in its queue, and its number leads there. */
    public PhoneLine(TestServer server, CallCentreWorld world, Noise noise) {
        this(server.database(), server.url(), server.directory(), world, noise, 1);
    }

    public PhoneLine(Jdbi jdbi, String url, Path directory, CallCentreWorld world, Noise noise, double speed) {
        this.world = world;
        this.jdbi = jdbi;
        String account = "AC" + UUID.randomUUID().toString().replace("-", "");
        provider = FakeTwilio.start(account, TOKEN, noise, speed);
        Path secret = directory.toAbsolutePath().resolve("token-" + account);
        Path key = directory.toAbsolutePath().resolve("key-" + account);
        try {
            Files.writeString(secret, TOKEN + "\n");
            Files.writeString(key, "a secret of thirty-two characters\n");
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        jdbi.useTransaction(handle -> {
            UUID id = UUID.randomUUID();
            handle.execute(
                    "insert into provider_accounts (id, organization_id, provider, account_sid, secret_ref, public_base_url,"
                            + " api_base_url, api_key_sid, api_key_secret_ref) values (?, ?, 'twilio', ?, ?, ?, ?, 'SK1', ?)",
                    id,
                    world.organization(),
                    account,
                    "file:" + secret,
                    url,
                    provider.url(),
                    "file:" + key);
            handle.execute(
                    "update phone_numbers set provider_account_id = ?, queue_id = ? where e164 = ?",
                    id,
                    world.queue(),
                    world.number());
            for (UUID agent : world.agents()) {
                handle.execute(
                        "insert into queue_members (organization_id, queue_id, user_id) values (?, ?, ?)",
                        world.organization(),
                        world.queue(),
                        agent);
            }
        });
        provider.number(world.number(), url + "/telephony/twilio/voice", url + "/telephony/twilio/status");
        world.agents().forEach(this::device);
    }

    /** A device of an agent that keeps in mind what rang there. */
    public void device(UUID agent) {
        List<String> legs = rung.computeIfAbsent(identity(agent), _ -> new CopyOnWriteArrayList<>());
        provider.register(identity(agent), (leg, _) -> legs.add(leg));
    }

    /** The same for who is called outside. */
    public void phone(String number) {
        List<String> legs = rung.computeIfAbsent(number, _ -> new CopyOnWriteArrayList<>());
        provider.register(number, (leg, _) -> legs.add(leg));
    }

    public String identity(UUID agent) {
        return world.one("select client_identity from voip_users where user_id = ?", agent);
    }

    public FakeTwilio provider() {
        return provider;
    }

    /** Somebody calls; the sid of their leg. */
    public String callIn() {
        return provider.call(CALLER, world.number());
    }

    /** The call in our books, once it is there. */
    public UUID call(String sid) {
        await("call " + sid).atMost(SOON).until(() -> find(sid).isPresent());
        return find(sid).orElseThrow();
    }

    public Optional<UUID> find(String sid) {
        return jdbi.withHandle(
                handle -> handle.createQuery("select id from calls where organization_id = ? and provider_call_sid = ?")
                        .bind(0, world.organization())
                        .bind(1, sid)
                        .mapTo(UUID.class)
                        .findOne());
    }

    /** The newest leg that rings at an agent's device, once one does. */
    public String rings(UUID agent) {
        return ringsAt(identity(agent));
    }

    public String ringsAt(String device) {
        await("ringing at " + device).atMost(SOON).until(() -> newest(device).isPresent());
        return newest(device).orElseThrow();
    }

    private Optional<String> newest(String device) {
        return rung.getOrDefault(device, List.of()).reversed().stream()
                .filter(leg -> provider.status(leg).filter("ringing"::equals).isPresent())
                .findFirst();
    }

    /** How often it rang at an agent. */
    public int rungAt(UUID agent) {
        return rung.getOrDefault(identity(agent), List.of()).size();
    }

    /** The agent takes what rings at their device; the leg. */
    public String answer(UUID agent) {
        String leg = rings(agent);
        provider.answer(leg);
        return leg;
    }

    /** Until the call is so in our books. */
    public void awaitState(UUID call, String state) {
        await("call " + call + " " + state).atMost(SOON).until(() -> world.state(call), state::equals);
    }

    /** Until these two hear each other, and nobody else. */
    public void awaitTalk(String one, String other) {
        await(one + " hears " + other).atMost(SOON).until(() -> provider.hears(one), List.of(other)::equals);
    }

    public void awaitStatus(String leg, String status) {
        await("leg " + leg + " " + status)
                .atMost(SOON)
                .until(() -> provider.status(leg).orElse(""), status::equals);
    }

    /** What the provider was to be told and has not been told yet. */
    public List<String> untold() {
        return world.list(
                "select kind from telephony_commands where organization_id = ? and done_at is null order by id",
                world.organization());
    }

    @Override
    public void close() {
        provider.close();
    }
}
